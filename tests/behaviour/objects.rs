//! Trouble with files: broken, replaced, vanished and late ones, bad rows. The rest of the queue goes on.
#![allow(clippy::unwrap_used, reason = "a test that cannot be set up has to fail")]

use bucket_brigade::checkpoint::store::ObjectState;
use bucket_brigade::fault::FaultKind;
use bucket_brigade::flow::failpoints;
use bucket_brigade::limits::RECORD_BYTES_CEILING;
use bucket_brigade::route::shard_map::ShardMap;
use bucket_brigade::settings::{ChangedObjects, LateFiles, LimitsConfig, RunMode};
use bucket_brigade::sink::memory::MemorySink;
use bucket_brigade::source::SourceError;
use bucket_brigade::source::memory::BodyFault;
use bucket_brigade::supervise::pipeline::RunEnd;

use crate::support::expectation::Expectation;
use crate::support::fixtures::{Data, Defect};
use crate::support::journal::Kill;
use crate::support::oracle::judge;
use crate::support::pipeline::World;

fn world_of_three() -> (World, String) {
    let (data, key) = Data::of_three_files();
    (World::new(data, 2), key)
}

fn set_aside(key: &str) -> Expectation {
    Expectation::flawless().with_set_aside(key)
}

#[test]
fn a_body_that_breaks_is_read_on_at_the_byte_in_the_same_generation() {
    let (world, key) = world_of_three();
    world.source.inject(&key, 500_000, BodyFault::Unreachable);
    world.source.inject(&key, 700_001, BodyFault::Unreachable);
    let run = world.run(RunMode::Once);
    run.assert_ended(RunEnd::Finished);
    assert_eq!(run.status.generation, 1, "two breaks, no restart");
    judge(&world, &Expectation::flawless());
}

#[test]
fn a_listing_that_fails_is_done_again_in_the_same_generation() {
    let (world, _key) = world_of_three();
    world.source.fail_next_list(SourceError::Unreachable {
        action: "list",
        location: "memory".to_owned(),
        attempts: 1,
        detail: "injected".to_owned(),
    });
    let run = world.run(RunMode::Once);
    run.assert_ended(RunEnd::Finished);
    assert_eq!(run.status.generation, 1, "one failure, no restart");
    judge(&world, &Expectation::flawless());
}

#[test]
fn a_panic_while_reading_starts_a_new_generation_that_loses_nothing() {
    let (world, key) = world_of_three();
    world.source.inject(&key, 500_000, BodyFault::Panic);
    let run = world.run(RunMode::Once);
    run.assert_ended(RunEnd::Finished);
    assert_eq!(run.status.generation, 2, "one panic, one restart");
    judge(&world, &Expectation::over_lives());
}

/// A library that reads a file, or this program, gives up on the same bytes every time.
#[test]
fn an_object_that_panics_every_time_is_set_aside_and_the_rest_goes_on() {
    let (world, key) = world_of_three();
    for _ in 0..2 {
        world.source.inject(&key, 500_000, BodyFault::Panic);
    }
    let run = world.run(RunMode::Once);
    run.assert_ended(RunEnd::Finished);
    assert_eq!(run.status.generation, 2, "the second panic is not tried again");
    judge(&world, &Expectation::over_lives().with_set_aside(&key));
    let (reason, watermark) = world.set_aside(&key);
    assert!(
        reason.contains("defect") && reason.contains("after row"),
        "{reason}"
    );
    assert!(watermark.ordinal > 0, "what was read before it is delivered");
}

#[test]
fn so_is_one_whose_rows_cannot_be_made_messages_of() {
    let (mut world, _) = world_of_three();
    world.config.task = "panics-while-parsing".to_owned();
    // So that the second panic meets the chunk of the first.
    world.config.limits.files_in_parallel = 1;
    for _ in 0..2 {
        failpoints::plan(&world.config.task, "parse a chunk");
    }
    let run = world.run(RunMode::Once);
    run.assert_ended(RunEnd::Finished);
    assert_eq!(run.status.generation, 2);
    assert_eq!(run.status.set_aside, 1, "{:?}", run.status.quarantined);
    let object = run.status.quarantined.front().unwrap();
    assert!(object.reason.contains("a panic"), "{}", object.reason);
    judge(&world, &Expectation::over_lives().with_set_aside(&object.key));
}

