//! An outage that was longer than the stream keeps its records, and looks that a person does not wait for.
#![allow(clippy::unwrap_used, reason = "a test that cannot be set up has to fail")]

use std::sync::Arc;
use std::time::Duration;

use bucket_brigade::checkpoint::store::CheckpointStore;
use bucket_brigade::fault::FaultKind;
use bucket_brigade::settings::{Guarantee, OutOfRetention, RunMode};
use bucket_brigade::sink::memory::Gone;
use bucket_brigade::supervise::pipeline::RunEnd;
use tokio::time::Instant;

use crate::support::expectation::Expectation;
use crate::support::fixtures::Data;
use crate::support::journal::Kill;
use crate::support::oracle::judge;
use crate::support::pipeline::World;
use crate::support::set_clock::SetClock;

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;
const STARTED_MS: i64 = 1_793_000_000_000;

/// A task that was killed with records in doubt.
fn killed_world() -> (World, Arc<SetClock>) {
    let mut data = Data::new(1).with_note_bytes(1_500);
    for _ in 0..4 {
        data.load(0, 800);
    }
    let mut world = World::busy(data, 2);
    world.config.delivery.guarantee = Guarantee::Dedupe;
    let clock = Arc::new(SetClock::at(STARTED_MS));
    world.clock = Arc::<SetClock>::clone(&clock);
    let run = world.run_until(Kill {
        steps_before: 10,
        is_applied: true,
    });
    assert!(run.is_killed, "{:?}", run.end);
    judge(&world, &Expectation::flawless().just_killed());
    (world, clock)
}

fn trim_everything(world: &World, gone: Gone) {
    for shard in 0..world.shards_count() {
        world
            .stream()
            .trim(shard, world.stream().stored(shard).len(), gone);
    }
}

/// `stop` leaves the decision to a person, however the service answers; `resend` loses nothing.
#[test]
fn after_an_outage_longer_than_the_retention_the_policy_decides() {
    for gone in [Gone::BeginsAtOldest, Gone::StaysEmpty, Gone::IsRefused] {
        let (mut world, clock) = killed_world();
        trim_everything(&world, gone);
        clock.set(STARTED_MS + 3 * DAY_MS);
        world.config.delivery.out_of_retention = OutOfRetention::Stop;
        let run = world.run(RunMode::Once);
        let fault = run.assert_failed(FaultKind::Data, 65);
        let text = fault.to_string();
        assert!(
            text.contains("no longer keeps the last known record"),
            "{gone:?}: {text}"
        );
        assert!(text.contains("out_of_retention"), "{gone:?}: {text}");
        world.config.delivery.out_of_retention = OutOfRetention::Resend;
        let run = world.run(RunMode::Once);
        run.assert_ended(RunEnd::Finished);
        judge(&world, &Expectation::over_lives());
    }
}

/// The records are gone, but the crash was an hour ago: whatever it left in doubt would still be there.
#[test]
fn a_place_that_is_gone_stops_nobody_if_the_doubt_is_young() {
    for gone in [Gone::BeginsAtOldest, Gone::StaysEmpty, Gone::IsRefused] {
        let (mut world, clock) = killed_world();
        trim_everything(&world, gone);
        clock.set(STARTED_MS + DAY_MS / 24);
        world.config.delivery.out_of_retention = OutOfRetention::Stop;
        let run = world.run(RunMode::Once);
        run.assert_ended(RunEnd::Finished);
        judge(&world, &Expectation::over_lives());
    }
}

/// Nobody waits for a look: the task is as much in doubt as before, and the next start looks again.
#[test]
fn a_stop_ends_a_look_at_once() {
    let (mut world, _clock) = killed_world();
    world.config.delivery.settle = Duration::from_secs(30);
    let begun = Instant::now();
    let run = world.run_while(RunMode::Once, async |mut running| {
        running
            .until(|status| status.shards.iter().any(|shard| shard.activity.doubt.is_some()))
            .await;
        running.stop.cancel();
    });
    assert!(matches!(run.end, Ok(RunEnd::Stopped)), "{:?}", run.end);
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    let task = world.store.reopen().unwrap().load().unwrap().task;
    assert!(!task.clean_stop && task.in_doubt_since_ms.is_some(), "{task:?}");
    world.config.delivery.settle = Duration::from_millis(20);
    let run = world.run(RunMode::Once);
    run.assert_ended(RunEnd::Finished);
    judge(&world, &Expectation::flawless());
}
