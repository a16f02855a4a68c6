//! A seeded mix of what the other doors break one by one, for as long as is asked for.

use std::fs;
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use bucket_brigade::hex;
use bucket_brigade::sandbox::fault_proxy::FaultRates;
use bucket_brigade::sandbox::reshard::ReshardStep;
use clap::Args;
use rand::rngs::SmallRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use tokio::time::Instant;

use crate::ScenarioResult;
use crate::field::data::{CANARY, Data, Equals};
use crate::field::engine::Engine;
use crate::field::gate::Weather;
use crate::field::task::TaskConfig;
use crate::field::world::Side;
use crate::field::{Field, PATIENCE};

const TABLES: usize = 3;
/// What goes wrong with single requests, all the time.
const RATES: FaultRates = FaultRates {
    throttle: 3,
    swallow: 1,
    lose: 1,
    late: 0,
};
const SHARDS_MAX: u32 = 6;
/// Longer than the engine waits for any answer of one attempt.
const FROZEN_LONG: Duration = Duration::from_secs(15);
const SAVED: &str = "saved.jsonl";
/// Folders that rows are in: the files, and nothing else that a value may be in.
const WITH_ROWS: [&str; 2] = ["s3", "dead-letters"];
/// What people ask while a task runs or after it.
const COMMANDS: [&[&str]; 6] = [
    &["status", "--output", "json"],
    &["tables"],
    &["plan"],
    &["files", "list"],
    &["checkpoint", "show"],
    &["checkpoint", "export"],
];

#[derive(Debug, Clone, Args)]
pub(crate) struct Arguments {
    /// Seed of the data, and of what happens when
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// How long to go on
    #[arg(long, default_value_t = 5.0)]
    pub(crate) minutes: f64,
}

/// What can happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Act {
    File,
    Kill,
    Stop,
    /// The process is stopped for a while as by the freezer of a container, and goes on.
    Freeze,
    Away,
    Throttle,
    Reshard,
    /// Everything is sent, and judged.
    Once,
    /// Limits change that do not change what is sent.
    Limits,
    Save,
    PutBack,
}

const ACTS: [(Act, u8); 11] = [
    (Act::File, 8),
    (Act::Kill, 4),
    (Act::Stop, 2),
    (Act::Freeze, 2),
    (Act::Away, 3),
    (Act::Throttle, 2),
    (Act::Reshard, 2),
    (Act::Once, 1),
    (Act::Limits, 1),
    (Act::Save, 1),
    (Act::PutBack, 1),
];

/// The task, and what has happened to it.
struct Soak {
    field: Field,
    engine: Engine,
    rng: SmallRng,
    shards: u32,
    is_saved: bool,
    crashes: u64,
    counts: Vec<(Act, u64)>,
}

pub(crate) fn run(arguments: &Arguments) -> ScenarioResult {
    let Arguments { seed, minutes } = *arguments;
    let mut rng = SmallRng::seed_from_u64(seed);
    let ordering = ["strict", "final"].choose(&mut rng).copied().unwrap_or("final");
    println!("soak: seed {seed}, {minutes} minutes, ordering {ordering}, {RATES:?}");
    let task = TaskConfig {
        ordering,
        records_per_second: Some(3_000),
        ..TaskConfig::default()
    };
    // With final order nobody can say how often equal rows may come, so all repeats are judged there that are not of them.
    let equals = match ordering {
        "strict" => Equals::EveryHundredth,
        _final => Equals::None,
    };
    let mut field = Field::new(seed, Data::new(seed, TABLES, equals), task, RATES)?;
    field.load(3, 2_000)?;
    field.changes(500)?;
    let mut soak = Soak {
        engine: field.start(&[])?,
        field,
        rng,
        shards: 2,
        is_saved: false,
        crashes: 0,
        counts: Vec::new(),
    };
    let begun = Instant::now();
    while begun.elapsed().as_secs_f64() < minutes * 60.0 {
        let act = ACTS.choose_weighted(&mut soak.rng, |(_, weight)| *weight);
        let act = act.map_or(Act::File, |(act, _)| *act);
        soak.count(act);
        soak.act(act).map_err(|finding| {
            format!(
                "seed {seed}, after {:.0} s: {act:?}: {finding}",
                begun.elapsed().as_secs_f32()
            )
        })?;
        soak.pause(1_500);
    }
    let finding = soak.end().map_err(|finding| format!("seed {seed}: {finding}"))?;
    Ok(format!("seed {seed}: {finding}"))
}

impl Soak {
    fn count(&mut self, act: Act) {
        match self.counts.iter_mut().find(|(counted, _)| *counted == act) {
            Some((_, count)) => *count += 1,
            None => self.counts.push((act, 1)),
        }
    }

    fn pause(&mut self, milliseconds_max: u64) {
        let pause = self.rng.random_range(0..=milliseconds_max);
        sleep(Duration::from_millis(pause));
    }