#[test]
fn without_restarts_it_is_set_aside_at_once() {
    let (mut world, key) = world_of_three();
    world.config.limits.restarts_max = 0;
    world.source.inject(&key, 500_000, BodyFault::Panic);
    world.run(RunMode::Once).assert_ended(RunEnd::Finished);
    judge(&world, &set_aside(&key));
}

#[test]
fn of_an_object_that_is_replaced_while_it_is_read_the_rest_is_set_aside() {
    let (world, key) = world_of_three();
    let other = "1,999999,\"of the new version\"\n".repeat(30_000);
    world
        .source
        .inject(&key, 600_000, BodyFault::Replaced(other.into()));
    let run = world.run(RunMode::Once);
    run.assert_ended(RunEnd::Finished);
    judge(&world, &set_aside(&key));
    let (reason, watermark) = world.set_aside(&key);
    assert!(reason.contains("ETag"), "{reason}");
    assert!(
        watermark.ordinal > 0,
        "what was read of the old version is delivered"
    );
    assert_eq!(
        run.status.tables.first().unwrap().statistics.objects_quarantined,
        1
    );
    // Nothing of it is read later either.
    world.run(RunMode::Once).assert_ended(RunEnd::Finished);
    judge(&world, &set_aside(&key));
}

#[test]
fn an_object_that_vanishes_is_set_aside() {
    let (world, key) = world_of_three();
    world.source.inject(&key, 600_000, BodyFault::Removed);
    world.run(RunMode::Once).assert_ended(RunEnd::Finished);
    judge(&world, &set_aside(&key));
}

#[test]
fn an_object_that_was_replaced_between_two_runs_is_not_mixed() {
    let (mut world, key) = world_of_three();
    world.put_delay = std::time::Duration::from_millis(5);
    world.config.limits.in_flight_bytes = 1 << 20;
    let run = world.run_while(RunMode::Once, async |mut running| {
        running.until_stored(500).await;
        running.stop.cancel();
    });
    run.assert_ended(RunEnd::Stopped);
    let state = world.entry(&key).unwrap().state;
    assert!(
        matches!(state, ObjectState::Open(_)),
        "it must be read in part: {state:?}"
    );
    world
        .source
        .put(&key, "1,999999,\"of the new version\"\n".repeat(30_000));
    world.run(RunMode::Once).assert_ended(RunEnd::Finished);
    judge(&world, &Expectation::over_lives().with_set_aside(&key));
}

#[test]
fn a_changed_object_stops_the_task_where_that_is_wanted() {
    let (mut world, key) = world_of_three();
    world.config.source.changed_objects = ChangedObjects::Stop;
    world.source.inject(&key, 600_000, BodyFault::Removed);
    world.run(RunMode::Once).assert_failed(FaultKind::Data, 65);
    judge(&world, &Expectation::flawless().unfinished());
}

/// A task that has read two change files when a file appears that sorts between them.
pub(crate) fn late_world(late_files: LateFiles) -> (World, String) {
    let mut data = Data::new(1);
    data.load(0, 10);
    data.changes(20);
    data.changes(20);
    let key = data.late_changes(15);
    let mut world = World::new(data, 2);
    world.source.remove(&key);
    world.config.source.late_files = late_files;
    (world, key)
}

#[test]
fn a_late_file_is_read_behind_the_others() {
    let (world, key) = late_world(LateFiles::Process);
    let run = world.run_while(RunMode::Continuous, async |mut running| {
        running.until(|status| status.changes.ended == 2).await;
        world.put(&key);
        running.until(|status| status.changes.ended == 3).await;
        world.stop_when_settled(&running).await;
    });
    run.assert_ended(RunEnd::Stopped);
    let expectation = Expectation {
        late: vec![key],
        ..Expectation::flawless()
    };
    judge(&world, &expectation);
}

#[test]
fn a_late_file_is_set_aside_where_that_is_wanted() {
    let (world, key) = late_world(LateFiles::Quarantine);
    let run = world.run_while(RunMode::Continuous, async |mut running| {
        running.until(|status| status.changes.ended == 2).await;
        world.put(&key);
        running.until(|status| status.changes.quarantined == 1).await;
        world.stop_when_settled(&running).await;
    });
    run.assert_ended(RunEnd::Stopped);
    let expectation = Expectation {
        late: vec![key.clone()],
        ..set_aside(&key)
    };
    judge(&world, &expectation);
}

