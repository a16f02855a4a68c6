//! The status of a task: what `status`, `tables` and the progress lines show. Pure: no I/O, no clock.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use super::life_status::LifeStatus;
use crate::checkpoint::ledger::{Ledger, ObjectEnd};
pub use crate::checkpoint::object_counts::{ObjectCounts, QuarantinedObject, remember};
use crate::checkpoint::store::{Checkpoint, ObjectEntry, Phase, ShardCut, TableStatistics};
use crate::flow::outage::{Outage, Side};
use crate::model::control::CONTROL_KEY;
use crate::model::{ObjectId, TableIndex};
use crate::observe::shards::{ShardActivity, ShardBoard};
use crate::saturate;

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
    /// When that process started, milliseconds since the Unix epoch.
    #[serde(default)]
    pub started_ms: Option<i64>,
    /// When the task was first started with this state.
    #[serde(default)]
    pub fresh_start_ms: Option<i64>,
    /// When it was written, milliseconds since the Unix epoch.
    pub updated_ms: i64,
    /// Its life.
    #[serde(flatten)]
    pub life: LifeStatus,
    /// What the task is doing.
    pub phase: Phase,
    /// Lives of the data path since the process started, from 1.
    pub generation: u32,
    /// Whether there is a data path: source, target and state were reached, and rows can flow.
    #[serde(default)]
    pub has_data_path: bool,
    /// Whether the task ended with nothing in flight.
    pub clean_stop: bool,
    /// Bytes of rendered records in flight.
    pub in_flight_bytes: u64,
    /// Rows that belong to no table and were dead-lettered.
    pub unassigned_error_rows: u64,
    /// Rows of change files whose table no rule of the table mappings selects.
    #[serde(default)]
    pub unselected_rows: u64,
    /// Change files known, done and set aside.
    pub changes: ObjectCounts,
    /// When the oldest change file that is being read came, milliseconds since the epoch: what is in later ones waits.
    #[serde(default)]
    pub oldest_open_change_ms: Option<i64>,
    /// Objects set aside that wait for a person to decide, whenever that was.
    #[serde(default)]
    pub set_aside: u64,
    /// The newest of them; the newest is the last.
    #[serde(default)]
    pub quarantined: VecDeque<QuarantinedObject>,
    /// The sides of the task that are away.
    #[serde(default)]
    pub outages: Vec<Outage>,
    /// Per table.
    pub tables: Vec<TableStatus>,
    /// Per shard.
    pub shards: Vec<ShardStatus>,
}

/// One table.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableStatus {
    /// Statistics by DMS's names.
    #[serde(flatten)]
    pub statistics: TableStatistics,
    /// Records parsed and not yet settled.
    pub in_flight_records: u64,
    /// Records read: those that were settled when the data path was last started, and those parsed since.
    #[serde(default)]
    pub read_records: u64,
    /// Its load files.
    pub load: ObjectCounts,
    /// Bytes of the known load files that are not settled yet.
    #[serde(default)]
    pub load_bytes_left: u64,
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
    /// What its publisher is doing.
    #[serde(default)]
    pub activity: ShardActivity,
}

impl TaskStatus {
    /// Takes over what a checkpoint says; what it does not know stays.
    pub fn show(&mut self, checkpoint: &Checkpoint) {
        self.phase = checkpoint.task.phase;
        self.clean_stop = checkpoint.task.clean_stop;
        self.life.show(checkpoint);
        self.fresh_start_ms = checkpoint.task.fresh_start_ms;
        self.unassigned_error_rows = checkpoint.task.unassigned_error_rows;
        self.unselected_rows = checkpoint.task.unselected_rows;
        let tables = checkpoint.tables.iter().cloned();
        self.tables = tables
            .map(|statistics| TableStatus {
                read_records: statistics.settled_rows(),
                statistics,
                ..TableStatus::default()
            })
            .collect();
        let idle = |cut| ShardStatus::of(cut, ShardActivity::default());
        self.shards = checkpoint.cuts.iter().map(idle).collect();
    }
}

impl TaskStatus {
    /// Rows of all tables and of none that were dead-lettered.
    pub fn dead_lettered_rows(&self) -> u64 {
        let tables = self.tables.iter().map(|table| &table.statistics);
        tables.map(TableStatistics::dead_lettered_rows).sum::<u64>() + self.unassigned_error_rows
    }

