//! Answers as monitoring plugins give them: a level, a sentence, and numbers with their thresholds. Pure: no I/O, no
//! clock.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

use crate::checkpoint::life_status::StopReason;
use crate::cli::status::file::Activity;
use crate::cli::task_view::TaskView;
use crate::cli::text::{moment, span};
use crate::printable::printable;
use crate::saturate;

/// Version of the JSON shape; consumers ignore members they do not know.
const SCHEMA_VERSION: u32 = 1;

/// How it is; the codes are those of Nagios, and the order is by what matters more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::cli) enum Level {
    /// As it should be.
    Ok,
    /// Somebody should look.
    Warning,
    /// Nothing can be said.
    Unknown,
    /// Somebody has to do something.
    Critical,
}

/// Above which values there is a warning, and above which it is critical.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) struct Limits {
    warning: u64,
    critical: u64,
}

/// A number with its thresholds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(super) struct Measured {
    name: &'static str,
    /// `None` if it is not known.
    value: Option<u64>,
    unit: &'static str,
    warning: Option<u64>,
    critical: Option<u64>,
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) level: Level,
    /// Findings, the worst first.
    findings: Vec<(Level, String)>,
    values: Vec<Measured>,
}

/// What `check --output json` prints.
#[derive(Debug, Serialize)]
pub(super) struct Report<'a> {
    schema_version: u32,
    check: &'static str,
    level: Level,
    message: String,
    values: &'a [Measured],
}

impl Level {
    /// The exit code.
    pub(in crate::cli) fn exit_code(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Warning => 1,
            Self::Critical => 2,
            Self::Unknown => 3,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Warning => "WARNING",
            Self::Critical => "CRITICAL",
            Self::Unknown => "UNKNOWN",
        }
    }
}

impl Limits {
    /// Limits of a count.
    pub(super) fn new(warning: u64, critical: u64) -> Self {
        Self { warning, critical }
    }

    /// Limits in seconds.
    pub(super) fn of_times(warning: Duration, critical: Duration) -> Self {
        Self::new(warning.as_secs(), critical.as_secs())
    }

    /// What a value is.
    pub(super) fn level(self, value: u64) -> Level {
        if value > self.critical {
            Level::Critical
        } else if value > self.warning {
            Level::Warning
        } else {
            Level::Ok
        }
    }
}

impl Measured {
    /// A number that is shown and not judged.
    pub(super) fn plain(name: &'static str, value: u64) -> Self {
        Self {
            name,
            value: Some(value),
            unit: "",
            warning: None,
            critical: None,
        }
    }

    /// A number with its limits; `None` if it is not known.
    pub(super) fn judged(
        name: &'static str,
        value: impl Into<Option<u64>>,
        unit: &'static str,
        limits: Limits,
    ) -> Self {
        Self {
            name,
            value: value.into(),
            unit,
            warning: Some(limits.warning),
            critical: Some(limits.critical),
        }
    }
}

impl fmt::Display for Measured {
    /// As plugins write it: `lag=3s;60;300`, `lag=U` if it is not known.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.value {
            Some(value) => write!(f, "{}={value}{}", self.name, self.unit)?,
            None => write!(f, "{}=U", self.name)?,
        }
        for limit in [self.warning, self.critical].into_iter().flatten() {
            write!(f, ";{limit}")?;
        }
        Ok(())
    }
}

impl Verdict {
    /// An answer of one finding.
    pub(super) fn new(level: Level, text: impl Into<String>) -> Self {
        Self {
            level,
            findings: vec![(level, text.into())],
            values: Vec::new(),
        }
    }

    /// An answer of findings; `fine` is what is said if none is worse than ok.
    pub(super) fn of(findings: Vec<(Level, String)>, fine: String, values: Vec<Measured>) -> Self {
        let mut findings: Vec<_> = findings
            .into_iter()
            .filter(|(level, _)| *level > Level::Ok)
            .collect();
        if findings.is_empty() {
            findings.push((Level::Ok, fine));
        }
        Self {
            level: Level::Ok,
            findings,
            values,
        }
        .sorted()
    }

    /// This and what was found before.
    pub(super) fn after(mut self, before: Self) -> Self {
        let own = std::mem::replace(&mut self.findings, before.findings);
        self.findings.extend(own);
        self.sorted()
    }

    fn sorted(mut self) -> Self {
        self.findings.sort_by_key(|(level, _)| std::cmp::Reverse(*level));
        self.level = self.findings.first().map_or(Level::Ok, |(level, _)| *level);
        self
    }

    fn message(&self) -> String {
        let texts: Vec<_> = self.findings.iter().map(|(_, text)| text.as_str()).collect();
        // Plugins end what is for people with a bar.
        printable(&texts.join("; ")).replace('|', "/")
    }