    fn act(&mut self, act: Act) -> Result<(), String> {
        if let Some(code) = self.engine.ended()? {
            return Err(format!(
                "the engine ended with {code}: {}",
                self.field.last_words()
            ));
        }
        match act {
            Act::File => self.file(),
            Act::Kill => {
                self.kill()?;
                self.start()
            }
            Act::Stop => {
                self.stop()?;
                self.start()
            }
            Act::Freeze => self.freeze(),
            Act::Away => {
                let weather = Weather::AWAY.choose(&mut self.rng);
                let weather = weather.copied().unwrap_or(Weather::Closed);
                self.weather(weather, 8_000)
            }
            Act::Throttle => self.weather(Weather::Throttling, 3_000),
            Act::Reshard => self.reshard(),
            Act::Once => {
                self.stop()?;
                self.field.complete(PATIENCE)?;
                self.judge()?;
                self.start()
            }
            Act::Limits => {
                self.kill()?;
                let in_flight = ["2MiB", "4MiB", "16MiB"].choose(&mut self.rng).copied();
                let parallel = self.rng.random_range(1..=8);
                self.field.task.limits = format!(
                    "  in_flight: {}\n  files_in_parallel: {parallel}\n",
                    in_flight.unwrap_or("4MiB")
                );
                self.field.configure()?;
                self.start()
            }
            Act::Save => {
                self.kill()?;
                self.expect(&["checkpoint", "export", SAVED])?;
                self.is_saved = true;
                self.start()
            }
            Act::PutBack if self.is_saved => {
                self.kill()?;
                self.expect(&["checkpoint", "reset", "--yes"])?;
                self.expect(&["checkpoint", "import", SAVED, "--yes"])?;
                self.start()
            }
            Act::PutBack => Ok(()),
        }
    }

    fn file(&mut self) -> Result<(), String> {
        let rows = self.rng.random_range(1..800);
        self.field.changes(rows)
    }

    fn start(&mut self) -> Result<(), String> {
        self.engine = self.field.start(&[])?;
        Ok(())
    }

    fn kill(&mut self) -> Result<(), String> {
        self.crashes += 1;
        self.engine.kill()
    }

    /// SIGTERM, and it has to end by itself.
    fn stop(&mut self) -> Result<(), String> {
        self.engine.terminate()?;
        match self.engine.wait(PATIENCE)? {
            0 => Ok(()),
            code => Err(format!(
                "SIGTERM ended it with {code}: {}",
                self.field.last_words()
            )),
        }
    }

    /// Answers arrive meanwhile, connections are closed, time passes; one in five times longer than a request may take.
    fn freeze(&mut self) -> Result<(), String> {
        self.engine.freeze()?;
        let filed = self.file();
        self.pause(2_000);
        if self.rng.random_bool(0.2) {
            sleep(FROZEN_LONG);
        }
        self.engine.thaw()?;
        filed
    }

    /// One side, or both, has this weather for a while; files come, and perhaps a kill.
    fn weather(&mut self, weather: Weather, milliseconds_max: u64) -> Result<(), String> {
        let side = [Side::Source, Side::Target, Side::Both].choose(&mut self.rng);
        let side = side.copied().unwrap_or(Side::Both);
        self.field.world.set(side, weather);
        self.file()?;
        self.pause(milliseconds_max / 2);
        if self.rng.random_bool(0.3) {
            self.kill()?;
            self.start()?;
        }
        self.pause(milliseconds_max / 2);
        self.field.world.set(Side::Both, Weather::Clear);
        Ok(())
    }

    fn reshard(&mut self) -> Result<(), String> {
        let is_split = self.shards < 2 || (self.shards < SHARDS_MAX && self.rng.random_bool(0.5));
        let step = if is_split {
            ReshardStep::Split
        } else {
            ReshardStep::Merge
        };
        self.field.world.reshard(step, &mut self.rng)?;
        self.shards = if is_split {
            self.shards + 1
        } else {
            self.shards - 1
        };
        Ok(())
    }

    fn expect(&self, arguments: &[&str]) -> Result<String, String> {
        let ended = self.field.brigade(arguments)?;
        if ended.code == Some(0) {
            return Ok(ended.stdout + &ended.stderr);
        }
        Err(format!(
            "{arguments:?} ended with {:?}: {}",
            ended.code, ended.stderr
        ))
    }

    fn judge(&self) -> ScenarioResult {
        self.field.verdict_over_faults(self.crashes)
    }

    fn end(mut self) -> ScenarioResult {
        self.stop()?;
        self.field.complete(PATIENCE)?;
        let finding = self.judge()?;
        for command in COMMANDS {
            let said = self.expect(command)?;
            without_values(&format!("{command:?}"), said.as_bytes())?;
        }
        let mut files = 0;
        search(self.field.path(), &mut files)?;
        let faults = self.field.world.faults();
        Ok(format!(
            "{:?}; {} records refused, {} requests swallowed, {} lost; {finding}; no value of a row in {files} files and {} \
             commands",
            self.counts,
            faults.throttled_records,
            faults.swallowed_requests,
            faults.lost_requests,
            COMMANDS.len()
        ))
    }
}

/// No file below the folder but those with rows may have a value of a row in it.
fn search(folder: &Path, files: &mut u64) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("{}: {error}", folder.display());
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.is_dir() {
            if !WITH_ROWS.iter().any(|name| path.ends_with(name)) {
                search(&path, files)?;
            }
            continue;
        }
        let content = fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        without_values(&path.display().to_string(), &content)?;
        *files += 1;
    }
    Ok(())
}

/// A value that every row has must not be in these bytes, neither as it is nor in hexadecimal digits.
fn without_values(what: &str, bytes: &[u8]) -> Result<(), String> {
    for form in [CANARY.to_owned(), hex::text(CANARY.as_bytes())] {
        if memchr::memmem::find(bytes, form.as_bytes()).is_some() {
            return Err(format!("a value of a row is in {what}"));
        }
    }
    Ok(())
}
