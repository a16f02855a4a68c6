//! What is known of what a task has sent. Pure: no I/O, no clock.

use std::collections::{BTreeSet, HashMap};

use super::plan::Selection;
use super::settled::Settled;
use crate::checkpoint::store::{ObjectEntry, ObjectState, TaskState};
use crate::config::Config;
use crate::model::QueueName;
use crate::model::sequence_number::SequenceNumber;

/// What is known of what a task has sent, at a moment at which nothing was in flight.
#[derive(Debug)]
pub struct Snapshot {
    /// What the checkpoint says of the task.
    pub task: TaskState,
    /// Every object that the checkpoint knows, by queue and number.
    pub entries: Vec<ObjectEntry>,
    /// Dead letters and replays.
    pub settled: Settled,
    /// Where rows go on meanwhile: the last record of each shard that is asked about. Nothing for a task that does not run.
    pub until: Until,
}

/// The last record of each shard that is asked about, by the id of the shard; of others all are.
pub type Until = HashMap<String, SequenceNumber>;

/// Rows that are compared if this is asked for, before any is read: what takes memory.
pub fn rows_count(entries: &[ObjectEntry], settled: &Settled, config: &Config, selection: &Selection) -> u64 {
    let tables = selection
        .tables
        .iter()
        .filter_map(|table| config.tables.get(table.0));
    let queues: BTreeSet<_> = tables
        .map(|table| QueueName::load(&table.stored_name()))
        .collect();
    let is_asked_for = |entry: &&ObjectEntry| {
        let queue = &entry.id.queue;
        (queues.is_empty() || queue.is_of_changes() || queues.contains(queue))
            && selection
                .since_ms
                .is_none_or(|since| entry.version.modified_ms >= since)
    };
    let rows: u64 = entries.iter().filter(is_asked_for).map(rows_of).sum();
    rows + settled.rows_count()
}

/// Rows of an object that are settled.
fn rows_of(entry: &ObjectEntry) -> u64 {
    match &entry.state {
        ObjectState::Registered => 0,
        ObjectState::Open(progress) => progress.totals.records,
        ObjectState::Done(totals)
        | ObjectState::Quarantined { totals, .. }
        | ObjectState::Decided { totals, .. } => totals.records,
    }
}
