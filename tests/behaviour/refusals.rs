//! Rows whose messages the stream refuses: each becomes a dead letter, and nothing else is held up by it.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a test that cannot be set up has to fail, and one that fails has to name its seed"
)]

use std::time::Duration;

use bucket_brigade::chain::filter::{ChainFilter, Decision, Metadata};
use bucket_brigade::fault::FaultKind;
use bucket_brigade::settings::{
    Aggregation, ChangePartitionKey, DataErrorPolicy, Guarantee, Ordering, RunMode, SourcePosition,
};
use bucket_brigade::supervise::pipeline::RunEnd;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use serde_json::Value;

use crate::support::expectation::{Expectation, Order};
use crate::support::fixtures::{Data, Defect};
use crate::support::journal::Kill;
use crate::support::oracle::judge;
use crate::support::pipeline::World;
use crate::support::policies::REFUSED_NOTE;

/// Loads and changes of two tables with refused rows at the beginning, in the middle and at the end, among bad ones.
fn world(shards_count: u32) -> World {
    let mut data = Data::new(2).with_note_bytes(300);
    data.load_with(
        0,
        700,
        &[
            (0, Defect::Refused),
            (333, Defect::Refused),
            (334, Defect::KeyNotANumber),
            (335, Defect::Refused),
            (699, Defect::Refused),
        ],
    );
    data.load(1, 200);
    data.changes_with(400, &[(7, Defect::Refused), (200, Defect::FieldMissing)]);
    data.changes_with(1, &[(0, Defect::Refused)]);
    let world = World::new(data, shards_count);
    world.stream().refuse_messages_with(REFUSED_NOTE);
    world
}

/// D2, O2, Q1.
#[test]
fn a_record_that_is_refused_becomes_a_dead_letter_and_the_others_go_on() {
    for (ordering, aggregation) in [
        (Ordering::Final, Aggregation::None),
        (Ordering::Strict, Aggregation::None),
        (Ordering::None, Aggregation::None),
        (Ordering::Final, Aggregation::Kpl),
    ] {
        for guarantee in [Guarantee::AtLeastOnce, Guarantee::Dedupe] {
            let mut world = world(2);
            world.config.delivery.ordering = ordering;
            world.config.delivery.aggregation = aggregation;
            world.config.delivery.guarantee = guarantee;
            let run = world.run(RunMode::Once);
            run.assert_ended(RunEnd::Finished);
            // With one record per key and request, the keys of a shard take turns.
            let order = if ordering == Ordering::Strict {
                Order::LastState
            } else {
                Order::PerShard
            };
            judge(
                &world,
                &Expectation {
                    order,
                    ..Expectation::flawless()
                },
            );
            let letters = world.journal.dead_letters();
            let refused = letters
                .iter()
                .filter(|letter| letter["code"] == "refused_by_stream");
            assert_eq!(
                refused.clone().count(),
                6,
                "{ordering:?} {aggregation:?} {guarantee:?}"
            );
            for letter in refused {
                assert!(
                    letter["message"].as_str().unwrap().contains(REFUSED_NOTE)
                        && letter["is_row_cut"] == true
                );
                let reason = letter["reason"].as_str().unwrap();
                assert!(
                    reason.contains("is one that is refused") && !reason.contains(REFUSED_NOTE),
                    "{reason}"
                );
            }
            let statistics = &run.status.tables[0].statistics;
            assert_eq!(
                (statistics.full_load_rows, statistics.full_load_error_rows),
                (695, 5)
            );
            assert_eq!(world.stream().overlaps_count(), 0, "O1");
        }
    }
}

