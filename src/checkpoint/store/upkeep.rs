//! What the store does now and then: the automatic exports.

use std::fs;
use std::io;

use super::StoreError;
use super::export::write_export;
use super::sled::{Guarded, SledStore};
use crate::durable::create;
use crate::durable::replace::{Survives, replace};

/// Time between two automatic exports.
const EXPORT_INTERVAL_MS: i64 = 5 * 60 * 1_000;
/// Automatic exports that are kept.
const EXPORTS_KEPT: usize = 3;

/// When what was done last.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Upkeep {
    export: Done,
}

/// The last time something was done in this process.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Done {
    at_ms: Option<i64>,
    generation: Option<u64>,
}

impl Done {
    /// Whether to do it again: something changed, and either the interval is over or the clock went back.
    fn is_due(self, now_ms: i64, interval_ms: i64, generation: u64) -> bool {
        let is_time = self
            .at_ms
            .is_none_or(|at_ms| !(at_ms..at_ms.saturating_add(interval_ms)).contains(&now_ms));
        is_time && self.generation != Some(generation)
    }
}

impl SledStore {
    /// Writes an export if it is time and something changed. To be called every few seconds; holds
    /// up commits while an export is written.
    ///
    /// # Errors
    /// [`StoreError::Io`], [`StoreError::Damaged`].
    pub fn maintain(&self, now_ms: i64) -> Result<(), StoreError> {
        let mut guarded = self.lock()?;
        guarded.check_usable()?;
        let generation = guarded.state.identity.generation;
        if guarded
            .upkeep
            .export
            .is_due(now_ms, EXPORT_INTERVAL_MS, generation)
        {
            guarded.write_export(now_ms)?;
        }
        Ok(())
    }

    /// What a clean stop does: writes an export if something changed since the last one.
    ///
    /// # Errors
    /// [`StoreError::Io`], [`StoreError::Damaged`].
    pub fn stop(&self, now_ms: i64) -> Result<(), StoreError> {
        let mut guarded = self.lock()?;
        guarded.check_usable()?;
        if guarded.upkeep.export.generation == Some(guarded.state.identity.generation) {
            return Ok(());
        }
        guarded.write_export(now_ms)
    }
}

impl Guarded {
    fn write_export(&mut self, now_ms: i64) -> Result<(), StoreError> {
        let folder = &self.state.folder;
        let failed = |detail: String| folder.io(format!("cannot export the checkpoint: {detail}"));
        let time = jiff::Timestamp::from_millisecond(now_ms).map_err(|error| failed(error.to_string()))?;
        create::folder(&folder.exports_folder()).map_err(|error| failed(error.to_string()))?;
        let name = format!("checkpoint-{}.jsonl", time.strftime("%Y%m%dT%H%M%SZ"));
        let mut cause = None;
        replace(&folder.exports_folder().join(name), Survives::PowerCut, |out| {
            write_export(&self.state, out).map(|_| ()).map_err(|error| {
                let shown = io::Error::other(error.to_string());
                cause = Some(error);
                shown
            })
        })
        .map_err(|error| cause.unwrap_or_else(|| failed(error.to_string())))?;
        let exports = folder.exports()?;
        for path in exports.iter().rev().skip(EXPORTS_KEPT) {
            fs::remove_file(path).map_err(|error| failed(error.to_string()))?;
        }
        self.upkeep.export = Done {
            at_ms: Some(now_ms),
            generation: Some(self.state.identity.generation),
        };
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_is_due_after_the_interval_and_only_after_a_change() {
        let done = Done {
            at_ms: Some(1_000),
            generation: Some(7),
        };
        let table = [
            (Done::default(), 0, 0, true),
            (done, 1_000, 8, false),
            (done, 1_099, 8, false),
            (done, 1_100, 8, true),
            (done, 1_100, 7, false),
            (done, 999, 8, true),
        ];
        for (done, now_ms, generation, expected) in table {
            assert_eq!(
                done.is_due(now_ms, 100, generation),
                expected,
                "{done:?} at {now_ms}, {generation}"
            );
        }
    }
}
