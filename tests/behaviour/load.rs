//! The whole path without faults: full load, changes, control records, order, memory.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot be set up has to fail"
)]

use std::time::Duration;

use bucket_brigade::checkpoint::store::ObjectState;
use bucket_brigade::settings::{MigrationType, RunMode};
use bucket_brigade::source::ObjectSource;
use bucket_brigade::supervise::pipeline::RunEnd;

use crate::support::expectation::Expectation;
use crate::support::fixtures::Data;
use crate::support::oracle::judge;
use crate::support::pipeline::World;

#[test]
fn many_files_of_many_tables_are_loaded_and_then_changed() {
    let mut data = Data::new(3);
    for number in 0..5 {
        for table in 0..3 {
            data.load(table, 40 + number * 17 + table);
        }
    }
    for _ in 0..4 {
        data.changes(60);
    }
    let world = World::new(data, 3);
    let run = world.run(RunMode::Once);
    run.assert_ended(RunEnd::Finished);
    judge(&world, &Expectation::flawless());
    let stored = world.stream().stored_in_all().len();
    assert_eq!(
        stored,
        world.data.messages_count() + 2 * 3 + 1,
        "rows and control records"
    );
}

#[test]
fn files_of_many_chunks_go_through_in_order() {
    let mut data = Data::new(2).with_note_bytes(900);
    data.load(0, 1_500);
    data.load(1, 700);
    data.changes(900);
    let world = World::new(data, 4);
    world.run(RunMode::Once).assert_ended(RunEnd::Finished);
    judge(&world, &Expectation::flawless());
}

#[test]
fn empty_files_and_tables_without_files_are_done_as_well() {
    let mut data = Data::new(3);
    data.load(0, 0);
    data.load(1, 5);
    data.changes(0);
    let world = World::new(data, 2);
    world.run(RunMode::Once).assert_ended(RunEnd::Finished);
    judge(&world, &Expectation::flawless());
}

/// What each stored message says: record type, operation and table.
fn operations(world: &World) -> Vec<String> {
    let stored = world.stream().stored(0);
    let text = |payload: &[u8]| {
        let message: serde_json::Value = serde_json::from_slice(payload).unwrap();
        let metadata = &message["metadata"];
        let part = |name: &str| metadata[name].as_str().unwrap().to_owned();
        format!("{} {}", part("operation"), part("table-name"))
    };
    stored.iter().map(|record| text(&record.payload)).collect()
}

#[test]
fn the_control_records_of_a_table_come_before_its_rows() {
    let mut data = Data::new(3);
    for table in 0..3 {
        data.load(table, 30);
    }
    data.changes(20);
    let mut world = World::new(data, 1);
    world.config.limits.files_in_parallel = 3;
    world.run(RunMode::Once).assert_ended(RunEnd::Finished);
    judge(&world, &Expectation::flawless());
    let operations = operations(&world);
    for table in 0..3 {
        let name = format!(" t{table}");
        let of_table: Vec<_> = operations.iter().filter(|text| text.ends_with(&name)).collect();
        let first: Vec<_> = of_table.iter().take(3).map(|text| text.as_str()).collect();
        assert_eq!(
            first,
            [
                format!("drop-table{name}"),
                format!("create-table{name}"),
                format!("load{name}")
            ]
        );
    }
    let exceptions = operations
        .iter()
        .position(|text| text == "create-table awsdms_apply_exceptions");
    assert_eq!(
        exceptions,
        Some(3 * 32),
        "between the last load and the first change"
    );
}

#[test]
fn a_task_of_changes_alone_creates_every_table_first() {
    let mut data = Data::new(2);
    data.changes(30);
    let mut world = World::new(data, 1);
    world.config.migration_type = MigrationType::Changes;
    world.run(RunMode::Once).assert_ended(RunEnd::Finished);
    judge(&world, &Expectation::flawless());
    let first: Vec<_> = operations(&world).into_iter().take(3).collect();
    assert_eq!(
        first,
        [
            "create-table t0",
            "create-table t1",
            "create-table awsdms_apply_exceptions"
        ]
    );
}

