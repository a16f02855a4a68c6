//! What the ledger knows of rows that an earlier process may have sent. Pure: no I/O, no clock.
//!
//! **Invariants:** D3 (a stop is clean only if nothing is left in doubt).

use super::Ledger;
use crate::model::ObjectId;

impl Ledger {
    /// Notes of which objects there may be more in the stream than is known, and whether that is looked for.
    pub fn start_in_doubt(&mut self, candidates: &[ObjectId], is_looked_for: bool) {
        self.doubtful = candidates.iter().cloned().collect();
        self.is_looked_for = is_looked_for;
    }

    /// Notes how the process ends: cleanly only if nothing of what it found in doubt is left (D3).
    pub fn stop(&mut self, is_clean: bool) {
        let is_certain = !self.is_in_doubt();
        self.change_task(|task| task.clean_stop = is_clean && is_certain);
    }

    /// Whether something is left of what the process found in doubt when it started.
    pub fn is_in_doubt(&self) -> bool {
        let is_finished = |id| self.objects.get(id).is_some_and(|object| object.state().1);
        self.is_looked_for && !self.doubtful.iter().all(is_finished)
    }
}
