//! The ledger against a model that remembers every record.

use std::collections::VecDeque;

use proptest::collection::vec;
use proptest::prelude::*;

use super::ledger::{Ledger, ObjectEnd};
use super::store::{Checkpoint, ObjectEntry, ObjectState};
use super::tally::ChunkTally;
use crate::model::settle::{ChunkRef, Lane, Settled, SettledRun};
use crate::model::{Mark, ObjectId, ObjectVersion, Operation, QueueName, Span, TableIndex};
use crate::route::shard_map::{ShardIndex, ShardMap};

const TABLE: TableIndex = TableIndex(0);
const LANES: [Lane; 3] = [
    Lane::Shard(ShardIndex(0)),
    Lane::Shard(ShardIndex(1)),
    Lane::DeadLetters,
];

/// What happens next.
#[derive(Debug, Clone)]
enum Step {
    /// The next chunk is parsed: the lane of each of its records.
    Parse(Vec<usize>),
    /// Up to so many records settle on a lane.
    Settle(usize, usize),
    Commit,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        2 => vec(0..LANES.len(), 0..6).prop_map(Step::Parse),
        4 => (0..LANES.len(), 1_usize..4).prop_map(|(lane, count)| Step::Settle(lane, count)),
        1 => Just(Step::Commit),
    ];
    vec(step, 0..60)
}

/// Every record of one object, and the ledger under test.
struct Model {
    ledger: Ledger,
    map: ShardMap,
    id: ObjectId,
    chunks: u64,
    /// Lane of each record, and whether it is settled.
    records: Vec<(usize, bool)>,
    /// Per lane: chunk and ordinal of what is not settled yet.
    waiting: [VecDeque<(u64, usize)>; LANES.len()],
}

fn mark(ordinal: usize) -> Mark {
    let ordinal = u64::try_from(ordinal).unwrap();
    Mark {
        position: ordinal * 10,
        ordinal,
        line: ordinal,
    }
}

impl Model {
    fn new() -> Self {
        let map = ShardMap::uniform(2).unwrap();
        let names = [("shop".to_owned(), "orders".to_owned())];
        let mut ledger = Ledger::new(&Checkpoint::default(), &names, map.clone());
        let id = ObjectId {
            queue: QueueName::load("shop.orders"),
            number: 0,
        };
        let version = ObjectVersion {
            key: "k".into(),
            etag: "e".into(),
            size_bytes: 1,
            modified_ms: 0,
        };
        let entry = ObjectEntry {
            id: id.clone(),
            version,
            state: ObjectState::Registered,
        };
        ledger.open(&entry, Some(TABLE), 0).unwrap();
        Self {
            ledger,
            map,
            id,
            chunks: 0,
            records: Vec::new(),
            waiting: Default::default(),
        }
    }

    fn parse(&mut self, lanes: &[usize]) {
        let start = self.records.len();
        let mut tally = ChunkTally {
            bytes: 1,
            ..ChunkTally::default()
        };
        let mut outstanding = [0; LANES.len()];
        for lane in lanes {
            match LANES[*lane] {
                Lane::Shard(_) => tally.deliver(TABLE, Operation::Load, 1),
                Lane::DeadLetters => tally.reject(Some(TABLE), true, 1),
            }
            outstanding[*lane] += 1;
            self.waiting[*lane].push_back((self.chunks, self.records.len()));
            self.records.push((*lane, false));
        }
        let owed = LANES
            .into_iter()
            .zip(outstanding)
            .filter(|(_, count)| *count > 0)
            .collect();
        let chunk = ChunkRef {
            object: self.id.clone(),
            chunk_number: self.chunks,
        };
        let span = Span {
            start: mark(start),
            end: mark(self.records.len()),
        };
        self.ledger.chunk_parsed(&chunk, span, owed, tally).unwrap();
        self.chunks += 1;
    }

    fn settle(&mut self, lane: usize, count: usize) {
        let mut runs: Vec<SettledRun> = Vec::new();
        let mut sequence_numbers = Vec::new();
        for (chunk_number, ordinal) in self.waiting[lane].drain(..count.min(self.waiting[lane].len())) {
            self.records[ordinal].1 = true;
            sequence_numbers.push(ordinal.to_string());
            let through = mark(ordinal).ordinal + 1;
            if let Some(run) = runs
                .last_mut()
                .filter(|run| run.chunk.chunk_number == chunk_number)
            {
                (run.records_count, run.through) = (run.records_count + 1, through);
            } else {
                let object = self.id.clone();
                let chunk = ChunkRef { object, chunk_number };
                runs.push(SettledRun {
                    chunk,
                    records_count: 1,
                    through,
                });
            }
        }
        let lane = LANES[lane];
        self.ledger
            .settled(&Settled {
                lane,
                runs,
                sequence_numbers,
            })
            .unwrap();
    }

    /// C1: whatever a commit says is settled is settled.
    fn commit(&mut self) -> Option<ObjectState> {
        let (delta, _finished) = self.ledger.take_delta(1);
        let state = delta.objects.into_iter().next()?.1;
        let ObjectState::Open(progress) = &state else {
            return Some(state);
        };
        for (ordinal, (lane, is_settled)) in self.records.iter().enumerate() {
            let ordinal = mark(ordinal).ordinal;
            let through = match LANES[*lane] {
                Lane::DeadLetters => progress.dead_letters_through,
                Lane::Shard(shard) => {
                    let range = self.map.shard(shard).unwrap().range;
                    progress
                        .through
                        .iter()
                        .find(|stored| stored.range == range)
                        .map_or(0, |stored| stored.through)
                }
            };
            let is_claimed = ordinal < progress.watermark.ordinal || ordinal < through;
            assert!(
                !is_claimed || *is_settled,
                "record {ordinal} is not settled: {progress:?}"
            );
        }
        Some(state)
    }

    /// Q1: read = delivered + dead-lettered + in flight.
    fn assert_balance(&self) {
        let statistics = &self.ledger.tables()[0];
        let settled = statistics.full_load_rows + statistics.full_load_error_rows;
        assert_eq!(
            mark(self.records.len()).ordinal,
            settled + self.ledger.in_flight()[0]
        );
    }
}

proptest! {
    /// C1, Q1.
    #[test]
    fn commits_hold_settled_records_only_and_the_balance_is_right_at_every_step(steps in steps()) {
        let mut model = Model::new();
        for step in steps {
            match step {
                Step::Parse(lanes) => model.parse(&lanes),
                Step::Settle(lane, count) => model.settle(lane, count),
                Step::Commit => drop(model.commit()),
            }
            model.assert_balance();
        }
        model.ledger.ended(&model.id.clone(), ObjectEnd::Complete).unwrap();
        for lane in 0..LANES.len() {
            prop_assert!(!model.ledger.is_settled(&model.id) || model.records.iter().all(|(_, is_settled)| *is_settled));
            model.settle(lane, usize::MAX);
        }
        model.assert_balance();
        let state = model.commit();
        let Some(ObjectState::Done(totals)) = state else {
            return Err(TestCaseError::fail(format!("{state:?}")));
        };
        let rejected = model.records.iter().filter(|(lane, _)| LANES[*lane] == Lane::DeadLetters).count();
        prop_assert_eq!(totals.records, mark(model.records.len()).ordinal);
        prop_assert_eq!(totals.dead_lettered, mark(rejected).ordinal);
        prop_assert_eq!(totals.delivered, totals.records - totals.dead_lettered);
    }
}
