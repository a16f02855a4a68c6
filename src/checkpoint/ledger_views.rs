//! What others may know of the ledger. Pure: no I/O, no clock.

use super::Ledger;
use crate::checkpoint::store::{ShardCut, TableStatistics, TaskState};
use crate::model::ObjectId;

impl Ledger {
    /// Statistics of the settled part, by table.
    pub fn tables(&self) -> &[TableStatistics] {
        &self.tables
    }

    /// Records in flight, by table.
    pub fn in_flight(&self) -> &[u64] {
        &self.in_flight
    }

    /// Records read, by table: those settled when it began, and those parsed since.
    pub fn read(&self) -> &[u64] {
        &self.read
    }

    /// What is stored of the task as a whole.
    pub fn task(&self) -> &TaskState {
        &self.task
    }

    /// The shards' cuts: those of the map by their index, then others.
    pub fn cuts(&self) -> &[ShardCut] {
        self.cuts.all()
    }

    /// Whether an object is read to its end and settled, but not yet in a delta.
    pub fn is_settled(&self, id: &ObjectId) -> bool {
        self.objects.get(id).is_some_and(|object| object.state().1)
    }

    /// Whether any object is.
    pub fn has_settled(&self) -> bool {
        self.objects.values().any(|object| object.state().1)
    }
}
