//! Stopped and killed tasks: a clean stop repeats nothing, a kill repeats at most what no commit covered, and nothing
//! is ever missing.
#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test that cannot be set up has to fail, and one that fails has to name its seed"
)]

use std::time::Duration;

use bucket_brigade::settings::{ChangePartitionKey, RunMode};
use bucket_brigade::sink::memory::PutFault;
use bucket_brigade::supervise::pipeline::RunEnd;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use tokio::time::Instant;

use crate::support::expectation::{Expectation, Order, Repeats};
use crate::support::fixtures::{Data, Defect};
use crate::support::journal::Kill;
use crate::support::lives::{Deaths, finish_without_a_repeat, live_and_die, stop_at_percent};
use crate::support::oracle::judge;
use crate::support::pipeline::World;

/// Seeds of the kill test.
const SEEDS: u64 = 30;

fn world(shards_count: u32) -> World {
    World::busy(Data::of_many_chunks(), shards_count)
}

#[test]
fn a_task_that_is_stopped_goes_on_without_a_repeat() {
    for percent in [0, 5, 30, 50, 70, 80] {
        let world = world(3);
        stop_at_percent(&world, percent);
        let stored = world.stream().stored_in_all().len();
        assert!(stored < world.data.messages_count(), "it was stopped too late");
        finish_without_a_repeat(&world);
    }
}

#[test]
fn a_stop_waits_for_dead_letters_that_are_being_written() {
    for stop_at in 1..8 {
        let mut data = Data::new(1).with_note_bytes(2_500);
        // A good row now and then tells how far the task is.
        let bad: Vec<_> = (0..500)
            .filter(|ordinal| ordinal % 100 != 0)
            .map(|ordinal| (ordinal, Defect::KeyNotANumber))
            .collect();
        for _ in 0..4 {
            data.load_with(0, 500, &bad);
        }
        let mut world = World::new(data, 1);
        world.config.message.control_records = false;
        let run = world.run_while(RunMode::Once, async |mut running| {
            running.until_stored(stop_at).await;
            running.stop.cancel();
        });
        // Where files are written fast it may be done before the stop.
        assert!(run.end.is_ok(), "{:?}", run.end);
        assert!(run.status.clean_stop, "{:#?}", run.status);
        run.assert_nothing_in_flight();
        world.run(RunMode::Once).assert_ended(RunEnd::Finished);
        judge(&world, &Expectation::flawless());
    }
}

#[test]
fn a_stop_before_anything_was_read_is_clean() {
    let world = world(2);
    let run = world.run_while(RunMode::Once, async |running| running.stop.cancel());
    assert_eq!(run.end, Ok(RunEnd::Stopped));
    run.assert_nothing_in_flight();
    world.run(RunMode::Once).assert_ended(RunEnd::Finished);
    judge(&world, &Expectation::flawless());
}

#[test]
fn a_task_that_waits_for_changes_stops_at_once() {
    let mut data = Data::new(1);
    data.changes(10);
    let world = World::new(data, 1);
    let run = world.run_while(RunMode::Continuous, async |mut running| {
        running.until(|status| status.changes.ended == 1).await;
        world.stop_when_settled(&running).await;
    });
    run.assert_ended(RunEnd::Stopped);
    judge(&world, &Expectation::flawless());
}

/// What a task met on its way through several lives.
#[derive(Debug, Default)]
struct Fates {
    kills: usize,
    /// Records that were not sent again because a cut proved that their shard has them.
    skipped: u64,
    repeated: usize,
}

/// Kills three lives of a task at steps that depend on the seed, then lets it finish.
fn outlive(world: &mut World, seed: u64, fates: &mut Fates, mut between: impl FnMut(&mut World)) {
    let deaths = Deaths {
        count: 3,
        steps_before: 0..20,
        is_applied: 0.5,
    };
    let mut rng = SmallRng::seed_from_u64(seed);
    let killed = Expectation::over_lives().just_killed();
    let runs = live_and_die(world, &deaths, &mut rng, &killed, |world, _rng| between(world));
    judge(world, &Expectation::over_lives());
    fates.kills += runs.iter().filter(|run| run.is_killed).count();
    fates.skipped += runs.iter().map(|run| run.counters.skipped).sum::<u64>();
    let stored: usize = world
        .streams
        .iter()
        .map(|stream| stream.stored_in_all().len())
        .sum();
    fates.repeated += stored - (world.data.messages_count() + 5);
}

#[test]
fn a_killed_task_repeats_at_most_what_no_commit_covered_and_misses_nothing() {
    let mut fates = Fates::default();
    for seed in 0..SEEDS {
        eprintln!("SEED={seed}");
        outlive(&mut world(3), seed, &mut fates, |_world| {});
    }
    let is_telling = fates.kills > 60 && fates.skipped > 0 && fates.repeated > 0;
    assert!(is_telling, "the kills missed: {fates:?}");
}

