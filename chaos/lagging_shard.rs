//! SIGKILL while one shard is far behind another, and then both are merged: what was sent to the one that was ahead does not
//! come again, however many rows of the other have to come before.

use std::ops::Range;

use bucket_brigade::sandbox::fault_proxy::FaultRates;
use bucket_brigade::sandbox::reshard::ReshardStep;
use clap::Args;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use crate::ScenarioResult;
use crate::field::data::{Data, Equals};
use crate::field::gate::Weather;
use crate::field::judge::Expectation;
use crate::field::task::TaskConfig;
use crate::field::world::Side;
use crate::field::{Field, PATIENCE};

const TABLES: usize = 1;
const PACE: u64 = 6_000;
const ROWS_PER_FILE: usize = 24_000;
/// How far the shard that goes on is ahead at the kill: more records than a batch has, fewer than fit in flight.
const AHEAD: Range<u64> = 5_800..7_500;

#[derive(Debug, Clone, Args)]
pub(crate) struct Arguments {
    /// Seed of the data and of the moments
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// How often to kill, each time in a file of its own
    #[arg(long, default_value_t = 3)]
    pub(crate) count: u64,
}

pub(crate) fn run(arguments: &Arguments) -> ScenarioResult {
    let Arguments { seed, count } = *arguments;
    let mut rng = SmallRng::seed_from_u64(seed);
    let ordering = if rng.random_bool(0.5) { "strict" } else { "final" };
    println!("lagging-shard: seed {seed}, {count} kills, ordering {ordering}");
    let task = TaskConfig {
        ordering,
        records_per_second: Some(PACE),
        // What the slower shard has not taken yet has to fit.
        limits: "  in_flight: 48MiB\n".to_owned(),
        ..TaskConfig::default()
    };
    let data = Data::new(seed, TABLES, Equals::None);
    let mut field = Field::new(seed, data, task, FaultRates::default())?;
    for number in 0..count {
        if number == 0 {
            field.load(1, ROWS_PER_FILE)?;
        } else {
            field.changes(ROWS_PER_FILE)?;
            // The lives before have merged the two of them.
            field.world.reshard(ReshardStep::Split, &mut rng)?;
        }
        let killed = kill_while_one_lags(&field, &mut rng);
        let killed = killed.map_err(|finding| format!("seed {seed}, kill {}: {finding}", number + 1))?;
        println!("  kill {}: {killed}", number + 1);
        field.complete(PATIENCE)?;
    }
    let findings = field.judge(Expectation::default())?.verdict(0);
    let text =
        format!("seed {seed}: {ordering}, {count} kills while one of two shards was behind, then merged");
    match findings {
        Ok(findings) => Ok(format!("{text}; {findings}")),
        Err(findings) => Err(format!("{text}; {findings}")),
    }
}

/// Starts the engine, holds one of the two shards back, kills the engine when the other is ahead, and merges the shards.
fn kill_while_one_lags(field: &Field, rng: &mut SmallRng) -> ScenarioResult {
    let before = field.world.stored();
    let mut engine = field.start(&[])?;
    let held_at = before + rng.random_range(200..1_500);
    engine.until("the shard is held", PATIENCE, || field.world.stored() >= held_at)?;
    let slow = field.world.throttle_half(rng);
    let held_at = field.world.stored();
    let kill_at = held_at + rng.random_range(AHEAD);
    engine.until("a shard is ahead", PATIENCE, || field.world.stored() >= kill_at)?;
    // What is stored from here on is in no checkpoint.
    field.world.set(Side::Target, Weather::Swallowing);
    let in_doubt_from = field.world.stored();
    engine.until("the kill", PATIENCE, || field.world.stored() > in_doubt_from)?;
    engine.kill()?;
    field.world.set(Side::Target, Weather::Clear);
    let in_doubt = field.world.stored() - in_doubt_from;
    let ahead = field.world.stored() - held_at;
    field.world.throttle_none();
    field.world.reshard(ReshardStep::Merge, rng)?;
    Ok(format!(
        "the {slow} shard was {ahead} records behind, {in_doubt} of the other in doubt"
    ))
}
