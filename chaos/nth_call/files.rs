//! Writes and syncs of files that fail, by a library that the engine is made to load.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bucket_brigade::fault::FaultKind;
use bucket_brigade::sandbox::large_object::{TABLE_DEFINITION, TABLE_PATH};

use super::{Kind, Outcome, check_code};
use crate::field::engine::brigade;
use crate::local_task::{LocalTask, TASK, kill, wait};
use crate::numbered::NumberedRows;
use crate::shim::{PRELOAD_VARIABLE, Shim};

/// Enough for a few requests of each shard, a few checkpoints, and dead letters between them.
const ROWS: NumberedRows = NumberedRows {
    files_count: 3,
    rows_per_file: 500,
};
/// A life that takes longer hangs.
const LIFE_MAX: Duration = Duration::from_mins(1);

/// What lets calls fail.
#[derive(Debug)]
pub(super) struct Files {
    kind: Kind,
    library: PathBuf,
    _folder: tempfile::TempDir,
}

impl Files {
    /// The error says why this machine cannot do it.
    pub(super) fn new(kind: Kind) -> Result<Self, String> {
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        Ok(Self {
            kind,
            library: Shim::FailNth.build(folder.path())?,
            _folder: folder,
        })
    }

    /// One run in which the call of this number fails, and a clean one after it if it did not survive.
    pub(super) fn fail(&self, number: u64) -> Result<Outcome, String> {
        let task = LocalTask::new(TABLE_DEFINITION)?;
        ROWS.write(&task.data(TABLE_PATH)?)?;
        configure(&task)?;
        let kept = task.path().join("kept");
        let report = task.path().join("failed");
        let text = |path: &Path| path.to_string_lossy().into_owned();
        let environment = [
            (PRELOAD_VARIABLE, text(&self.library)),
            ("FAIL_NTH_KIND", self.kind.word().to_owned()),
            ("FAIL_NTH_NUMBER", number.to_string()),
            ("FAIL_NTH_FOLDER", text(&kept)),
            ("FAIL_NTH_REPORT", text(&report)),
        ];
        let environment: Vec<_> = environment
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        let code = live(&task, &environment);
        let failed = fs::read_to_string(&report).ok();
        let at = failed.as_deref().unwrap_or("no file");
        let explained = |finding: String| format!("{at}: {finding}: {}", task.last_words());
        let code = code.map_err(explained)?;
        match failed {
            None if code != 0 => return Err(explained(format!("nothing failed, and it ended with {code}"))),
            None => {}
            Some(_) => check_code(self.kind, code).map_err(explained)?,
        }
        let was_reset = code != 0 && complete(&task, &kept).map_err(explained)?;
        let found = ROWS.judge(&kept.join("out"), &kept.join("dead-letters"))?;
        if !found.is_flawless() {
            return Err(explained(format!("exit code {code}: {found}")));
        }
        Ok(Outcome {
            has_failed: failed.is_some(),
            code,
            was_reset,
        })
    }
}

/// A clean start; gives whether the state had to be reset for it, which it may ask for as long as nothing was sent.
fn complete(task: &LocalTask, kept: &Path) -> Result<bool, String> {
    let damaged = i32::from(FaultKind::StateDamaged.exit_code());
    let mut code = live(task, &[])?;
    let is_to_reset = code == damaged && !has_begun(kept)?;
    if is_to_reset {
        let reset = brigade(task.path(), &["checkpoint", "reset", "--yes"])?;
        if reset.code != Some(0) {
            return Err(format!("the reset ended with {:?}", reset.code));
        }
        code = live(task, &[])?;
    }
    match code {
        0 => Ok(is_to_reset),
        code => Err(format!("the clean start after it ended with {code}")),
    }
}

/// Whether anything was sent.
fn has_begun(kept: &Path) -> Result<bool, String> {
    let Ok(entries) = fs::read_dir(kept.join("out")) else {
        return Ok(false);
    };
    for entry in entries {
        let entry = entry.map_err(|error| error.to_string())?;
        let is_of_shard = entry
            .path()
            .extension()
            .is_some_and(|extension| extension == "ndjson");
        let length = entry.metadata().map_err(|error| error.to_string())?.len();
        if is_of_shard && length > 0 {
            return Ok(true);
        }
    }
    Ok(false)
}

fn configure(task: &LocalTask) -> Result<(), String> {
    let configuration = format!(
        "version: 1\ntask: {TASK}\nmigration_type: full-load\nsource:\n  local: {{ directory: ./data }}\n  \
         tables: ./table-definition.json\ntarget:\n  ndjson:\n    path: ./kept/out\n    shards: 2\n    \
         pace: {{ records_per_second: 3000, bytes_per_second: 64MiB }}\n    delivery: dedupe\n    \
         control_records: false\nerrors: {{ dead_letters: ./kept/dead-letters }}\nstate:\n  \
         sled: {{ path: ./kept/state }}\n  commit_interval: 50ms\n"
    );
    task.write("brigade.yaml", &configuration)
}

fn live(task: &LocalTask, environment: &[(&str, &str)]) -> Result<i32, String> {
    let mut child = task.start(environment, task.log()?)?;
    let Some(status) = wait(&mut child, LIFE_MAX)? else {
        kill(&mut child)?;
        return Err(format!("the engine did not end within {} s", LIFE_MAX.as_secs()));
    };
    let code = status.code();
    code.ok_or_else(|| format!("the engine ended with {status}"))
}
