//! `brigade files`: the files that were set aside, and what is to become of them.

mod decide;
pub(super) mod set_aside;

use clap::{Args, Subcommand};
use serde::Serialize;

use self::decide::{RetryArgs, SkipArgs};
use self::set_aside::SetAsideFiles;
use super::checkpoint::open_existing;
use super::text::{counted, lines};
use super::{ConfigPath, Output, OutputFormat};
use crate::checkpoint::store::{Decision, ObjectEntry, SetAside};
use crate::fault::Fault;
use crate::printable::printable;

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
#[derive(Debug, Serialize)]
struct FilesReport<'a> {
    schema_version: u32,
    task: &'a str,
    files: Vec<FileReport<'a>>,
}

/// A file that is set aside.
#[derive(Debug, Serialize)]
struct FileReport<'a> {
    key: &'a str,
    queue: &'a str,
    reason: &'a str,
    /// Rows of it that were settled before it was set aside.
    rows_settled: u64,
    /// The line after them, from 1.
    line: u64,
    /// The byte after them, in the text of the file.
    byte: u64,
    /// Whether rows after them may be in the stream already.
    in_doubt: bool,
    /// The version that was set aside.
    etag: &'a str,
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
    let store = open_existing(&config)?;
    let files = SetAsideFiles::of(&store).map_err(Fault::from)?;
    let known = files
        .all()
        .iter()
        .filter_map(|entry| Some((entry, entry.state.set_aside()?)));
    super::print(&match args.output.format {
        OutputFormat::Json => super::to_json(&FilesReport {
            schema_version: SCHEMA_VERSION,
            task: &config.task,
            files: known.map(|(entry, aside)| report(entry, &aside)).collect(),
        })?,
        OutputFormat::Text if files.all().is_empty() => "no file is set aside\n".to_owned(),
        OutputFormat::Text => lines(known.map(|(entry, aside)| text(entry, &aside))),
    })?;
    Ok(0)
}

fn report<'a>(entry: &'a ObjectEntry, aside: &SetAside<'a>) -> FileReport<'a> {
    FileReport {
        key: &entry.version.key,
        queue: entry.id.queue.as_str(),
        reason: aside.reason,
        rows_settled: aside.watermark.ordinal,
        line: aside.watermark.line.saturating_add(1),
        byte: aside.watermark.position,
        in_doubt: aside.is_in_doubt,
        etag: &entry.version.etag,
        decision: aside.decision,
    }
}

fn text(entry: &ObjectEntry, aside: &SetAside<'_>) -> String {
    let decided = match aside.decision {
        None => "waits for `brigade files retry` or `brigade files skip`",
        Some(Decision::Skip) => "left out for good",
        Some(Decision::RetryAtMark) => "the next run reads it from there",
        Some(Decision::RetryFromBeginning) => "the next run reads it from its first row",
    };
    let doubt = if aside.is_in_doubt {
        ", more of it may be in the stream"
    } else {
        ""
    };
    format!(
        "{}: {}; {} of it settled, line {}, byte {}{doubt}: {decided}",
        printable(&entry.version.key),
        printable(aside.reason),
        counted(aside.watermark.ordinal, "row"),
        aside.watermark.line.saturating_add(1),
        aside.watermark.position
    )
}
