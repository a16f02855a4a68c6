//! The engine as a user runs it: the real program on a folder.

use std::fs;
use std::path::Path;
use std::process::Command;

use bucket_brigade::sandbox::clients::child_environment;

use super::Trouble;
use super::child::{Cost, measure};

/// Stream that records go to.
pub const STREAM: &str = "bench";
/// Folder of the objects.
pub const SOURCE: &str = "source";

/// What differs between tasks.
#[derive(Debug, Clone, Copy)]
pub struct Task<'a> {
    /// `migration_type`.
    pub migration_type: &'a str,
    /// Further lines of `source.local`.
    pub source: &'a str,
    /// Further lines of `target.kinesis`.
    pub target: &'a str,
}

/// Loads the files, with everything at its default.
pub const FULL_LOAD: Task<'_> = Task {
    migration_type: "full-load",
    source: "",
    target: "",
};

/// Writes a task that streams the folder [`SOURCE`] of `folder` to a Kinesis endpoint, as fast as it goes.
///
/// # Errors
/// If the files cannot be written.
pub fn write_task(
    folder: &Path,
    table_definition: &str,
    endpoint: &str,
    task: Task<'_>,
) -> Result<(), Trouble> {
    let Task {
        migration_type,
        source,
        target,
    } = task;
    let configuration = format!(
        r#"version: 1
task: bench
migration_type: {migration_type}
source:
  local:
    directory: ./{SOURCE}
{source}  tables: ./table-definition.json
target:
  kinesis:
    stream: {STREAM}
    region: us-west-2
    endpoint: "{endpoint}"
    pace: off
    delivery: at_least_once
    message_format: json-unformatted
{target}errors:
  dead_letters: ./dead-letters
state:
  sled:
    path: ./state
"#
    );
    fs::write(folder.join("table-definition.json"), table_definition)?;
    fs::write(folder.join("brigade.yaml"), configuration)?;
    Ok(())
}

/// Gives the task of a folder table mappings with these rules, or takes them away.
///
/// # Errors
/// If the files cannot be read or written.
pub fn map_tables(folder: &Path, rules: Option<&str>) -> Result<(), Trouble> {
    const LINE: &str = "table_mappings: ./table-mappings.json\n";
    let path = folder.join("brigade.yaml");
    let mut configuration = fs::read_to_string(&path)?.replace(LINE, "");
    if let Some(rules) = rules {
        fs::write(
            folder.join("table-mappings.json"),
            format!("{{\"rules\":[{rules}]}}"),
        )?;
        configuration += LINE;
    }
    fs::write(path, configuration)?;
    Ok(())
}

/// Runs the task of a folder from the beginning.
///
/// # Errors
/// If the engine fails.
pub fn run(folder: &Path) -> Result<Cost, Trouble> {
    let state = folder.join("state");
    if state.exists() {
        fs::remove_dir_all(state)?;
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_brigade"));
    command
        .args(["run", "--once", "--log-level", "warn", "--config"])
        .arg(folder.join("brigade.yaml"))
        .envs(child_environment())
        .env_remove("AWS_PROFILE");
    measure(&mut command, false)
}
