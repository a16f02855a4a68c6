//! SIGKILL in the middle of one large object, plain, gzip or Parquet: every restart goes on at the exact row, within
//! the limit of memory.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use bucket_brigade::sandbox::large_object::{LargeFormat, TABLE_DEFINITION, TABLE_PATH, note};
use clap::Args;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use crate::ScenarioResult;
use crate::local_task::LocalTask;
use crate::stored_row::StoredRow;

/// The most memory that any life may ever have resident.
const PEAK_BYTES_MAX: u64 = 256 << 20;
/// What a life is given: any row that is stored without being known as such is looked for, and not sent again.
const TARGET: &str = "    pace: \"off\"\n    delivery: dedupe";

#[derive(Debug, Clone, Args)]
pub(crate) struct Arguments {
    /// Seed of the moments
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// What the object is
    #[arg(long, value_enum, default_value_t = LargeFormat::Gzip)]
    pub(crate) format: LargeFormat,
    /// Its size in MiB before any compression
    #[arg(long, default_value_t = 1024)]
    pub(crate) mebibytes: u64,
    /// How often to kill
    #[arg(long, default_value_t = 3)]
    pub(crate) count: u64,
}

impl Default for Arguments {
    fn default() -> Self {
        Self {
            seed: 1,
            format: LargeFormat::Gzip,
            mebibytes: 1024,
            count: 3,
        }
    }
}

pub(crate) fn run(arguments: &Arguments) -> ScenarioResult {
    let Arguments {
        seed, format, count, ..
    } = *arguments;
    let task = LocalTask::new(TABLE_DEFINITION)?;
    let written = format.write(&task.data(TABLE_PATH)?, arguments.mebibytes << 20);
    let rows_count = written.map_err(|error| format!("{}: {error}", format.file_name()))?;
    task.configure(1, TARGET)?;
    let mut rng = SmallRng::seed_from_u64(seed);
    let (mut peak_bytes, mut settled_rows) = (0, 0);
    for number in 0..count {
        // One in each part of the object but the last.
        let part = rows_count / (count + 1);
        let kill_at = number * part + rng.random_range(1..=part.max(1));
        let life = task.live(Some(kill_at.max(settled_rows + 1)))?;
        settled_rows = life.settled_rows;
        peak_bytes = peak_bytes.max(life.peak_bytes);
        if life.summary.is_some() {
            return Err(format!(
                "seed {seed}: the load was over before kill {}; give it more --mebibytes",
                number + 1
            ));
        }
        println!(
            "  kill {}: {} of {rows_count} rows settled",
            number + 1,
            life.settled_rows
        );
    }
    let life = task.live(None)?;
    peak_bytes = peak_bytes.max(life.peak_bytes);
    let stored = judge(&task.path().join("out/shard-000.ndjson"))?;
    let finding = format!(
        "seed {seed}: {} of {} MiB, {count} kills: {stored} rows of {rows_count}, each once and in order; peak {} MiB \
         (limit {} MiB)",
        format.file_name(),
        arguments.mebibytes,
        peak_bytes >> 20,
        PEAK_BYTES_MAX >> 20,
    );
    if stored == rows_count && (1..=PEAK_BYTES_MAX).contains(&peak_bytes) {
        Ok(finding)
    } else {
        Err(finding)
    }
}

/// Reads what was stored: the rows from the first one on, each once, in their order and unchanged.
fn judge(path: &Path) -> Result<u64, String> {
    let file = File::open(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let mut expected = 0;
    for line in BufReader::new(file).lines() {
        let line = line.map_err(|error| error.to_string())?;
        let row = StoredRow::of(&line).map_err(|error| format!("{error} in {line}"))?;
        if row.id != expected {
            return Err(format!("row {} came where row {expected} belongs", row.id));
        }
        if row.note != note(expected) {
            return Err(format!("row {expected} is not what is in the file: {}", row.note));
        }
        expected += 1;
    }
    Ok(expected)
}
