//! The state of a killed process is damaged in one place: the next start refuses it, or it is as if nothing had happened.

use std::collections::BTreeMap;
use std::fs;
use std::thread::sleep;
use std::time::Duration;

use clap::Args;
use rand::rngs::SmallRng;
use rand::seq::{IndexedMutRandom, IndexedRandom};
use rand::{Rng, SeedableRng};
use serde::Deserialize;

use crate::ScenarioResult;
use crate::field::PATIENCE;
use crate::field::data::{Data, Equals, SCHEMA, table_name};
use crate::field::engine::{Engine, brigade};
use crate::field::judge::{Expectation, Findings, Judge};
use crate::local_task::LocalTask;
use crate::snapshot::Snapshot;

const TABLES: usize = 2;
const FILES_PER_TABLE: usize = 3;
const SHARDS: u32 = 2;
/// Two lives with different promises: what one state knows may hide what another has forgotten.
const DELIVERIES: [&str; 2] = ["dedupe", "at_least_once"];
const RUN: [&str; 4] = ["run", "--once", "--output", "json"];
/// Long enough for requests that no checkpoint knows.
const COMMIT_INTERVAL: &str = "1s";
const COMMIT_MS: u64 = 1_000;
/// What a start ends with that does not trust its state.
const DAMAGED: i32 = 76;

#[derive(Debug, Clone, Args)]
pub(crate) struct Arguments {
    /// Seed of the data, of the kill and of the damages
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// How many damages to do, each to the state as it was at the kill
    #[arg(long, default_value_t = 40)]
    pub(crate) count: u64,
    /// Rows of the load
    #[arg(long, default_value_t = 12_000)]
    pub(crate) rows: usize,
}

impl Default for Arguments {
    fn default() -> Self {
        Self {
            seed: 1,
            count: 40,
            rows: 12_000,
        }
    }
}

/// The task as it was when it was killed.
struct Killed {
    task: LocalTask,
    data: Data,
    state: Snapshot,
    out: Snapshot,
}

/// How a start on a damaged state went.
enum Outcome {
    /// It ended with this code and sent nothing.
    Refused(i32),
    /// It completed.
    Completed(Findings),
}

#[derive(Deserialize)]
struct Line {
    partition_key: String,
    payload: String,
}

pub(crate) fn run(arguments: &Arguments) -> ScenarioResult {
    let Arguments { seed, count, rows } = *arguments;
    let mut rng = SmallRng::seed_from_u64(seed);
    let killed = Killed::new(seed, rows, &mut rng)?;
    let mut undamaged = Vec::new();
    for delivery in DELIVERIES {
        match killed.start(delivery, &killed.state)? {
            Outcome::Completed(findings) => {
                let repeats_max = if delivery == "dedupe" { 0 } else { u64::MAX };
                findings.verdict(repeats_max)?;
                println!("live-damage: seed {seed}, {delivery}, without damage: {findings}");
                undamaged.push((delivery, findings));
            }
            Outcome::Refused(code) => return Err(format!("the undamaged state was refused with {code}")),
        }
    }
    let (mut sound, mut refused) = (0_u64, BTreeMap::<i32, u64>::new());
    for number in 0..count {
        let mut state = killed.state.clone();
        let what = damage(&mut state, &mut rng);
        let Some((delivery, expected)) = undamaged.choose(&mut rng) else {
            return Err("there is no life without damage".to_owned());
        };
        let failed = |finding: &str| format!("seed {seed}, damage {number}: {what}: {finding}");
        match killed.start(delivery, &state).map_err(|error| failed(&error))? {
            Outcome::Refused(code) => *refused.entry(code).or_default() += 1,
            Outcome::Completed(findings) => {
                judge(&findings, expected).map_err(|finding| failed(&finding))?;
                sound += 1;
            }
        }
    }
    if refused.keys().any(|code| *code != DAMAGED) {
        return Err(format!(
            "seed {seed}: a state was refused with other codes than {DAMAGED}: {refused:?}"
        ));
    }
    Ok(format!(
        "seed {seed}: {count} damages of a state that was killed: {} refused with {DAMAGED} and nothing sent, {sound} completed \
         as if there were none",
        refused.values().sum::<u64>()
    ))
}

/// With a damage as without: the same rows come again, or fewer, and none is missing.
fn judge(findings: &Findings, undamaged: &Findings) -> Result<(), String> {
    findings.verdict(u64::MAX)?;
    let more =
        |(mark, count): (&usize, &u64)| undamaged.repeats.get(mark).is_none_or(|allowed| allowed < count);
    match findings.repeats.iter().filter(|repeat| more(*repeat)).count() {
        0 => Ok(()),
        count => Err(format!(
            "{count} rows came again that the undamaged state knew of; {findings}"
        )),
    }
}

