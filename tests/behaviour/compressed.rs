//! Compressed files: a place in them is a place in their text, so a task that dies in the middle goes on at the exact
//! row, and damage is named with its byte while the rows before it are sent.
#![allow(clippy::unwrap_used, reason = "a test that cannot be set up has to fail")]

use std::io::Write;

use bucket_brigade::fault::FaultKind;
use bucket_brigade::read::format::Compression;
use bucket_brigade::settings::{ChangedObjects, CompressionChoice, RunMode};
use bucket_brigade::source::memory::BodyFault;
use bucket_brigade::supervise::pipeline::RunEnd;

use crate::support::expectation::Expectation;
use crate::support::fixtures::Data;
use crate::support::lives::{kills_repeat_at_most_what_no_commit_covered, stops_repeat_nothing};
use crate::support::oracle::judge;
use crate::support::pipeline::World;

fn encode(compression: Compression, text: &[u8]) -> Vec<u8> {
    match compression {
        Compression::Gzip => {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
            encoder.write_all(text).unwrap();
            encoder.finish().unwrap()
        }
        Compression::Zstd => zstd::stream::encode_all(text, 3).unwrap(),
    }
}

/// The text in parts that end anywhere, also within a row.
fn encode_in_parts(compression: Compression, text: &[u8], parts_count: usize) -> Vec<u8> {
    let part_bytes = text.len() / parts_count + 1;
    let parts = text.chunks(part_bytes.max(1));
    parts.flat_map(|part| encode(compression, part)).collect()
}

/// Files of several chunks, compressed in all ways, one of them not at all, in small pieces.
fn world(shards_count: u32) -> World {
    let mut data = Data::of_many_chunks();
    let last = data.files.len() - 1;
    for (index, file) in data
        .files
        .iter_mut()
        .enumerate()
        .filter(|(index, _)| *index != last)
    {
        let compression = if index % 3 == 1 {
            Compression::Zstd
        } else {
            Compression::Gzip
        };
        file.bytes = encode_in_parts(compression, &file.bytes, index % 4 + 1).into();
    }
    let mut world = World::busy(data, shards_count);
    world.source = world.source.with_piece_bytes(211);
    world
}

#[test]
fn compressed_files_are_their_text() {
    let world = world(3);
    world.run(RunMode::Once).assert_ended(RunEnd::Finished);
    judge(&world, &Expectation::flawless());
}

#[test]
fn a_task_that_is_stopped_in_a_compressed_file_goes_on_without_a_repeat() {
    stops_repeat_nothing(|| world(3));
}

#[test]
fn a_task_that_is_killed_in_a_compressed_file_repeats_at_most_what_no_commit_covered() {
    kills_repeat_at_most_what_no_commit_covered(|| world(3));
}

#[test]
fn a_body_that_breaks_is_decoded_on_in_the_same_generation() {
    let world = world(2);
    let key = world
        .data
        .files
        .iter()
        .max_by_key(|file| file.bytes.len())
        .unwrap()
        .key
        .clone();
    let half = u64::try_from(world.data.file(&key).bytes.len() / 2).unwrap();
    world.source.inject(&key, half, BodyFault::Unreachable);
    let run = world.run(RunMode::Once);
    run.assert_ended(RunEnd::Finished);
    assert_eq!(run.status.generation, 1, "one break, no restart");
    judge(&world, &Expectation::flawless());
}

/// A queue of three files, of which the one in the middle is made by `make` from its text, and the other table's.
fn world_with(mut make: impl FnMut(&[u8]) -> Vec<u8>) -> (World, String) {
    let (mut data, key) = Data::of_three_files();
    for file in &mut data.files {
        file.bytes = if file.key == key {
            make(&file.bytes).into()
        } else {
            encode(Compression::Gzip, &file.bytes).into()
        };
    }
    (World::new(data, 2), key)
}

/// Runs a task whose middle file is damaged; gives why it was set aside, and how many of its rows were sent.
fn set_aside(world: &World, key: &str) -> (String, u64) {
    world.run(RunMode::Once).assert_ended(RunEnd::Finished);
    let expectation = Expectation::flawless().with_set_aside(key);
    judge(world, &expectation);
    // A second run changes nothing.
    world.run(RunMode::Once).assert_ended(RunEnd::Finished);
    judge(world, &expectation);
    let (reason, watermark) = world.set_aside(key);
    (reason, watermark.ordinal)
}

