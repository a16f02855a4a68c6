//! Trouble with the stream and with the state: nothing is lost, repeats only where an answer was in doubt.
#![allow(clippy::unwrap_used, reason = "a test that cannot be set up has to fail")]

use bucket_brigade::checkpoint::store::memory::CommitFault;
use bucket_brigade::fault::FaultKind;
use bucket_brigade::settings::{ChangePartitionKey, MigrationType, Ordering, RunMode};
use bucket_brigade::sink::memory::PutFault;
use bucket_brigade::supervise::pipeline::RunEnd;

use crate::support::expectation::{Expectation, Order, Repeats};
use crate::support::fixtures::Data;
use crate::support::oracle::judge;
use crate::support::pipeline::{Run, World};

/// Change rows of seven keys per table, each key with many states, in one shard: requests of many records.
fn changes_world() -> World {
    let mut data = Data::new(2);
    for _ in 0..4 {
        data.changes(300);
    }
    let mut world = World::new(data, 1);
    world.config.migration_type = MigrationType::Changes;
    world.config.message.change_partition_key = ChangePartitionKey::PrimaryKey;
    world.config.message.control_records = false;
    world
}

/// Two tables in two shards.
fn load_world() -> World {
    let mut data = Data::new(2).with_note_bytes(400);
    for table in [0, 1, 0, 1] {
        data.load(table, 400);
    }
    data.changes(100);
    World::new(data, 2)
}

fn kind_of(run: &Run) -> FaultKind {
    run.end.clone().unwrap_err().kind
}

#[test]
fn after_partial_failures_the_last_state_of_every_key_is_right() {
    let world = changes_world();
    for fault in [
        PutFault::ThrottleRecords(vec![1, 20, 21, 90]),
        PutFault::FailRecords(vec![0, 5]),
        PutFault::ThrottleRecords(vec![2]),
        PutFault::StoreButFailRecords(vec![3, 4]),
    ] {
        world.stream().script(fault);
    }
    let run = world.run(RunMode::Once);
    run.assert_ended(RunEnd::Finished);
    let expectation = Expectation {
        repeats: Repeats::Anytime,
        order: Order::LastState,
        ..Expectation::flawless()
    };
    judge(&world, &expectation);
    let counters = run.counters;
    assert!(
        counters.refused >= 5 && counters.doubtful >= 4 && counters.repeated > 0,
        "the faults did not strike: {counters:?}"
    );
}

#[test]
fn without_ordering_a_partial_failure_repeats_nothing() {
    let mut world = changes_world();
    world.config.delivery.ordering = Ordering::None;
    // Every key has one state left to lose: the order is what this setting gives up.
    world.data = Data::new(2);
    let key = world.data.load(0, 300);
    world.config.migration_type = MigrationType::FullLoad;
    world.put(&key);
    world
        .stream()
        .script(PutFault::ThrottleRecords((0..150).step_by(7).collect()));
    let run = world.run(RunMode::Once);
    run.assert_ended(RunEnd::Finished);
    let expectation = Expectation {
        order: Order::LastState,
        ..Expectation::flawless()
    };
    judge(&world, &expectation);
    assert_eq!((run.counters.refused, run.counters.repeated), (22, 0));
}

#[test]
fn requests_that_stored_nothing_for_certain_are_repeated_without_a_trace() {
    let world = load_world();
    let faults = [
        PutFault::ThrottleRequest,
        PutFault::NotSent,
        PutFault::TimeOut,
        PutFault::ThrottleRequest,
    ];
    for shard in 0..2 {
        for fault in faults.clone() {
            world.stream().script_for(shard, fault);
        }
    }
    let run = world.run(RunMode::Once);
    run.assert_ended(RunEnd::Finished);
    judge(&world, &Expectation::flawless());
    assert_eq!(
        run.status.generation, 1,
        "expected trouble must not end a generation"
    );
    assert!(
        run.counters.refused > 0,
        "the faults did not strike: {:?}",
        run.counters
    );
}

#[test]
fn a_lost_answer_repeats_its_request_and_loses_nothing() {
    let world = load_world();
    world.stream().script_for(0, PutFault::StoreThenTimeOut);
    world.stream().script_for(1, PutFault::StoreThenTimeOut);
    let run = world.run(RunMode::Once);
    run.assert_ended(RunEnd::Finished);
    let expectation = Expectation {
        repeats: Repeats::Anytime,
        ..Expectation::flawless()
    };
    judge(&world, &expectation);
    let stored = world.stream().stored_in_all().len();
    let repeated = stored - (world.data.messages_count() + 5);
    assert_eq!(
        u64::try_from(repeated).unwrap(),
        run.counters.doubtful,
        "only what was in doubt is stored twice"
    );
    assert!(repeated > 0, "the faults did not strike");
}

#[test]
fn a_stream_that_refuses_for_good_stops_the_task_and_the_next_run_goes_on() {
    for (fault, kind, exit_code) in [
        (PutFault::Denied, FaultKind::PermissionDenied, 77),
        (PutFault::Missing, FaultKind::SourceMissing, 66),
    ] {
        let world = load_world();
        world.stream().script_for(0, PutFault::ThrottleRequest);
        world.stream().script_for(0, fault);
        let run = world.run(RunMode::Once);
        assert_eq!(
            (kind_of(&run), kind.exit_code()),
            (kind, exit_code),
            "{:?}",
            run.end
        );
        world.run(RunMode::Once).assert_ended(RunEnd::Finished);
        let expectation = Expectation {
            repeats: Repeats::BetweenLives,
            ..Expectation::flawless()
        };
        judge(&world, &expectation);
    }
}

#[test]
fn a_panic_while_sending_starts_a_new_generation_that_loses_nothing() {
    let world = load_world();
    world.stream().script_for(1, PutFault::NotSent);
    world.stream().script_for(1, PutFault::Panic);
    let run = world.run(RunMode::Once);
    run.assert_ended(RunEnd::Finished);
    assert_eq!(run.status.generation, 2, "one panic, one restart");
    let expectation = Expectation {
        repeats: Repeats::BetweenLives,
        ..Expectation::flawless()
    };
    judge(&world, &expectation);
}

#[test]
fn the_task_gives_up_when_its_restarts_are_used_up() {
    let mut world = load_world();
    world.config.limits.restarts_max = 1;
    world.stream().script(PutFault::Panic);
    world.stream().script(PutFault::Panic);
    let run = world.run(RunMode::Once);
    assert_eq!(kind_of(&run), FaultKind::Panic, "{:?}", run.end);
    assert_eq!(run.status.generation, 2, "one restart is allowed");
    world.run(RunMode::Once).assert_ended(RunEnd::Finished);
    let expectation = Expectation {
        repeats: Repeats::BetweenLives,
        ..Expectation::flawless()
    };
    judge(&world, &expectation);
}

#[test]
fn a_commit_that_fails_stops_the_task_and_the_next_run_goes_on() {
    for fault in [CommitFault::NotApplied, CommitFault::Applied] {
        for commits_before in [0, 1, 3] {
            let world = load_world();
            world.store.fail_commit_after(commits_before, fault).unwrap();
            let run = world.run(RunMode::Once);
            assert_eq!(kind_of(&run), FaultKind::StateIo, "{:?}", run.end);
            assert_eq!(kind_of(&run).exit_code(), 74);
            let mut expectation = Expectation {
                repeats: Repeats::BetweenLives,
                is_complete: false,
                ..Expectation::flawless()
            };
            judge(&world, &expectation);
            world.run(RunMode::Once).assert_ended(RunEnd::Finished);
            expectation.is_complete = true;
            judge(&world, &expectation);
        }
    }
}
