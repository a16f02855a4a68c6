//! The power goes at seeded moments: what was not synced is gone, and what the engine relied on must be there.

mod disk;

use std::fs;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::thread::sleep;
use std::time::Duration;

use bucket_brigade::checkpoint::store::CheckpointStore;
use bucket_brigade::checkpoint::store::sled::{OpenOptions, SledStore};
use bucket_brigade::fault::FaultKind;
use bucket_brigade::sandbox::large_object::{TABLE_DEFINITION, TABLE_PATH};
use clap::Args;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use rustix::process::geteuid;
use serde_json::Value;

use self::disk::Disk;
use crate::local_task::{LocalTask, TASK, kill, wait};
use crate::numbered::{Found, NumberedRows};
use crate::{SKIPPED, ScenarioResult};

const SHARDS_COUNT: u32 = 2;
/// Slow enough for a cut, fast enough that files grow at each moment.
const SLOW: &str = "pace: { records_per_second: 2000, bytes_per_second: 64MiB }";
const FAST: &str = "pace: \"off\"";
/// A cut comes at most this long after the change of the state that was chosen for it, so that it hits any step.
const JITTER_MAX_MS: u64 = 60;
/// Changes of the state between a start and a cut that is not early: a start syncs an export and an event, and with them
/// what came before.
const CHANGES: RangeInclusive<u64> = 10..=40;
/// A cut of a start comes at most this long after it.
const EARLY_MAX_MS: u64 = 250;
/// One cut in so many comes while the engine starts.
const EARLY_OF: u32 = 4;
/// Within what time the engine has to end whose disk is gone.
const END_MAX: Duration = Duration::from_secs(20);
/// Within what time a restarted engine has to load the rest.
const LOAD_MAX: Duration = Duration::from_mins(2);
/// A load of so many is not over before the next cut.
const ROWS_PER_CUT: u64 = 25_000;
const LOOK: Duration = Duration::from_millis(2);

#[derive(Debug, Clone, Args)]
pub(crate) struct Arguments {
    /// Seed of the moments
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// How often to cut
    #[arg(long, default_value_t = 6)]
    pub(crate) count: u64,
    /// Rows of the data set, enough that some are left for the last cut [default: 25000 for each cut]
    #[arg(long)]
    pub(crate) rows: Option<u64>,
}

impl Default for Arguments {
    fn default() -> Self {
        Self {
            seed: 1,
            count: 6,
            rows: None,
        }
    }
}

pub(crate) fn run(arguments: &Arguments) -> ScenarioResult {
    if !geteuid().is_root() {
        return Ok(format!(
            "{SKIPPED}power-cut mounts file systems, which takes root: nothing was tested"
        ));
    }
    let mut machine = match Machine::new(arguments) {
        Ok(machine) => machine,
        Err(refusal) => {
            return Ok(format!(
                "{SKIPPED}power-cut needs ext4 on a loop device: nothing was tested: {refusal}"
            ));
        }
    };
    let (found, tally) = machine.run().map_err(|finding| {
        format!(
            "seed {}: {finding}; {}",
            arguments.seed,
            machine.task.last_words()
        )
    })?;
    let finding = format!(
        "seed {}: {} cuts, {} of them while it started and {} left to the engine to notice; {} changes of the state were \
         acknowledged, none was lost; {found}",
        arguments.seed, arguments.count, tally.early, tally.noticed, tally.acknowledged,
    );
    if found.is_flawless() {
        Ok(finding)
    } else {
        Err(finding)
    }
}

/// A task whose state and records are on disks that lose their power.
///
/// There are two: whatever syncs one file of a file system may bring another one along.
#[derive(Debug)]
struct Machine {
    state: Disk,
    records: Disk,
    task: LocalTask,
    rows: NumberedRows,
    rng: SmallRng,
    count: u64,
}

#[derive(Debug, Default)]
struct Tally {
    early: u64,
    noticed: u64,
    acknowledged: u64,
}

impl Machine {
    fn new(arguments: &Arguments) -> Result<Self, String> {
        let task = LocalTask::new(TABLE_DEFINITION)?;
        let rows = NumberedRows {
            files_count: 6,
            rows_per_file: arguments.rows.unwrap_or(arguments.count * ROWS_PER_CUT) / 6,
        };
        rows.write(&task.data(TABLE_PATH)?)?;
        Ok(Self {
            state: Disk::new(task.path(), "state-disk")?,
            records: Disk::new(task.path(), "records-disk")?,
            task,
            rows,
            rng: SmallRng::seed_from_u64(arguments.seed),
            count: arguments.count,
        })
    }

    fn run(&mut self) -> Result<(Found, Tally), String> {
        let mut tally = Tally::default();
        self.configure(SLOW)?;
        for number in 1..=self.count {
            let acknowledged = self.live_until_cut(number, &mut tally)?;
            self.check_state(acknowledged)
                .map_err(|finding| format!("cut {number}: {finding}"))?;
            tally.acknowledged = acknowledged;
        }
        self.configure(FAST)?;
        let mut child = self.start()?;
        match wait(&mut child, LOAD_MAX)? {
            Some(status) if status.success() => {}
            Some(status) => return Err(format!("the engine ended with {status}")),
            None => {
                kill(&mut child)?;
                return Err("the engine takes too long".to_owned());
            }
        }
        let found = self.rows.judge(
            &self.target(),
            &self.task.path().join("records-disk/dead-letters"),
        )?;
        Ok((found, tally))
    }

