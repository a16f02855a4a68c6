//! What the ledger commits, against a naive model.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::ledger::{Ledger, LedgerError, ObjectEnd};
use super::store::{
    Checkpoint, CheckpointDelta, ObjectEntry, ObjectProgress, ObjectState, ObjectTotals, RangeThrough,
};
use super::tally::ChunkTally;
use crate::model::places::KnownPlaces;
use crate::model::settle::{ChunkRef, Lane, Settled, SettledRun, StoredIn};
use crate::model::trouble::Troubles;
use crate::model::{Mark, ObjectId, ObjectVersion, Operation, QueueName, Span, TableIndex};
use crate::route::shard_map::{HashRange, ShardIndex, ShardMap};

pub(super) const LANES: [Lane; 3] = [
    Lane::Shard(ShardIndex(0)),
    Lane::Shard(ShardIndex(1)),
    Lane::DeadLetters,
];
/// Bytes of a record.
const RECORD_BYTES: u64 = 10;

pub(super) fn mark(ordinal: u64) -> Mark {
    Mark {
        position: ordinal * RECORD_BYTES,
        ordinal,
        line: ordinal,
    }
}

pub(super) fn id(number: u64) -> ObjectId {
    ObjectId {
        queue: QueueName::load("s.t"),
        number,
    }
}

pub(super) fn entry(number: u64, state: ObjectState) -> ObjectEntry {
    let version = ObjectVersion {
        key: format!("{number}"),
        etag: "e".into(),
        size_bytes: 1,
        modified_ms: 0,
    };
    ObjectEntry {
        id: id(number),
        version,
        state,
    }
}

pub(super) fn ledger(checkpoint: &Checkpoint) -> Ledger {
    Ledger::new(
        checkpoint,
        &[("s".into(), "t".into())],
        ShardMap::uniform(2).unwrap(),
    )
}

/// A chunk of records, each on one of the lanes.
pub(super) fn parse(ledger: &mut Ledger, object: u64, number: u64, start: u64, lanes: &[usize]) {
    let mut tally = ChunkTally {
        bytes: RECORD_BYTES * count(lanes.len()),
        ..ChunkTally::default()
    };
    for lane in lanes {
        if *lane == 2 {
            tally.reject(Some(TableIndex(0)), true, RECORD_BYTES);
        } else {
            tally.deliver(TableIndex(0), Operation::Load, RECORD_BYTES);
        }
    }
    let owed = LANES.iter().enumerate().map(|(lane, name)| {
        let owed = lanes.iter().filter(|of| **of == lane).count();
        (*name, count(owed))
    });
    let span = Span {
        start: mark(start),
        end: mark(start + count(lanes.len())),
    };
    let chunk = ChunkRef {
        object: id(object),
        chunk_number: number,
    };
    ledger.chunk_parsed(&chunk, span, owed.collect(), tally).unwrap();
}

pub(super) fn settle(
    ledger: &mut Ledger,
    object: u64,
    number: u64,
    lane: usize,
    ordinal: u64,
) -> Result<(), LedgerError> {
    let chunk = ChunkRef {
        object: id(object),
        chunk_number: number,
    };
    let stored = StoredIn {
        shard_id: format!("s{lane}"),
        records_count: 1,
        known: KnownPlaces::of([ordinal.to_string()]),
        look_from: None,
    };
    ledger.settled(Settled {
        lane: LANES[lane],
        runs: vec![SettledRun {
            chunk,
            records_count: 1,
            through: ordinal + 1,
        }],
        stored: if lane == 2 { Vec::new() } else { vec![stored] },
    })
}

fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap()
}

pub(super) fn state_in(delta: &CheckpointDelta, object: u64) -> Option<ObjectState> {
    let found = delta.objects.iter().find(|(of, _)| *of == id(object));
    found.map(|(_, state)| state.clone())
}

/// One record of the model: its chunk, its lane, and whether it is settled.
type Record = (u64, usize, bool);

/// The end of the longest prefix of chunks that are settled.
fn settled_prefix(records: &[Record]) -> u64 {
    let unsettled = records.iter().find(|(_, _, is_settled)| !is_settled);
    let until = unsettled.map_or(u64::MAX, |(chunk, _, _)| *chunk);
    count(records.iter().filter(|(chunk, _, _)| *chunk < until).count())
}

