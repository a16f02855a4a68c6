//! Columns by the names of a header: every file has its own order, and a task that dies in the middle of one goes on at
//! the exact row and with the same columns. A file with another header is set aside, stops the task, or is taken as far
//! as it goes, as the configuration says.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot be set up has to fail"
)]

use std::io::Write;

use bucket_brigade::fault::FaultKind;
use bucket_brigade::model::Mark;
use bucket_brigade::settings::{CsvColumns, HeaderDrift, RunMode};
use bucket_brigade::source::memory::BodyFault;
use bucket_brigade::supervise::pipeline::RunEnd;

use crate::support::expectation::Expectation;
use crate::support::fixtures::{CHANGES_FOLDER, Data, Defect, File, Row, SCHEMA, table_name};
use crate::support::lives::{kills_repeat_at_most_what_no_commit_covered, stops_repeat_nothing};
use crate::support::oracle::judge;
use crate::support::pipeline::World;

/// Orders of the columns, and how a header may write them.
const HEADERS: [[&str; 3]; 3] = [
    ["note", "id", "mark"],
    [" MARK ", "note", "Id"],
    ["mark", "\"id\"", "note"],
];

fn value(row: &Row, name: &str) -> String {
    match name.trim_matches(['"', ' ']).to_lowercase().as_str() {
        "id" if row.defect == Some(Defect::KeyNotANumber) => format!("{}x", row.id),
        "id" => row.id.to_string(),
        "mark" => row.mark.to_string(),
        "note" => format!("\"{}\"", row.note.replace('"', "\"\"")),
        _ => String::new(),
    }
}

/// Gives a file a header, and its rows the order of it.
fn put_header(file: &mut File, names: &[&str]) {
    let is_change = file.key.starts_with(CHANGES_FOLDER);
    let front = if is_change { "What,Whose,Where," } else { "" };
    let mut bytes = format!("{front}{}\n", names.join(","));
    file.marks.truncate(1);
    for (index, row) in file.rows.iter().enumerate() {
        let mut values: Vec<_> = names.iter().map(|name| value(row, name)).collect();
        if row.defect == Some(Defect::FieldMissing) {
            values.pop();
        }
        let front = format!("{},{},{SCHEMA},", row.operation.as_str(), table_name(row.table));
        let text = format!("{}{}", if is_change { &front } else { "" }, values.join(","));
        bytes.push_str(&text);
        bytes.push('\n');
        file.texts[index] = text;
        file.marks.push(Mark {
            position: u64::try_from(bytes.len()).unwrap(),
            ordinal: u64::try_from(index + 1).unwrap(),
            line: u64::try_from(bytes.matches('\n').count()).unwrap(),
        });
    }
    file.bytes = bytes.into();
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

fn by_header(mut world: World, drift: HeaderDrift) -> World {
    world.config.source.csv.columns = CsvColumns::ByHeader { drift };
    world
}

/// Load and change files of several chunks, each with another order of its columns, every third compressed.
fn world(shards_count: u32) -> World {
    let mut data = Data::new(2).with_note_bytes(2_500);
    for number in 0..3 {
        data.load(0, 100 + number * 300);
        data.load_with(
            1,
            150,
            &[(number + 1, Defect::FieldMissing), (120, Defect::KeyNotANumber)],
        );
    }
    data.changes_with(150, &[(7, Defect::KeyNotANumber)]);
    data.changes(250);
    for (index, file) in data.files.iter_mut().enumerate() {
        put_header(file, &HEADERS[index % 3]);
        if index % 3 == 2 {
            file.bytes = gzip(&file.bytes).into();
        }
    }
    by_header(World::busy(data, shards_count), HeaderDrift::Quarantine)
}

#[test]
fn the_columns_of_each_file_are_those_that_its_header_names() {
    let world = world(3);
    world.run(RunMode::Once).assert_ended(RunEnd::Finished);
    judge(&world, &Expectation::flawless());
}

#[test]
fn a_task_that_is_stopped_in_a_file_with_a_header_goes_on_without_a_repeat() {
    stops_repeat_nothing(|| world(3));
}

#[test]
fn a_task_that_is_killed_in_a_file_with_a_header_repeats_at_most_what_no_commit_covered() {
    kills_repeat_at_most_what_no_commit_covered(|| world(3));
}

/// A queue of three files with headers, of which the one in the middle has this one.
fn world_with(names: &[&str], drift: HeaderDrift) -> (World, String) {
    let (mut data, key) = Data::of_three_files();
    for file in &mut data.files {
        let names = if file.key == key { names } else { &HEADERS[1] };
        put_header(file, names);
    }
    (by_header(World::new(data, 2), drift), key)
}

const OTHER_HEADERS: [(&[&str], &str); 5] = [
    (
        &["note", "id", "mark", "extra"],
        "has \"extra\", which the definition does not have",
    ),
    (
        &["note", "id"],
        "has no \"mark\" of sales.t0, which may not be NULL",
    ),
    (&["note", "ID", "mark", "Id"], "2 names for the column id"),
    (
        &["17", "3", "text"],
        "has no \"id\", \"mark\", \"note\" of sales.t0",
    ),
    (&[""], "first row is blank"),
];

#[test]
fn a_file_with_another_header_is_set_aside_and_the_others_are_sent() {
    for (names, expected) in OTHER_HEADERS {
        let (world, key) = world_with(names, HeaderDrift::Quarantine);
        world.run(RunMode::Once).assert_ended(RunEnd::Finished);
        judge(&world, &Expectation::flawless().with_set_aside(&key));
        let (reason, watermark) = world.set_aside(&key);
        assert!(reason.contains(expected), "{names:?}: {reason}");
        assert_eq!(watermark, Mark::START);
    }
}

#[test]
fn a_file_with_another_header_stops_the_task_where_that_is_wanted() {
    for (names, expected) in OTHER_HEADERS {
        let (world, key) = world_with(names, HeaderDrift::Stop);
        let fault = world.run(RunMode::Once).assert_failed(FaultKind::Data, 65);
        judge(&world, &Expectation::flawless().unfinished());
        assert!(
            fault.message.contains(expected) && fault.message.contains(&key),
            "{fault}"
        );
    }
}

#[test]
fn where_drift_is_accepted_unknown_columns_are_left_out_and_others_still_have_to_be_there() {
    for (names, expected) in OTHER_HEADERS {
        let (world, key) = world_with(names, HeaderDrift::Accept);
        world.run(RunMode::Once).assert_ended(RunEnd::Finished);
        if names.contains(&"extra") {
            judge(&world, &Expectation::flawless());
        } else {
            judge(&world, &Expectation::flawless().with_set_aside(&key));
            let (reason, _) = world.set_aside(&key);
            assert!(reason.contains(expected), "{names:?}: {reason}");
        }
    }
}

#[test]
fn a_file_that_is_replaced_by_one_of_another_order_is_not_mixed() {
    for position in [0, 10, 400_000] {
        let (world, key) = world_with(&HEADERS[0], HeaderDrift::Quarantine);
        let other = BodyFault::Replaced("mark,id,note\n7,7,seven\n".into());
        world.source.inject(&key, position, other);
        world.run(RunMode::Once).assert_ended(RunEnd::Finished);
        judge(&world, &Expectation::flawless().with_set_aside(&key));
        let (reason, _) = world.set_aside(&key);
        assert!(reason.contains("changed while it was being read"), "{reason}");
    }
}