#[test]
fn a_task_that_is_killed_and_finds_other_shards_misses_nothing() {
    let mut fates = Fates::default();
    for (seed, (before, after)) in (100..).zip([(2, 3), (4, 2), (1, 4), (3, 1), (2, 3), (4, 2)]) {
        eprintln!("SEED={seed}, from {before} to {after} shards");
        let mut world = world(before);
        let mut counts = [after, before].into_iter().cycle();
        outlive(&mut world, seed, &mut fates, |world| {
            world.reshard(counts.next().unwrap());
        });
    }
    let is_telling = fates.kills > 6 && fates.skipped > 0;
    assert!(
        is_telling,
        "the kills missed, or no cut proved anything: {fates:?}"
    );
}

/// A stream that answers badly now and then.
fn scatter_faults(world: &World, rng: &mut SmallRng) {
    for shard in 0..world.shards_count() {
        for _ in 0..12 {
            let listed: Vec<usize> = (0..4).map(|_| rng.random_range(0..40)).collect();
            let fault = match rng.random_range(0..5) {
                0 => PutFault::ThrottleRecords(listed),
                1 => PutFault::FailRecords(listed),
                2 => PutFault::StoreButFailRecords(listed),
                3 => PutFault::StoreThenTimeOut,
                _ => PutFault::ThrottleRequest,
            };
            // No fault for most requests: an empty list strikes nothing.
            let is_struck = rng.random_bool(0.4);
            let calm = PutFault::ThrottleRecords(Vec::new());
            world
                .stream()
                .script_for(shard, if is_struck { fault } else { calm });
        }
    }
}

#[test]
fn over_kills_and_a_stream_that_fails_in_part_the_last_state_of_every_key_is_right() {
    for seed in 200..208 {
        eprintln!("SEED={seed}");
        let mut rng = SmallRng::seed_from_u64(seed);
        let mut world = world(3);
        world.config.message.change_partition_key = ChangePartitionKey::PrimaryKey;
        let mut expectation = Expectation {
            repeats: Repeats::Anytime,
            order: Order::NotYet,
            is_complete: false,
            ..Expectation::flawless()
        };
        for _ in 0..2 {
            scatter_faults(&world, &mut rng);
            let steps_before = rng.random_range(0..40);
            world.run_until(Kill {
                steps_before,
                is_applied: true,
            });
            judge(&world, &expectation);
        }
        world.run(RunMode::Once).assert_ended(RunEnd::Finished);
        expectation.is_complete = true;
        expectation.order = Order::LastState;
        judge(&world, &expectation);
    }
}

/// However much waits, only the request in flight of each shard is finished.
#[test]
fn a_stop_finishes_what_is_sent_and_nothing_that_waits() {
    let shards = 2;
    let mut world = world(shards);
    world.put_delay = Duration::from_millis(150);
    let mut stored_before = 0;
    let mut stopped_at = Instant::now();
    let run = world.run_while(RunMode::Once, async |mut running| {
        running.until_stored(1_000).await;
        running.until(|status| status.in_flight_bytes > 256 * 1024).await;
        stored_before = running.stored_so_far();
        stopped_at = Instant::now();
        running.stop.cancel();
    });
    let took = stopped_at.elapsed();
    run.assert_ended(RunEnd::Stopped);
    assert!(run.status.clean_stop, "{:#?}", run.status);
    let after = world.stream().stored_in_all().len() - stored_before;
    assert!(after <= 500 * 2, "{after} records were sent after the stop");
    // Two round trips would be 300 ms; the rest is for a busy machine.
    assert!(took < Duration::from_secs(2), "{took:?}");
    judge(&world, &Expectation::flawless().unfinished());
    world.put_delay = Duration::ZERO;
    finish_without_a_repeat(&world);
}

#[test]
fn a_request_that_does_not_end_in_time_is_in_doubt_at_the_next_start() {
    let mut world = world(2);
    world.config.limits.drain_timeout = Duration::from_millis(50);
    world.put_delay = Duration::from_mins(10);
    let run = world.run_while(RunMode::Once, async |mut running| {
        running.until(|status| status.in_flight_bytes > 0).await;
        running.stop.cancel();
    });
    assert_eq!(run.end, Ok(RunEnd::Stopped));
    run.assert_nothing_in_flight();
    assert!(!run.status.clean_stop, "{:#?}", run.status);
    judge(&world, &Expectation::over_lives().unfinished());
    world.put_delay = Duration::ZERO;
    world.run(RunMode::Once).assert_ended(RunEnd::Finished);
    judge(&world, &Expectation::over_lives());
}