proptest! {
    /// Chunks of two objects are parsed and settled in any order that keeps each lane's order.
    #[test]
    fn a_delta_says_what_is_settled_and_no_more(
        chunks in prop::collection::vec((0_u64..2, prop::collection::vec(0_usize..3, 0..6)), 1..12),
        steps in prop::collection::vec((0_u64..2, 0_usize..3, any::<bool>(), any::<bool>()), 0..160),
    ) {
        let mut ledger = ledger(&Checkpoint::default());
        for object in 0..2 {
            ledger.open(&entry(object, ObjectState::Registered), Some(TableIndex(0)), 0).unwrap();
        }
        let mut model: BTreeMap<u64, Vec<Record>> = BTreeMap::from([(0, vec![]), (1, vec![])]);
        let mut numbers = BTreeMap::from([(0, 0), (1, 0)]);
        let mut stored: BTreeMap<u64, ObjectState> = BTreeMap::new();
        let mut waiting = chunks.iter();
        for (object, lane, parses, commits) in steps {
            if parses && let Some((object, lanes)) = waiting.next() {
                let (records, number) = (model.get_mut(object).unwrap(), numbers.get_mut(object).unwrap());
                parse(&mut ledger, *object, *number, count(records.len()), lanes);
                records.extend(lanes.iter().map(|lane| (*number, *lane, false)));
                *number += 1;
            }
            let records = model.get_mut(&object).unwrap();
            let next = records.iter().position(|(_, of, is_settled)| *of == lane && !is_settled);
            if let Some(ordinal) = next {
                records[ordinal].2 = true;
                settle(&mut ledger, object, records[ordinal].0, lane, count(ordinal)).unwrap();
            }
            let read: usize = model.values().map(Vec::len).sum();
            let table = &ledger.tables()[0];
            let settled = table.full_load_rows + table.full_load_error_rows;
            prop_assert_eq!(count(read), settled + ledger.in_flight()[0], "Q1");
            if commits {
                let (delta, finished) = ledger.take_delta(1);
                prop_assert!(finished.is_empty(), "no object has ended (C2)");
                for object in 0..2 {
                    stored.extend(state_in(&delta, object).map(|state| (object, state)));
                }
                for (object, records) in &model {
                    let found = stored.get(object).cloned();
                    check_progress(records, found)?;
                }
            }
        }
    }
}

/// Compares what is stored of an object with its records.
fn check_progress(records: &[Record], found: Option<ObjectState>) -> Result<(), TestCaseError> {
    let progress = match found {
        Some(ObjectState::Open(progress)) => progress,
        None => ObjectProgress::default(),
        Some(other) => return Err(TestCaseError::fail(format!("{other:?}"))),
    };
    let prefix = settled_prefix(records);
    prop_assert_eq!(progress.watermark, mark(prefix), "W2");
    prop_assert_eq!(progress.totals.records, prefix);
    prop_assert_eq!(progress.totals.delivered + progress.totals.dead_lettered, prefix);
    prop_assert_eq!(progress.totals.bytes, prefix * RECORD_BYTES);
    let map = ShardMap::uniform(2).unwrap();
    let through_of = |lane: usize| {
        let mut settled = records.iter().enumerate();
        let last = settled.rfind(|(_, (_, of, is_settled))| *of == lane && *is_settled);
        last.map_or(0, |(ordinal, _)| count(ordinal) + 1)
    };
    for (lane, shard) in map.shards().iter().enumerate() {
        let expected = Some(through_of(lane)).filter(|through| *through > prefix);
        let is_it = |entry: &&RangeThrough| entry.range.intersection(&shard.range).is_some();
        let found = progress.through.iter().find(is_it).map(|entry| entry.through);
        prop_assert_eq!(found, expected, "the cut of lane {}", lane);
    }
    prop_assert_eq!(progress.dead_letters_through, through_of(2));
    Ok(())
}

#[test]
fn an_object_is_finished_by_the_delta_that_settles_it() {
    let mut ledger = ledger(&Checkpoint::default());
    ledger
        .open(&entry(0, ObjectState::Registered), Some(TableIndex(0)), 5)
        .unwrap();
    parse(&mut ledger, 0, 0, 0, &[0, 2]);
    ledger.ended(&id(0), ObjectEnd::Complete).unwrap();
    settle(&mut ledger, 0, 0, 0, 0).unwrap();
    assert!(!ledger.is_settled(&id(0)));
    assert_eq!(ledger.take_delta(6).1, []);
    settle(&mut ledger, 0, 0, 2, 1).unwrap();
    assert!(ledger.is_settled(&id(0)));
    let (delta, finished) = ledger.take_delta(7);
    let totals = ObjectTotals {
        records: 2,
        delivered: 1,
        dead_lettered: 1,
        filtered: 0,
        bytes: 20,
    };
    assert_eq!(state_in(&delta, 0), Some(ObjectState::Done(totals)));
    assert_eq!(finished, [id(0)]);
    assert_eq!(delta.tables[0].objects_done, 1);
    assert_eq!(delta.tables[0].full_load_start_ms, Some(5));
    let gone = ledger.ended(&id(0), ObjectEnd::Complete);
    assert_eq!(gone, Err(LedgerError::NotOpen(id(0))));
}

