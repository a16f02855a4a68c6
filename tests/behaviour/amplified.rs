//! Messages that are many times as large as their rows, and files that are nothing but dead letters: both stay within their
//! bounds, and nothing is lost.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot be set up has to fail"
)]

use std::collections::BTreeSet;

use bucket_brigade::settings::{ChangePartitionKey, Guarantee, RunMode, SourcePosition};
use bucket_brigade::sink::memory::MemorySink;
use bucket_brigade::supervise::pipeline::RunEnd;
use serde_json::Value;

use crate::support::expectation::Expectation;
use crate::support::fixtures::{Data, Defect};
use crate::support::journal::Kill;
use crate::support::oracle::judge;
use crate::support::pipeline::World;

/// A column of 20 KB for every row of every table.
const MAPPINGS: &str = r#"{"rules":[
{"rule-type":"selection","rule-id":1,"rule-name":"a","rule-action":"include",
 "object-locator":{"schema-name":"sales","table-name":"%"}},
{"rule-type":"transformation","rule-id":2,"rule-name":"b","rule-target":"column","rule-action":"add-column","value":"large",
 "expression":"printf('%020000d', $mark)","data-type":{"type":"string"},
 "object-locator":{"schema-name":"sales","table-name":"%"}}]}"#;

/// 40 MB of messages out of 40 KB of rows.
fn world() -> World {
    let mut data = Data::new(2);
    data.load(0, 700);
    data.load(1, 700);
    data.changes(600);
    let mut world = World::new(data, 3);
    world.map(MAPPINGS);
    world.config.limits.in_flight_bytes = 1 << 20;
    world.config.limits.row_bytes_max = 1 << 18;
    world.config.message.change_partition_key = ChangePartitionKey::PrimaryKey;
    world
}

/// The mark of each row that is stored, in order, by shard.
fn marks(world: &World) -> Vec<u64> {
    let records = world.streams.iter().flat_map(MemorySink::stored_in_all);
    let messages = records.map(|record| serde_json::from_slice::<Value>(&record.payload).unwrap());
    let rows = messages.filter(|message| message["metadata"]["record-type"] == "data");
    rows.map(|message| {
        let mark = message["data"]["mark"].as_u64().unwrap();
        let length = message["data"]["large"].as_str().unwrap().len();
        assert_eq!(length, 20_000, "the large column of row {mark}");
        mark
    })
    .collect()
}

/// F1: with a budget smaller than the messages of one chunk, every part waits for a credit of its own.
#[test]
fn messages_that_are_larger_than_the_budget_go_out_in_parts() {
    for (guarantee, position) in [
        (Guarantee::AtLeastOnce, SourcePosition::None),
        (Guarantee::Dedupe, SourcePosition::None),
        (Guarantee::AtLeastOnce, SourcePosition::Chain),
    ] {
        let mut world = world();
        world.config.delivery.guarantee = guarantee;
        world.config.message.source_position = position;
        world.run(RunMode::Once).assert_ended(RunEnd::Finished);
        let marks = marks(&world);
        assert_eq!(marks.len(), 2_000, "{guarantee:?} {position:?}");
        assert_eq!(marks.iter().collect::<BTreeSet<_>>().len(), 2_000);
    }
}

#[test]
fn a_task_that_is_killed_between_the_parts_of_a_chunk_goes_on_there() {
    let mut world = world();
    world.config.delivery.guarantee = Guarantee::Dedupe;
    let mut kills = 0;
    for steps_before in [9, 14, 23] {
        world.run_until(Kill {
            steps_before,
            is_applied: true,
        });
        kills += u32::from(world.journal.is_dead());
    }
    world.run(RunMode::Once).assert_ended(RunEnd::Finished);
    let marks = marks(&world);
    assert_eq!((marks.len(), kills), (2_000, 3));
    assert_eq!(marks.iter().collect::<BTreeSet<_>>().len(), 2_000);
}

#[test]
fn a_file_of_too_many_bytes_of_dead_letters_is_set_aside_and_the_next_one_is_read() {
    let mut data = Data::new(1).with_note_bytes(3_000);
    let defects: Vec<_> = (0..1_500)
        .map(|ordinal| (ordinal, Defect::KeyNotANumber))
        .collect();
    let bad = data.load_with(0, 1_500, &defects);
    data.load(0, 10);
    let mut world = World::new(data, 1);
    world.config.errors.dead_letters_max = 1 << 20;
    world.run(RunMode::Once).assert_ended(RunEnd::Finished);
    judge(
        &world,
        &Expectation {
            set_aside: vec![bad.clone()],
            ..Expectation::flawless()
        },
    );
    let (reason, mark) = world.set_aside(&bad);
    assert!(reason.contains("more than 1MiB within a minute"), "{reason}");
    assert!(reason.contains("errors.dead_letters_max"), "{reason}");
    let letters = world.journal.dead_letters();
    assert_eq!(letters.len(), usize::try_from(mark.ordinal).unwrap());
    assert!(
        (300..800).contains(&letters.len()),
        "{} dead letters",
        letters.len()
    );
}
