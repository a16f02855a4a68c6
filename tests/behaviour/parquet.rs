//! Parquet files: a task that dies in the middle goes on at the exact row, and a file that is not what it has to be is set
//! aside with the reason.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot be set up has to fail"
)]

use bucket_brigade::settings::{DataFormat, MigrationType, RunMode};
use bucket_brigade::source::memory::BodyFault;
use bucket_brigade::supervise::pipeline::RunEnd;

use crate::support::expectation::Expectation;
use crate::support::fixtures::{CHANGES_FOLDER, Data, Defect, SCHEMA};
use crate::support::lives::{kills_repeat_at_most_what_no_commit_covered, stops_repeat_nothing};
use crate::support::oracle::judge;
use crate::support::parquet_file::make_parquet;
use crate::support::pipeline::World;

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
    World::busy(data, shards_count)
}

#[test]
fn parquet_files_are_their_rows() {
    let world = world(3);
    world.run(RunMode::Once).assert_ended(RunEnd::Finished);
    judge(&world, &Expectation::flawless());
}

#[test]
fn a_task_that_is_stopped_in_a_parquet_file_goes_on_without_a_repeat() {
    stops_repeat_nothing(|| world(3));
}

#[test]
fn a_task_that_is_killed_in_a_parquet_file_repeats_at_most_what_no_commit_covered() {
    kills_repeat_at_most_what_no_commit_covered(|| world(3));
}

#[test]
fn a_body_that_breaks_is_read_on_in_the_same_generation() {
    let world = world(2);
    let key = world.data.files[2].key.clone();
    let half = u64::try_from(world.data.file(&key).bytes.len() / 2).unwrap();
    world.source.inject(&key, half, BodyFault::Unreachable);
    let run = world.run(RunMode::Once);
    run.assert_ended(RunEnd::Finished);
    assert_eq!(run.status.generation, 1, "one break, no restart");
    judge(&world, &Expectation::flawless());
}

#[test]
fn a_parquet_file_that_is_replaced_or_vanishes_while_it_is_read_is_set_aside() {
    for fault in [BodyFault::Replaced("1,2,new\n".into()), BodyFault::Removed] {
        let world = world(2);
        let key = world.data.files[2].key.clone();
        let half = u64::try_from(world.data.file(&key).bytes.len() / 2).unwrap();
        world.source.inject(&key, half, fault);
        world.run(RunMode::Once).assert_ended(RunEnd::Finished);
        judge(&world, &Expectation::flawless().with_set_aside(&key));
    }
}

/// Two tables with change files beside their load files, as DMS writes them.
fn world_of_dms() -> World {
    let mut data = Data::new(2).with_note_bytes(2_500);
    for table in 0..2 {
        data.load(table, 300 + table * 400);
        data.load(table, 50);
    }
    for _ in 0..2 {
        data.changes_beside_loads(1, 150);
        data.changes_beside_loads(0, 250);
    }
    for file in &mut data.files {
        make_parquet(file, 64);
        file.key = file.key.replace("csv", "parquet");
    }
    let mut world = World::busy(data, 3);
    world.config.source.cdc_path = None;
    world.config.source.format.data = DataFormat::Parquet;
    world
}

#[test]
fn changes_beside_the_loads_are_read_behind_them_table_by_table() {
    let world = world_of_dms();
    let run = world.run(RunMode::Once);
    run.assert_ended(RunEnd::Finished);
    assert_eq!(
        (run.status.changes.known, run.status.changes.ended),
        (4, 4),
        "{:#?}",
        run.status
    );
    judge(&world, &Expectation::flawless());
}

#[test]
fn a_task_of_changes_alone_reads_no_loads_that_lie_beside_them() {
    let mut world = world_of_dms();
    world.config.migration_type = MigrationType::Changes;
    world.data.files.retain(|file| file.queue.is_of_changes());
    world.run(RunMode::Once).assert_ended(RunEnd::Finished);
    judge(&world, &Expectation::flawless());
}

#[test]
fn changes_that_appear_beside_the_loads_are_picked_up() {
    let mut world = world_of_dms();
    world.run(RunMode::Once).assert_ended(RunEnd::Finished);
    for table in [0, 1] {
        let key = world.data.changes_beside_loads(table, 40);
        make_parquet(world.data.files.last_mut().unwrap(), 64);
        world.put(&key);
    }
    world.run(RunMode::Once).assert_ended(RunEnd::Finished);
    judge(&world, &Expectation::flawless());
}

#[test]
fn a_task_with_changes_beside_the_loads_is_stopped_and_killed_like_any_other() {
    stops_repeat_nothing(world_of_dms);
    kills_repeat_at_most_what_no_commit_covered(world_of_dms);
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
    judge(&world, &Expectation::flawless().with_set_aside(&key));
    world.set_aside(&key).0
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
