//! When the stream was last compared with the files, and what was found.

use super::verdict::{Level, Limits, Measured, Verdict, seconds, time};
use crate::cli::ConfigPath;
use crate::cli::text::comparison_text as text;
use crate::cli::verify::record;
use crate::clock::{Clock, SystemClock};
use crate::fault::Fault;
use crate::model::{Comparison, ComparisonOutcome, Comparisons};

/// The answer.
///
/// # Errors
/// If the configuration or the record cannot be read.
pub(super) fn answer(path: &ConfigPath, limits: Limits) -> Result<Verdict, Fault> {
    let (config, _) = path.load()?;
    let known = record::read(&config.state.path)?.unwrap_or_default();
    Ok(match &known.last {
        Some(last) => judge(last, &known, SystemClock.now_ms(), limits),
        None => Verdict::new(Level::Unknown, "`brigade verify` never compared this state"),
    })
}

fn judge(last: &Comparison, known: &Comparisons, now_ms: i64, limits: Limits) -> Verdict {
    let age = |at_ms: i64| seconds(u64::try_from(now_ms.saturating_sub(at_ms)).unwrap_or(0));
    let mut findings = Vec::new();
    findings.push((level_of(last), text(last)));
    // One of a part says nothing of the rest.
    if let Some(full) = known.last_full.as_ref().filter(|full| *full != last) {
        findings.push((level_of(full), text(full)));
    }
    let success = known.last_success.as_ref();
    let success_age = success.map(|success| age(success.at_ms));
    match (success, success_age) {
        (Some(_), Some(age)) => {
            let text = format!("the last comparison that found everything was {} ago", time(age));
            findings.push((limits.level(age), text));
        }
        _ => findings.push((
            Level::Warning,
            "no comparison of everything found everything yet".to_owned(),
        )),
    }
    let values = vec![
        Measured::judged("age", success_age, "s", limits),
        Measured::plain("missing", known.findings().map_or(0, |found| found.rows_missing)),
    ];
    let fine = success.map(text).unwrap_or_default();
    Verdict::of(findings, fine, values)
}

fn level_of(comparison: &Comparison) -> Level {
    match comparison.outcome {
        ComparisonOutcome::Complete | ComparisonOutcome::CompleteFromOldest => Level::Ok,
        ComparisonOutcome::Incomplete | ComparisonOutcome::Unproven => Level::Warning,
        ComparisonOutcome::Missing => Level::Critical,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn comparison(outcome: ComparisonOutcome, at_ms: i64) -> Comparison {
        Comparison {
            at_ms,
            outcome,
            is_partial: false,
            rows_found: 5,
            rows_missing: u64::from(outcome == ComparisonOutcome::Missing),
            ..Comparison::default()
        }
    }

    fn said(last: Comparison, last_success: Option<Comparison>) -> String {
        let known = Comparisons {
            last: Some(last.clone()),
            last_full: Some(last),
            last_success,
        };
        judge(known.last.as_ref().unwrap(), &known, 100_000, Limits::new(10, 50)).to_string()
    }

    #[test]
    fn what_was_found_and_how_long_ago_decide() {
        let complete = |at_ms| comparison(ComparisonOutcome::Complete, at_ms);
        let fine = said(complete(95_000), Some(complete(95_000)));
        assert_eq!(
            fine,
            "OK - compared at 1970-01-01T00:01:35.000Z: complete, 5 rows found | age=5s;10;50 missing=0"
        );
        let old = said(complete(80_000), Some(complete(80_000)));
        assert!(
            old.starts_with("WARNING - the last comparison that found everything was 20 s ago"),
            "{old}"
        );
        let older = said(complete(0), Some(complete(0)));
        assert!(older.starts_with("CRITICAL"), "{older}");
    }

    #[test]
    fn a_row_that_is_missing_is_critical_however_new_the_last_success_is() {
        let missing = comparison(ComparisonOutcome::Missing, 99_000);
        let text = said(missing, Some(comparison(ComparisonOutcome::Complete, 98_000)));
        assert!(text.starts_with("CRITICAL - compared at"), "{text}");
        assert!(text.ends_with("1 row missing | age=2s;10;50 missing=1"), "{text}");
        let none = said(comparison(ComparisonOutcome::Incomplete, 99_000), None);
        assert!(none.starts_with("WARNING") && none.contains("age=U"), "{none}");
    }

    #[test]
    fn a_part_that_was_found_does_not_hide_what_is_missing_elsewhere() {
        let full = comparison(ComparisonOutcome::Missing, 98_000);
        let part = Comparison {
            is_partial: true,
            ..comparison(ComparisonOutcome::Complete, 99_000)
        };
        let mut known = Comparisons::default();
        known.add(full);
        known.add(part.clone());
        let text = judge(&part, &known, 100_000, Limits::new(10, 50)).to_string();
        assert!(
            text.starts_with("CRITICAL") && text.ends_with("missing=1"),
            "{text}"
        );
    }
}
