//! What a status says of the life of a task, and why a task stopped, in the words of DMS. Pure: no I/O, no clock.

use serde::{Deserialize, Serialize};

use crate::checkpoint::store::Checkpoint;
use crate::fault::Fault;
use crate::model::QueueName;
use crate::model::start::ChangesStart;

/// The life of a task.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LifeStatus {
    /// Where its changes begin, once that is decided.
    #[serde(default)]
    pub changes_start: Option<ChangesStart>,
    /// Load queues of tables that were loaded, or are being loaded, again.
    #[serde(default)]
    pub reloaded: Vec<QueueName>,
    /// How the last run ended; `None` while one runs, and if it did not come to say.
    #[serde(default)]
    pub stop: Option<StopStatus>,
    /// The last fault of the last run, whether or not a restart cured it.
    #[serde(default)]
    pub last_failure: Option<String>,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct StopStatus {
    /// When, in milliseconds since the epoch.
    pub at_ms: i64,
    /// Why.
    pub reason: StopReason,
}

/// Why a task stopped; those of DMS that can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum StopReason {
    /// It was asked to, or `--once` found nothing left to do.
    Normal,
    /// A fault that a start may cure.
    RecoverableError,
    /// A fault that only a person can cure.
    FatalError,
    /// Every table is loaded, and there is nothing else to do.
    FullLoadOnlyFinished,
    /// It was to stop before the first change.
    StoppedAfterFullLoad,
    /// It was to stop after the changes that were there when the load was complete.
    StoppedAfterCachedEvents,
    /// It was to stop at a time.
    StoppedAtServerTime,
}

impl StopReason {
    /// The reason of a fault.
    pub fn of_fault(fault: &Fault) -> Self {
        if fault.kind.may_pass() {
            Self::RecoverableError
        } else {
            Self::FatalError
        }
    }

    /// The word of DMS.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Normal => "NORMAL",
            Self::RecoverableError => "RECOVERABLE_ERROR",
            Self::FatalError => "FATAL_ERROR",
            Self::FullLoadOnlyFinished => "FULL_LOAD_ONLY_FINISHED",
            Self::StoppedAfterFullLoad => "STOPPED_AFTER_FULL_LOAD",
            Self::StoppedAfterCachedEvents => "STOPPED_AFTER_CACHED_EVENTS",
            Self::StoppedAtServerTime => "STOPPED_AT_SERVER_TIME",
        }
    }

    /// Whether the task failed.
    pub fn is_failure(self) -> bool {
        matches!(self, Self::RecoverableError | Self::FatalError)
    }
}

/// A fault as DMS has it in `LastFailureMessage` and in events.
pub fn failure_text(fault: &Fault) -> String {
    let reason = StopReason::of_fault(fault);
    let level = if reason == StopReason::FatalError {
        "FATAL"
    } else {
        "RECOVERABLE"
    };
    format!(
        "Last Error {fault} Stop Reason {} Error Level {level}",
        reason.as_str()
    )
}

impl LifeStatus {
    /// Takes over what a checkpoint says.
    pub fn show(&mut self, checkpoint: &Checkpoint) {
        self.changes_start.clone_from(&checkpoint.life.changes_start);
        self.reloaded.clone_from(&checkpoint.reloaded);
    }

    /// Whether the table with this stored name is loaded again.
    pub fn is_reloaded(&self, table_stored_name: &str) -> bool {
        self.reloaded.contains(&QueueName::load(table_stored_name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::FaultKind;

    #[test]
    fn a_failure_reads_as_with_dms() {
        let fatal = Fault::new(FaultKind::Data, "a row is bad");
        assert_eq!(
            failure_text(&fatal),
            "Last Error a row is bad Stop Reason FATAL_ERROR Error Level FATAL"
        );
        for kind in [FaultKind::Unreachable, FaultKind::Outlasted] {
            assert_eq!(
                failure_text(&Fault::new(kind, "no answer")),
                "Last Error no answer Stop Reason RECOVERABLE_ERROR Error Level RECOVERABLE"
            );
        }
    }

    #[test]
    fn a_reason_is_stored_by_its_word() {
        let reasons = [
            StopReason::Normal,
            StopReason::RecoverableError,
            StopReason::FatalError,
            StopReason::FullLoadOnlyFinished,
            StopReason::StoppedAfterFullLoad,
            StopReason::StoppedAfterCachedEvents,
            StopReason::StoppedAtServerTime,
        ];
        for reason in reasons {
            assert_eq!(serde_json::to_value(reason).unwrap(), reason.as_str());
        }
    }
}
