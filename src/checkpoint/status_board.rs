//! What the checkpointer shows of a task while a data path lives. Pure: no I/O, no clock.

use std::collections::{BTreeMap, VecDeque};

use super::freshness::Freshness;
use super::life_status::LifeStatus;
use super::status::{STATUS_SCHEMA_VERSION, ShardStatus, TableStatus, TaskStatus};
use crate::checkpoint::ledger::{Ledger, ObjectEnd};
use crate::checkpoint::object_counts::{ObjectCounts, QuarantinedObject, remember};
use crate::checkpoint::store::ObjectEntry;
use crate::model::control::CONTROL_KEY;
use crate::model::{ObjectId, TableIndex};
use crate::observe::facts::QueueKind;
use crate::observe::shards::{ShardActivity, ShardBoard};
use crate::saturate;

/// What the checkpointer knows besides the ledger.
#[derive(Debug)]
pub struct StatusBoard {
    task: String,
    process_id: u32,
    api_address: Option<String>,
    started_ms: Option<i64>,
    generation: u32,
    restarts: u32,
    life: LifeStatus,
    loads: BTreeMap<TableIndex, ObjectCounts>,
    changes: ObjectCounts,
    set_aside: u64,
    quarantined: VecDeque<QuarantinedObject>,
    open: BTreeMap<ObjectId, (Option<TableIndex>, String)>,
    /// How old the objects are.
    pub(super) freshness: Freshness,
    /// Bytes settled per table when the generation started.
    bytes_before: Option<Vec<u64>>,
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
            api_address: previous.api_address.clone(),
            started_ms: previous.started_ms,
            generation: previous.generation,
            restarts: previous.restarts,
            life: previous.life.clone(),
            loads: loads.collect(),
            changes: counts(previous.changes.quarantined),
            set_aside: previous.set_aside,
            quarantined: previous.quarantined.clone(),
            open: BTreeMap::new(),
            freshness: Freshness::default(),
            bytes_before: None,
        }
    }

    /// An object was opened.
    pub fn opened(&mut self, entry: &ObjectEntry, table: Option<TableIndex>) {
        if entry.version.key == CONTROL_KEY {
            return;
        }
        self.open
            .insert(entry.id.clone(), (table, entry.version.key.clone()));
        self.taken_up(entry);
        let kind = table.map_or(QueueKind::Changes, |_| QueueKind::Load);
        self.freshness.opened(&entry.id, &entry.version, kind);
        let counts = self.counts(table);
        counts.opened += 1;
        counts.opened_bytes += entry.version.size_bytes;
        counts.last_key = Some(entry.version.key.clone());
    }

    /// An object that was set aside and is read again waits for nobody any more.
    fn taken_up(&mut self, entry: &ObjectEntry) {
        let is_same =
            |known: &QuarantinedObject| known.id.queue == entry.id.queue && known.key == entry.version.key;
        let before = self.quarantined.len();
        self.quarantined.retain(|known| !is_same(known));
        let taken_up = saturate::to_u64(before.saturating_sub(self.quarantined.len()));
        self.set_aside = self.set_aside.saturating_sub(taken_up);
    }

    /// An object was read to its end or set aside.
    pub fn ended(&mut self, id: &ObjectId, end: &ObjectEnd) {
        let Some((table, key)) = self.open.remove(id) else {
            return;
        };
        let counts = self.counts(table);
        match end {
            ObjectEnd::Complete => counts.ended += 1,
            // It is neither read to its end nor set aside for good: the table says where it stands.
            ObjectEnd::Suspended(_) => self.freshness.left(id),
            ObjectEnd::Quarantined { reason, .. } => {
                counts.quarantined += 1;
                self.set_aside += 1;
                let object = QuarantinedObject {
                    id: id.clone(),
                    key,
                    reason: reason.clone(),
                };
                remember(&mut self.quarantined, object);
                self.freshness.left(id);
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
            api_address: self.api_address.clone(),
            started_ms: self.started_ms,
            fresh_start_ms: ledger.task().fresh_start_ms,
            updated_ms: now_ms,
            life: self.life.clone(),
            phase: ledger.task().phase,
            generation: self.generation,
            restarts: self.restarts,
            has_data_path: true,
            paused: false,
            clean_stop: ledger.task().clean_stop,
            in_flight_bytes,
            unassigned_error_rows: ledger.task().unassigned_error_rows,
            unselected_rows: ledger.task().unselected_rows,
            changes: self.changes.clone(),
            oldest_open_change_ms: self.freshness.oldest_ms(QueueKind::Changes),
            set_aside: self.set_aside,
            quarantined: self.quarantined.clone(),
            outages: Vec::new(),
            tables: self.tables(ledger),
            shards: shards.collect(),
        }
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
    fn an_object_that_is_read_again_waits_for_nobody() {
        let mut board = StatusBoard::new(&TaskStatus::default());
        for number in 0..3 {
            set_aside(&mut board, number);
        }
        board.opened(&entry(7, "cdc/1"), None);
        let numbers: Vec<_> = board.quarantined.iter().map(|object| object.id.number).collect();
        assert_eq!((board.set_aside, numbers), (2, vec![0, 2]));
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