    /// For programs.
    pub(super) fn report(&self, check: &'static str) -> Report<'_> {
        Report {
            schema_version: SCHEMA_VERSION,
            check,
            level: self.level,
            message: self.message(),
            values: &self.values,
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} - {}", self.level.word(), self.message())?;
        for (value, separator) in self
            .values
            .iter()
            .zip([" |"].into_iter().chain([""].into_iter().cycle()))
        {
            write!(f, "{separator} {value}")?;
        }
        Ok(())
    }
}

/// Whether the task runs as it should, and its status can be judged.
pub(super) fn presence(view: &TaskView, not_running: Level, stale_after: Duration) -> Verdict {
    let Some(status) = &view.status else {
        let level = match view.activity {
            Activity::NeverStarted => not_running,
            Activity::Running | Activity::Stopped | Activity::Interrupted | Activity::Unknown => {
                Level::Unknown
            }
        };
        return Verdict::new(level, "the task has no status: it never ran with this state");
    };
    let as_of = moment(status.updated_ms);
    match view.activity {
        Activity::Running => {
            let age = Duration::from_millis(view.since_ms(status.updated_ms));
            if age > stale_after {
                let text = format!("the task runs, but its status is {} old, of {as_of}", span(age));
                return Verdict::new(Level::Unknown, text);
            }
            if status.paused {
                let text = "paused: nothing is read or sent until `brigade resume`";
                return Verdict::new(Level::Warning, text);
            }
            Verdict::new(Level::Ok, "running")
        }
        Activity::Unknown => Verdict::new(
            Level::Unknown,
            "running or not is unknown: the state cannot be read",
        ),
        Activity::Stopped | Activity::Interrupted | Activity::NeverStarted => {
            let reason = status.life.stop.map(|stop| stop.reason);
            if reason.is_some_and(is_end) {
                return Verdict::new(Level::Ok, format!("done at {as_of}, {}", reason_text(reason)));
            }
            let failure = status.life.last_failure.as_deref();
            let failure = failure.filter(|_| reason.is_some_and(StopReason::is_failure));
            let failure = failure.map(|failure| format!(": {failure}")).unwrap_or_default();
            let text = format!("not running since {as_of}, {}{failure}", reason_text(reason));
            Verdict::new(not_running, text)
        }
    }
}

/// Whether a task that stopped for this reason has come to its end: nobody has to start it.
fn is_end(reason: StopReason) -> bool {
    match reason {
        StopReason::FullLoadOnlyFinished
        | StopReason::StoppedAfterFullLoad
        | StopReason::StoppedAfterCachedEvents
        | StopReason::StoppedAtServerTime => true,
        StopReason::Normal | StopReason::RecoverableError | StopReason::FatalError => false,
    }
}

fn reason_text(reason: Option<StopReason>) -> &'static str {
    reason.map_or("without a clean stop", StopReason::as_str)
}

/// Whole seconds of milliseconds.
pub(super) fn seconds(ms: u64) -> u64 {
    ms / 1_000
}

/// A number of seconds as people read it.
pub(super) fn time(seconds: u64) -> String {
    span(Duration::from_secs(seconds))
}

/// How many, for a value.
pub(super) fn count(of: usize) -> u64 {
    saturate::to_u64(of)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::life_status::StopStatus;
    use crate::checkpoint::status::TaskStatus;

    #[test]
    fn an_answer_is_one_line_with_its_numbers() {
        let limits = Limits::new(60, 300);
        let values = vec![
            Measured::judged("lag", 3, "s", limits),
            Measured::judged("idle", None, "s", limits),
            Measured::plain("files", 2),
        ];
        let fine = Verdict::of(vec![(limits.level(3), "not said".into())], "3 s".into(), values);
        let running = Verdict::new(Level::Ok, "running");
        let text = fine.after(running).to_string();
        assert_eq!(text, "OK - running; 3 s | lag=3s;60;300 idle=U;60;300 files=2");
        let said = Verdict::new(Level::Warning, "a | b\nc").to_string();
        assert!(!said.contains(['|', '\n']), "{said}");
    }

    #[test]
    fn the_worst_finding_comes_first_and_decides() {
        let limits = Limits::new(1, 2);
        let levels = [1, 2, 3].map(|value| limits.level(value));
        assert_eq!(levels, [Level::Ok, Level::Warning, Level::Critical]);
        let findings = vec![(Level::Warning, "w".into()), (Level::Critical, "c".into())];
        let verdict = Verdict::of(findings, String::new(), Vec::new());
        assert_eq!(
            (verdict.level.exit_code(), verdict.to_string().as_str()),
            (2, "CRITICAL - c; w")
        );
        let both = verdict.after(Verdict::new(Level::Unknown, "u"));
        assert_eq!(both.to_string(), "CRITICAL - c; u; w");
    }

    #[test]
    fn only_a_task_that_has_not_come_to_its_end_has_to_run() {
        let of = |activity, reason: Option<StopReason>, updated_ms| {
            let mut status = TaskStatus {
                updated_ms,
                ..TaskStatus::default()
            };
            status.life.stop = reason.map(|reason| StopStatus { at_ms: 0, reason });
            let view = TaskView {
                activity,
                status: Some(status),
                now_ms: 60_000,
            };
            presence(&view, Level::Critical, Duration::from_secs(30)).level
        };
        assert_eq!(of(Activity::Running, None, 31_000), Level::Ok);
        assert_eq!(of(Activity::Running, None, 20_000), Level::Unknown, "it is stale");
        assert_eq!(of(Activity::Unknown, None, 60_000), Level::Unknown);
        for reason in [None, Some(StopReason::Normal), Some(StopReason::FatalError)] {
            assert_eq!(of(Activity::Stopped, reason, 0), Level::Critical, "{reason:?}");
        }
        let done = Some(StopReason::FullLoadOnlyFinished);
        assert_eq!(of(Activity::Stopped, done, 0), Level::Ok);
    }
}