    /// Why a side does not answer, if it does not.
    pub fn outage(&self, side: Side) -> Option<&Outage> {
        self.outages.iter().find(|outage| outage.side == side)
    }

    /// Rows that the table mappings leave out: by a filter, or because no rule selects their table.
    pub fn filtered_rows(&self) -> u64 {
        let tables = self.tables.iter().map(|table| &table.statistics);
        tables.map(|table| table.filtered_rows).sum::<u64>() + self.unselected_rows
    }
}

impl TableStatus {
    /// Rows read less those that are settled or in flight (Q1): anything but 0 is a defect.
    pub fn identity_difference(&self) -> i64 {
        let known = self.statistics.settled_rows() + self.in_flight_records;
        saturate::to_i64(self.read_records) - saturate::to_i64(known)
    }
}

impl ShardStatus {
    fn of(cut: &ShardCut, activity: ShardActivity) -> Self {
        Self {
            activity,
            shard_id: cut.shard_id.clone(),
            records: cut.records,
            last_sequence_number: cut.last_sequence_number.clone(),
        }
    }
}

/// What the checkpointer knows besides the ledger.
#[derive(Debug)]
pub struct StatusBoard {
    task: String,
    process_id: u32,
    started_ms: Option<i64>,
    generation: u32,
    life: LifeStatus,
    loads: BTreeMap<TableIndex, ObjectCounts>,
    changes: ObjectCounts,
    set_aside: u64,
    quarantined: VecDeque<QuarantinedObject>,
    open: BTreeMap<ObjectId, OpenObject>,
    /// Bytes settled per table when the generation started.
    bytes_before: Option<Vec<u64>>,
}

/// An object that is being read.
#[derive(Debug)]
struct OpenObject {
    table: Option<TableIndex>,
    key: String,
    modified_ms: i64,
}

impl StatusBoard {
    /// A board that goes on from the status so far (name, process, generation, what was set aside).
    pub fn new(previous: &TaskStatus) -> Self {
        let counts = |quarantined| ObjectCounts {
            quarantined,
            ..ObjectCounts::default()
        };
        let loads = previous.tables.iter().enumerate();
        let loads = loads.map(|(index, table)| (TableIndex(index), counts(table.load.quarantined)));
        Self {
            task: previous.task.clone(),
            process_id: previous.process_id,
            started_ms: previous.started_ms,
            generation: previous.generation,
            life: previous.life.clone(),
            loads: loads.collect(),
            changes: counts(previous.changes.quarantined),
            set_aside: previous.set_aside,
            quarantined: previous.quarantined.clone(),
            open: BTreeMap::new(),
            bytes_before: None,
        }
    }

    /// An object was opened.
    pub fn opened(&mut self, entry: &ObjectEntry, table: Option<TableIndex>) {
        if entry.version.key == CONTROL_KEY {
            return;
        }
        let object = OpenObject {
            table,
            key: entry.version.key.clone(),
            modified_ms: entry.version.modified_ms,
        };
        self.open.insert(entry.id.clone(), object);
        let counts = self.counts(table);
        counts.opened += 1;
        counts.opened_bytes += entry.version.size_bytes;
        counts.last_key = Some(entry.version.key.clone());
    }

    /// An object was read to its end or set aside.
    pub fn ended(&mut self, id: &ObjectId, end: &ObjectEnd) {
        let Some(OpenObject { table, key, .. }) = self.open.remove(id) else {
            return;
        };
        let counts = self.counts(table);
        match end {
            ObjectEnd::Complete => counts.ended += 1,
            // It is neither read to its end nor set aside for good: the table says where it stands.
            ObjectEnd::Suspended(_) => {}
            ObjectEnd::Quarantined { reason, .. } => {
                counts.quarantined += 1;
                self.set_aside += 1;
                let object = QuarantinedObject {
                    id: id.clone(),
                    key,
                    reason: reason.clone(),
                };
                remember(&mut self.quarantined, object);
            }
        }
    }

