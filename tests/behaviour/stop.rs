//! Stopping by itself: at a time, and once behind the full load.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot be set up has to fail"
)]

use std::sync::Arc;

use bucket_brigade::checkpoint::store::CheckpointStore;
use bucket_brigade::model::QueueName;
use bucket_brigade::settings::{RunMode, StopAfter};
use bucket_brigade::supervise::pipeline::RunEnd;

use crate::support::expectation::Expectation;
use crate::support::fixtures::Data;
use crate::support::journal::Kill;
use crate::support::oracle::judge;
use crate::support::pipeline::World;
use crate::support::set_clock::SetClock;

const STOP_AT_MS: i64 = 1_795_464_000_000;

fn timed_world() -> (World, Arc<SetClock>) {
    let mut data = Data::new(2);
    data.load(0, 30);
    data.load(1, 30);
    data.changes(40);
    let mut world = World::new(data, 2);
    let clock = Arc::new(SetClock::at(STOP_AT_MS - 3_600_000));
    world.clock = Arc::<SetClock>::clone(&clock);
    world.config.stop.at_ms = Some(STOP_AT_MS);
    (world, clock)
}

#[test]
fn a_task_stops_at_its_time_with_nothing_in_flight() {
    let (world, clock) = timed_world();
    let run = world.run_while(RunMode::Continuous, async |mut running| {
        running.until(|status| status.changes.ended == 1).await;
        clock.set(STOP_AT_MS);
    });
    run.assert_ended(RunEnd::AtTime);
    judge(&world, &Expectation::flawless());
}

#[test]
fn a_task_that_is_started_behind_its_time_reads_and_sends_nothing() {
    let (world, clock) = timed_world();
    clock.set(STOP_AT_MS + 1);
    let run = world.run(RunMode::Continuous);
    assert_eq!(run.end, Ok(RunEnd::AtTime));
    assert_eq!(world.stream().requests_count(), 0);
    assert!(world.store.history().unwrap().is_empty(), "it has not begun");
}

/// The interval of the listings is one of a clock that only goes forward.
#[test]
fn a_clock_that_is_set_back_does_not_hold_up_new_files() {
    let mut data = Data::new(1);
    data.load(0, 30);
    data.changes(40);
    let key = data.changes(40);
    let mut world = World::new(data, 2);
    let clock = Arc::new(SetClock::at(STOP_AT_MS));
    world.clock = Arc::<SetClock>::clone(&clock);
    world.source.remove(&key);
    let run = world.run_while(RunMode::Continuous, async |mut running| {
        running.until(|status| status.changes.ended == 1).await;
        clock.set(STOP_AT_MS - 3_600_000);
        world.put(&key);
        running.until(|status| status.changes.ended == 2).await;
        world.stop_when_settled(&running).await;
    });
    run.assert_ended(RunEnd::Stopped);
    judge(&world, &Expectation::flawless());
}

#[test]
fn a_wish_to_stop_is_no_stop_at_a_time() {
    let (world, _clock) = timed_world();
    let run = world.run_while(RunMode::Continuous, async |mut running| {
        running.until(|status| status.changes.ended == 1).await;
        running.stop.cancel();
    });
    run.assert_ended(RunEnd::Stopped);
}

fn loading_world(after: StopAfter) -> World {
    let mut data = Data::new(2);
    data.load(0, 60);
    data.load(1, 80);
    for _ in 0..3 {
        data.changes(40);
    }
    let mut world = World::new(data, 2);
    world.config.stop.after = after;
    world
}

#[test]
fn a_task_stops_in_front_of_the_first_change_and_goes_on_with_it() {
    for mode in [RunMode::Once, RunMode::Continuous] {
        let world = loading_world(StopAfter::FullLoad);
        world
            .run(mode)
            .assert_ended(RunEnd::PastLoad(StopAfter::FullLoad));
        judge(&world, &Expectation::flawless().unfinished());
        let changes = world.entry_in(&QueueName::changes(), "changes/00000010.csv");
        assert_eq!(changes, None, "no change file is known");
        world.run(RunMode::Once).assert_ended(RunEnd::Finished);
        judge(&world, &Expectation::flawless());
    }
}

#[test]
fn a_task_stops_behind_the_changes_that_are_there_and_goes_on_with_later_ones() {
    let mut world = loading_world(StopAfter::CachedChanges);
    let later = world.data.changes(30);
    world
        .run(RunMode::Continuous)
        .assert_ended(RunEnd::PastLoad(StopAfter::CachedChanges));
    judge(&world, &Expectation::flawless().unfinished());
    world.put(&later);
    let run = world.run_while(RunMode::Continuous, async |mut running| {
        running.until(|status| status.changes.ended == 1).await;
        world.stop_when_settled(&running).await;
    });
    run.assert_ended(RunEnd::Stopped);
    judge(&world, &Expectation::flawless());
}

/// A crash between the last row of the load and the stop does not let a change through.
#[test]
fn a_crash_at_any_step_keeps_the_stop_behind_the_load() {
    let mut ends = 0;
    for (steps_before, is_applied) in (0..26).flat_map(|steps| [(steps, false), (steps, true)]) {
        let world = loading_world(StopAfter::FullLoad);
        let killed = world.run_until(Kill {
            steps_before,
            is_applied,
        });
        let was_past = world.store.reopen().unwrap().load().unwrap().life.is_past_load;
        if !killed.is_killed {
            assert_eq!(
                killed.end,
                Ok(RunEnd::PastLoad(StopAfter::FullLoad)),
                "{steps_before}"
            );
        }
        let run = world.run(RunMode::Once);
        let is_past = world
            .entry_in(&QueueName::changes(), "changes/00000010.csv")
            .is_some();
        assert_eq!(
            is_past, was_past,
            "step {steps_before}, {is_applied}: only a durable stop is one"
        );
        if is_past {
            // The stop itself was durable already, or was never cut short.
            run.assert_ended(RunEnd::Finished);
            assert!(!killed.is_killed || is_applied, "step {steps_before}");
        } else {
            run.assert_ended(RunEnd::PastLoad(StopAfter::FullLoad));
            judge(&world, &Expectation::over_lives().unfinished());
            ends += 1;
        }
        world.run(RunMode::Once).assert_ended(RunEnd::Finished);
        judge(&world, &Expectation::over_lives());
    }
    assert!(ends > 5, "{ends} lives ended behind the load");
}

#[test]
fn a_task_whose_load_is_long_past_does_not_stop_there_any_more() {
    let mut world = loading_world(StopAfter::Never);
    world.run(RunMode::Once).assert_ended(RunEnd::Finished);
    for after in [StopAfter::CachedChanges, StopAfter::FullLoad] {
        world.config.stop.after = after;
        world.run(RunMode::Once).assert_ended(RunEnd::Finished);
    }
    judge(&world, &Expectation::flawless());
}