#[test]
fn a_late_file_that_was_only_listed_before_a_kill_is_still_set_aside() {
    for steps_before in 0..3 {
        let (world, key) = late_world(LateFiles::Quarantine);
        world.run(RunMode::Once).assert_ended(RunEnd::Finished);
        world.put(&key);
        let kill = Kill {
            steps_before,
            is_applied: false,
        };
        world.run_until(kill);
        world.run(RunMode::Once).assert_ended(RunEnd::Finished);
        let expectation = Expectation {
            late: vec![key.clone()],
            ..set_aside(&key)
        };
        judge(&world, &expectation);
    }
}

#[test]
fn a_late_file_stops_the_task_where_that_is_wanted() {
    let (world, key) = late_world(LateFiles::Stop);
    world.run(RunMode::Once).assert_ended(RunEnd::Finished);
    world.put(&key);
    for mode in [RunMode::Once, RunMode::Continuous] {
        let fault = world.run(mode).assert_failed(FaultKind::Data, 65);
        assert!(fault.message.contains(&key), "{fault}");
    }
    assert_eq!(
        world.entry(&key),
        None,
        "a file that stops the task gets no number"
    );
}

#[test]
fn bad_rows_become_dead_letters_with_their_place_and_the_table_goes_on() {
    let mut data = Data::new(2).with_note_bytes(200);
    data.load_with(
        0,
        2_000,
        &[
            (0, Defect::KeyNotANumber),
            (17, Defect::FieldMissing),
            (1_999, Defect::FieldMissing),
        ],
    );
    data.load(0, 40);
    data.load_with(
        1,
        3,
        &[
            (0, Defect::FieldMissing),
            (1, Defect::FieldMissing),
            (2, Defect::FieldMissing),
        ],
    );
    data.changes_with(
        50,
        &[
            (1, Defect::UnknownTable),
            (2, Defect::KeyNotANumber),
            (30, Defect::FieldMissing),
            (49, Defect::UnknownTable),
        ],
    );
    let world = World::new(data, 3);
    let run = world.run(RunMode::Once);
    run.assert_ended(RunEnd::Finished);
    judge(&world, &Expectation::flawless());
    let statistics: Vec<_> = run.status.tables.iter().map(|table| &table.statistics).collect();
    let errors: Vec<_> = statistics
        .iter()
        .map(|table| table.full_load_error_rows)
        .collect();
    assert_eq!((errors, run.status.unassigned_error_rows), (vec![3, 3], 2));
}

#[test]
fn records_close_to_ten_mebibytes_are_sent_where_the_stream_takes_them() {
    // Metadata, partition key and the names of the columns take less than this.
    let note_bytes = RECORD_BYTES_CEILING - 400;
    let mut data = Data::new(1).with_note_bytes(note_bytes);
    data.load(0, 3);
    data.changes(2);
    let mut world = World::new(data, 2);
    let shards = ShardMap::uniform(2).unwrap();
    world.streams = vec![MemorySink::of_records_up_to(&shards, RECORD_BYTES_CEILING)];
    world.config.limits.row_bytes_max = 12 << 20;
    world.config.limits.in_flight_bytes = 64 << 20;
    world.run(RunMode::Once).assert_ended(RunEnd::Finished);
    judge(&world, &Expectation::flawless());
    let stored = world.stream().stored_in_all();
    let large = stored.iter().filter(|record| record.payload.len() > note_bytes);
    assert_eq!(large.count(), 5);
    // The same rows in a stream of today's default are dead letters, each of them.
    let mut world = World::new(world.data, 2);
    world.config.limits = LimitsConfig {
        row_bytes_max: 12 << 20,
        in_flight_bytes: 64 << 20,
        ..world.config.limits
    };
    let run = world.run(RunMode::Once);
    run.assert_ended(RunEnd::Finished);
    let table = run.status.tables.first().unwrap();
    assert_eq!(table.statistics.full_load_error_rows, 3);
    let stored = world.stream().stored_in_all();
    assert!(
        stored.iter().all(|record| record.payload.len() < 10_000),
        "only control records"
    );
}

#[test]
fn a_record_larger_than_the_stream_takes_is_dead_lettered() {
    let mut data = Data::new(1).with_note_bytes(100);
    data.load_with(0, 60, &[(20, Defect::TooLarge), (40, Defect::TooLarge)]);
    data.changes_with(20, &[(10, Defect::TooLarge)]);
    let world = World::new(data, 2);
    world.run(RunMode::Once).assert_ended(RunEnd::Finished);
    judge(&world, &Expectation::flawless());
}