#[test]
fn over_kills_a_refused_record_is_a_dead_letter_and_nothing_is_lost() {
    for seed in 0..12 {
        eprintln!("SEED={seed}");
        let mut rng = SmallRng::seed_from_u64(seed);
        let mut world = world(2);
        world.put_delay = Duration::from_millis(1);
        world.config.state.commit_interval = Duration::from_millis(8);
        world.config.delivery.guarantee = if seed % 2 == 0 {
            Guarantee::Dedupe
        } else {
            Guarantee::AtLeastOnce
        };
        for _ in 0..3 {
            let run = world.run_until(Kill {
                steps_before: rng.random_range(0..25),
                is_applied: rng.random_bool(0.5),
            });
            if !world.journal.is_dead() {
                run.assert_ended(RunEnd::Finished);
                break;
            }
        }
        world.run(RunMode::Once).assert_ended(RunEnd::Finished);
        judge(&world, &Expectation::over_lives());
    }
}

#[test]
fn a_stream_that_refuses_everything_ends_the_task_and_makes_no_dead_letter() {
    let mut data = Data::new(1);
    data.load(0, 300);
    let world = World::new(data, 1);
    world.stream().refuse_messages_with("note");
    let fault = world.run(RunMode::Once).end.unwrap_err();
    assert_eq!(fault.kind, FaultKind::Configuration, "{fault}");
    let told = fault.to_string();
    assert!(
        told.contains("record 10 (line 14, byte 205)") && told.contains("sales/t0/LOAD00000001.csv"),
        "{told}"
    );
    assert!(world.journal.dead_letters().is_empty());
}

#[test]
fn with_stop_task_a_refused_record_ends_the_task_and_is_named() {
    let mut world = world(1);
    world.config.errors.rows.data = DataErrorPolicy::StopTask;
    let mut data = Data::new(1);
    data.load_with(0, 300, &[(120, Defect::Refused)]);
    let mut own = World::new(data, 1);
    own.config.errors.rows = world.config.errors.rows;
    own.stream().refuse_messages_with(REFUSED_NOTE);
    let fault = own.run(RunMode::Once).end.unwrap_err();
    assert_eq!(fault.kind, FaultKind::Data, "{fault}");
    assert!(
        fault.to_string().contains("record 120 (line 148, byte 2712)"),
        "{fault}"
    );
    assert!(own.journal.dead_letters().is_empty());
}

/// A consumer that filters learns of the one row that it is not going to see, and of no other.
#[test]
fn in_a_chain_a_sync_record_stands_where_the_refused_record_was() {
    let mut world = world(2);
    world.config.message.source_position = SourcePosition::Chain;
    world.config.message.change_partition_key = ChangePartitionKey::PrimaryKey;
    world.run(RunMode::Once).assert_ended(RunEnd::Finished);
    let (mut accepted, mut gaps) = (0, 0);
    let mut filter = ChainFilter::default();
    for record in world.stream().stored_in_all() {
        let message: Value = serde_json::from_slice(&record.payload).unwrap();
        let metadata: Metadata = serde_json::from_value(message["metadata"].clone()).unwrap();
        match filter.accept(&metadata) {
            Decision::Accept => accepted += usize::from(message["metadata"]["record-type"] == "data"),
            Decision::Resync(gap) => {
                assert_ne!(gap.from, gap.to);
                gaps += 1;
            }
            Decision::Drop => assert_eq!(message["metadata"]["operation"], "sync"),
        }
    }
    assert_eq!((accepted, gaps), (700 - 5 + 200 + 400 - 2, 6));
}

/// The service counts UTF-16 units: 200 emoji are 400 of them.
#[test]
fn a_key_of_200_emoji_is_hashed_and_stored() {
    let mut data = Data::new(1);
    data.load(0, 3);
    let mut world = World::new(data, 1);
    let csv = format!("{},1,\"n\"\n", "\u{1f600}".repeat(200));
    world.config.tables[0].columns[0].column_type = bucket_brigade::model::ColumnType::Clob;
    let key = world.data.files[0].key.clone();
    world.source.put(&key, csv.into_bytes());
    world.run(RunMode::Once).assert_ended(RunEnd::Finished);
    let stored = world.stream().stored_in_all();
    let row = stored
        .iter()
        .find(|record| record.payload.windows(4).any(|part| part == b"mark"));
    assert_eq!(row.unwrap().partition_key.len(), 64);
}
