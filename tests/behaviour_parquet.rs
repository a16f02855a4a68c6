//! Parquet files: a task that dies in the middle goes on at the exact row, and a file that is not what it has to be is set
//! aside with the reason.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a test that cannot be set up has to fail, and one that fails has to name its seed"
)]
mod support;

use std::time::Duration;

use bucket_brigade::checkpoint::store::ObjectState;
use bucket_brigade::source::memory::BodyFault;
use bucket_brigade::supervise::pipeline::{RunEnd, RunMode};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use support::expectation::{Expectation, Order, Repeats};
use support::fixtures::{CHANGES_FOLDER, Data, Defect, SCHEMA};
use support::journal::Kill;
use support::oracle::judge;
use support::parquet_file::make_parquet;
use support::pipeline::World;

/// Seeds of the kill test.
const SEEDS: u64 = 16;

/// Load files of several row groups and chunks, a CSV file between them, and change files in a folder of their table.
fn world(shards_count: u32) -> World {
    let mut data = Data::new(1).with_note_bytes(2_500);
    for number in 0..3 {
        data.load_with(
            0,
            150 + number * 250,
            &[(number, Defect::KeyNotANumber), (40, Defect::TooLarge)],
        );
    }
    data.load(0, 100);
    data.changes_with(150, &[(7, Defect::KeyNotANumber)]);
    data.changes(250);
    for (index, file) in data.files.iter_mut().enumerate().filter(|(index, _)| *index != 3) {
        make_parquet(file, 64);
        match file.key.strip_prefix(CHANGES_FOLDER) {
            Some(name) => {
                file.key = format!("{CHANGES_FOLDER}{SCHEMA}/t0/{}", name.replace("csv", "parquet"));
            }
            // Those with an odd number are told by their bytes.
            None if index % 2 == 0 => file.key = file.key.replace("csv", "parquet"),
            None => {}
        }
    }
    let mut world = World::new(data, shards_count);
    world.put_delay = Duration::from_millis(1);
    world.config.limits.in_flight_bytes = 2 << 20;
    world.config.state.commit_interval = Duration::from_millis(8);
    world
}

fn after_lives() -> Expectation {
    Expectation {
        repeats: Repeats::BetweenLives,
        ..Expectation::flawless()
    }
}

/// After a kill, which may have struck while rows were sent again.
fn between_lives() -> Expectation {
    Expectation {
        order: Order::NotYet,
        is_complete: false,
        ..after_lives()
    }
}

#[test]
fn parquet_files_are_their_rows() {
    let world = world(3);
    world.run(RunMode::Once).assert_ended(RunEnd::Finished);
    judge(&world, &Expectation::flawless());
}

#[test]
fn a_task_that_is_stopped_in_a_parquet_file_goes_on_without_a_repeat() {
    for percent in [5, 30, 50, 70] {
        let world = world(3);
        let stop_at = world.data.messages_count() * percent / 100 + 1;
        let run = world.run_while(RunMode::Once, async |mut running| {
            running.until_stored(stop_at).await;
            running.stop.cancel();
        });
        run.assert_ended(RunEnd::Drained);
        let stopped = Expectation {
            is_complete: false,
            ..Expectation::flawless()
        };
        judge(&world, &stopped);
        world.run(RunMode::Once).assert_ended(RunEnd::Finished);
        judge(&world, &Expectation::flawless());
    }
}

