//! The status of a task: what `status`, `tables` and the progress lines show. Pure: no I/O, no clock.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::checkpoint::ledger::{Ledger, ObjectEnd};
use crate::checkpoint::store::{ObjectEntry, Phase, TableStatistics};
use crate::model::{ObjectId, TableIndex};

/// Version of the JSON shape; consumers ignore members they do not know.
pub const STATUS_SCHEMA_VERSION: u32 = 1;

/// A task as it stands. Counts are of settled records unless they say otherwise.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskStatus {
    /// Version of this shape.
    pub schema_version: u32,
    /// The task's name.
    pub task: String,
    /// Process that wrote it.
    pub process_id: u32,
    /// When it was written, milliseconds since the Unix epoch.
    pub updated_ms: i64,
    /// What the task is doing.
    pub phase: Phase,
    /// Lives of the data path since the process started, from 1.
    pub generation: u32,
    /// Whether the task ended with nothing in flight.
    pub clean_stop: bool,
    /// Bytes of rendered records in flight.
    pub in_flight_bytes: u64,
    /// Rows that belong to no table and were dead-lettered.
    pub unassigned_error_rows: u64,
    /// Change files known, done and set aside.
    pub changes: ObjectCounts,
    /// Per table.
    pub tables: Vec<TableStatus>,
    /// Per shard.
    pub shards: Vec<ShardStatus>,
}

/// Counts of the objects of a queue.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectCounts {
    /// Objects known since this process started.
    pub known: u64,
    /// Whether the listing was complete.
    pub is_complete: bool,
    /// Objects opened since this process started.
    pub opened: u64,
    /// Objects read to their end since this process started.
    pub ended: u64,
    /// Objects set aside since this process started.
    pub quarantined: u64,
    /// Size of the known objects that were opened, bytes.
    pub opened_bytes: u64,
    /// The last object opened.
    pub last_key: Option<String>,
}

/// One table.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableStatus {
    /// Statistics by DMS's names.
    #[serde(flatten)]
    pub statistics: TableStatistics,
    /// Records parsed and not yet settled.
    pub in_flight_records: u64,
    /// Its load files.
    pub load: ObjectCounts,
}

/// One shard.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShardStatus {
    /// The shard.
    pub shard_id: String,
    /// Records acknowledged since the task began.
    pub records: u64,
    /// Sequence number of the last of them.
    pub last_sequence_number: Option<String>,
}

/// What the checkpointer knows besides the ledger.
#[derive(Debug)]
pub struct StatusBoard {
    task: String,
    process_id: u32,
    generation: u32,
    loads: BTreeMap<TableIndex, ObjectCounts>,
    changes: ObjectCounts,
    open: BTreeMap<ObjectId, Option<TableIndex>>,
}

impl StatusBoard {
    /// A board that goes on from the status so far (name, process, generation).
    pub fn new(previous: &TaskStatus) -> Self {
        Self {
            task: previous.task.clone(),
            process_id: previous.process_id,
            generation: previous.generation,
            loads: BTreeMap::new(),
            changes: ObjectCounts::default(),
            open: BTreeMap::new(),
        }
    }

    /// An object was opened.
    pub fn opened(&mut self, entry: &ObjectEntry, table: Option<TableIndex>) {
        self.open.insert(entry.id.clone(), table);
        let counts = self.counts(table);
        counts.opened += 1;
        counts.opened_bytes += entry.version.size_bytes;
        counts.last_key = Some(entry.version.key.clone());
    }

    /// An object was read to its end or set aside.
    pub fn ended(&mut self, id: &ObjectId, end: &ObjectEnd) {
        if let Some(table) = self.open.remove(id) {
            let counts = self.counts(table);
            match end {
                ObjectEnd::Complete => counts.ended += 1,
                ObjectEnd::Quarantined { .. } => counts.quarantined += 1,
            }
        }
    }

    /// The listing of a queue went on.
    pub fn listed(&mut self, table: Option<TableIndex>, objects_known: u64, is_complete: bool) {
        let counts = self.counts(table);
        counts.known = objects_known;
        counts.is_complete = is_complete;
    }

    /// The status now.
    pub fn render(&self, ledger: &Ledger, in_flight_bytes: u64, now_ms: i64) -> TaskStatus {
        let tables = ledger.tables().iter().zip(ledger.in_flight()).enumerate();
        let tables = tables.map(|(index, (statistics, in_flight))| TableStatus {
            statistics: statistics.clone(),
            in_flight_records: *in_flight,
            load: self.loads.get(&TableIndex(index)).cloned().unwrap_or_default(),
        });
        let shards = ledger.cuts().iter().map(|cut| ShardStatus {
            shard_id: cut.shard_id.clone(),
            records: cut.records,
            last_sequence_number: cut.last_sequence_number.clone(),
        });
        TaskStatus {
            schema_version: STATUS_SCHEMA_VERSION,
            task: self.task.clone(),
            process_id: self.process_id,
            updated_ms: now_ms,
            phase: ledger.task().phase,
            generation: self.generation,
            clean_stop: ledger.task().clean_stop,
            in_flight_bytes,
            unassigned_error_rows: ledger.task().unassigned_error_rows,
            changes: self.changes.clone(),
            tables: tables.collect(),
            shards: shards.collect(),
        }
    }

    fn counts(&mut self, table: Option<TableIndex>) -> &mut ObjectCounts {
        match table {
            Some(table) => self.loads.entry(table).or_default(),
            None => &mut self.changes,
        }
    }
}
