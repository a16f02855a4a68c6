//! Source or target or both are away for a while: `run` waits for them in place, `run --once` for as long as it is told.

use std::thread::sleep;
use std::time::Duration;

use bucket_brigade::sandbox::fault_proxy::FaultRates;
use clap::{Args, ValueEnum};
use rand::rngs::SmallRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use serde_json::Value;
use tokio::time::Instant;

use crate::ScenarioResult;
use crate::field::data::{Data, Equals};
use crate::field::engine::Engine;
use crate::field::gate::Weather;
use crate::field::judge::Expectation;
use crate::field::task::TaskConfig;
use crate::field::world::Side;
use crate::field::{Field, PATIENCE};

const TABLES: usize = 3;
/// How long an outage lasts if nobody says it.
const SECONDS_DRAWN: std::ops::RangeInclusive<u64> = 3..=20;
/// Calls to a source fail for up to half a minute before they count.
const TELL_MAX: Duration = Duration::from_secs(90);
/// What `run --once` is told to wait for a side that is away.
const PATIENCE_LINES: &str = "  in_flight: 4MiB\n  outage_patience: 3s\n";
/// What it ends with then.
const UNAVAILABLE: i32 = 69;

/// What the task is doing when the outage begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum While {
    /// Everything is sent, and it waits for new files.
    Idle,
    /// Tables are being loaded.
    Loading,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct Arguments {
    /// Seed of the data, and of everything that is not given
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// How long the outage lasts; it goes on until the status tells of it
    #[arg(long)]
    pub(crate) seconds: Option<u64>,
    /// Which side is away
    #[arg(long, value_enum)]
    pub(crate) side: Option<Side>,
    /// What the task is doing when it begins
    #[arg(long, value_enum)]
    pub(crate) during: Option<While>,
    /// What it is like; silence of a source takes minutes to be told, and is never drawn
    #[arg(long, value_enum)]
    pub(crate) weather: Option<Weather>,
}

/// What was drawn or given.
#[derive(Debug)]
struct Plan {
    length: Duration,
    side: Side,
    during: While,
    source: Weather,
    target: Weather,
}

impl Plan {
    fn draw(arguments: &Arguments, rng: &mut SmallRng) -> Self {
        let seconds = rng.random_range(SECONDS_DRAWN);
        let side = [Side::Source, Side::Target, Side::Both].choose(rng);
        let during = [While::Idle, While::Loading].choose(rng);
        let mut weather = || {
            let drawn = Weather::AWAY.choose(rng).copied();
            arguments.weather.or(drawn).unwrap_or(Weather::Closed)
        };
        Self {
            length: Duration::from_secs(arguments.seconds.unwrap_or(seconds)),
            side: arguments.side.or(side.copied()).unwrap_or(Side::Both),
            during: arguments.during.or(during.copied()).unwrap_or(While::Loading),
            source: weather(),
            target: weather(),
        }
    }

    fn begin(&self, field: &Field) {
        if self.side != Side::Target {
            field.world.set(Side::Source, self.source);
        }
        if self.side != Side::Source {
            field.world.set(Side::Target, self.target);
        }
    }

    /// The sides that the status has to tell of. With nothing to read nothing is sent, so nobody misses the
    /// target; and nobody misses the source once all that is to be loaded is in flight, and the target takes nothing of it.
    fn told(&self) -> &'static [&'static str] {
        match (self.side, self.during) {
            (Side::Source, _) | (Side::Both, While::Idle) => &["source"],
            (Side::Target, _) | (Side::Both, While::Loading) => &["target"],
        }
    }
}

