//! `delivery: dedupe`: over kills, requests without an answer and resharding no record comes twice and none is missing.
#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test that cannot be set up has to fail, and one that fails has to name its seed"
)]

use bucket_brigade::fault::FaultKind;
use bucket_brigade::settings::{ChangePartitionKey, Guarantee, Ordering, RecreatedStream, RunMode};
use bucket_brigade::sink::memory::PutFault;
use bucket_brigade::supervise::pipeline::RunEnd;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use crate::support::expectation::{Expectation, Order};
use crate::support::fixtures::{Data, Defect};
use crate::support::journal::Kill;
use crate::support::lives::{Deaths, live_and_die};
use crate::support::oracle::judge;
use crate::support::pipeline::World;

/// Seeds of each test over kills.
const SEEDS: u64 = 20;

/// Files of several chunks with bad rows, and shards of different speeds: many requests and many commits.
fn world(shards_count: u32) -> World {
    let mut data = Data::new(2).with_note_bytes(1_500);
    for number in 0..3 {
        data.load(0, 100 + number * 200);
        data.load_with(1, 150, &[(number, Defect::FieldMissing)]);
    }
    data.changes_with(150, &[(7, Defect::UnknownTable)]);
    data.changes(250);
    let mut world = World::busy(data, shards_count);
    world.config.delivery.guarantee = Guarantee::Dedupe;
    world
}

/// Kills three lives of a task at steps that the generator chooses, then lets it finish; what was found by looking.
fn outlive(world: &mut World, rng: &mut SmallRng, between: impl FnMut(&mut World, &mut SmallRng)) -> u64 {
    let deaths = Deaths {
        count: 3,
        steps_before: 0..40,
        is_applied: 0.7,
    };
    let killed = Expectation::flawless().just_killed();
    let runs = live_and_die(world, &deaths, rng, &killed, between);
    let counters = runs.iter().map(|run| &run.counters);
    counters.map(|counters| counters.found + counters.recovered).sum()
}

#[test]
fn a_killed_task_repeats_nothing_and_misses_nothing() {
    let mut found = 0;
    for seed in 0..SEEDS {
        eprintln!("SEED={seed}");
        let mut world = world(3);
        found += outlive(&mut world, &mut SmallRng::seed_from_u64(seed), |_, _| {});
        judge(&world, &Expectation::flawless());
    }
    assert!(found > 0, "no kill left anything in doubt");
}

/// Requests that end in doubt in all ways, refusals, and kills on top.
#[test]
fn requests_in_doubt_are_resolved_by_looking_also_over_kills() {
    for (seed, ordering) in (300..).zip([Ordering::Strict, Ordering::None].into_iter().cycle().take(12)) {
        eprintln!("SEED={seed}, {ordering:?}");
        let mut rng = SmallRng::seed_from_u64(seed);
        let mut world = world(2);
        world.config.delivery.ordering = ordering;
        world.config.message.change_partition_key = ChangePartitionKey::PrimaryKey;
        scatter_faults(&world, &mut rng);
        let found = outlive(&mut world, &mut rng, |world, rng| scatter_faults(world, rng));
        assert!(found > 0, "nothing was in doubt");
        let order = match ordering {
            Ordering::None => Order::NotYet,
            Ordering::Strict | Ordering::Final => Order::LastState,
        };
        judge(
            &world,
            &Expectation {
                order,
                ..Expectation::flawless()
            },
        );
    }
}

fn scatter_faults(world: &World, rng: &mut SmallRng) {
    for shard in 0..world.shards_count() {
        for _ in 0..8 {
            let listed: Vec<usize> = (0..4).map(|_| rng.random_range(0..40)).collect();
            world.stream().script_for(
                shard,
                match rng.random_range(0..8) {
                    0 => PutFault::ThrottleRecords(listed),
                    1 => PutFault::FailRecords(listed),
                    2 => PutFault::StoreButFailRecords(listed),
                    3 => PutFault::StoreThenTimeOut,
                    4 => PutFault::TimeOut,
                    _ => PutFault::ThrottleRecords(Vec::new()),
                },
            );
        }
    }
}

/// Splits and merges at moments that depend on the seed, while the task runs.
#[test]
fn a_stream_that_is_resharded_while_it_is_written_gets_every_record_once_and_in_order() {
    for seed in 400..412 {
        eprintln!("SEED={seed}");
        let mut rng = SmallRng::seed_from_u64(seed);
        let world = world(2);
        let messages_count = world.data.messages_count();
        let (first, second) = (rng.random_range(1..messages_count / 3), messages_count / 2);
        let run = world.run_while(RunMode::Once, async |mut running| {
            running.until_stored(first).await;
            world.stream().split(0);
            running.until_stored(second).await;
            // The halves of the first shard are the third and the fourth.
            world.stream().merge(2, 3);
        });
        run.assert_ended(RunEnd::Finished);
        judge(&world, &resharded());
    }
}

/// What was in flight to two shards when they were merged meets in the new one, so order holds per key there.
fn resharded() -> Expectation {
    Expectation {
        order: Order::LastState,
        ..Expectation::flawless()
    }
}

/// The stream is resharded while nobody looks: what is in doubt may be in a closed shard or in what came of it.
#[test]
fn a_killed_task_finds_what_it_sent_in_shards_that_are_closed_by_now() {
    let mut found = 0;
    for seed in 500..510 {
        eprintln!("SEED={seed}");
        let mut world = world(2);
        let mut step = 0;
        found += outlive(&mut world, &mut SmallRng::seed_from_u64(seed), |world, _rng| {
            match step {
                0 => world.stream().split(0),
                1 => world.stream().merge(2, 3),
                _ => world.stream().split(1),
            }
            step += 1;
        });
        judge(&world, &Expectation::flawless());
    }
    assert!(found > 0, "no kill left anything in doubt");
}

#[test]
fn a_clean_stop_leaves_nothing_to_look_for() {
    let world = world(2);
    let run = world.run_while(RunMode::Once, async |mut running| {
        running.until_stored(200).await;
        running.stop.cancel();
    });
    run.assert_ended(RunEnd::Stopped);
    let run = world.run(RunMode::Once);
    run.assert_ended(RunEnd::Finished);
    assert_eq!((run.counters.found, run.counters.recovered), (0, 0));
    judge(&world, &Expectation::flawless());
}

#[test]
fn another_stream_of_the_same_name_stops_the_task() {
    let mut world = world(1);
    world.run_until(Kill {
        steps_before: 20,
        is_applied: true,
    });
    world.reshard(2);
    world.config.delivery.recreated_stream = RecreatedStream::Stop;
    let run = world.run(RunMode::Once);
    let fault = run.assert_failed(FaultKind::StateDamaged, 76);
    assert!(fault.to_string().contains("recreated_stream"), "{fault}");
}
