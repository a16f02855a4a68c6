//! What `brigade doctor` found. Pure: no I/O, no clock.

use serde::Serialize;

use crate::cli::text::{counted, lines};
use crate::fault::{Fault, FaultKind};
use crate::printable::printable;
use crate::saturate;

/// Version of the JSON shape; consumers ignore members they do not know.
const SCHEMA_VERSION: u32 = 1;

/// How something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Outcome {
    /// As it should be.
    Ok,
    /// It does not matter for this task.
    NotApplicable,
    /// A run works, and something about it will hurt.
    Warning,
    /// A run will not work.
    Failed,
}

/// One thing that was looked at.
#[derive(Debug, Serialize)]
pub(super) struct Finding {
    check: String,
    pub(super) outcome: Outcome,
    detail: String,
    /// What to do about it.
    advice: Option<String>,
    #[serde(skip)]
    kind: Option<FaultKind>,
}

/// What `doctor --output json` prints.
#[derive(Debug, Serialize)]
pub(super) struct Diagnosis {
    schema_version: u32,
    task: String,
    checks: Vec<Finding>,
}

impl Finding {
    fn new(check: impl Into<String>, outcome: Outcome, detail: impl Into<String>) -> Self {
        Self {
            check: check.into(),
            outcome,
            detail: detail.into(),
            advice: None,
            kind: None,
        }
    }

    /// It is as it should be.
    pub(super) fn ok(check: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::new(check, Outcome::Ok, detail)
    }

    /// It does not matter for this task.
    pub(super) fn not_applicable(check: impl Into<String>, why: impl Into<String>) -> Self {
        Self::new(check, Outcome::NotApplicable, why)
    }

    /// It will hurt, and this is what to do.
    pub(super) fn warning(
        check: impl Into<String>,
        detail: impl Into<String>,
        advice: impl Into<String>,
    ) -> Self {
        Self {
            advice: Some(advice.into()),
            ..Self::new(check, Outcome::Warning, detail)
        }
    }

    /// A run will not work because of it.
    pub(super) fn failed(check: impl Into<String>, fault: &Fault) -> Self {
        Self {
            advice: fault.kind.help().map(ToOwned::to_owned),
            ..Self::failed_saying(check, fault.kind, fault.to_string())
        }
    }

    /// The same, where the text says what to do as well.
    pub(super) fn failed_saying(check: impl Into<String>, kind: FaultKind, detail: String) -> Self {
        Self {
            kind: Some(kind),
            ..Self::new(check, Outcome::Failed, detail)
        }
    }

    fn line(&self) -> String {
        let word = match self.outcome {
            Outcome::Ok => "ok",
            Outcome::NotApplicable => "-",
            Outcome::Warning => "warning",
            Outcome::Failed => "failed",
        };
        let advice = self.advice.as_ref().map(|advice| format!("; {advice}"));
        let text = format!("{}: {}{}", self.check, self.detail, advice.unwrap_or_default());
        // One line each, whatever an error says.
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        format!("{word:<9}{}", printable(&text))
    }
}

impl Diagnosis {
    /// The findings about a task.
    pub(super) fn new(task: String, checks: Vec<Finding>) -> Self {
        Self {
            schema_version: SCHEMA_VERSION,
            task,
            checks,
        }
    }

    /// One line for each.
    pub(super) fn text(&self) -> String {
        lines(self.checks.iter().map(Finding::line))
    }

    /// The exit code: that of the first thing that failed.
    ///
    /// # Errors
    /// If something failed, or is a warning and warnings are denied.
    pub(super) fn verdict(&self, denies_warnings: bool) -> Result<u8, Fault> {
        let count = |outcome: Outcome| {
            let found = self.checks.iter().filter(|finding| finding.outcome == outcome);
            saturate::to_u64(found.count())
        };
        let first = self.checks.iter().find_map(|finding| finding.kind);
        let (failed, warnings) = (count(Outcome::Failed), count(Outcome::Warning));
        match first {
            Some(kind) => Err(Fault::new(kind, format!("{} failed", counted(failed, "check")))),
            None if denies_warnings && warnings > 0 => Ok(1),
            None => Ok(0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_failure_decides_and_warnings_only_if_they_are_denied() {
        let of = |checks| Diagnosis::new("t".to_owned(), checks);
        let fine = of(vec![Finding::ok("a", "b"), Finding::not_applicable("c", "d")]);
        assert_eq!(fine.verdict(true), Ok(0));
        assert_eq!(fine.text(), "ok       a: b\n-        c: d\n");
        let warned = of(vec![Finding::warning("a", "b\nc", "do it")]);
        assert_eq!(warned.text(), "warning  a: b c; do it\n");
        assert_eq!((warned.verdict(false), warned.verdict(true)), (Ok(0), Ok(1)));
        let fault = |kind| Finding::failed("f", &Fault::new(kind, "why"));
        let failed = of(vec![
            Finding::warning("a", "b", "c"),
            fault(FaultKind::PermissionDenied),
            fault(FaultKind::Unreachable),
        ]);
        let error = failed.verdict(false).unwrap_err();
        assert_eq!(
            (error.kind, error.message.as_str()),
            (FaultKind::PermissionDenied, "2 checks failed")
        );
    }
}