    fn configure(&self, pace: &str) -> Result<(), String> {
        let configuration = format!(
            "version: 1\ntask: {TASK}\nmigration_type: full-load\nsource:\n  local: {{ directory: ./data }}\n  \
             tables: ./table-definition.json\ntarget:\n  ndjson:\n    path: ./records-disk/out\n    shards: {SHARDS_COUNT}\n    \
             {pace}\n    delivery: dedupe\n    control_records: false\n\
             errors: {{ dead_letters: ./records-disk/dead-letters }}\nstate:\n  sled: {{ path: ./state-disk/state }}\n  \
             commit_interval: 20ms\n"
        );
        self.task.write("brigade.yaml", &configuration)
    }

    fn start(&self) -> Result<Child, String> {
        self.task.start(&[], self.task.log()?)
    }

    fn target(&self) -> PathBuf {
        self.task.path().join("records-disk/out")
    }

    /// One life, from its start to its cut; gives the change of the state that was acknowledged last before it.
    fn live_until_cut(&mut self, number: u64, tally: &mut Tally) -> Result<u64, String> {
        let mut child = self.start()?;
        let is_early = self.rng.random_ratio(1, EARLY_OF);
        let changes = self.rng.random_range(CHANGES);
        let (early, jitter) = (
            self.rng.random_range(0..=EARLY_MAX_MS),
            self.rng.random_range(0..=JITTER_MAX_MS),
        );
        let (is_state_first, is_noticed) = (self.rng.random(), self.rng.random());
        if is_early {
            tally.early += 1;
            sleep(Duration::from_millis(early));
        } else {
            self.wait_for_changes(&mut child, changes, number)?;
            sleep(Duration::from_millis(jitter));
        }
        let acknowledged = generation(&self.state_folder());
        let (first, second) = if is_state_first {
            (&self.state, &self.records)
        } else {
            (&self.records, &self.state)
        };
        first.cut()?;
        second.cut()?;
        let ended = if is_noticed {
            wait(&mut child, END_MAX)?
        } else {
            None
        };
        match ended {
            None if is_noticed => {
                kill(&mut child)?;
                return Err(format!(
                    "cut {number}: the engine goes on although its disks are gone"
                ));
            }
            None => kill(&mut child)?,
            Some(status) => {
                tally.noticed += 1;
                check_code(status.code()).map_err(|finding| format!("cut {number}: {finding}"))?;
            }
        }
        for disk in [&mut self.state, &mut self.records] {
            disk.power_off()?;
            disk.power_on()?;
        }
        println!("  cut {number}: change {acknowledged} of the state was acknowledged before it");
        Ok(acknowledged)
    }

    fn state_folder(&self) -> PathBuf {
        self.task.path().join("state-disk/state")
    }

    fn wait_for_changes(&self, child: &mut Child, changes: u64, number: u64) -> Result<(), String> {
        let before = generation(&self.state_folder());
        let mut waited = Duration::ZERO;
        while generation(&self.state_folder()) < before + changes {
            if let Some(status) = child.try_wait().map_err(|error| error.to_string())? {
                return Err(format!(
                    "the engine ended with {status} before cut {number}; if it is 0, give it more --rows"
                ));
            }
            if waited >= LOAD_MAX {
                kill(child)?;
                return Err(format!("no change of the state before cut {number}"));
            }
            sleep(LOOK);
            waited += LOOK;
        }
        Ok(())
    }

    /// What the disk kept of the state: no less than was acknowledged (C2), and nothing that the target did not keep (C1).
    fn check_state(&self, acknowledged: u64) -> Result<(), String> {
        let folder = self.state_folder();
        if acknowledged == 0 && !folder.join("IDENTITY").exists() {
            return Ok(());
        }
        let store = SledStore::open(&folder, &OpenOptions::new(TASK));
        let store = store.map_err(|error| format!("the state does not open again: {error}"))?;
        let kept = kept_generation(&store)?;
        if kept < acknowledged {
            return Err(format!(
                "the state is silently older than it was: change {acknowledged} was acknowledged, {kept} is the last one kept"
            ));
        }
        let checkpoint = store.load().map_err(|error| error.to_string())?;
        for (index, cut) in checkpoint.cuts.iter().enumerate() {
            let path = self.target().join(format!("shard-{index:03}.ndjson"));
            let stored = lines_count(&path)?;
            if stored < cut.records {
                return Err(format!(
                    "the checkpoint is ahead: it covers {} records of {}, which has {stored}",
                    cut.records, cut.shard_id
                ));
            }
        }
        Ok(())
    }
}

/// The number of changes that the side file of a state speaks of; it is written after each of them is durable.
fn generation(state: &Path) -> u64 {
    let identity = fs::read(state.join("IDENTITY")).unwrap_or_default();
    let identity: Value = serde_json::from_slice(&identity).unwrap_or_default();
    identity.get("generation").and_then(Value::as_u64).unwrap_or(0)
}

/// The number of changes that the database itself holds.
fn kept_generation(store: &SledStore) -> Result<u64, String> {
    let mut export = Vec::new();
    store.export(&mut export).map_err(|error| error.to_string())?;
    let header = export.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let header: Value = serde_json::from_slice(header).map_err(|error| error.to_string())?;
    let generation = header
        .pointer("/entry/header/generation")
        .or_else(|| header.pointer("/header/generation"));
    generation
        .and_then(Value::as_u64)
        .ok_or_else(|| format!("an export without a generation: {header}"))
}

fn lines_count(path: &Path) -> Result<u64, String> {
    let content = fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(content
        .iter()
        .fold(0, |count, byte| count + u64::from(*byte == b'\n')))
}

/// What the documentation says about disks that fail.
fn check_code(code: Option<i32>) -> Result<(), String> {
    let documented = [FaultKind::StateCreate, FaultKind::StateIo];
    if documented
        .iter()
        .any(|kind| code == Some(i32::from(kind.exit_code())))
    {
        return Ok(());
    }
    Err(format!("the engine whose disks are gone ended with {code:?}"))
}
