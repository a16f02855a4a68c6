//! Calls of the source and of the target that fail, by a gate before the server.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bucket_brigade::sandbox::fault_proxy::FaultRates;
use rand::rngs::SmallRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use tokio::runtime::{Builder, Runtime};

use super::{Kind, Outcome, check_code};
use crate::call_gate::{CallGate, CallKind, Fate, Rule};
use crate::field::data::{Data, Equals};
use crate::field::judge::Expectation;
use crate::field::task::TaskConfig;
use crate::field::{CONFIGURATION, Field, PATIENCE};

const TABLES_COUNT: usize = 2;
const FILES_PER_TABLE: usize = 2;
const ROWS_PER_FILE: usize = 700;
/// Slow enough to be killed in the middle.
const PACE: u64 = 2_000;
/// A life that takes longer hangs.
const LIFE_MAX: Duration = Duration::from_mins(1);
/// Spreads neighbouring numbers over the seeds (2^64 divided by the golden ratio).
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

/// How a call fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Manner {
    /// The service fails, and it is not carried out.
    Failed,
    /// The role may not, and it is not carried out.
    Denied,
    /// It is carried out, and its connection is closed without an answer.
    Swallowed,
    /// It is carried out, and its connection is closed in the middle of the answer.
    Torn,
}

const MANNERS: [Manner; 4] = [Manner::Failed, Manner::Denied, Manner::Swallowed, Manner::Torn];

/// The call of one number fails.
#[derive(Debug)]
struct FailNth {
    kind: CallKind,
    number: u64,
    manner: Manner,
    calls: AtomicU64,
}

impl Rule for FailNth {
    fn decide(&self, kind: CallKind, _body: &mut Vec<u8>) -> Fate {
        if kind != self.kind || self.calls.fetch_add(1, Ordering::SeqCst) + 1 != self.number {
            return Fate::Passed;
        }
        match self.manner {
            Manner::Failed => self.refusal("500 Internal Server Error", "InternalError", "InternalFailure"),
            Manner::Denied if self.is_of_source() => self.refusal("403 Forbidden", "AccessDenied", ""),
            Manner::Denied => self.refusal("400 Bad Request", "", "AccessDeniedException"),
            Manner::Swallowed => Fate::Swallowed,
            Manner::Torn => Fate::Torn,
        }
    }
}

impl FailNth {
    fn has_failed(&self) -> bool {
        self.calls.load(Ordering::SeqCst) >= self.number
    }

    fn is_of_source(&self) -> bool {
        matches!(self.kind, CallKind::List | CallKind::Get)
    }

    fn refusal(&self, status: &'static str, of_source: &str, of_target: &str) -> Fate {
        let body = if self.is_of_source() {
            format!("<Error><Code>{of_source}</Code><Message>drawn by a test</Message></Error>")
        } else {
            format!(r#"{{"__type":"{of_target}","message":"drawn by a test"}}"#)
        };
        Fate::Answered(status, body)
    }
}

/// One run in which the call of this number fails, and a clean one after it if it did not survive.
pub(super) fn fail(kind: Kind, call: CallKind, number: u64, seed: u64) -> Result<Outcome, String> {
    let mut rng = SmallRng::seed_from_u64(seed ^ number.wrapping_mul(SPREAD));
    let manner = MANNERS.choose(&mut rng).copied().unwrap_or(Manner::Failed);
    let data = Data::new(seed, TABLES_COUNT, Equals::None);
    let mut field = Field::new(seed, data, TaskConfig::default(), FaultRates::default())?;
    field.load(FILES_PER_TABLE, ROWS_PER_FILE)?;
    field.changes(ROWS_PER_FILE)?;
    if call == CallKind::GetRecords {
        kill_in_the_middle(&mut field, &mut rng)?;
    }
    let rule = Arc::new(FailNth {
        kind: call,
        number,
        manner,
        calls: AtomicU64::new(0),
    });
    let runtime = runtime()?;
    let _gate = plant(&field, &runtime, &rule)?;
    let explained = |finding: String| format!("{manner:?}: {finding}: {}", field.last_words());
    let code = field.finish(LIFE_MAX).map_err(explained)?;
    let has_failed = rule.has_failed();
    if has_failed {
        check_code(kind, code).map_err(explained)?;
    } else if code != 0 {
        return Err(explained(format!("nothing failed, and it ended with {code}")));
    }
    if code != 0 {
        // The gate stays: another address of the bucket is another configuration.
        field.complete(PATIENCE).map_err(explained)?;
    }
    let findings = field.judge(Expectation::default())?;
    findings.verdict(0).map_err(explained)?;
    Ok(Outcome {
        has_failed,
        code,
        was_reset: false,
    })
}

/// A life that leaves records in doubt.
fn kill_in_the_middle(field: &mut Field, rng: &mut SmallRng) -> Result<(), String> {
    field.task.records_per_second = Some(PACE);
    field.configure()?;
    let stored = rng.random_range(200..2_000);
    let mut engine = field.start(&["--once"])?;
    engine.until("records are stored", PATIENCE, || field.world.stored() >= stored)?;
    engine.kill()?;
    field.task.records_per_second = None;
    Ok(())
}

/// Puts a gate where the engine finds the server that gets such calls.
fn plant(field: &Field, runtime: &Runtime, rule: &Arc<FailNth>) -> Result<CallGate, String> {
    let (s3, kinesis) = (field.world.s3_endpoint(), field.world.kinesis_endpoint());
    let backend = if rule.is_of_source() { s3 } else { kinesis };
    let gate = runtime.block_on(CallGate::start(backend, Arc::clone(rule)))?;
    let endpoints = if rule.is_of_source() {
        (gate.endpoint(), kinesis)
    } else {
        (s3, gate.endpoint())
    };
    field.write(CONFIGURATION, &field.task.configuration(endpoints))?;
    Ok(gate)
}

fn runtime() -> Result<Runtime, String> {
    let mut builder = Builder::new_multi_thread();
    let built = builder.worker_threads(2).enable_all().build();
    built.map_err(|error| error.to_string())
}