/// How many rows end within so many bytes of the text.
fn whole_rows(world: &World, key: &str, text_bytes: usize) -> u64 {
    let text_bytes = u64::try_from(text_bytes).unwrap();
    let marks = &world.data.file(key).marks;
    marks
        .iter()
        .rev()
        .find(|mark| mark.position <= text_bytes)
        .unwrap()
        .ordinal
}

#[test]
fn of_a_file_that_is_cut_off_every_whole_row_is_sent_and_the_byte_is_named() {
    for compression in [Compression::Gzip, Compression::Zstd] {
        let mut cut_at = 0;
        let (world, key) = world_with(|text| {
            let first = encode(compression, &text[..text.len() / 2 + 7]);
            let second = encode(compression, &text[text.len() / 2 + 7..]);
            cut_at = first.len() + second.len() / 2;
            let mut both = [first, second].concat();
            both.truncate(cut_at);
            both
        });
        let (reason, rows_count) = set_aside(&world, &key);
        assert!(
            reason.contains(&format!("ends at byte {cut_at} in the middle")),
            "{reason}"
        );
        let text_bytes = reason.split(" bytes into the text").next().unwrap();
        let text_bytes: usize = text_bytes.rsplit(' ').next().unwrap().parse().unwrap();
        assert_eq!(rows_count, whole_rows(&world, &key, text_bytes), "{reason}");
        assert!(
            rows_count >= 749,
            "{rows_count} rows of a file that is cut in its second part"
        );
    }
}

#[test]
fn of_a_file_with_a_foreign_tail_all_rows_are_sent_and_the_tail_is_named() {
    for compression in [Compression::Gzip, Compression::Zstd] {
        let mut end = 0;
        let (world, key) = world_with(|text| {
            let whole = encode_in_parts(compression, text, 3);
            end = whole.len();
            [whole, b"<html>".to_vec()].concat()
        });
        let (reason, rows_count) = set_aside(&world, &key);
        assert_eq!(rows_count, 1_500);
        let name = compression.name();
        let part = compression.part();
        assert!(
            reason.contains(&format!("3 whole {part}s of {name} end at byte {end}")),
            "{reason}"
        );
    }
}

#[test]
fn a_bomb_is_set_aside() {
    let (world, key) = world_with(|text| {
        [
            encode(Compression::Zstd, text),
            encode(Compression::Zstd, &vec![b'x'; 100 << 20]),
        ]
        .concat()
    });
    let (reason, rows_count) = set_aside(&world, &key);
    assert_eq!(rows_count, 1_500, "the rows before it are sent");
    assert!(reason.contains("source.csv.expansion_max"), "{reason}");
}

#[test]
fn a_name_that_promises_what_the_file_is_not_sets_it_aside_and_no_name_is_needed_for_what_it_is() {
    let mut data = Data::new(1);
    let renamed = data.load(0, 40);
    data.load(0, 40);
    let plain = data.files.first_mut().unwrap();
    plain.key.push_str(".gz");
    let other = data.files.last_mut().unwrap();
    other.bytes = encode(Compression::Gzip, &other.bytes).into();
    let world = World::new(data, 1);
    let (reason, rows_count) = set_aside(&world, &format!("{renamed}.gz"));
    assert_eq!(rows_count, 0);
    assert!(reason.contains("its name says gzip"), "{reason}");

    let mut data = Data::new(1);
    data.load(0, 40);
    data.files.first_mut().unwrap().key.push_str(".gz");
    let mut world = World::new(data, 1);
    world.config.source.format.compression = CompressionChoice::None;
    world.run(RunMode::Once).assert_ended(RunEnd::Finished);
    judge(&world, &Expectation::flawless());
}

#[test]
fn a_file_that_cannot_be_decoded_stops_the_task_where_that_is_wanted() {
    let (mut world, _key) = world_with(|text| encode(Compression::Gzip, text)[..2_000].to_vec());
    world.config.source.changed_objects = ChangedObjects::Stop;
    world.run(RunMode::Once).assert_failed(FaultKind::Data, 65);
    judge(&world, &Expectation::flawless().unfinished());
}
