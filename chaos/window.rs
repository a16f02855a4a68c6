//! SIGKILL in the middle of a file: what the restart reads is counted, byte for byte.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use bucket_brigade::checkpoint::store::sled::{OpenOptions, SledStore};
use bucket_brigade::checkpoint::store::{CheckpointStore, ObjectState};
use bucket_brigade::read::format::MAGIC_BYTES;
use bucket_brigade::sandbox::blog_data::{BlogData, BlogSize, TABLE_DEFINITION};
use clap::Args;
use serde_json::Value;

use crate::Verdict;

const TASK: &str = "window";
/// How often to look whether the load is in the middle of a file.
const LOOK: Duration = Duration::from_millis(20);
/// Looks before the test gives up.
const LOOKS_MAX: u32 = 3_000;

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

pub(crate) fn run(arguments: &Arguments) -> Verdict {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let size = arguments.rows.map_or(BlogSize::Post, BlogSize::Rows);
    let total = prepare(folder.path(), size, arguments.seed)?;
    kill_in_mid_file(folder.path())?;
    let (unsettled, file, from) = unsettled_bytes(folder.path(), total)?;
    let summary = finish(folder.path())?;
    let number = |path: &str| summary.pointer(path).and_then(Value::as_u64).unwrap_or(u64::MAX);
    let (read, skipped) = (number("/bytes_read"), number("/counters/skipped"));
    let finding = format!(
        "seed {}: of {total} bytes {} were settled at the kill, in the middle of {file} (byte {from}); the restart read {read} \
         bytes, {unsettled} were left and {MAGIC_BYTES} say what the file is, and skipped {skipped} records as stored",
        arguments.seed,
        total - unsettled,
    );
    // The file in whose middle it was killed tells its format again, by its first bytes; nothing else is read twice.
    let expected = u64::try_from(MAGIC_BYTES).map(|again| unsettled + again);
    if expected == Ok(read) && from > 0 {
        Ok(finding)
    } else {
        Err(finding)
    }
}

/// Writes the data set and a configuration that is slow enough to be killed; gives the bytes of the load files.
fn prepare(folder: &Path, size: BlogSize, seed: u64) -> Result<u64, String> {
    let data = BlogData::new(size, seed);
    let mut total = 0;
    for file in data.files().iter().filter(|file| !file.key.starts_with("cdc/")) {
        let path = folder.join("data").join(&file.key);
        let content = data.content(file);
        total += u64::try_from(content.len()).unwrap_or(u64::MAX);
        let parent = path.parent().ok_or("a file without a folder")?;
        fs::create_dir_all(parent)
            .and_then(|()| fs::write(&path, content))
            .map_err(|error| error.to_string())?;
    }
    write(folder, "table-definition.json", TABLE_DEFINITION)?;
    Ok(total)
}

fn configure(folder: &Path, pace: &str) -> Result<(), String> {
    let configuration = format!(
        "version: 1\ntask: {TASK}\nmigration_type: full-load\nsource:\n  local: {{ directory: ./data }}\n  \
         tables: ./table-definition.json\ntarget:\n  ndjson:\n    path: ./out\n    shards: 2\n    pace: {pace}\n\
         errors: {{ dead_letters: ./dead-letters }}\nstate:\n  sled: {{ path: ./state }}\n  commit_interval: 50ms\n"
    );
    write(folder, "brigade.yaml", &configuration)
}

fn write(folder: &Path, name: &str, content: &str) -> Result<(), String> {
    fs::write(folder.join(name), content).map_err(|error| format!("{name}: {error}"))
}

fn engine(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_brigade"));
    command
        .args(["run", "--once", "--output", "json", "--config", "brigade.yaml"])
        .current_dir(folder);
    command
}

/// Kills the engine when its status says that rows are settled and a later file has not begun.
fn kill_in_mid_file(folder: &Path) -> Result<(), String> {
    configure(folder, "{ records_per_second: 20000, bytes_per_second: 64MiB }")?;
    let mut child = engine(folder)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| format!("cannot start the engine: {error}"))?;
    for _ in 0..LOOKS_MAX {
        sleep(LOOK);
        let status = fs::read(folder.join("state/status.json")).unwrap_or_default();
        let status: Value = serde_json::from_slice(&status).unwrap_or_default();
        let rows = status
            .pointer("/tables/0/full_load_rows")
            .and_then(Value::as_u64)
            .unwrap_or(0);
        if rows > 0 {
            return child
                .kill()
                .and_then(|()| child.wait())
                .map(drop)
                .map_err(|error| error.to_string());
        }
        if let Ok(Some(ended)) = child.try_wait() {
            return Err(format!("the engine ended before it could be killed: {ended}"));
        }
    }
    drop(child.kill());
    Err("no row was settled in a minute".into())
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
                    ObjectState::Done(_) | ObjectState::Quarantined { .. } => {
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

fn finish(folder: &Path) -> Result<Value, String> {
    configure(folder, "\"off\"")?;
    let output = engine(folder).output().map_err(|error| error.to_string())?;
    if !output.status.success() {
        return Err(format!(
            "the restart failed: {}",
            String::from_utf8_lossy(&output.stderr)
        ));
    }
    serde_json::from_slice(&output.stdout).map_err(|error| format!("no summary: {error}"))
}
