//! What hangs is noticed: a shard that can store nothing, a thread that does not answer, a request that never ends.
#![allow(clippy::unwrap_used, reason = "a test that cannot be set up has to fail")]

use std::time::Duration;

use bucket_brigade::fault::FaultKind;
use bucket_brigade::flow::failpoints;
use bucket_brigade::observe::stall::WaitsFor;
use bucket_brigade::settings::RunMode;
use bucket_brigade::sink::memory::PutFault;
use bucket_brigade::supervise::pipeline::RunEnd;
use tokio::time::Instant;

use crate::support::expectation::Expectation;
use crate::support::fixtures::Data;
use crate::support::oracle::judge;
use crate::support::pipeline::World;

/// A table and its changes, of a task with a name of its own: failpoints belong to tasks.
fn world_of(task: &str) -> World {
    let mut data = Data::new(1);
    data.load(0, 2_000);
    data.changes(200);
    let mut world = World::busy(data, 1);
    task.clone_into(&mut world.config.task);
    world
}

#[test]
fn a_shard_that_stores_nothing_for_ten_seconds_is_shown_with_its_cause() {
    let world = world_of("stalls");
    world.stream().set_lasting(Some(PutFault::ThrottleRequest));
    let run = world.run_while(RunMode::Once, async |mut running| {
        running
            .until(|status| status.shards.iter().any(|shard| shard.activity.stall.is_some()))
            .await;
        let stall = running
            .status
            .borrow()
            .shards
            .iter()
            .find_map(|shard| shard.activity.stall);
        let stall = stall.unwrap();
        assert_eq!(stall.waits_for, WaitsFor::Throughput);
        assert!(stall.lasted_ms >= 10_000, "{stall:?}");
        world.stream().set_lasting(None);
        running
            .until(|status| status.shards.iter().all(|shard| shard.activity.stall.is_none()))
            .await;
    });
    run.assert_ended(RunEnd::Finished);
    assert_eq!(run.status.generation, 1, "no restart");
    judge(&world, &Expectation::flawless());
}

#[test]
fn a_thread_that_hangs_and_goes_on_costs_a_generation() {
    let mut world = world_of("hangs-for-a-while");
    world.config.limits.hang_timeout = Duration::from_secs(2);
    failpoints::plan_hang(&world.config.task, "parse a chunk", Duration::from_millis(3_500));
    let run = world.run(RunMode::Once);
    run.assert_ended(RunEnd::Finished);
    assert_eq!(run.status.generation, 2);
    let failure = run.status.life.last_failure.as_deref().unwrap_or_default();
    assert!(
        failure.contains("of readers and parsers has not answered for 2 s"),
        "{failure}"
    );
    judge(&world, &Expectation::over_lives());
}

#[test]
fn a_thread_that_hangs_for_good_ends_the_process_and_the_next_start_goes_on() {
    let mut world = world_of("hangs-for-good");
    world.config.limits.hang_timeout = Duration::from_secs(1);
    failpoints::plan_hang(&world.config.task, "parse a chunk", Duration::from_mins(2));
    let began = Instant::now();
    let fault = world.run(RunMode::Once).assert_failed(FaultKind::Hang, 70);
    assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
    assert!(fault.message.contains("only another process"), "{fault}");
    world.run(RunMode::Once).assert_ended(RunEnd::Finished);
    judge(&world, &Expectation::over_lives());
}

#[test]
fn a_request_that_never_ends_costs_a_generation() {
    let mut world = world_of("never-answered");
    // Longer than a busy machine keeps a thread from its beat.
    world.config.limits.hang_timeout = Duration::from_secs(3);
    world.config.limits.restarts_max = 0;
    world.put_delay = Duration::from_mins(10);
    let fault = world.run(RunMode::Once).assert_failed(FaultKind::Panic, 70);
    assert!(fault.message.contains("nothing has happened to"), "{fault}");
    world.put_delay = Duration::ZERO;
    world.run(RunMode::Once).assert_ended(RunEnd::Finished);
    judge(&world, &Expectation::over_lives());
}
