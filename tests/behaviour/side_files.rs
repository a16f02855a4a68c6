//! Files that are not data take no number: nothing of a task changes with them, whatever dies in between.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot be set up has to fail"
)]

use bucket_brigade::model::QueueName;
use bucket_brigade::settings::{FilePattern, LateFiles, RunMode};
use bucket_brigade::supervise::pipeline::RunEnd;

use crate::support::expectation::Expectation;
use crate::support::fixtures::{Data, load_queue};
use crate::support::lives::{
    finish_without_a_repeat, kills_repeat_at_most_what_no_commit_covered, stop_at_percent,
};
use crate::support::oracle::judge;
use crate::support::pipeline::World;

/// Names below the folder of a file, before and after its own, that nobody may read.
const SIDE_FILES: &[&str] = &[
    ".a.crc",
    "_SUCCESS",
    "_temporary/0/x.csv",
    "sub/_delta_log/0.json",
];

fn folder_of(key: &str) -> String {
    let (folder, _) = key.rsplit_once('/').unwrap();
    folder.to_owned()
}

/// A load of two tables and changes, with side files in every folder: a row of one would be a dead letter.
fn world() -> World {
    let mut data = Data::new(2).with_note_bytes(2_500);
    for table in [0, 1, 0] {
        data.load(table, 600);
    }
    data.changes(400);
    data.changes(250);
    let world = World::busy(data, 2);
    put_side_files(&world);
    world
}

fn put_side_files(world: &World) {
    for file in &world.data.files {
        for name in SIDE_FILES {
            let key = format!("{}/{name}", folder_of(&file.key));
            world.source.put(&key, "not a row\n");
        }
    }
}

fn numbers(world: &World) -> Vec<u64> {
    let entries = world
        .data
        .files
        .iter()
        .map(|file| world.entry(&file.key).unwrap());
    entries.map(|entry| entry.id.number).collect()
}

#[test]
fn side_files_take_no_number_and_are_not_late() {
    let mut world = world();
    world.config.source.late_files = LateFiles::Stop;
    world.run(RunMode::Once).assert_ended(RunEnd::Finished);
    let found = numbers(&world);
    // A name that sorts before all of them would be late, and stop the task.
    for file in &world.data.files {
        world
            .source
            .put(&format!("{}/.0", folder_of(&file.key)), "not a row\n");
    }
    world.run(RunMode::Once).assert_ended(RunEnd::Finished);
    assert_eq!(numbers(&world), found);
    let side = format!("{}/_SUCCESS", folder_of(&world.data.files[0].key));
    assert_eq!(world.entry_in(&load_queue(0), &side), None);
    assert_eq!(world.entry_in(&QueueName::changes(), &side), None);
    judge(&world, &Expectation::flawless());
}

#[test]
fn a_task_that_is_killed_among_side_files_goes_on_as_without_them() {
    kills_repeat_at_most_what_no_commit_covered(world);
}

#[test]
fn a_file_that_was_begun_is_read_to_its_end_whatever_is_left_out_by_then() {
    let mut world = world();
    stop_at_percent(&world, 20);
    let loads = world
        .data
        .files
        .iter()
        .filter(|file| file.queue != QueueName::changes());
    assert!(
        loads.clone().all(|file| world.entry(&file.key).is_some()),
        "all load files have their numbers"
    );
    let is_open = loads
        .clone()
        .any(|file| !world.entry(&file.key).unwrap().state.is_finished());
    assert!(is_open, "and not all are read");
    world.config.source.files.loads.exclude = vec![FilePattern::new("**")];
    finish_without_a_repeat(&world);
}
