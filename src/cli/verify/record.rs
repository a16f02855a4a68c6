//! What the last comparison found, kept in the state folder for `brigade check verify`.

use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::durable::replace::{Survives, replace};
use crate::fault::{Fault, FaultKind};
use crate::verify::report::{Completeness, Report};

/// Name of the file in the state folder.
pub(in crate::cli) const VERIFY_FILE: &str = "verify.json";
/// Version of its shape; readers ignore members they do not know.
const SCHEMA_VERSION: u32 = 1;

/// The comparisons that matter afterwards.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::cli) struct VerifyRecord {
    /// Version of this shape.
    pub(in crate::cli) schema_version: u32,
    /// The last one.
    pub(in crate::cli) last: Comparison,
    /// The last one of everything that found everything.
    pub(in crate::cli) last_success: Option<Comparison>,
}

/// One comparison.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::cli) struct Comparison {
    /// When it was made, milliseconds since the epoch.
    pub(in crate::cli) at_ms: i64,
    /// What it came to.
    pub(in crate::cli) outcome: Outcome,
    /// Whether it was of some tables or files only.
    pub(in crate::cli) is_partial: bool,
    /// Rows that are in the stream.
    pub(in crate::cli) rows_found: u64,
    /// Rows that are not, and have to be.
    pub(in crate::cli) rows_missing: u64,
}

/// What a comparison comes to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::cli) enum Outcome {
    /// Nothing is missing, as far as the stream goes back.
    Complete,
    /// The rest of a file was not sent.
    Incomplete,
    /// A file could not be read again.
    #[default]
    Unproven,
    /// A row is missing.
    Missing,
}

impl Comparison {
    /// What a report says.
    pub(super) fn of(report: &Report, at_ms: i64, is_partial: bool) -> Self {
        Self {
            at_ms,
            outcome: match report.verdict {
                Completeness::Complete | Completeness::CompleteFromOldest => Outcome::Complete,
                Completeness::Incomplete => Outcome::Incomplete,
                Completeness::Unproven => Outcome::Unproven,
                Completeness::Missing => Outcome::Missing,
            },
            is_partial,
            rows_found: report.total.rows_found,
            rows_missing: report.total.rows_missing,
        }
    }
}

/// Keeps a comparison. What it found is printed anyway, so it is not a failure if that cannot be kept.
pub(super) fn keep(state: &Path, last: Comparison) {
    let success = || read(state).ok().flatten().and_then(|record| record.last_success);
    let is_success = last.outcome == Outcome::Complete && !last.is_partial;
    let record = VerifyRecord {
        schema_version: SCHEMA_VERSION,
        last_success: if is_success { Some(last.clone()) } else { success() },
        last,
    };
    let path = state.join(VERIFY_FILE);
    let written = replace(&path, Survives::PowerCut, |out| {
        Ok(serde_json::to_writer_pretty(out, &record)?)
    });
    if let Err(error) = written {
        let path = path.display();
        crate::cli::report(&format!(
            "warning: {path} cannot be written, so `brigade check verify` will not know of this: {error}"
        ));
    }
}

/// What was kept, if anything was.
///
/// # Errors
/// If it cannot be read or understood.
pub(in crate::cli) fn read(state: &Path) -> Result<Option<VerifyRecord>, Fault> {
    let path = state.join(VERIFY_FILE);
    let failed = |error: &dyn std::fmt::Display| {
        Fault::new(
            FaultKind::StateIo,
            format!("cannot read {}: {error}", path.display()),
        )
    };
    match std::fs::read(&path) {
        Ok(text) => serde_json::from_slice(&text)
            .map(Some)
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
