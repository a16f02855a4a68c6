//! What the ledger knows of the shards, and whether a stop is clean.

use super::ledger::ObjectEnd;
use super::ledger_tests::{LANES, entry, id, ledger, mark, parse, settle, state_in};
use super::store::{Checkpoint, ObjectProgress, ObjectState, RangeThrough};
use crate::model::places::KnownPlaces;
use crate::model::settle::{ChunkRef, Settled, SettledRun, StoredIn};
use crate::model::{ObjectId, TableIndex};
use crate::route::shard_map::{HashKey, HashRange};

#[test]
fn the_members_of_an_aggregate_count_each() {
    let mut ledger = ledger(&Checkpoint::default());
    let object = entry(0, ObjectState::Registered);
    ledger.open(&object, Some(TableIndex(0)), 0).unwrap();
    parse(&mut ledger, 0, 0, 0, &[0, 0, 0]);
    let chunk = ChunkRef {
        object: id(0),
        chunk_number: 0,
    };
    let settled = Settled {
        lane: LANES[0],
        runs: vec![SettledRun {
            chunk,
            records_count: 3,
            through: 3,
        }],
        stored: vec![StoredIn {
            shard_id: "shardId-000000000000".to_owned(),
            records_count: 3,
            known: KnownPlaces::of(["49".to_owned()]),
            look_from: None,
        }],
    };
    ledger.settled(settled).unwrap();
    let (delta, _) = ledger.take_delta(0);
    assert_eq!(
        (
            delta.cuts[0].records,
            delta.cuts[0].last_sequence_number.as_deref()
        ),
        (3, Some("49"))
    );
}

/// Two lanes store in a shard that was opened by a merge: each knows of its own records.
/// D3.
#[test]
fn the_cut_of_a_shard_with_several_lanes_knows_what_each_of_them_knows() {
    let mut ledger = ledger(&Checkpoint::default());
    ledger.open(&entry(0, ObjectState::Registered), None, 0).unwrap();
    parse(&mut ledger, 0, 0, 0, &[0, 1, 1]);
    for (lane, number) in [(0, "5"), (1, "9"), (1, "7")] {
        let chunk = ChunkRef {
            object: id(0),
            chunk_number: 0,
        };
        let settled = Settled {
            lane: LANES[lane],
            runs: vec![SettledRun {
                chunk,
                records_count: 1,
                through: 1,
            }],
            stored: vec![StoredIn {
                shard_id: "merged".into(),
                records_count: 1,
                known: KnownPlaces::of([number.to_owned()]),
                look_from: Some(number.into()),
            }],
        };
        ledger.settled(settled).unwrap();
    }
    let (delta, _) = ledger.take_delta(0);
    let cut = delta.cuts.iter().find(|cut| cut.shard_id == "merged").unwrap();
    let knows = |place: &str, key| cut.lanes.iter().any(|lane| lane.knows(place, HashKey(key)));
    assert!(knows("5", 0) && !knows("9", 0), "the first lane");
    assert!(knows("7", u128::MAX));
    assert!(!knows("6", 0) && !knows("10", 0), "only what is settled");
    assert_eq!(cut.last_sequence_number.as_deref(), Some("9"));
}

/// What a crash left in doubt is in doubt until the objects concerned are finished, however the next process ends.
/// D3.
#[test]
fn a_stop_is_clean_only_if_nothing_of_a_crash_is_left() {
    let mut ledger = ledger(&Checkpoint::default());
    ledger.start_in_doubt(&[id(0)], true);
    ledger.stop(true);
    assert!(!ledger.task().clean_stop);
    ledger.open(&entry(0, ObjectState::Registered), None, 0).unwrap();
    parse(&mut ledger, 0, 0, 0, &[0]);
    ledger.ended(&id(0), ObjectEnd::Complete).unwrap();
    ledger.stop(true);
    assert!(!ledger.task().clean_stop);
    settle(&mut ledger, 0, 0, 0, 0).unwrap();
    ledger.stop(false);
    assert!(!ledger.task().clean_stop);
    ledger.stop(true);
    assert!(ledger.task().clean_stop);
}

/// What was sent of an object by a process that was killed is known once it was read up to where it breaks.
#[test]
fn what_is_set_aside_is_in_doubt_only_if_more_of_it_can_have_been_sent_and_its_version_is_gone() {
    let ended = |is_candidate: bool, is_gone: bool| {
        let mut ledger = ledger(&Checkpoint::default());
        let candidates: &[ObjectId] = if is_candidate { &[id(0)] } else { &[] };
        ledger.start_in_doubt(candidates, true);
        ledger
            .open(&entry(0, ObjectState::Registered), Some(TableIndex(0)), 0)
            .unwrap();
        let end = ObjectEnd::Quarantined {
            reason: "it broke".to_owned(),
            is_in_doubt: is_gone,
        };
        ledger.ended(&id(0), end).unwrap();
        let (delta, _finished) = ledger.take_delta(1);
        let state = state_in(&delta, 0).unwrap();
        (state.set_aside().unwrap().is_in_doubt, ledger.is_in_doubt())
    };
    assert_eq!(ended(true, true), (true, false));
    assert_eq!(ended(true, false), (false, false));
    assert_eq!(ended(false, true), (false, false));
}

/// A clean stop leaves some shards ahead of others, which only the version that was read can be compared with.
#[test]
fn what_is_set_aside_is_in_doubt_if_shards_are_ahead_of_its_mark() {
    let ended = |progress: ObjectProgress| {
        let mut ledger = ledger(&Checkpoint::default());
        let entry = entry(0, ObjectState::Open(progress));
        ledger.open(&entry, Some(TableIndex(0)), 0).unwrap();
        let end = ObjectEnd::Quarantined {
            reason: "it changed".to_owned(),
            is_in_doubt: true,
        };
        ledger.ended(&id(0), end).unwrap();
        let (delta, _finished) = ledger.take_delta(1);
        state_in(&delta, 0).unwrap().set_aside().unwrap().is_in_doubt
    };
    let at = |through, is_in_doubt| ObjectProgress {
        watermark: mark(3),
        through: vec![RangeThrough {
            range: HashRange::ALL,
            through,
        }],
        is_in_doubt,
        ..ObjectProgress::default()
    };
    assert!(!ended(at(3, false)), "nothing is ahead");
    assert!(ended(at(4, false)));
    assert!(
        ended(at(3, true)),
        "it was in doubt when it was decided to read it again"
    );
}
