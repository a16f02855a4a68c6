//! The clock of the machine is set on and back, by seconds to days, while the engine loads, while it has nothing to do and
//! between two lives of it.

use std::time::Duration;

use bucket_brigade::sandbox::fault_proxy::FaultRates;
use clap::Args;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use tokio::time::Instant;

use crate::field::data::{Data, Equals};
use crate::field::engine::Engine;
use crate::field::judge::Expectation;
use crate::field::task::TaskConfig;
use crate::field::{Field, PATIENCE};
use crate::shim::ClockFile;
use crate::{SKIPPED, ScenarioResult};

/// Slow enough that a clock can be set while rows are sent.
const PACE: u64 = 1_500;
const TABLES_COUNT: usize = 2;
const ROWS_PER_FILE: usize = 600;
/// Two intervals of whole listings of the field, and what it takes to read and to send a row.
const DISCOVERED_MAX: Duration = Duration::from_secs(5);
/// The largest jump of each size, in seconds: seconds, minutes, hours, days.
const SIZES_S: [i64; 4] = [20, 20 * 60, 12 * 3_600, 9 * 86_400];

#[derive(Debug, Clone, Args)]
pub(crate) struct Arguments {
    /// Seed of the data, of the moments and of the jumps
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// How often the clock is set
    #[arg(long, default_value_t = 8)]
    pub(crate) count: u64,
}

/// When the clock is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum During {
    Load,
    Idle,
    /// Between a SIGKILL in the middle of a load and the next start.
    Kill,
}

pub(crate) fn run(arguments: &Arguments) -> ScenarioResult {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let clock = match ClockFile::new(folder.path()) {
        Ok(clock) => clock,
        Err(refusal) => {
            return Ok(format!(
                "{SKIPPED}clock takes a C compiler: nothing was tested: {refusal}"
            ));
        }
    };
    let mut turned = Turned::new(arguments.seed, clock)?;
    let outcome = turned.run(arguments.count);
    outcome.map_err(|finding| {
        format!(
            "seed {}: {finding}; {}",
            arguments.seed,
            turned.field.last_words()
        )
    })
}

/// A task and its clock.
#[derive(Debug)]
struct Turned {
    seed: u64,
    field: Field,
    clock: ClockFile,
    rng: SmallRng,
    slowest: Duration,
}

impl Turned {
    fn new(seed: u64, clock: ClockFile) -> Result<Self, String> {
        let task = TaskConfig {
            records_per_second: Some(PACE),
            ..TaskConfig::default()
        };
        let data = Data::new(seed, TABLES_COUNT, Equals::None);
        let mut field = Field::new(seed, data, task, FaultRates::default())?;
        field.environment = clock.environment();
        Ok(Self {
            seed,
            field,
            clock,
            rng: SmallRng::seed_from_u64(seed),
            slowest: Duration::ZERO,
        })
    }

    fn run(&mut self, count: u64) -> ScenarioResult {
        self.field.load(1, ROWS_PER_FILE)?;
        let mut engine = self.field.start(&[])?;
        self.wait_for_all(&mut engine)?;
        let mut sizes = Vec::new();
        for number in 1..=count {
            let during = match self.rng.random_range(0..3) {
                0 => During::Load,
                1 => During::Idle,
                _other => During::Kill,
            };
            let jump = self.draw_jump();
            println!(
                "  jump {number}: {jump} s, {during:?}, the clock was {} s ahead",
                self.clock.ahead_s()
            );
            engine = self
                .jump(engine, during, jump)
                .map_err(|finding| format!("jump {number}: {finding}"))?;
            self.discover(&mut engine)
                .map_err(|finding| format!("jump {number}: {finding}"))?;
            sizes.push(jump);
        }
        engine.terminate()?;
        match engine.wait(PATIENCE)? {
            0 => {}
            code => return Err(format!("the engine was stopped and ended with {code}")),
        }
        self.field.complete(PATIENCE)?;
        let findings = self.field.judge(Expectation::default())?.verdict(0)?;
        Ok(format!(
            "seed {}: the clock was set by {sizes:?} s; a new file was read at most {} ms later; {findings}",
            self.seed,
            self.slowest.as_millis()
        ))
    }

    fn draw_jump(&mut self) -> i64 {
        let size = self.rng.random_range(0..SIZES_S.len());
        let most = SIZES_S.get(size).copied().unwrap_or(1);
        let jump = self.rng.random_range(1..=most);
        if self.rng.random() { jump } else { -jump }
    }

    /// Sets the clock; gives the engine that runs then.
    fn jump(&mut self, mut engine: Engine, during: During, jump: i64) -> Result<Engine, String> {
        if during == During::Idle {
            self.clock.turn(jump)?;
            return Ok(engine);
        }
        let stored = self.field.world.stored();
        self.field.changes(ROWS_PER_FILE)?;
        let some = self.rng.random_range(1..300);
        engine.until("rows of a file are sent", PATIENCE, || {
            self.field.world.stored() >= stored + some
        })?;
        if during == During::Kill {
            engine.kill()?;
            self.clock.turn(jump)?;
            engine = self.field.start(&[])?;
        } else {
            self.clock.turn(jump)?;
        }
        self.wait_for_all(&mut engine)?;
        Ok(engine)
    }

    /// A file that comes now is read soon, although nothing else happens.
    fn discover(&mut self, engine: &mut Engine) -> Result<(), String> {
        let stored = self.field.world.stored();
        self.field.changes(20)?;
        let start = Instant::now();
        engine.until("a new file is read", DISCOVERED_MAX, || {
            self.field.world.stored() > stored
        })?;
        self.slowest = self.slowest.max(start.elapsed());
        self.wait_for_all(engine)
    }

    /// Waits until there is a record of every row. What came twice is for the judge.
    fn wait_for_all(&self, engine: &mut Engine) -> Result<(), String> {
        let records = self.field.records_expected();
        engine.until("every row is stored", PATIENCE, || {
            self.field.world.stored() >= records
        })
    }
}
