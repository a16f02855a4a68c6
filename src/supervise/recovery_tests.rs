//! What a start takes over, and what it makes durable before anything is sent.

use super::*;
use crate::chain::position::ChainPosition;
use crate::checkpoint::store::{ObjectProgress, RangeThrough, TableStatistics};
use crate::model::{Mark, ObjectVersion, QueueName};
use crate::route::shard_map::HashRange;

/// A shard without a cut is read from a time on, so that time must not move while the doubt lasts.
#[test]
fn doubt_is_as_old_as_the_first_process_that_left_it() {
    let checkpoint = |task: &TaskState, last_update_ms| Checkpoint {
        task: task.clone(),
        tables: vec![TableStatistics {
            last_update_ms: Some(last_update_ms),
            ..TableStatistics::default()
        }],
        ..Checkpoint::default()
    };
    let mut task = TaskState::default();
    for (now_ms, last_update_ms, expected_ms) in [(10, 0, 0), (30, 20, 20), (90, 80, 20)] {
        let recovery = Recovery::of(&checkpoint(&task, last_update_ms));
        assert_eq!(recovery.since_ms, expected_ms, "started at {now_ms}");
        mark_running(&mut task, now_ms, "f", "s", &recovery);
    }
    task.clean_stop = true;
    let recovery = Recovery::of(&checkpoint(&task, 100));
    mark_running(&mut task, 110, "f", "s", &recovery);
    assert_eq!(Recovery::of(&checkpoint(&task, 120)).since_ms, 120);
}

/// A shard without a cut is read from a time on: the first doubt of a new task must not lead through all that the stream
/// holds.
#[test]
fn the_first_doubt_of_a_start_is_no_older_than_the_start() {
    let since_ms = |task: TaskState, last_update_ms: Option<i64>| {
        let mut checkpoint = Checkpoint {
            task,
            tables: vec![TableStatistics {
                last_update_ms,
                ..TableStatistics::default()
            }],
            ..Checkpoint::default()
        };
        let circumstances = Circumstances {
            now_ms: 1_000_000_000,
            fingerprint: "f",
            identity: "s",
            is_chained: false,
            looks: true,
            recreated: RecreatedStream::Stop,
        };
        take_up(&mut checkpoint, &circumstances).unwrap().1.since_ms
    };
    let started = |is_clean| TaskState {
        fresh_start_ms: Some(3),
        clean_stop: is_clean,
        configuration_fingerprint: "f".into(),
        stream_identity: "s".into(),
        ..TaskState::default()
    };
    assert_eq!(since_ms(TaskState::default(), None), 1_000_000_000, "a new task");
    assert_eq!(
        since_ms(started(true), Some(5)),
        1_000_000_000,
        "after a clean stop"
    );
    assert_eq!(since_ms(started(false), Some(5)), 5, "after a crash");
    assert_eq!(
        since_ms(started(false), None),
        3,
        "after a crash before the first commit"
    );
}

/// What is in doubt and not looked for comes again, and the next look has to know that.
/// O2.
#[test]
fn a_start_that_does_not_look_leaves_a_note_of_copies() {
    let start = |is_clean: bool, fingerprint: &str, looks: bool| {
        let mut checkpoint = Checkpoint {
            task: TaskState {
                fresh_start_ms: Some(1),
                clean_stop: is_clean,
                configuration_fingerprint: "as it was".into(),
                stream_identity: "s".into(),
                ..TaskState::default()
            },
            ..Checkpoint::default()
        };
        let circumstances = Circumstances {
            now_ms: 2,
            fingerprint,
            identity: "s",
            is_chained: false,
            looks,
            recreated: RecreatedStream::Stop,
        };
        take_up(&mut checkpoint, &circumstances).unwrap();
        checkpoint.task.may_hold_copies
    };
    assert!(!start(true, "as it was", true) && !start(false, "as it was", true));
    assert!(start(false, "as it was", false) && start(true, "as it was", false));
    assert!(start(false, "changed", true) && !start(true, "changed", true));
}

#[test]
fn a_new_chain_has_a_greater_number_and_no_lanes() {
    let mut ends = LaneEnds::default();
    ends.break_at(ChainPosition { object: 3, record: 0 });
    let mut lanes = [(QueueName::changes(), ends)];
    let mut chain = None;
    begin_chain(&mut chain, &mut [], Some(1_000));
    assert_eq!(chain, Some(1_000), "the time, if nothing is known");
    let changed = begin_chain(&mut chain, &mut lanes, Some(900));
    assert_eq!(chain, Some(1_001), "greater, even if the clock went back");
    assert_eq!(changed, [(QueueName::changes(), LaneEnds::default())]);
    assert_eq!(lanes, [(QueueName::changes(), LaneEnds::default())]);
    assert_eq!(
        begin_chain(&mut chain, &mut lanes, None),
        [],
        "nothing is left to forget"
    );
    assert_eq!(chain, None, "no chain");
}

/// D3.
#[test]
fn a_cut_of_another_configuration_proves_nothing() {
    let watermark = Mark {
        position: 90,
        ordinal: 9,
        line: 9,
    };
    let progress = ObjectProgress {
        watermark,
        through: vec![RangeThrough {
            range: HashRange::ALL,
            through: 50,
        }],
        dead_letters_through: 40,
        ..ObjectProgress::default()
    };
    let version = ObjectVersion {
        key: "k".into(),
        etag: "e".into(),
        size_bytes: 1,
        modified_ms: 0,
    };
    let id = ObjectId {
        queue: QueueName::changes(),
        number: 3,
    };
    let mut unfinished = [ObjectEntry {
        id: id.clone(),
        version,
        state: ObjectState::Open(progress),
    }];
    let changed = forget_cuts(&mut unfinished);
    let expected = ObjectState::Open(ObjectProgress {
        watermark,
        dead_letters_through: 9,
        ..ObjectProgress::default()
    });
    assert_eq!(changed, [(id, expected.clone())]);
    assert_eq!(unfinished.map(|entry| entry.state), [expected]);
}
