//! What the ledger knows of the shards, and whether a stop is clean.

use super::ledger::ObjectEnd;
use super::ledger_tests::{LANES, entry, id, ledger, parse, settle};
use super::store::{Checkpoint, ObjectState};
use crate::model::TableIndex;
use crate::model::settle::{ChunkRef, Settled, SettledRun, StoredIn};

#[test]
fn the_members_of_an_aggregate_count_each_and_leave_one_sequence_number() {
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
            sequence_numbers: vec!["49".to_owned(); 3],
            look_from: None,
        }],
    };
    ledger.settled(settled).unwrap();
    let (delta, _) = ledger.take_delta(0);
    assert_eq!(
        (delta.cuts[0].records, delta.cuts[0].last_request.as_slice()),
        (3, &["49".to_owned()][..])
    );
}

/// Two lanes store in a shard that was opened by a merge: each knows of its own records, the cut of all.
/// D3.
#[test]
fn the_cut_of_a_shard_with_several_lanes_forgets_nothing() {
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
                sequence_numbers: vec![number.into()],
                look_from: None,
            }],
        };
        ledger.settled(settled).unwrap();
    }
    let (delta, _) = ledger.take_delta(0);
    let cut = delta.cuts.iter().find(|cut| cut.shard_id == "merged").unwrap();
    assert_eq!(cut.last_request, ["5", "7", "9"]);
    assert_eq!(cut.last_sequence_number.as_deref(), Some("9"));
}

/// What a crash left in doubt is in doubt until the objects concerned are finished, however the next process ends.
/// D3.
#[test]
fn a_stop_is_clean_only_if_nothing_of_a_crash_is_left() {
    let mut ledger = ledger(&Checkpoint::default());
    ledger.start_in_doubt(&[id(0)]);
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
