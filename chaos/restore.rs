//! A state of an earlier time: an older export, a copy of the folder, and imports that are killed.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread::sleep;

use bucket_brigade::sandbox::fault_proxy::FaultRates;
use clap::{Args, ValueEnum};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use tokio::time::Instant;

use crate::ScenarioResult;
use crate::copy_folder::copy_folder;
use crate::field::data::{Data, Equals};
use crate::field::engine::Engine;
use crate::field::judge::Expectation;
use crate::field::task::TaskConfig;
use crate::field::{Field, PATIENCE};

const TABLES: usize = 2;
const SAVED: &str = "saved.jsonl";
/// Kills of one import.
const KILLS: u32 = 8;
/// A command found no state.
const NO_STATE: i32 = 66;
/// A state was refused.
const DAMAGED: i32 = 76;

/// What is put back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum From {
    /// An export that was asked for.
    Export,
    /// One of the exports that a start makes by itself.
    AutomaticExport,
    /// A copy of the state folder.
    Copy,
    /// An export, whose import is killed again and again.
    KilledImport,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct Arguments {
    /// Seed of the data and of the moments
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// What is put back; everything, one after another, if it is not said
    #[arg(long, value_enum)]
    pub(crate) from: Option<From>,
}

pub(crate) fn run(arguments: &Arguments) -> ScenarioResult {
    let seed = arguments.seed;
    let all = From::value_variants();
    let cases = arguments.from.map_or_else(|| all.to_vec(), |one| vec![one]);
    let mut told = Vec::new();
    for from in &cases {
        let found = run_one(seed, *from).map_err(|finding| format!("seed {seed}: {from:?}: {finding}"))?;
        println!("  {from:?}: {found}");
        told.push(format!("{from:?}"));
    }
    Ok(format!(
        "seed {seed}: states of an earlier time ({}): nothing missing, nothing repeated",
        told.join(", ")
    ))
}

fn run_one(seed: u64, from: From) -> ScenarioResult {
    let mut rng = SmallRng::seed_from_u64(seed);
    let task = TaskConfig {
        records_per_second: Some(3_000),
        ..TaskConfig::default()
    };
    let mut field = Field::new(
        seed,
        Data::new(seed, TABLES, Equals::None),
        task,
        FaultRates::default(),
    )?;
    field.load(2, 1_500)?;
    field.changes(1_500)?;
    let rows = field.data.rows_count();
    let saved_at = rng.random_range(1..rows / 2);
    // An export always lacks a file of which something was sent after it.
    let put_back_at = if from == From::Export {
        rng.random_range(rows + 50..rows + 400)
    } else {
        rng.random_range(rows / 2..rows)
    };
    live(&field, saved_at, &mut rng)?;
    let saved = save(&field, from)?;
    field.changes(500)?;
    live(&field, put_back_at, &mut rng)?;
    field.changes(500)?;
    let put_back = put_back(&field, from, &saved, &mut rng)?;
    field.changes(500)?;
    field.task.records_per_second = None;
    field.configure()?;
    field.complete(PATIENCE)?;
    let findings = field.judge(Expectation::default())?.verdict(0)?;
    Ok(format!(
        "saved at {saved_at} records, put back at {put_back_at}{put_back}; {findings}"
    ))
}

/// Runs until so many records are stored; then it is killed, or stopped.
fn live(field: &Field, until: u64, rng: &mut SmallRng) -> Result<(), String> {
    let mut engine = field.start(&[])?;
    engine.until("the end of this life", PATIENCE, || field.world.stored() >= until)?;
    if rng.random_bool(0.5) {
        return engine.kill();
    }
    engine.terminate()?;
    match engine.wait(PATIENCE)? {
        0 => Ok(()),
        code => Err(format!("SIGTERM ended it with {code}")),
    }
}

/// Saves the state as it is now; says where.
fn save(field: &Field, from: From) -> Result<PathBuf, String> {
    let state = field.path().join("state");
    let saved = field.path().join(SAVED);
    match from {
        From::Export | From::KilledImport => {
            expect(field, &["checkpoint", "export", SAVED], 0)?;
        }
        From::AutomaticExport => {
            let exports = state.join("exports");
            let entries =
                fs::read_dir(&exports).map_err(|error| format!("{}: {error}", exports.display()))?;
            let newest = entries.flatten().map(|entry| entry.path()).max();
            let newest = newest.ok_or("no start made an export")?;
            fs::copy(newest, &saved).map_err(|error| error.to_string())?;
        }
        From::Copy => {
            let copy = field.path().join("saved-state");
            copy_folder(&state, &copy);
            return Ok(copy);
        }
    }
    Ok(saved)
}

/// Puts it in the place of the state; says what happened on the way.
fn put_back(field: &Field, from: From, saved: &Path, rng: &mut SmallRng) -> ScenarioResult {
    if from == From::Copy {
        let state = field.path().join("state");
        fs::remove_dir_all(&state).map_err(|error| error.to_string())?;
        copy_folder(saved, &state);
        return Ok(String::new());
    }
    expect(field, &["checkpoint", "reset", "--yes"], 0)?;
    let mut kills = String::new();
    if from == From::KilledImport {
        kills = kill_imports(field, rng)?;
    }
    // One that was killed after its end has left a whole state, which an import never overwrites.
    if brigade_code(field, &["checkpoint", "show"])? != 0 {
        expect(field, &["checkpoint", "import", SAVED, "--yes"], 0)?;
    }
    Ok(kills)
}

/// Kills imports at moments of theirs that are drawn. A state that is there afterwards is whole or refused.
fn kill_imports(field: &Field, rng: &mut SmallRng) -> ScenarioResult {
    let begun = Instant::now();
    expect(field, &["checkpoint", "import", SAVED, "--yes"], 0)?;
    let length = begun.elapsed();
    let (mut nothing, mut refused, mut whole) = (0, 0, 0);
    for _ in 0..KILLS {
        expect(field, &["checkpoint", "reset", "--yes"], 0)?;
        let mut engine = Engine::start(field.path(), &["checkpoint", "import", SAVED, "--yes"], &[])?;
        sleep(length.mul_f64(rng.random_range(0.0..1.0)));
        engine.kill()?;
        match brigade_code(field, &["checkpoint", "show"])? {
            NO_STATE => nothing += 1,
            0 => whole += 1,
            DAMAGED => {
                // Nothing is sent from it.
                let stored = field.world.stored();
                match (field.finish(PATIENCE)?, field.world.stored() - stored) {
                    (DAMAGED, 0) => refused += 1,
                    (code, sent) => {
                        return Err(format!(
                            "a state whose import was killed ended with {code} and sent {sent} records"
                        ));
                    }
                }
            }
            code => {
                return Err(format!(
                    "`checkpoint show` after a killed import ended with {code}"
                ));
            }
        }
    }
    Ok(format!(
        ", {KILLS} imports killed ({nothing} before there was a state, {refused} refused, {whole} after the end)"
    ))
}

fn brigade_code(field: &Field, arguments: &[&str]) -> Result<i32, String> {
    let ended = field.brigade(arguments)?;
    ended
        .code
        .ok_or_else(|| format!("{arguments:?} was ended by a signal"))
}

fn expect(field: &Field, arguments: &[&str], code: i32) -> Result<(), String> {
    let ended = field.brigade(arguments)?;
    if ended.code == Some(code) {
        return Ok(());
    }
    Err(format!(
        "{arguments:?} ended with {:?}: {}",
        ended.code, ended.stderr
    ))
}
