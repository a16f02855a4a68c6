//! Turns with the state of a running task: nothing is in flight in them, and the task goes on as if there had been none.
#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test that cannot be set up has to fail, and one that fails has to name its seed"
)]

use std::time::Duration;

use bucket_brigade::checkpoint::reload::Extent;
use bucket_brigade::checkpoint::store::CheckpointStore;
use bucket_brigade::settings::{Guarantee, RunMode};
use bucket_brigade::supervise::pipeline::RunEnd;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use crate::support::expectation::Expectation;
use crate::support::fixtures::Data;
use crate::support::journal::Kill;
use crate::support::lives::finish_without_a_repeat;
use crate::support::oracle::judge;
use crate::support::pipeline::{Running, World};

/// Two tables with two files each, and changes.
fn data() -> Data {
    data_of(1_200)
}

fn data_of(note_bytes: usize) -> Data {
    let mut data = Data::new(2).with_note_bytes(note_bytes);
    for rows_count in [90, 160] {
        data.load(0, rows_count);
        data.load(1, rows_count + 7);
    }
    data.changes(80);
    data
}

/// Waits until so many percent of the messages are stored.
async fn until_percent(world: &World, running: &mut Running, percent: usize) {
    let count = world.data.messages_count() * percent / 100 + 1;
    running.until_stored(count).await;
}

/// G2.
#[test]
fn nothing_is_in_flight_in_a_turn_and_the_task_goes_on_at_the_row() {
    let mut world = World::busy(data_of(8_000), 3);
    // A few of about sixty chunks.
    world.config.limits.in_flight_bytes = 512 << 10;
    let run = world.run_while(RunMode::Once, async |mut running| {
        for percent in [5, 20, 40, 60, 80] {
            until_percent(&world, &mut running, percent).await;
            let turn = running.turns.take().await;
            let stored = running.stored_so_far();
            assert!(
                world.store.load().unwrap().task.clean_stop,
                "all of it is committed"
            );
            tokio::time::sleep(Duration::from_millis(30)).await;
            assert_eq!(running.stored_so_far(), stored, "nothing is sent in a turn");
            drop(turn);
        }
    });
    run.assert_ended(RunEnd::Finished);
    judge(&world, &Expectation::flawless());
    assert!(run.status.generation > 3, "{}", run.status.generation);
    assert_eq!(run.status.restarts, 0, "a turn is not a restart");
}

#[test]
fn a_paused_task_goes_on_when_it_is_resumed_and_stops_when_it_is_asked_to() {
    let world = World::busy(data(), 3);
    let run = world.run_while(RunMode::Once, async |mut running| {
        until_percent(&world, &mut running, 30).await;
        running.turns.pause();
        running.until(|status| status.paused).await;
        let stored = running.stored_so_far();
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert_eq!(running.stored_so_far(), stored, "nothing is sent meanwhile");
        running.turns.resume();
        until_percent(&world, &mut running, 60).await;
        running.turns.pause();
        running.until(|status| status.paused).await;
        running.stop.cancel();
    });
    run.assert_ended(RunEnd::Stopped);
    judge(&world, &Expectation::flawless().unfinished());
    finish_without_a_repeat(&world);
}

#[test]
fn a_table_is_loaded_again_while_others_are_on_their_way() {
    for percent in [5, 40, 75, 95] {
        let world = World::busy(data(), 2);
        let run = world.run_while(RunMode::Once, async |mut running| {
            until_percent(&world, &mut running, percent).await;
            let turn = running.turns.take().await;
            world.reload(&[0], Extent::Some).unwrap();
            drop(turn);
        });
        run.assert_ended(RunEnd::Finished);
        judge(&world, &Expectation::flawless());
    }
}

/// Kills at any step, while one turn follows the other and a table is loaded again in one of them.
#[test]
fn kills_between_turns_lose_nothing_and_repeat_nothing() {
    let (mut kills, mut reloads) = (0, 0);
    for seed in 0..24 {
        eprintln!("SEED={seed}");
        let mut rng = SmallRng::seed_from_u64(seed);
        let mut world = World::busy(data(), 2);
        world.config.delivery.guarantee = Guarantee::Dedupe;
        for _ in 0..3 {
            let reload_in = rng.random_range(0..6);
            let kill = Kill {
                steps_before: rng.random_range(0..30),
                is_applied: rng.random_bool(0.6),
            };
            let run = world.run_killed_while(kill, async |mut running| {
                for turns in 0.. {
                    tokio::time::sleep(Duration::from_millis(4)).await;
                    let is_over = running.status.borrow_and_update().life.stop.is_some();
                    if world.journal.is_dead() || is_over {
                        return;
                    }
                    let turn = running.turns.take().await;
                    if turns == reload_in && world.reload(&[0], Extent::Some).is_ok() {
                        reloads += 1;
                    }
                    drop(turn);
                }
            });
            kills += usize::from(run.is_killed);
            judge(&world, &Expectation::flawless().just_killed());
        }
        world.run(RunMode::Once).assert_ended(RunEnd::Finished);
        judge(&world, &Expectation::flawless());
    }
    assert!(kills > 20 && reloads > 10, "{kills} kills, {reloads} reloads");
}
