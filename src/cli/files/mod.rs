//! `brigade files`: the files that were set aside, and what is to become of them.

pub(super) mod decide;
pub(super) mod set_aside;

use clap::{Args, Subcommand};
use serde::{Deserialize, Serialize};

use self::decide::{RetryArgs, SkipArgs};
use self::set_aside::SetAsideFiles;
use super::orders;
use super::text::{counted, lines};
use super::{ConfigPath, Output, OutputFormat};
use crate::checkpoint::store::sled::SledStore;
use crate::checkpoint::store::{Decision, ObjectEntry, SetAside};
use crate::config::Config;
use crate::fault::Fault;
use crate::printable::printable;
use crate::serve::desk::Subject;

/// Version of the JSON shape; consumers ignore members they do not know.
const SCHEMA_VERSION: u32 = 1;

/// Arguments of `files`.
#[derive(Debug, Args)]
pub(super) struct FilesArgs {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// List the files that are set aside, with the reason and what was decided
    List(ListArgs),
    /// Read a file again that was set aside, from the row at which it broke
    Retry(RetryArgs),
    /// Leave the rest of a file out for good
    Skip(SkipArgs),
}

#[derive(Debug, Args)]
struct ListArgs {
    #[command(flatten)]
    config: ConfigPath,
    #[command(flatten)]
    output: Output,
}

/// What `files list --output json` prints.
#[derive(Debug, Serialize, Deserialize)]
struct FilesReport {
    schema_version: u32,
    task: String,
    files: Vec<FileReport>,
}

/// A file that is set aside.
#[derive(Debug, Serialize, Deserialize)]
struct FileReport {
    key: String,
    queue: String,
    reason: String,
    /// Rows of it that were settled before it was set aside.
    rows_settled: u64,
    /// The line after them, from 1.
    line: u64,
    /// The byte after them, in the text of the file.
    byte: u64,
    /// Whether rows after them may be in the stream already.
    in_doubt: bool,
    /// The version that was set aside.
    etag: String,
    /// `null` as long as it waits for a person.
    decision: Option<Decision>,
}

/// Runs the command.
///
/// # Errors
/// If a process has the state, if there is none, or if the decision is not possible.
pub(super) fn run(args: &FilesArgs) -> Result<u8, Fault> {
    match &args.verb {
        Verb::List(args) => list(args),
        Verb::Retry(args) => decide::retry(args),
        Verb::Skip(args) => decide::skip(args),
    }
}

fn list(args: &ListArgs) -> Result<u8, Fault> {
    let (config, _) = args.config.load()?;
    let report: FilesReport =
        orders::look_up(&config, Subject::Files, |store| FilesReport::of(&config, store))?;
    super::print(&match args.output.format {
        OutputFormat::Json => super::to_json(&report)?,
        OutputFormat::Text if report.files.is_empty() => "no file is set aside\n".to_owned(),
        OutputFormat::Text => lines(report.files.iter().map(FileReport::text)),
    })?;
    Ok(0)
}

/// What `files list --output json` prints.
///
/// # Errors
/// If the state cannot be read.
pub(super) fn listing(config: &Config, store: &SledStore) -> Result<String, Fault> {
    super::to_json(&FilesReport::of(config, store)?)
}

impl FilesReport {
    fn of(config: &Config, store: &SledStore) -> Result<Self, Fault> {
        let files = SetAsideFiles::of(store).map_err(Fault::from)?;
        let known = files.all().iter();
        let known = known.filter_map(|entry| Some(FileReport::of(entry, &entry.state.set_aside()?)));
        Ok(Self {
            schema_version: SCHEMA_VERSION,
            task: config.task.clone(),
            files: known.collect(),
        })
    }
}

impl FileReport {
    fn of(entry: &ObjectEntry, aside: &SetAside<'_>) -> Self {
        Self {
            key: entry.version.key.clone(),
            queue: entry.id.queue.as_str().to_owned(),
            reason: aside.reason.to_owned(),
            rows_settled: aside.watermark.ordinal,
            line: aside.watermark.line.saturating_add(1),
            byte: aside.watermark.position,
            in_doubt: aside.is_in_doubt,
            etag: entry.version.etag.clone(),
            decision: aside.decision,
        }
    }

    fn text(&self) -> String {
        let decided = match self.decision {
            None => "waits for `brigade files retry` or `brigade files skip`",
            Some(Decision::Skip) => "left out for good",
            Some(Decision::RetryAtMark) => "the next run reads it from there",
            Some(Decision::RetryFromBeginning) => "the next run reads it from its first row",
        };
        let doubt = if self.in_doubt {
            ", more of it may be in the stream"
        } else {
            ""
        };
        format!(
            "{}: {}; {} of it settled, line {}, byte {}{doubt}: {decided}",
            printable(&self.key),
            printable(&self.reason),
            counted(self.rows_settled, "row"),
            self.line,
            self.byte
        )
    }
}
