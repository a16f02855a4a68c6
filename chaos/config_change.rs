//! The configuration changes over a SIGKILL: no row is lost, and only rows behind the watermarks come again.

use std::collections::BTreeSet;
use std::thread::sleep;
use std::time::Duration;

use bucket_brigade::checkpoint::store::ObjectState;
use bucket_brigade::checkpoint::store::sled::{OpenOptions, SledStore};
use bucket_brigade::sandbox::fault_proxy::FaultRates;
use bucket_brigade::saturate;
use clap::{Args, ValueEnum};
use rand::rngs::SmallRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};

use crate::ScenarioResult;
use crate::field::data::{Data, Equals};
use crate::field::judge::{Expectation, Findings};
use crate::field::task::{TASK, TaskConfig};
use crate::field::{Field, PATIENCE};

const TABLES: usize = 2;
/// How many records a shard is before the other at the kill, where rows are counted in another way after it.
const AHEAD: u64 = 700;
/// Several intervals of commits.
const COMMITTED_WITHIN: Duration = Duration::from_millis(700);
const MAPPINGS: &str = "mappings.json";
/// Another name for a column.
const RENAME: &str = r#"{"rules": [
{"rule-type": "selection", "rule-id": 1, "rule-name": "1", "rule-action": "include",
 "object-locator": {"schema-name": "%", "table-name": "%"}},
{"rule-type": "transformation", "rule-id": 2, "rule-name": "2", "rule-target": "column", "rule-action": "rename",
 "value": "remark", "object-locator": {"schema-name": "%", "table-name": "%", "column-name": "note"}}
]}"#;
const OTHER_BUCKET: &str = "field-other";
const OTHER_FOLDER: &str = "moved/";

/// What changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Change {
    /// The longest row: what is a row may be cut differently.
    LimitsRow,
    /// Limits that do not change what is sent.
    Limits,
    /// Table mappings rename a column.
    Mappings,
    /// Numbers as DMS prints them.
    NumberFormat,
    /// NULL columns are part of the message.
    NullColumns,
    /// The files are in another bucket.
    Bucket,
    /// The files are below another folder, and so other files: each of them may come again.
    Folder,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct Arguments {
    /// Seed of the data and of the moment
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// What changes; all of them, one after another, if it is not said
    #[arg(long, value_enum)]
    pub(crate) change: Option<Change>,
}

pub(crate) fn run(arguments: &Arguments) -> ScenarioResult {
    let all = Change::value_variants();
    let changes = arguments.change.map_or_else(|| all.to_vec(), |one| vec![one]);
    let mut repeated = 0;
    for change in &changes {
        let findings = run_one(arguments.seed, *change)
            .map_err(|finding| format!("seed {}: {change:?}: {finding}", arguments.seed))?;
        repeated += findings.repeated();
        println!("  {change:?}: {findings}");
    }
    Ok(format!(
        "seed {}: {} changes of the configuration, nothing missing; {repeated} rows repeated, all of them after the watermarks or from \
         another folder",
        arguments.seed,
        changes.len()
    ))
}