    /// The status now.
    pub fn render(
        &mut self,
        ledger: &Ledger,
        shards: &ShardBoard,
        in_flight_bytes: u64,
        now_ms: i64,
    ) -> TaskStatus {
        let cuts = ledger.cuts().iter();
        let is_idle = ledger.task().clean_stop;
        let activity = |shard_id: &str| {
            if is_idle {
                ShardActivity::default()
            } else {
                shards.of(shard_id)
            }
        };
        let shards = cuts.map(|cut| ShardStatus::of(cut, activity(&cut.shard_id)));
        TaskStatus {
            schema_version: STATUS_SCHEMA_VERSION,
            task: self.task.clone(),
            process_id: self.process_id,
            started_ms: self.started_ms,
            fresh_start_ms: ledger.task().fresh_start_ms,
            updated_ms: now_ms,
            life: self.life.clone(),
            phase: ledger.task().phase,
            generation: self.generation,
            has_data_path: true,
            clean_stop: ledger.task().clean_stop,
            in_flight_bytes,
            unassigned_error_rows: ledger.task().unassigned_error_rows,
            unselected_rows: ledger.task().unselected_rows,
            changes: self.changes.clone(),
            oldest_open_change_ms: self.oldest_open_change_ms(),
            set_aside: self.set_aside,
            quarantined: self.quarantined.clone(),
            outages: Vec::new(),
            tables: self.tables(ledger),
            shards: shards.collect(),
        }
    }

    fn oldest_open_change_ms(&self) -> Option<i64> {
        let changes = self.open.values().filter(|object| object.table.is_none());
        changes.map(|object| object.modified_ms).min()
    }

    fn tables(&mut self, ledger: &Ledger) -> Vec<TableStatus> {
        let bytes_before = self
            .bytes_before
            .get_or_insert_with(|| ledger.tables().iter().map(|table| table.bytes).collect());
        let counts = ledger.in_flight().iter().zip(ledger.read());
        let tables = ledger.tables().iter().zip(counts).zip(bytes_before.iter());
        let indexes = (0..).map(TableIndex);
        let tables = tables
            .zip(indexes)
            .map(|(((statistics, (in_flight, read)), before), index)| {
                let load = self.loads.get(&index).cloned().unwrap_or_default();
                TableStatus {
                    in_flight_records: *in_flight,
                    read_records: *read,
                    load_bytes_left: load.bytes_left(statistics.bytes.saturating_sub(*before)),
                    load,
                    statistics: statistics.clone(),
                }
            });
        tables.collect()
    }

    /// Counts of the load files of a table, or of the change files.
    pub fn counts(&mut self, table: Option<TableIndex>) -> &mut ObjectCounts {
        match table {
            Some(table) => self.loads.entry(table).or_default(),
            None => &mut self.changes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::store::ObjectState;
    use crate::model::{ObjectVersion, QueueName};

    fn entry(number: u64, key: &str) -> ObjectEntry {
        ObjectEntry {
            id: ObjectId {
                queue: QueueName::changes(),
                number,
            },
            version: ObjectVersion {
                key: key.into(),
                etag: "e".into(),
                size_bytes: 10,
                modified_ms: 0,
            },
            state: ObjectState::Registered,
        }
    }

    fn set_aside(board: &mut StatusBoard, number: u64) {
        let entry = entry(number, &format!("cdc/{number}"));
        board.opened(&entry, None);
        let reason = "late".to_owned();
        let end = ObjectEnd::Quarantined {
            reason,
            is_in_doubt: false,
        };
        board.ended(&entry.id, &end);
    }

    #[test]
    fn what_was_set_aside_outlives_a_generation_and_the_newest_stay() {
        let mut board = StatusBoard::new(&TaskStatus::default());
        for number in 0..25 {
            set_aside(&mut board, number);
        }
        let status = TaskStatus {
            changes: board.changes,
            quarantined: board.quarantined,
            ..TaskStatus::default()
        };
        let mut next = StatusBoard::new(&status);
        set_aside(&mut next, 7);
        let numbers: Vec<_> = next.quarantined.iter().map(|object| object.id.number).collect();
        let expected: Vec<_> = [5, 6].into_iter().chain(8..25).chain([7]).collect();
        assert_eq!((numbers, next.changes.quarantined), (expected, 26));
    }

    #[test]
    fn control_records_are_no_files() {
        let mut board = StatusBoard::new(&TaskStatus::default());
        let control = entry(0, CONTROL_KEY);
        board.opened(&control, None);
        board.ended(&control.id, &ObjectEnd::Complete);
        assert_eq!(board.changes, ObjectCounts::default());
    }
}