#[test]
fn what_is_set_aside_keeps_what_was_delivered() {
    let mut ledger = ledger(&Checkpoint::default());
    ledger
        .open(&entry(0, ObjectState::Registered), Some(TableIndex(0)), 0)
        .unwrap();
    parse(&mut ledger, 0, 0, 0, &[0]);
    let reason = "it changed".to_owned();
    let end = ObjectEnd::Quarantined {
        reason: reason.clone(),
        is_in_doubt: true,
    };
    ledger.ended(&id(0), end).unwrap();
    assert_eq!(ledger.take_delta(1).1, [], "a record is outstanding");
    settle(&mut ledger, 0, 0, 0, 0).unwrap();
    let (delta, finished) = ledger.take_delta(2);
    let Some(ObjectState::Quarantined {
        reason: found,
        watermark,
        totals,
        is_in_doubt: false,
    }) = state_in(&delta, 0)
    else {
        panic!("{delta:?}");
    };
    assert_eq!((found, watermark, totals.delivered), (reason, mark(1), 1));
    assert_eq!((finished.len(), delta.tables[0].objects_quarantined), (1, 1));
}

#[test]
fn a_delta_holds_only_what_changed() {
    let mut ledger = ledger(&Checkpoint::default());
    for object in 0..2 {
        ledger
            .open(&entry(object, ObjectState::Registered), Some(TableIndex(0)), 0)
            .unwrap();
        parse(&mut ledger, object, 0, 0, &[0, 1]);
    }
    ledger.take_delta(0);
    assert!(ledger.take_delta(0).0.is_empty(), "nothing changed since");
    settle(&mut ledger, 1, 0, 1, 1).unwrap();
    let (delta, _) = ledger.take_delta(9);
    assert_eq!(delta.objects.len(), 1);
    assert_eq!(state_in(&delta, 0), None);
    let cut = &delta.cuts[0];
    assert_eq!((delta.cuts.len(), cut.records), (1, 1));
    assert_eq!(cut.last_sequence_number.as_deref(), Some("1"));
    assert!(delta.task.is_none(), "{delta:?}");
}

#[test]
fn a_settlement_that_fits_nothing_is_an_error() {
    let mut ledger = ledger(&Checkpoint::default());
    assert_eq!(settle(&mut ledger, 0, 0, 0, 0), Err(LedgerError::NotOpen(id(0))));
    let object = entry(0, ObjectState::Registered);
    ledger.open(&object, None, 0).unwrap();
    assert_eq!(
        ledger.open(&object, None, 0),
        Err(LedgerError::OpenAlready(id(0)))
    );
    parse(&mut ledger, 0, 0, 0, &[0]);
    settle(&mut ledger, 0, 0, 0, 0).unwrap();
    let again = settle(&mut ledger, 0, 0, 0, 0);
    assert!(matches!(again, Err(LedgerError::Watermark { .. })), "{again:?}");
}

#[test]
fn an_object_goes_on_where_its_checkpoint_left_it() {
    let progress = ObjectProgress {
        watermark: mark(4),
        through: vec![RangeThrough {
            range: HashRange::ALL,
            through: 7,
        }],
        dead_letters_through: 5,
        totals: ObjectTotals {
            records: 4,
            delivered: 4,
            dead_lettered: 0,
            filtered: 0,
            bytes: 40,
        },
        lanes: None,
        troubles: Troubles::default(),
        is_in_doubt: false,
    };
    let mut ledger = ledger(&Checkpoint::default());
    let resume = ledger
        .open(&entry(0, ObjectState::Open(progress.clone())), None, 0)
        .unwrap();
    assert_eq!(resume.mark, mark(4));
    assert!(resume.skip.is_dead_lettered(4) && !resume.skip.is_dead_lettered(5));
    parse(&mut ledger, 0, 0, 4, &[0]);
    settle(&mut ledger, 0, 0, 0, 4).unwrap();
    let (delta, _) = ledger.take_delta(0);
    let Some(ObjectState::Open(found)) = state_in(&delta, 0) else {
        panic!("{delta:?}");
    };
    assert_eq!((found.watermark, found.totals.records), (mark(5), 5));
    assert_eq!(found.through, progress.through, "a cut never goes back");
    assert_eq!(found.dead_letters_through, 5);
}
