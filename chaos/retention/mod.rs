//! The outage after a SIGKILL is longer than the stream keeps its records: what is in doubt may be gone, and the policy
//! decides, however the service says that a place is gone.

mod trimmed;

use std::sync::Arc;
use std::time::Duration;

use bucket_brigade::checkpoint::store::CheckpointStore;
use bucket_brigade::checkpoint::store::sled::{OpenOptions, SledStore};
use bucket_brigade::fault::FaultKind;
use bucket_brigade::sandbox::fault_proxy::FaultRates;
use clap::{Args, ValueEnum};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use tokio::runtime::{Builder, Runtime};

use self::trimmed::Trimmed;
use crate::call_gate::CallGate;
use crate::field::data::{Data, Equals};
use crate::field::judge::Expectation;
use crate::field::task::{TASK, TaskConfig};
use crate::field::{CONFIGURATION, Field, PATIENCE};
use crate::shim::ClockFile;
use crate::{SKIPPED, ScenarioResult};

const PACE: u64 = 2_000;
const ROWS_PER_FILE: usize = 1_200;
const HOUR_S: i64 = 3_600;
/// Longer than the stream keeps its records, which is a day.
const LONG_S: i64 = 72 * HOUR_S;
/// A life that takes longer hangs: the engine asks a hundred times or so before it believes that pages stay empty.
const LIFE_MAX: Duration = Duration::from_secs(100);
/// What the message of a stop says.
const MESSAGE: [&str; 2] = ["no longer keeps the last known record", "out_of_retention"];

/// What a reader gets who begins at a record that is gone. Services differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Gone {
    /// A refusal.
    Refused,
    /// The records from the oldest on that is still there.
    Oldest,
    /// Empty pages for ever, a day behind the end.
    Empty,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct Arguments {
    /// Seed of the data and of the moment of the kill
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// How the service answers about what is gone; all ways, one after the other, if it is not given
    #[arg(long, value_enum)]
    pub(crate) gone: Vec<Gone>,
}

pub(crate) fn run(arguments: &Arguments) -> ScenarioResult {
    let Arguments { seed, gone } = arguments;
    let ways = if gone.is_empty() {
        Gone::value_variants()
    } else {
        gone
    };
    let mut rng = SmallRng::seed_from_u64(*seed);
    let mut findings = Vec::new();
    for gone in ways {
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        let clock = match ClockFile::new(folder.path()) {
            Ok(clock) => clock,
            Err(refusal) => {
                return Ok(format!(
                    "{SKIPPED}retention takes a C compiler: nothing was tested: {refusal}"
                ));
            }
        };
        let outage = Outage::new(*seed, *gone, clock, rng.random_range(500..4_000))?;
        let finding = outage.and_policies();
        let finding = finding
            .map_err(|finding| format!("seed {seed}: {gone:?}: {finding}; {}", outage.field.last_words()))?;
        println!("  {gone:?}: {finding}");
        findings.push(format!("{gone:?}: {finding}"));
    }
    Ok(format!("seed {seed}: {}", findings.join("; ")))
}

/// A task that was killed with records in doubt, in a world whose stream no longer keeps what came before.
#[derive(Debug)]
struct Outage {
    field: Field,
    clock: std::cell::RefCell<ClockFile>,
    _runtime: Runtime,
    gate: CallGate,
    /// Records that were stored when it was killed, and those that its checkpoint covers.
    stored: u64,
    covered: u64,
}

impl Outage {
    fn new(seed: u64, gone: Gone, clock: ClockFile, kill_at: u64) -> Result<Self, String> {
        let task = TaskConfig {
            records_per_second: Some(PACE),
            ..TaskConfig::default()
        };
        let mut field = Field::new(
            seed,
            Data::new(seed, 2, Equals::None),
            task,
            FaultRates::default(),
        )?;
        field.environment = clock.environment();
        field.load(2, ROWS_PER_FILE)?;
        let mut engine = field.start(&["--once"])?;
        engine.until("records are stored", PATIENCE, || field.world.stored() >= kill_at)?;
        engine.kill()?;
        let mut builder = Builder::new_multi_thread();
        let runtime = builder.worker_threads(2).enable_all().build();
        let runtime = runtime.map_err(|error| error.to_string())?;
        let rule = Arc::new(Trimmed::new(gone, &field.world.read()?));
        let gate = runtime.block_on(CallGate::start(field.world.kinesis_endpoint(), rule))?;
        let store = SledStore::open(&field.path().join("state"), &OpenOptions::new(TASK));
        let checkpoint = store
            .and_then(|store| store.load())
            .map_err(|error| error.to_string())?;
        Ok(Self {
            stored: field.world.stored(),
            covered: checkpoint.cuts.iter().map(|cut| cut.records).sum(),
            clock: clock.into(),
            field,
            _runtime: runtime,
            gate,
        })
    }

    /// `stop` leaves it to a person; `resend`, which the person chooses, loses nothing and repeats what was in doubt.
    fn and_policies(&self) -> ScenarioResult {
        self.clock.borrow_mut().turn(LONG_S)?;
        let expected = i32::from(FaultKind::Data.exit_code());
        for start in ["first", "second"] {
            self.configure("stop")?;
            let code = self.field.finish(LIFE_MAX)?;
            let said = self.field.last_words();
            if code != expected || !MESSAGE.iter().all(|part| said.contains(part)) {
                return Err(format!(
                    "the {start} start with out_of_retention: stop ended with {code}, and with {expected} and {MESSAGE:?} it must"
                ));
            }
        }
        let stored = self.field.world.stored();
        if stored != self.stored {
            return Err(format!(
                "a start that stopped sent {} records",
                stored.saturating_sub(self.stored)
            ));
        }
        self.configure("resend")?;
        let code = self.field.finish(LIFE_MAX)?;
        if code != 0 {
            return Err(format!("out_of_retention: resend ended with {code}"));
        }
        let in_doubt = self.stored.saturating_sub(self.covered);
        let findings = self.field.judge(Expectation::default())?.verdict(in_doubt)?;
        Ok(format!(
            "killed at {} records, {in_doubt} of them in doubt; stop: exit code {code_of_stop} twice, nothing sent; resend: {findings}",
            self.stored,
            code_of_stop = expected,
        ))
    }

    fn configure(&self, policy: &str) -> Result<(), String> {
        let task = TaskConfig {
            target: format!("    out_of_retention: {policy}\n"),
            ..self.field.task.clone()
        };
        let endpoints = (self.field.world.s3_endpoint(), self.gate.endpoint());
        self.field.write(CONFIGURATION, &task.configuration(endpoints))
    }
}