#[test]
fn files_of_one_table_are_read_one_after_another_by_eight_lanes() {
    let mut data = Data::new(1).with_note_bytes(300);
    for number in 0..12 {
        data.load(0, 20 + 150 * (number % 2));
    }
    for number in 0..12 {
        data.changes(20 + 150 * (number % 2));
    }
    let mut world = World::new(data, 1);
    world.config.limits.files_in_parallel = 8;
    world.put_delay = Duration::from_millis(1);
    world.run(RunMode::Once).assert_ended(RunEnd::Finished);
    judge(&world, &Expectation::flawless());
}

#[test]
fn a_second_run_over_the_same_files_sends_nothing() {
    let mut data = Data::new(2);
    data.load(0, 50);
    data.load(1, 70);
    data.changes(40);
    let world = World::new(data, 2);
    world.run(RunMode::Once).assert_ended(RunEnd::Finished);
    let requests = world.stream().requests_count();
    world.run(RunMode::Once).assert_ended(RunEnd::Finished);
    assert_eq!(
        world.stream().requests_count(),
        requests,
        "a request of the second run"
    );
    judge(&world, &Expectation::flawless());
}

#[test]
fn a_full_load_task_ends_without_reading_changes() {
    let mut data = Data::new(1);
    data.load(0, 25);
    let mut world = World::new(data, 2);
    world.config.migration_type = MigrationType::FullLoad;
    world.config.source.cdc_path = None;
    world.run(RunMode::Continuous).assert_ended(RunEnd::Finished);
    judge(&world, &Expectation::flawless());
}

#[test]
fn change_files_that_appear_while_it_runs_are_picked_up_in_order() {
    let mut data = Data::new(2);
    data.load(0, 20);
    let early = data.changes(30);
    let later: Vec<_> = (0..5).map(|_| data.changes(25)).collect();
    let world = World::new(data, 2);
    for key in &later {
        world.source.remove(key);
    }
    let run = world.run_while(RunMode::Continuous, async |mut running| {
        for (ended, key) in (1..).zip(&later) {
            running.until(|status| status.changes.ended >= ended).await;
            world.put(key);
        }
        running.until(|status| status.changes.ended == 6).await;
        world.stop_when_settled(&running).await;
    });
    run.assert_ended(RunEnd::Stopped);
    judge(&world, &Expectation::flawless());
    let state = world.entry(&early).unwrap().state;
    assert!(matches!(state, ObjectState::Done(_)), "{state:?}");
}

#[test]
fn bytes_in_flight_stay_within_the_budget_while_the_stream_is_slow() {
    const BUDGET: u64 = 1 << 20;
    const LANES: u64 = 3;
    let mut data = Data::new(3).with_note_bytes(2_000);
    for table in 0..3 {
        data.load(table, 1_200);
    }
    let mut world = World::new(data, 2);
    world.config.limits.in_flight_bytes = BUDGET;
    world.config.limits.files_in_parallel = 3;
    world.config.state.commit_interval = Duration::from_millis(5);
    world.put_delay = Duration::from_millis(12);
    let messages_count = world.data.messages_count();
    let (mut highest, mut longest_lead) = (0, 0);
    let run = world.run_while(RunMode::Once, async |running| {
        let (mut status, mut stored) = (running.status.clone(), running.stored_count());
        loop {
            tokio::select! {
                changed = status.changed() => changed.unwrap(),
                changed = stored.changed() => changed.unwrap(),
            }
            highest = highest.max(status.borrow_and_update().in_flight_bytes);
            let stored = *stored.borrow_and_update();
            // Rows have at least 2,000 bytes, so this is at least what was read and is not stored yet.
            let lead = world
                .source
                .bytes_read()
                .saturating_sub(u64::try_from(stored).unwrap() * 2_030);
            longest_lead = longest_lead.max(lead);
            if stored >= messages_count {
                return;
            }
        }
    });
    run.assert_ended(RunEnd::Finished);
    judge(&world, &Expectation::flawless());
    assert!(
        highest <= BUDGET,
        "{highest} bytes in flight, the budget is {BUDGET} (F1)"
    );
    assert!(highest > BUDGET / 2, "the budget was never in use: {highest}");
    // Outside the budget a lane holds at most the chunk that it wants to hand on and the pieces of the next one.
    let outside = LANES * 2 * 256 * 1024;
    assert!(
        longest_lead <= BUDGET + outside,
        "{longest_lead} bytes were read ahead (F1)"
    );
}
