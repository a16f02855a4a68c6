//! SIGKILL in the middle of a file: what the restart reads is counted, byte for byte.

use std::fs;
use std::path::Path;

use bucket_brigade::checkpoint::store::sled::{OpenOptions, SledStore};
use bucket_brigade::checkpoint::store::{CheckpointStore, ObjectState};
use bucket_brigade::read::format::MAGIC_BYTES;
use bucket_brigade::read::header_text::FIRST_ROW_BYTES;
use bucket_brigade::sandbox::blog_data::{BlogData, BlogSize, SCHEMA, TABLE, TABLE_DEFINITION};
use bucket_brigade::saturate;
use clap::Args;
use serde_json::Value;

use crate::ScenarioResult;
use crate::local_task::{LocalTask, TASK};

/// Slow enough to be killed in the middle of a file.
const SLOW: &str = "    pace: { records_per_second: 20000, bytes_per_second: 64MiB }";
const FAST: &str = "    pace: \"off\"";
const SHARDS_COUNT: u32 = 2;

#[derive(Debug, Clone, Args)]
pub(crate) struct Arguments {
    /// Seed of the data
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Rows; by default the five files have 5 MiB each
    #[arg(long)]
    rows: Option<u64>,
}

impl Default for Arguments {
    fn default() -> Self {
        Self { seed: 1, rows: None }
    }
}

pub(crate) fn run(arguments: &Arguments) -> ScenarioResult {
    let task = LocalTask::new(TABLE_DEFINITION)?;
    let size = arguments.rows.map_or(BlogSize::Post, BlogSize::Rows);
    let total = write_files(&task, size, arguments.seed)?;
    task.configure(SHARDS_COUNT, SLOW)?;
    if task.live(Some(1))?.summary.is_some() {
        return Err("the engine ended before it could be killed".to_owned());
    }
    let (unsettled, file, from) = unsettled_bytes(task.path(), total)?;
    task.configure(SHARDS_COUNT, FAST)?;
    let summary = task.live(None)?.summary.unwrap_or_default();
    let number = |path: &str| summary.pointer(path).and_then(Value::as_u64).unwrap_or(u64::MAX);
    let (read, skipped) = (number("/bytes_read"), number("/counters/skipped"));
    let finding = format!(
        "seed {}: of {total} bytes {} were settled at the kill, in the middle of {file} (byte {from}); the restart read {read} \
         bytes, {unsettled} were left and {MAGIC_BYTES} and {FIRST_ROW_BYTES} say what the file is and whether its rows begin with an operation, and skipped {skipped} records as stored",
        arguments.seed,
        total - unsettled,
    );
    // The file in whose middle it was killed shows its format again, by its first bytes, and by its first row whether
    // rows begin with an operation; nothing else is read twice.
    let expected = unsettled + saturate::to_u64(MAGIC_BYTES) + FIRST_ROW_BYTES;
    if expected == read && from > 0 {
        Ok(finding)
    } else {
        Err(finding)
    }
}

/// Writes the load files of the data set; gives their bytes.
fn write_files(task: &LocalTask, size: BlogSize, seed: u64) -> Result<u64, String> {
    let data = BlogData::new(size, seed);
    task.data(&format!("{SCHEMA}/{TABLE}"))?;
    let bucket = task.data("")?;
    let mut total = 0;
    for file in data.load_files() {
        let content = data.content(file);
        total += saturate::to_u64(content.len());
        fs::write(bucket.join(&file.key), content).map_err(|error| format!("{}: {error}", file.key))?;
    }
    Ok(total)
}

/// What the checkpoint says is left to read, the file that is open, and where in it.
fn unsettled_bytes(folder: &Path, total: u64) -> Result<(u64, String, u64), String> {
    let store = SledStore::open(&folder.join("state"), &OpenOptions::new(TASK)).map_err(|e| e.to_string())?;
    let checkpoint = store.load().map_err(|error| error.to_string())?;
    let mut settled = 0;
    let mut open = (String::from("no file"), 0);
    for queue in store.queues().map_err(|error| error.to_string())? {
        store
            .for_each_object(&queue, &mut |entry| {
                match &entry.state {
                    ObjectState::Done(_) | ObjectState::Quarantined { .. } | ObjectState::Decided { .. } => {
                        settled += entry.version.size_bytes;
                    }
                    ObjectState::Open(progress) => settled += progress.watermark.position,
                    ObjectState::Registered => {}
                }
                std::ops::ControlFlow::Continue(())
            })
            .map_err(|error| error.to_string())?;
    }
    for entry in checkpoint.unfinished {
        if let ObjectState::Open(progress) = entry.state
            && progress.watermark.position > 0
            && progress.watermark.position < entry.version.size_bytes
        {
            open = (entry.version.key, progress.watermark.position);
        }
    }
    Ok((total - settled, open.0, open.1))
}