#[test]
fn a_task_that_is_killed_in_a_parquet_file_repeats_at_most_what_no_commit_covered() {
    let (mut kills, mut in_the_middle) = (0, 0);
    for seed in 0..SEEDS {
        eprintln!("SEED={seed}");
        let mut rng = SmallRng::seed_from_u64(seed);
        let world = world(3);
        for _ in 0..4 {
            let kill = Kill {
                steps_before: rng.random_range(0..16),
                is_applied: rng.random_bool(0.5),
            };
            let run = world.run_until(kill);
            if !world.journal.is_dead() {
                run.assert_ended(RunEnd::Finished);
                break;
            }
            kills += 1;
            let is_open_in_the_middle = |key: &str| {
                let state = world.entry(key).map(|entry| entry.state);
                matches!(state, Some(ObjectState::Open(progress)) if progress.watermark.ordinal > 0)
            };
            in_the_middle += world
                .data
                .files
                .iter()
                .filter(|file| is_open_in_the_middle(&file.key))
                .count();
            judge(&world, &between_lives());
        }
        world.run(RunMode::Once).assert_ended(RunEnd::Finished);
        judge(&world, &after_lives());
    }
    assert!(
        kills > 15 && in_the_middle > 2,
        "{kills} kills, {in_the_middle} in the middle of a file"
    );
}

#[test]
fn a_body_that_breaks_is_read_on_in_a_new_generation() {
    let world = world(2);
    let key = world.data.files[2].key.clone();
    let half = u64::try_from(world.data.file(&key).bytes.len() / 2).unwrap();
    world.source.inject(&key, half, BodyFault::Unreachable);
    let run = world.run(RunMode::Once);
    run.assert_ended(RunEnd::Finished);
    assert_eq!(run.status.generation, 2, "one break, one restart");
    judge(&world, &after_lives());
}

#[test]
fn a_parquet_file_that_is_replaced_or_vanishes_while_it_is_read_is_set_aside() {
    for fault in [BodyFault::Replaced("1,2,new\n".into()), BodyFault::Removed] {
        let world = world(2);
        let key = world.data.files[2].key.clone();
        let half = u64::try_from(world.data.file(&key).bytes.len() / 2).unwrap();
        world.source.inject(&key, half, fault);
        world.run(RunMode::Once).assert_ended(RunEnd::Finished);
        let expectation = Expectation {
            set_aside: vec![key],
            ..Expectation::flawless()
        };
        judge(&world, &expectation);
    }
}

/// Runs a task whose second file is made from that of the data set; gives why it was set aside.
fn set_aside(name: &str, make: impl Fn(&[u8]) -> Vec<u8>) -> String {
    let mut data = Data::new(1).with_note_bytes(100);
    data.load(0, 30);
    data.load(0, 300);
    data.load(0, 30);
    for file in &mut data.files {
        make_parquet(file, 64);
    }
    let file = data.files.get_mut(1).unwrap();
    file.bytes = make(&file.bytes).into();
    file.key = file.key.replace(".csv", name);
    let key = file.key.clone();
    let world = World::new(data, 2);
    world.run(RunMode::Once).assert_ended(RunEnd::Finished);
    let expectation = Expectation {
        set_aside: vec![key.clone()],
        ..Expectation::flawless()
    };
    judge(&world, &expectation);
    let state = world.entry(&key).unwrap().state;
    let ObjectState::Quarantined { reason, .. } = state else {
        return format!("it must be set aside: {state:?}");
    };
    reason
}

#[test]
fn a_file_that_is_cut_off_or_is_no_parquet_at_all_is_set_aside() {
    let reason = set_aside(".parquet", |bytes| bytes[..bytes.len() / 2].to_vec());
    assert!(reason.contains("arquet"), "{reason}");
    let reason = set_aside(".parquet", |_bytes| b"1,2,text\n".to_vec());
    assert!(reason.contains("arquet"), "{reason}");
    let reason = set_aside(".parquet", |_bytes| Vec::new());
    assert!(reason.contains("cannot be read as it is"), "{reason}");
}

#[test]
fn damage_in_the_middle_of_a_parquet_file_sets_the_rest_of_it_aside() {
    let reason = set_aside(".parquet", |bytes| {
        let mut bytes = bytes.to_vec();
        let middle = bytes.len() / 2;
        bytes[middle..middle + 400].fill(0xFF);
        bytes
    });
    assert!(reason.contains("cannot be read as it is"), "{reason}");
}