pub(crate) fn run(arguments: &Arguments) -> ScenarioResult {
    let seed = arguments.seed;
    let mut rng = SmallRng::seed_from_u64(seed);
    let plan = Plan::draw(arguments, &mut rng);
    println!("outage: seed {seed}, {plan:?}");
    let data = Data::new(seed, TABLES, Equals::None);
    let task = TaskConfig {
        records_per_second: Some(1_500),
        ..TaskConfig::default()
    };
    let mut field = Field::new(seed, data, task, FaultRates::default())?;
    field.load(2, 1_500)?;
    field.changes(200)?;
    let failed = |finding| format!("seed {seed}: {plan:?}: {finding}");
    let waited = see_through(&mut field, &plan, &mut rng).map_err(failed)?;
    let findings = field.judge(Expectation::default())?.verdict(0);
    let first = findings.map_err(failed)?;
    println!("  {waited}; {first}");
    give_up(&mut field, &plan).map_err(failed)?;
    let findings = field.judge(Expectation::default())?.verdict(0);
    let second = findings.map_err(failed)?;
    Ok(format!(
        "seed {seed}: {waited}; `run --once` gave up with {UNAVAILABLE} and the next start completed: {second}"
    ))
}

/// `run` waits, and everything goes on by itself.
fn see_through(field: &mut Field, plan: &Plan, rng: &mut SmallRng) -> ScenarioResult {
    let mut engine = field.start(&[])?;
    let at = match plan.during {
        While::Idle => field.records_expected(),
        While::Loading => rng.random_range(1..field.data.rows_count() / 2),
    };
    engine.until("the outage begins", PATIENCE, || field.world.stored() >= at)?;
    let begun = Instant::now();
    plan.begin(field);
    field.changes(300)?;
    for side in plan.told() {
        let what = format!("the status tells that the {side} is away");
        engine.until(&what, TELL_MAX, || is_told(&field.status(), side))?;
    }
    let told = begun.elapsed();
    sleep(plan.length.saturating_sub(told));
    still_running(&mut engine)?;
    let lasted = begun.elapsed();
    field.world.set(Side::Both, Weather::Clear);
    field.changes(100)?;
    let expected = field.records_expected();
    let back = Instant::now();
    engine.until("all rows have come", PATIENCE, || {
        field.world.stored() >= expected
    })?;
    let back = back.elapsed();
    let is_over = |status: &Value| status.pointer("/outages") == Some(&Value::Array(Vec::new()));
    engine.until("the status tells of no outage", PATIENCE, || {
        is_over(&field.status())
    })?;
    let generation = field.status().get("generation").and_then(Value::as_u64);
    if generation != Some(1) {
        return Err(format!("the data path was restarted: generation {generation:?}"));
    }
    engine.terminate()?;
    match engine.wait(PATIENCE)? {
        0 => Ok(format!(
            "{:?} away for {:.1} s while {:?}, told after {:.1} s, all rows there {:.1} s after its end",
            plan.side,
            lasted.as_secs_f32(),
            plan.during,
            told.as_secs_f32(),
            back.as_secs_f32()
        )),
        code => Err(format!("SIGTERM ended it with {code}: {}", field.last_words())),
    }
}

/// `run --once` ends as documented when its patience is over, and the next start completes.
fn give_up(field: &mut Field, plan: &Plan) -> Result<(), String> {
    PATIENCE_LINES.clone_into(&mut field.task.limits);
    field.configure()?;
    field.changes(1_000)?;
    plan.begin(field);
    let code = field.finish(TELL_MAX + PATIENCE)?;
    if code != UNAVAILABLE {
        let words = field.last_words();
        return Err(format!(
            "without a side `run --once` ended with {code}, not with {UNAVAILABLE}: {words}"
        ));
    }
    field.world.set(Side::Both, Weather::Clear);
    field.complete(PATIENCE)
}

fn is_told(status: &Value, side: &str) -> bool {
    let outages = status.get("outages").and_then(Value::as_array);
    let mut sides = outages.into_iter().flatten().map(|outage| outage.get("side"));
    sides.any(|away| away.and_then(Value::as_str) == Some(side))
}

fn still_running(engine: &mut Engine) -> Result<(), String> {
    match engine.ended()? {
        None => Ok(()),
        Some(code) => Err(format!("the engine ended with {code} during the outage")),
    }
}