impl Killed {
    /// A task that was stopped cleanly once, and killed in the middle of its second life.
    fn new(seed: u64, rows: usize, rng: &mut SmallRng) -> Result<Self, String> {
        let mut data = Data::new(seed, TABLES, Equals::None);
        let mut task = LocalTask::new(&data.definition())?;
        task.commit_interval = COMMIT_INTERVAL;
        for table in 0..TABLES {
            let folder = task.data(&format!("{SCHEMA}/{}", table_name(table)))?;
            for _ in 0..FILES_PER_TABLE {
                let file = data.load(table, rows / TABLES / FILES_PER_TABLE);
                let name = file.key.rsplit('/').next().unwrap_or_default();
                fs::write(folder.join(name), &file.bytes).map_err(|error| format!("{name}: {error}"))?;
            }
        }
        let total = data.rows_count();
        task.configure(
            SHARDS,
            &target("dedupe", "{ records_per_second: 1000, bytes_per_second: 64MiB }"),
        )?;
        for at in [
            rng.random_range(1..total / 3),
            rng.random_range(total / 3..total * 2 / 3),
        ] {
            let mut engine = Engine::start(task.path(), &RUN, &[])?;
            engine.until("the kill", PATIENCE, || task.settled_rows() >= at)?;
            // What is sent meanwhile is in no checkpoint.
            sleep(Duration::from_millis(rng.random_range(0..COMMIT_MS)));
            engine.kill()?;
        }
        let [state, out] = ["state", "out"].map(|name| Snapshot::of(&task.path().join(name)));
        Ok(Self {
            task,
            data,
            state,
            out,
        })
    }

    /// Starts it once more, from a state and from what was sent by then.
    fn start(&self, delivery: &str, state: &Snapshot) -> Result<Outcome, String> {
        let folder = |name: &str| self.task.path().join(name);
        state.restore(&folder("state"));
        self.out.restore(&folder("out"));
        self.task.configure(SHARDS, &target(delivery, "\"off\""))?;
        let ended = brigade(self.task.path(), &RUN)?;
        match ended.code {
            Some(0) => Ok(Outcome::Completed(self.judge()?)),
            Some(code) if Snapshot::of(&folder("out")) == self.out => Ok(Outcome::Refused(code)),
            code => Err(format!(
                "it ended with {code:?}, and sent something: {}",
                ended.stderr
            )),
        }
    }

    fn judge(&self) -> Result<Findings, String> {
        let expectation = Expectation {
            has_controls: false,
            ..Expectation::default()
        };
        let mut judge = Judge::new(&self.data, expectation);
        for shard in 0..SHARDS {
            let path = self.task.path().join(format!("out/shard-{shard:03}.ndjson"));
            let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
            for line in text.lines() {
                let line: Line = serde_json::from_str(line).map_err(|error| format!("{error} in {line}"))?;
                judge.take(&line.partition_key, line.payload.as_bytes());
            }
        }
        Ok(judge.finish())
    }
}

fn target(delivery: &str, pace: &str) -> String {
    format!("    pace: {pace}\n    delivery: {delivery}")
}

/// Damages one place of a file that is drawn; says what it did.
fn damage(state: &mut Snapshot, rng: &mut SmallRng) -> String {
    let is_of_database = rng.random_bool(0.6);
    let files = state
        .files_mut()
        .filter(|(name, content)| name.starts_with("sled") == is_of_database && !content.is_empty());
    let mut files: Vec<_> = files.collect();
    let Some((name, content)) = files.choose_mut(rng) else {
        return "nothing".to_owned();
    };
    // What sled has set aside and not used is nothing.
    let used = content
        .iter()
        .rposition(|byte| *byte != 0)
        .map_or(content.len(), |last| last + 1);
    let at = rng.random_range(0..used);
    let what = match rng.random_range(0..5) {
        0 => {
            let bit = 1 << rng.random_range(0..8);
            content.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= bit);
            "a bit flipped"
        }
        1 => {
            let drawn = rng.random();
            content.iter_mut().skip(at).take(1).for_each(|byte| *byte = drawn);
            "a byte drawn"
        }
        2 => {
            let length = rng.random_range(1..600);
            content
                .iter_mut()
                .skip(at)
                .take(length)
                .for_each(|byte| *byte = 0);
            "bytes zeroed"
        }
        3 => {
            content.truncate(at);
            "cut off"
        }
        _ => {
            content.clear();
            "emptied"
        }
    };
    format!("{} at {at} of {used}: {what}", name.display())
}
