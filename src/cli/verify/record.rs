//! What the last comparison found, kept in the state folder for `brigade check verify` and for a task that runs.

use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::durable::replace::{Survives, replace};
use crate::fault::{Fault, FaultKind};
use crate::model::{Comparison, ComparisonOutcome, Comparisons};
use crate::verify::report::{Completeness, Report};

/// Name of the file in the state folder.
pub(in crate::cli) const VERIFY_FILE: &str = "verify.json";
/// Version of its shape; readers ignore members they do not know.
const SCHEMA_VERSION: u32 = 1;

/// The file.
#[derive(Debug, Default, Serialize, Deserialize)]
struct VerifyRecord {
    schema_version: u32,
    #[serde(flatten)]
    comparisons: Comparisons,
}

/// What is remembered of a report.
pub(in crate::cli) fn comparison_of(report: &Report, at_ms: i64, is_partial: bool) -> Comparison {
    Comparison {
        at_ms,
        outcome: match report.verdict {
            Completeness::Complete => ComparisonOutcome::Complete,
            Completeness::CompleteFromOldest => ComparisonOutcome::CompleteFromOldest,
            Completeness::Incomplete => ComparisonOutcome::Incomplete,
            Completeness::Unproven => ComparisonOutcome::Unproven,
            Completeness::Missing => ComparisonOutcome::Missing,
        },
        is_partial,
        rows_found: report.total.rows_found,
        rows_missing: report.total.rows_missing,
        rows_expired: report.total.rows_expired,
        rows_repeated: report.total.rows_repeated,
        rows_out_of_order: report.total.rows_out_of_order,
    }
}

/// Keeps a comparison, and gives all that are kept. What it found is told anyway, so it is not a failure if that cannot be
/// kept: `warn` hears of it.
pub(in crate::cli) fn keep(state: &Path, last: Comparison, warn: &dyn Fn(String)) -> Comparisons {
    let mut record = VerifyRecord {
        schema_version: SCHEMA_VERSION,
        comparisons: known(state, warn),
    };
    record.comparisons.add(last);
    let path = state.join(VERIFY_FILE);
    let written = replace(&path, Survives::PowerCut, |out| {
        Ok(serde_json::to_writer_pretty(out, &record)?)
    });
    if let Err(error) = written {
        let path = path.display();
        warn(format!(
            "{path} cannot be written, so `brigade check verify` will not know of this: {error}"
        ));
    }
    record.comparisons
}

/// What was kept; nothing if that cannot be read, and `warn` hears of it: everything else goes on without.
pub(in crate::cli) fn known(state: &Path, warn: &dyn Fn(String)) -> Comparisons {
    let kept = read(state).unwrap_or_else(|fault| {
        warn(format!("earlier comparisons are not known: {fault}"));
        None
    });
    kept.unwrap_or_default()
}

/// What was kept, if anything was.
///
/// # Errors
/// If it cannot be read or understood.
pub(in crate::cli) fn read(state: &Path) -> Result<Option<Comparisons>, Fault> {
    let path = state.join(VERIFY_FILE);
    let failed = |error: &dyn std::fmt::Display| {
        Fault::new(
            FaultKind::StateIo,
            format!("cannot read {}: {error}", path.display()),
        )
    };
    match std::fs::read(&path) {
        Ok(text) => serde_json::from_slice(&text)
            .map(|record: VerifyRecord| Some(record.comparisons))
            .map_err(|error| failed(&error)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed(&error)),
    }
}

/// Removes what is known of a state that no longer exists.
pub(in crate::cli) fn forget(state: &Path) {
    let path = state.join(VERIFY_FILE);
    if let Err(error) = std::fs::remove_file(&path)
        && error.kind() != io::ErrorKind::NotFound
    {
        crate::cli::report(&format!("warning: the old {} stays: {error}", path.display()));
    }
}
