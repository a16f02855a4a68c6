//! Rows that are equal in every byte: as many of them come as are in the files, over SIGKILL, throttling, lost answers and
//! other shards.

use bucket_brigade::sandbox::fault_proxy::FaultRates;
use bucket_brigade::sandbox::reshard::ReshardStep;
use clap::Args;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use crate::ScenarioResult;
use crate::field::data::{Data, Equals};
use crate::field::task::TaskConfig;
use crate::field::{Field, PATIENCE};

const TABLES: usize = 2;

#[derive(Debug, Clone, Args)]
pub(crate) struct Arguments {
    /// Seed of the data and of the moments
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// Rows, half of them in load files
    #[arg(long, default_value_t = 24_000)]
    pub(crate) rows: usize,
    /// How often to kill
    #[arg(long, default_value_t = 4)]
    pub(crate) count: u64,
    /// A shard is split or two are merged around every so many kills
    #[arg(long, default_value_t = 1)]
    pub(crate) reshard_every: u64,
    /// Limits that count no rows are others after every so many kills; 0: never
    #[arg(long, default_value_t = 0)]
    pub(crate) limits_every: u64,
    /// Share of records that the stream refuses one by one, in per cent
    #[arg(long, default_value_t = 10)]
    pub(crate) throttle: u8,
    /// Share of requests that are carried out and never answered, in per cent
    #[arg(long, default_value_t = 2)]
    pub(crate) swallow: u8,
    /// Share of requests that are neither carried out nor answered, in per cent
    #[arg(long, default_value_t = 1)]
    pub(crate) lose: u8,
}

impl Default for Arguments {
    fn default() -> Self {
        Self {
            seed: 1,
            rows: 24_000,
            count: 4,
            reshard_every: 1,
            limits_every: 0,
            throttle: 10,
            swallow: 2,
            lose: 1,
        }
    }
}

pub(crate) fn run(arguments: &Arguments) -> ScenarioResult {
    let Arguments {
        seed, rows, count, ..
    } = *arguments;
    let rates = FaultRates {
        throttle: arguments.throttle,
        swallow: arguments.swallow,
        lose: arguments.lose,
        late: 0,
    };
    let mut rng = SmallRng::seed_from_u64(seed);
    let ordering = if rng.random_bool(0.5) { "strict" } else { "final" };
    println!("equal-rows: seed {seed}, {rows} rows, {count} kills, ordering {ordering}, {rates:?}");
    let task = TaskConfig {
        ordering,
        records_per_second: Some(8_000),
        ..TaskConfig::default()
    };
    let data = Data::new(seed, TABLES, Equals::EveryHundredth);
    let mut field = Field::new(seed, data, task, rates)?;
    field.load(2, rows / 2 / TABLES / 2)?;
    for _ in 0..4 {
        field.changes(rows / 2 / 4)?;
    }
    kill(&mut field, arguments, &mut rng)?;
    field.complete(PATIENCE)?;
    let faults = field.world.faults();
    let equal = field.data.copies().iter().map(|copies| u64::from(*copies) - 1);
    let equal: u64 = equal.sum();
    let findings = field.verdict_over_faults(count);
    let text = format!(
        "seed {seed}: {ordering}, {equal} rows equal to others, {count} kills, {} records refused, {} requests swallowed, {} lost",
        faults.throttled_records, faults.swallowed_requests, faults.lost_requests
    );
    match findings {
        Ok(findings) => Ok(format!("{text}; {findings}")),
        Err(findings) => Err(format!("{text}; {findings}")),
    }
}

/// Kills the engine, once in each part of the rows; other shards come under it or while it is down.
fn kill(field: &mut Field, arguments: &Arguments, rng: &mut SmallRng) -> Result<(), String> {
    let count = arguments.count;
    let is_turn = |number: u64, every: u64| every > 0 && (number + 1).is_multiple_of(every);
    let share = field.data.rows_count() / (count + 1);
    let mut steps = 0_u64;
    for number in 0..count {
        let at = number * share + rng.random_range(1..=share.max(1));
        let mut engine = field.start(&[])?;
        engine.until("the kill", PATIENCE, || field.world.stored() >= at)?;
        let mut around = String::new();
        if is_turn(number, arguments.reshard_every) {
            let step = if steps.is_multiple_of(2) {
                ReshardStep::Split
            } else {
                ReshardStep::Merge
            };
            steps += 1;
            let is_under_it = rng.random_bool(0.5);
            if is_under_it {
                field.world.reshard(step, rng)?;
            }
            engine.kill()?;
            if !is_under_it {
                field.world.reshard(step, rng)?;
            }
            let when = if is_under_it { "before" } else { "after" };
            around = format!(", {step:?} {when} it");
        } else {
            engine.kill()?;
        }
        if is_turn(number, arguments.limits_every) {
            let (in_flight, files) = (rng.random_range(2..9), rng.random_range(1..4));
            field.task.limits = format!("  in_flight: {in_flight}MiB\n  files_in_parallel: {files}\n");
            field.configure()?;
            around += ", other limits";
        }
        println!("  kill {} at {at} records{around}", number + 1);
    }
    Ok(())
}
