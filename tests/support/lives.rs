//! Tasks that live more than once: stopped or killed on the way, started again, and judged each time.

use std::ops::Range;

use bucket_brigade::checkpoint::store::ObjectState;
use bucket_brigade::settings::RunMode;
use bucket_brigade::supervise::pipeline::RunEnd;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use super::expectation::Expectation;
use super::journal::Kill;
use super::oracle::judge;
use super::pipeline::{Run, World};

/// How lives are ended.
#[derive(Debug, Clone)]
pub(crate) struct Deaths {
    /// How many.
    pub(crate) count: u32,
    /// Which requests and commits are the last ones.
    pub(crate) steps_before: Range<u64>,
    /// How likely that last step still has its effect.
    pub(crate) is_applied: f64,
}

/// Ends lives of a task at steps that the generator chooses, judges what each of them left behind, and lets one more
/// finish. Gives all runs, the last one too; how everything is to be judged behind it is for the caller to say. A task
/// that is done before its life can be ended lives on all the same: it must not mind.
pub(crate) fn live_and_die(
    world: &mut World,
    deaths: &Deaths,
    rng: &mut SmallRng,
    killed: &Expectation,
    mut between: impl FnMut(&mut World, &mut SmallRng),
) -> Vec<Run> {
    let mut runs = Vec::new();
    for _ in 0..deaths.count {
        let run = world.run_until(Kill {
            steps_before: rng.random_range(deaths.steps_before.clone()),
            is_applied: rng.random_bool(deaths.is_applied),
        });
        if !run.is_killed {
            run.assert_ended(RunEnd::Finished);
        }
        judge(world, killed);
        between(world, rng);
        runs.push(run);
    }
    let run = world.run(RunMode::Once);
    run.assert_ended(RunEnd::Finished);
    runs.push(run);
    runs
}

/// Stops a task once so many percent of its messages are stored, and judges that nothing came twice.
pub(crate) fn stop_at_percent(world: &World, percent: usize) {
    let stop_at = world.data.messages_count() * percent / 100 + 1;
    let run = world.run_while(RunMode::Once, async |mut running| {
        running.until_stored(stop_at).await;
        running.stop.cancel();
    });
    run.assert_ended(RunEnd::Stopped);
    judge(world, &Expectation::flawless().unfinished());
}

/// Lets a task finish, and judges that nothing came twice in all its lives.
pub(crate) fn finish_without_a_repeat(world: &World) {
    world.run(RunMode::Once).assert_ended(RunEnd::Finished);
    judge(world, &Expectation::flawless());
}

/// A task that is stopped in the middle of its files goes on without a repeat, whatever the files are.
pub(crate) fn stops_repeat_nothing(world: impl Fn() -> World) {
    for percent in [5, 30, 50, 70] {
        let world = world();
        stop_at_percent(&world, percent);
        finish_without_a_repeat(&world);
    }
}

/// A task that is killed in the middle of its files repeats at most what no commit covered, whatever the files are.
pub(crate) fn kills_repeat_at_most_what_no_commit_covered(world: impl Fn() -> World) {
    let deaths = Deaths {
        count: 4,
        steps_before: 0..16,
        is_applied: 0.5,
    };
    let killed = Expectation::over_lives().just_killed();
    let (mut kills, mut in_the_middle) = (0, 0);
    for seed in 0..16 {
        eprintln!("SEED={seed}");
        let (mut world, mut rng) = (world(), SmallRng::seed_from_u64(seed));
        let runs = live_and_die(&mut world, &deaths, &mut rng, &killed, |world, _rng| {
            in_the_middle += open_in_the_middle(world);
        });
        judge(&world, &Expectation::over_lives());
        kills += runs.iter().filter(|run| run.is_killed).count();
    }
    assert!(
        kills > 15 && in_the_middle > 2,
        "{kills} kills, {in_the_middle} in the middle of a file"
    );
}

/// How many files are settled in part.
fn open_in_the_middle(world: &World) -> usize {
    let keys = world.data.files.iter().map(|file| &file.key);
    let states = keys.filter_map(|key| world.entry(key).map(|entry| entry.state));
    let is_in_the_middle =
        |state: &ObjectState| matches!(state, ObjectState::Open(progress) if progress.watermark.position > 0);
    states.filter(is_in_the_middle).count()
}