fn run_one(seed: u64, change: Change) -> Result<Findings, String> {
    let mut rng = SmallRng::seed_from_u64(seed);
    let mut task = TaskConfig {
        records_per_second: Some(4_000),
        ..TaskConfig::default()
    };
    let mut data = Data::new(seed, TABLES, Equals::None);
    let counts_rows = change == Change::LimitsRow;
    if counts_rows {
        data = data.with_tall_rows();
        task.records_per_second = Some(2_000);
        task.limits = format!("  in_flight: 4MiB\n  row: {}\n", Data::ROW_MAX);
    }
    let mut field = Field::new(seed, data, task, FaultRates::default())?;
    if counts_rows {
        // Long files: the difference in the count has rows after it in the same file.
        field.load(1, 6_000)?;
    } else {
        field.load(2, 1_500)?;
    }
    field.changes(2_000)?;
    let rows = field.data.rows_count();
    let at = rng.random_range(1..if counts_rows { rows / 10 } else { rows });
    let mut engine = field.start(&[])?;
    engine.until("the kill", PATIENCE, || field.world.stored() >= at)?;
    if counts_rows {
        // Where another count does harm, shards are apart.
        let slow = field.world.throttle_half(&mut rng);
        let ahead = field.world.stored() + AHEAD;
        engine.until("a shard is ahead", PATIENCE, || field.world.stored() >= ahead)?;
        // Until that is committed.
        sleep(COMMITTED_WITHIN);
        println!("  {change:?}: the {slow} shard was {AHEAD} records behind, or more");
    }
    engine.kill()?;
    field.world.throttle_none();
    let settled = settled_rows(&field)?;
    let expectation = apply(&mut field, change, &mut rng)?;
    field.task.records_per_second = None;
    field.configure()?;
    field.complete(PATIENCE)?;
    let findings = field.judge(expectation)?;
    let may_repeat = change != Change::Limits;
    let repeats_max = if may_repeat { u64::MAX } else { 0 };
    findings.verdict(repeats_max)?;
    if change == Change::Folder {
        // Whatever was settled of other files says nothing about these.
        return Ok(findings);
    }
    let settled_again = findings.repeats.keys().filter(|mark| settled.contains(mark));
    match settled_again.count() {
        0 => Ok(findings),
        count => Err(format!(
            "{count} rows before the watermarks came again; {findings}"
        )),
    }
}

/// Changes the configuration; gives which messages are right then.
fn apply(field: &mut Field, change: Change, rng: &mut SmallRng) -> Result<Expectation, String> {
    let mut expectation = Expectation::default();
    match change {
        Change::LimitsRow => {
            let row = ["64KiB", "128KiB", "2MiB"].choose(rng).copied().unwrap_or("2MiB");
            field.task.limits = format!("  in_flight: 4MiB\n  row: {row}\n");
            expectation.may_lack_tall_rows = true;
        }
        Change::Limits => "  in_flight: 2MiB\n  files_in_parallel: 1\n".clone_into(&mut field.task.limits),
        Change::Mappings => {
            field.write(MAPPINGS, RENAME)?;
            field.task.mappings = Some(MAPPINGS);
            expectation.note_names.push("remark");
        }
        Change::NumberFormat => "    number_format: dms\n".clone_into(&mut field.task.target),
        Change::NullColumns => "    include_null_and_empty: true\n".clone_into(&mut field.task.target),
        Change::Bucket | Change::Folder => {
            if change == Change::Bucket {
                field.world.create_bucket(OTHER_BUCKET)?;
                OTHER_BUCKET.clone_into(&mut field.task.bucket);
            } else {
                OTHER_FOLDER.clone_into(&mut field.task.bucket_folder);
            }
            for file in field.data.files() {
                field
                    .world
                    .put(&field.task.bucket, &field.task.bucket_folder, file)?;
            }
        }
    }
    Ok(expectation)
}

/// The rows before the watermarks of the files, by their marks.
fn settled_rows(field: &Field) -> Result<BTreeSet<usize>, String> {
    let failed = |error: &dyn std::fmt::Display| error.to_string();
    let store =
        SledStore::open(&field.path().join("state"), &OpenOptions::new(TASK)).map_err(|e| failed(&e))?;
    let mut settled = BTreeSet::new();
    for queue in store.queues().map_err(|error| failed(&error))? {
        let each = store.for_each_object(&queue, &mut |entry| {
            let rows = match &entry.state {
                ObjectState::Open(progress) => saturate::to_usize(progress.watermark.ordinal),
                ObjectState::Registered => 0,
                ObjectState::Done(_) | ObjectState::Quarantined { .. } | ObjectState::Decided { .. } => {
                    usize::MAX
                }
            };
            let files = field.data.files().iter();
            let file = files.filter(|file| file.key == entry.version.key);
            let marks = file.flat_map(|file| file.marks.iter().copied());
            let mut records = 0;
            settled.extend(marks.take_while(|mark| {
                records += field.data.lines_of(*mark);
                records <= rows
            }));
            std::ops::ControlFlow::Continue(())
        });
        each.map_err(|error| failed(&error))?;
    }
    Ok(settled)
}
