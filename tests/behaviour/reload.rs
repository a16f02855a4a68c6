//! Loading tables again: every row of them is really sent again, nothing else is, and crashes change nothing about it.
#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test that cannot be set up has to fail, and one that fails has to name its seed"
)]

use bucket_brigade::checkpoint::reload::Extent;
use bucket_brigade::checkpoint::store::CheckpointStore;
use bucket_brigade::settings::{Guarantee, RunMode, StopAfter};
use bucket_brigade::supervise::pipeline::RunEnd;
use rand::SeedableRng;
use rand::rngs::SmallRng;

use crate::support;
use crate::support::expectation::Expectation;
use crate::support::fixtures::{Data, Defect};
use crate::support::journal::Kill;
use crate::support::lives::{Deaths, finish_without_a_repeat, live_and_die, stop_at_percent};
use crate::support::oracle::judge;
use crate::support::pipeline::World;

/// Two tables with two files each, and changes.
fn data() -> Data {
    let mut data = Data::new(2).with_note_bytes(1_200);
    for rows_count in [90, 160] {
        data.load(0, rows_count);
        data.load(1, rows_count + 7);
    }
    data.changes(80);
    data
}

const ROWS_OF_TABLE_0: usize = 250;
const ROWS_OF_TABLE_1: usize = 264;
/// `drop-table` and `create-table`.
const CONTROL_RECORDS: usize = 2;

fn stored_count(world: &World) -> usize {
    world
        .streams
        .iter()
        .map(|stream| stream.stored_in_all().len())
        .sum()
}

#[test]
fn a_table_is_loaded_again_and_nothing_else_is_sent() {
    let mut world = World::new(data(), 2);
    world.run(RunMode::Once).assert_ended(RunEnd::Finished);
    judge(&world, &Expectation::flawless());
    let before = stored_count(&world);
    world.reload(&[0], Extent::Some).unwrap();
    // Changes go on where they are.
    let later = world.data.changes(30);
    world.put(&later);
    let run = world.run(RunMode::Once);
    run.assert_ended(RunEnd::Finished);
    judge(&world, &Expectation::flawless());
    assert_eq!(
        stored_count(&world) - before,
        ROWS_OF_TABLE_0 + CONTROL_RECORDS + 30
    );
    assert!(run.status.life.is_reloaded("sales.t0") && !run.status.life.is_reloaded("sales.t1"));
    // It was for once.
    let before = stored_count(&world);
    world.run(RunMode::Once).assert_ended(RunEnd::Finished);
    assert_eq!(stored_count(&world), before);
    // And it can be done again.
    world.reload(&[0, 1], Extent::Some).unwrap();
    world.run(RunMode::Once).assert_ended(RunEnd::Finished);
    judge(&world, &Expectation::flawless());
    let sent = ROWS_OF_TABLE_0 + ROWS_OF_TABLE_1 + 2 * CONTROL_RECORDS;
    assert_eq!(stored_count(&world) - before, sent);
}

#[test]
fn all_tables_are_loaded_again_and_the_task_may_stop_behind_that() {
    let mut world = World::new(data(), 2);
    world.config.stop.after = StopAfter::FullLoad;
    world
        .run(RunMode::Once)
        .assert_ended(RunEnd::PastLoad(StopAfter::FullLoad));
    world.run(RunMode::Once).assert_ended(RunEnd::Finished);
    world.reload(&[0, 1], Extent::All).unwrap();
    world
        .run(RunMode::Once)
        .assert_ended(RunEnd::PastLoad(StopAfter::FullLoad));
    judge(&world, &Expectation::flawless());
    let before = stored_count(&world);
    world.run(RunMode::Once).assert_ended(RunEnd::Finished);
    assert_eq!(stored_count(&world), before, "the changes are where they were");
}

#[test]
fn a_load_that_was_stopped_in_its_middle_begins_anew() {
    for percent in [5, 30, 60] {
        let world = World::busy(data(), 2);
        stop_at_percent(&world, percent);
        world.reload(&[0], Extent::Some).unwrap();
        finish_without_a_repeat(&world);
    }
}

#[test]
fn files_and_bad_rows_that_came_meanwhile_are_loaded_as_they_are() {
    let mut world = World::new(data(), 2);
    world.run(RunMode::Once).assert_ended(RunEnd::Finished);
    world.reload(&[1], Extent::Some).unwrap();
    let new = world.data.load_with(1, 40, &[(3, Defect::KeyNotANumber)]);
    world.put(&new);
    world.run(RunMode::Once).assert_ended(RunEnd::Finished);
    judge(&world, &Expectation::flawless());
}

/// Kills at any step behind the request, with a look at the stream or without: rows of the load before stand in the
/// stream, equal to the byte but for the time, and must not be taken for those of the new one.
#[test]
fn crashes_while_a_table_is_loaded_again_lose_nothing_and_find_nothing_of_the_load_before() {
    let mut kills = 0;
    for (seed, guarantee) in (0..).zip([Guarantee::Dedupe, Guarantee::AtLeastOnce].repeat(8)) {
        eprintln!("SEED={seed}, {guarantee:?}");
        let mut world = World::busy(data(), 3);
        world.config.delivery.guarantee = guarantee;
        world.run(RunMode::Once).assert_ended(RunEnd::Finished);
        world.reload(&[0], Extent::Some).unwrap();
        let expectation = match guarantee {
            Guarantee::Dedupe => Expectation::flawless(),
            Guarantee::AtLeastOnce => Expectation::over_lives(),
        };
        let deaths = Deaths {
            count: 3,
            steps_before: 0..12,
            is_applied: 0.7,
        };
        let mut rng = SmallRng::seed_from_u64(seed);
        let killed = expectation.clone().just_killed();
        let runs = live_and_die(&mut world, &deaths, &mut rng, &killed, |_, _| {});
        kills += runs.iter().filter(|run| run.is_killed).count();
        judge(&world, &expectation);
    }
    assert!(kills > 20, "{kills} lives were cut short");
}

/// Rows that a crash left in doubt would be found behind the request, in front of the new control records.
#[test]
fn a_load_in_doubt_is_not_begun_anew_before_a_clean_stop() {
    let mut refused = 0;
    for steps_before in 1..12 {
        let mut world = World::busy(data(), 2);
        world.config.delivery.guarantee = Guarantee::Dedupe;
        let run = world.run_until(Kill {
            steps_before,
            is_applied: true,
        });
        let store = world.store.reopen().unwrap();
        let loaded = store.load().unwrap();
        let is_open = loaded
            .unfinished
            .iter()
            .any(|entry| entry.id.queue == support::fixtures::load_queue(0));
        let reloaded = world.reload(&[0], Extent::Some);
        assert_eq!(
            reloaded.is_err(),
            run.is_killed && is_open,
            "step {steps_before}: {reloaded:?}"
        );
        refused += usize::from(reloaded.is_err());
        world.run(RunMode::Once).assert_ended(RunEnd::Finished);
        judge(&world, &Expectation::flawless());
        world.reload(&[0], Extent::Some).unwrap();
        world.run(RunMode::Once).assert_ended(RunEnd::Finished);
        judge(&world, &Expectation::flawless());
    }
    assert!(refused > 3, "{refused} were refused");
}
