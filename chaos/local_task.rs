//! A full load from a folder into a folder by the real binary, which is killed and started again.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::Duration;

use serde_json::Value;

/// Name of the task.
pub(crate) const TASK: &str = "chaos";
/// How often to look at a life.
const LOOK: Duration = Duration::from_millis(20);
/// What a life says at its end, and all of them while they run.
const SUMMARY: &str = "summary.json";
const LOG: &str = "engine.log";
/// Lines of it that a finding quotes.
const LAST_WORDS_LINES: usize = 4;
/// Looks before a life is given up.
const LOOKS_MAX: u32 = 30_000;

/// The folder of the task.
#[derive(Debug)]
pub(crate) struct LocalTask {
    /// Pause between two durable checkpoints.
    pub(crate) commit_interval: &'static str,
    folder: tempfile::TempDir,
}

/// How a life ended.
#[derive(Debug)]
pub(crate) struct Life {
    /// Rows that were settled when it was last looked at.
    pub(crate) settled_rows: u64,
    /// The most memory it ever had resident.
    pub(crate) peak_bytes: u64,
    /// Its summary, unless it was killed.
    pub(crate) summary: Option<Value>,
}

impl LocalTask {
    /// A task that loads one table, without control records.
    pub(crate) fn new(table_definition: &str) -> Result<Self, String> {
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        let task = Self {
            commit_interval: "50ms",
            folder,
        };
        task.write("table-definition.json", table_definition)?;
        Ok(task)
    }

    /// A folder below `data`, which stands for the bucket.
    pub(crate) fn data(&self, path: &str) -> Result<PathBuf, String> {
        let folder = self.path().join("data").join(path);
        fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        Ok(folder)
    }

    /// The folder with everything.
    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Writes the configuration, with further lines about the target.
    pub(crate) fn configure(&self, shards: u32, target: &str) -> Result<(), String> {
        let configuration = format!(
            "version: 1\ntask: {TASK}\nmigration_type: full-load\nsource:\n  local: {{ directory: ./data }}\n  \
             tables: ./table-definition.json\ntarget:\n  ndjson:\n    path: ./out\n    shards: {shards}\n\
             {target}\n    control_records: false\n\
             errors: {{ dead_letters: ./dead-letters }}\nstate:\n  sled: {{ path: ./state }}\n  commit_interval: {}\napi: {{ listen: off }}\n",
            self.commit_interval
        );
        self.write("brigade.yaml", &configuration)
    }

    /// Starts the task, which ends when everything is read.
    pub(crate) fn start(&self, environment: &[(&str, &str)], log: Stdio) -> Result<Child, String> {
        let output = fs::File::create(self.path().join(SUMMARY)).map_err(|error| error.to_string())?;
        Command::new(env!("CARGO_BIN_EXE_brigade"))
            .args(["run", "--once", "--output", "json", "--log-level", "warn"])
            .args(["--config", "brigade.yaml"])
            .envs(environment.iter().copied())
            .current_dir(self.path())
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(log)
            .spawn()
            .map_err(|error| format!("cannot start the engine: {error}"))
    }

    /// A file of its folder that takes the log of the lives to come.
    pub(crate) fn log(&self) -> Result<Stdio, String> {
        let path = self.path().join(LOG);
        let file = fs::File::options().create(true).append(true).open(path);
        file.map(Stdio::from).map_err(|error| format!("{LOG}: {error}"))
    }

    /// The last lines of that file.
    pub(crate) fn last_words(&self) -> String {
        let log = fs::read_to_string(self.path().join(LOG)).unwrap_or_default();
        // A backtrace is indented.
        let lines = log.lines().rev().filter(|line| !line.starts_with(' '));
        let lines: Vec<_> = lines.take(LAST_WORDS_LINES).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join(" / ")
    }

    /// Writes a file of its folder.
    pub(crate) fn write(&self, name: &str, content: &str) -> Result<(), String> {
        fs::write(self.path().join(name), content).map_err(|error| format!("{name}: {error}"))
    }

    /// Runs the task until it has settled this many rows, then kills it; without a number, to its end.
    pub(crate) fn live(&self, kill_at_rows: Option<u64>) -> Result<Life, String> {
        let mut child = self.start(&[], Stdio::inherit())?;
        let mut life = Life {
            settled_rows: 0,
            peak_bytes: 0,
            summary: None,
        };
        for _ in 0..LOOKS_MAX {
            sleep(LOOK);
            life.settled_rows = self.settled_rows();
            life.peak_bytes = life.peak_bytes.max(peak_bytes(&child));
            if let Some(status) = child.try_wait().map_err(|error| error.to_string())? {
                if !status.success() {
                    return Err(format!("the engine ended with {status}"));
                }
                let summary = fs::read(self.path().join(SUMMARY)).map_err(|error| error.to_string())?;
                life.summary =
                    Some(serde_json::from_slice(&summary).map_err(|error| format!("no summary: {error}"))?);
                return Ok(life);
            }
            if kill_at_rows.is_some_and(|rows| life.settled_rows >= rows) {
                kill(&mut child)?;
                return Ok(life);
            }
        }
        kill(&mut child)?;
        Err("the engine takes too long".to_owned())
    }

    /// What `status.json` says of the rows of all tables.
    pub(crate) fn settled_rows(&self) -> u64 {
        let status = fs::read(self.path().join("state/status.json")).unwrap_or_default();
        let status: Value = serde_json::from_slice(&status).unwrap_or_default();
        let tables = status.get("tables").and_then(Value::as_array);
        let rows = |table: &Value| table.get("full_load_rows").and_then(Value::as_u64);
        tables.into_iter().flatten().filter_map(rows).sum()
    }
}

/// Waits for the end of a process; `None` if it does not come within a time.
pub(crate) fn wait(child: &mut Child, limit: Duration) -> Result<Option<ExitStatus>, String> {
    let mut waited = Duration::ZERO;
    loop {
        if let Some(status) = child.try_wait().map_err(|error| error.to_string())? {
            return Ok(Some(status));
        }
        if waited >= limit {
            return Ok(None);
        }
        sleep(LOOK);
        waited += LOOK;
    }
}

/// SIGKILL.
pub(crate) fn kill(child: &mut Child) -> Result<(), String> {
    let ended = child.kill().and_then(|()| child.wait());
    ended.map(drop).map_err(|error| error.to_string())
}

/// The most memory that a process ever had resident, as Linux counts it.
fn peak_bytes(child: &Child) -> u64 {
    memory_bytes(child, "VmHWM:")
}

/// The memory that a process has resident and that is not pages of its program or of another file.
pub(crate) fn own_bytes(child: &Child) -> u64 {
    memory_bytes(child, "RssAnon:")
}

fn memory_bytes(child: &Child, name: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let kib = line.and_then(|rest| rest.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kib.unwrap_or(0) * 1024
}
