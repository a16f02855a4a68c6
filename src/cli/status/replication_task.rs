//! The task itself as the DMS API shows it: status, stop reason, last failure. Pure: no I/O, no clock.

use serde::Serialize;

use super::file::Activity;
use crate::checkpoint::status::TaskStatus;
use crate::cli::text::moment;
use crate::config::Config;
use crate::settings::life::moment_text;

/// Members of `ReplicationTask` that mean something here. What is not known is null.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::cli) struct ReplicationTask {
    #[serde(rename = "ReplicationTaskIdentifier")]
    identifier: String,
    migration_type: &'static str,
    status: &'static str,
    last_failure_message: Option<String>,
    stop_reason: Option<String>,
    #[serde(rename = "ReplicationTaskCreationDate")]
    creation_date: Option<String>,
    #[serde(rename = "ReplicationTaskStartDate")]
    start_date: Option<String>,
    cdc_start_position: Option<String>,
    cdc_stop_position: Option<String>,
}

impl ReplicationTask {
    /// The task; `has_table_errors` if a table of it is in the state `Table error`.
    pub(in crate::cli) fn of(
        config: &Config,
        status: Option<&TaskStatus>,
        activity: Activity,
        has_table_errors: bool,
    ) -> Self {
        let is_running = activity == Activity::Running;
        let life = status.map(|status| status.life.clone()).unwrap_or_default();
        let stop = life.stop.filter(|_| !is_running);
        let interrupted = (activity == Activity::Interrupted && stop.is_none()).then(|| {
            "Last Error the process ended without a clean stop; the next start continues from the checkpoint Stop Reason \
             RECOVERABLE_ERROR Error Level RECOVERABLE"
                .to_owned()
        });
        let reason = stop.map(|stop| stop.reason.as_str());
        let reason = reason.or(interrupted.as_ref().map(|_| "RECOVERABLE_ERROR"));
        Self {
            identifier: config.task.clone(),
            migration_type: config.migration_type.as_str(),
            status: word(status, activity, has_table_errors),
            last_failure_message: interrupted.or(life.last_failure),
            stop_reason: reason.map(|reason| format!("Stop Reason {reason}")),
            creation_date: status.and_then(|status| status.fresh_start_ms).map(moment),
            start_date: status.and_then(|status| status.started_ms).map(moment),
            cdc_start_position: life.changes_start.map(|start| start.wish.to_string()),
            cdc_stop_position: config
                .stop
                .at_ms
                .map(|ms| format!("server_time:{}", moment_text(ms))),
        }
    }

    /// The status in DMS's words.
    pub(in crate::cli) fn status(&self) -> &'static str {
        self.status
    }

    /// Why it stopped, if it did.
    pub(in crate::cli) fn stop_reason(&self) -> Option<&str> {
        self.stop_reason.as_deref()
    }

    /// What failed last.
    pub(in crate::cli) fn last_failure(&self) -> Option<&str> {
        self.last_failure_message.as_deref()
    }
}

fn word(status: Option<&TaskStatus>, activity: Activity, has_table_errors: bool) -> &'static str {
    let stop = status.and_then(|status| status.life.stop);
    let has_failed = stop.map_or(activity == Activity::Interrupted, |stop| stop.reason.is_failure());
    match activity {
        Activity::NeverStarted => "ready",
        Activity::Running if status.is_none_or(|status| status.generation == 0) => "starting",
        Activity::Running if has_table_errors => "running with errors",
        Activity::Running => "running",
        Activity::Stopped | Activity::Interrupted if has_failed => "failed",
        Activity::Stopped | Activity::Interrupted => "stopped",
        Activity::Unknown => "error",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::life_status::{LifeStatus, StopReason, StopStatus};

    fn status(generation: u32, reason: Option<StopReason>) -> TaskStatus {
        TaskStatus {
            generation,
            life: LifeStatus {
                stop: reason.map(|reason| StopStatus { at_ms: 9, reason }),
                ..LifeStatus::default()
            },
            ..TaskStatus::default()
        }
    }

    #[test]
    fn a_status_is_a_word_of_dms() {
        let normal = status(1, Some(StopReason::Normal));
        let failed = status(1, Some(StopReason::FatalError));
        let alive = status(1, None);
        let cases = [
            (None, Activity::NeverStarted, false, "ready"),
            (None, Activity::Running, false, "starting"),
            (Some(status(0, None)), Activity::Running, false, "starting"),
            (Some(alive.clone()), Activity::Running, false, "running"),
            (
                Some(alive.clone()),
                Activity::Running,
                true,
                "running with errors",
            ),
            (Some(normal.clone()), Activity::Stopped, false, "stopped"),
            // Started after its time, it never had anything in flight.
            (Some(normal), Activity::Interrupted, false, "stopped"),
            (Some(failed.clone()), Activity::Interrupted, false, "failed"),
            // A fault before anything was sent leaves what was a clean stop.
            (Some(failed), Activity::Stopped, false, "failed"),
            (Some(alive), Activity::Interrupted, false, "failed"),
            (None, Activity::Unknown, false, "error"),
        ];
        for (status, activity, has_table_errors, expected) in cases {
            assert_eq!(
                word(status.as_ref(), activity, has_table_errors),
                expected,
                "{activity:?}"
            );
        }
    }
}
