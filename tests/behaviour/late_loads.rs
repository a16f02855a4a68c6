//! Load files that arrive while their table is loading are part of the load; those that come after it are named.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot be set up has to fail"
)]

use std::time::Duration;

use bucket_brigade::checkpoint::reload::Extent;
use bucket_brigade::checkpoint::status::ObjectCounts;
use bucket_brigade::checkpoint::store::ObjectState;
use bucket_brigade::settings::{MigrationType, RunMode};
use bucket_brigade::supervise::pipeline::RunEnd;

use crate::support::expectation::Expectation;
use crate::support::fixtures::Data;
use crate::support::journal::Kill;
use crate::support::oracle::judge;
use crate::support::pipeline::{Run, Running, World};

/// Which of the files of table 0 arrives while the others are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    First,
    Middle,
    Last,
}

/// A table of so many files, one of which is not there yet, beside another table and changes.
fn world_with_a_file_to_come(files_count: usize, place: Place) -> (World, String) {
    let mut data = Data::new(2).with_note_bytes(700);
    let keys: Vec<_> = (0..files_count).map(|_| data.load(0, 400)).collect();
    data.load(1, 20);
    data.changes(30);
    let mut world = World::busy(data, 2);
    // One shard is slower than the other by this, so that the load is not over before the file is there.
    world.put_delay = Duration::from_millis(50);
    let index = match place {
        Place::First => 0,
        Place::Middle => files_count / 2,
        Place::Last => files_count - 1,
    };
    world.source.remove(&keys[index]);
    (world, keys[index].clone())
}

/// Puts the file while the first one is read; a task that goes on without end is stopped after its changes.
async fn put_while_loading(world: &World, key: &str, mode: RunMode, mut running: Running) {
    running.until_stored(60).await;
    world.put(key);
    if mode == RunMode::Continuous {
        running.until(|status| status.changes.ended == 1).await;
        world.stop_when_settled(&running).await;
    }
}

fn arrived_late(key: &str, place: Place) -> Expectation {
    let late = (place != Place::Last).then(|| key.to_owned());
    Expectation {
        late: late.into_iter().collect(),
        ..Expectation::flawless()
    }
}

#[test]
fn a_load_file_that_arrives_while_its_table_is_loading_is_part_of_the_load() {
    for (mode, end) in [
        (RunMode::Once, RunEnd::Finished),
        (RunMode::Continuous, RunEnd::Stopped),
    ] {
        // Two files are one page of a listing, eight are three.
        for (files_count, place) in [
            (2, Place::Last),
            (2, Place::First),
            (8, Place::Middle),
            (8, Place::Last),
        ] {
            let (world, key) = world_with_a_file_to_come(files_count, place);
            let run = world.run_while(mode, async |running| {
                put_while_loading(&world, &key, mode, running).await;
            });
            run.assert_ended(end);
            judge(&world, &arrived_late(&key, place));
            assert_eq!(not_read(&run), (0, Vec::new()), "{mode:?}, {place:?}");
        }
    }
}

#[test]
fn a_load_file_that_arrives_is_part_of_the_load_over_a_crash_at_any_step() {
    for steps_before in [0, 2, 5, 9, 14, 20, 30] {
        for is_applied in [false, true] {
            let (world, key) = world_with_a_file_to_come(2, Place::Last);
            let kill = Kill {
                steps_before,
                is_applied,
            };
            world.run_killed_while(kill, async |mut running| {
                let stored = running.until_stored(60);
                tokio::time::timeout(Duration::from_millis(500), stored)
                    .await
                    .ok();
                world.put(&key);
            });
            world.run(RunMode::Once).assert_ended(RunEnd::Finished);
            judge(&world, &Expectation::over_lives());
        }
    }
}

#[test]
fn a_task_of_a_load_alone_reads_what_arrives_too() {
    let (mut world, key) = world_with_a_file_to_come(2, Place::Last);
    world.config.migration_type = MigrationType::FullLoad;
    world.config.source.cdc_path = None;
    let run = world.run_while(RunMode::Continuous, async |running| {
        put_while_loading(&world, &key, RunMode::Once, running).await;
    });
    run.assert_ended(RunEnd::Finished);
    let state = world.entry(&key).unwrap().state;
    assert!(matches!(state, ObjectState::Done(_)), "{state:?}");
}

/// How many load files of table 0 came after its load, and the names of the first.
fn not_read(run: &Run) -> (u64, Vec<String>) {
    let ObjectCounts {
        after_load, unread, ..
    } = &run.status.tables[0].load;
    (*after_load, unread.clone())
}

#[test]
fn a_load_file_that_comes_after_the_load_is_named_until_the_table_is_loaded_again() {
    let (world, key) = world_with_a_file_to_come(3, Place::Middle);
    let named = (1, vec![key.clone()]);
    let run = world.run_while(RunMode::Continuous, async |mut running| {
        running.until(|status| status.changes.ended == 1).await;
        world.put(&key);
        running
            .until(|status| status.tables[0].load.after_load == 1)
            .await;
        world.stop_when_settled(&running).await;
    });
    run.assert_ended(RunEnd::Stopped);
    assert_eq!(not_read(&run), named, "while it runs");
    for mode in [RunMode::Once, RunMode::Once] {
        let run = world.run(mode);
        run.assert_ended(RunEnd::Finished);
        assert_eq!(not_read(&run), named, "at every start");
    }
    assert_eq!(world.entry(&key), None, "it has no number");
    judge(&world, &Expectation::flawless().with_unread(&key));
    world.reload(&[0], Extent::Some).unwrap();
    let run = world.run(RunMode::Once);
    run.assert_ended(RunEnd::Finished);
    assert_eq!(not_read(&run), (0, Vec::new()), "it is read");
    judge(&world, &Expectation::flawless());
}

#[test]
fn a_load_file_that_comes_after_the_load_of_a_task_without_changes_is_named_by_the_next_run() {
    let (mut world, key) = world_with_a_file_to_come(2, Place::Last);
    world.config.migration_type = MigrationType::FullLoad;
    world.config.source.cdc_path = None;
    let run = world.run(RunMode::Continuous);
    run.assert_ended(RunEnd::Finished);
    assert_eq!(not_read(&run), (0, Vec::new()));
    world.put(&key);
    let run = world.run(RunMode::Continuous);
    run.assert_ended(RunEnd::Finished);
    assert_eq!(not_read(&run), (1, vec![key]));
}
