//! `brigade files retry` and `brigade files skip`: what is to become of a file that was set aside.

use clap::Args;
use serde::Serialize;

use super::set_aside::SetAsideFiles;
use crate::checkpoint::decide::{NotDecided, decide};
use crate::checkpoint::store::sled::SledStore;
use crate::checkpoint::store::{CheckpointStore, Decision, ObjectEntry};
use crate::cli::checkpoint::{not_done, open_existing};
use crate::cli::confirm::Consent;
use crate::cli::status::file as status_file;
use crate::cli::text::counted;
use crate::cli::{ConfigPath, Output, OutputFormat, backends, task_events};
use crate::clock::{Clock, SystemClock};
use crate::config::Config;
use crate::discover::folders::{Belonging, ObjectFolder, folders};
use crate::fault::{Fault, FaultKind};
use crate::model::ObjectVersion;
use crate::printable::printable;
use crate::read::format::Format;
use crate::read::object_chunks::{ObjectChunks, ReadSettings};
use crate::source::ObjectSource;
use crate::supervise::events::TaskEvent;

/// Version of the JSON shape; consumers ignore members they do not know.
const SCHEMA_VERSION: u32 = 1;

/// Arguments of `files retry`.
#[derive(Debug, Args)]
pub(super) struct RetryArgs {
    #[command(flatten)]
    config: ConfigPath,
    /// The file, as `brigade files list` names it
    #[arg(value_name = "KEY")]
    key: String,
    /// Read it from its first row, which sends the rows before the break once more
    #[arg(long)]
    from_beginning: bool,
    /// Send rows again that may be in the stream already, where a killed run had sent more than its state knows
    #[arg(long)]
    allow_repeats: bool,
    /// Say what would change, and change nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    output: Output,
}

/// Arguments of `files skip`.
#[derive(Debug, Args)]
pub(super) struct SkipArgs {
    #[command(flatten)]
    config: ConfigPath,
    /// The file, as `brigade files list` names it
    #[arg(value_name = "KEY")]
    key: String,
    #[command(flatten)]
    consent: Consent,
    #[command(flatten)]
    output: Output,
}

/// What is to become of files.
#[derive(Debug, Clone, Copy)]
struct Plan {
    decision: Decision,
    /// Whether rows may be sent that may be in the stream already.
    may_repeat: bool,
    is_dry_run: bool,
}

impl From<NotDecided> for Fault {
    fn from(error: NotDecided) -> Self {
        let kind = match error {
            NotDecided::NotSetAside { .. } | NotDecided::Unplaced { .. } => FaultKind::Usage,
            NotDecided::InDoubt { .. } | NotDecided::Repeats { .. } => FaultKind::Data,
        };
        Self::new(kind, error.to_string())
    }
}

/// What `files retry` and `files skip` print with `--output json`.
#[derive(Debug, Serialize)]
struct DecisionReport<'a> {
    schema_version: u32,
    dry_run: bool,
    key: &'a str,
    decision: Decision,
    /// Rows of it that were settled before it was set aside.
    rows_settled: u64,
}

/// Has a file read again by the next run.
///
/// # Errors
/// If it is not set aside, not there, or shorter than what was sent of it; if a run left something in doubt.
pub(super) fn retry(args: &RetryArgs) -> Result<u8, Fault> {
    let (config, _) = args.config.load()?;
    let store = open_existing(&config)?;
    let decision = if args.from_beginning {
        Decision::RetryFromBeginning
    } else {
        Decision::RetryAtMark
    };
    let entries = found(&store, &args.key)?;
    let positions = store.load().map_err(Fault::from)?.task.positions;
    let runtime = crate::cli::runtime()?;
    for entry in &entries {
        folder_of(&config, entry)?;
        runtime.block_on(check_present(&config, &positions, entry, decision))?;
    }
    let plan = Plan {
        decision,
        may_repeat: args.allow_repeats,
        is_dry_run: args.dry_run,
    };
    commit(&config, &store, &entries, plan)?;
    let rows = settled_rows(&entries);
    let verb = if args.dry_run { "would read" } else { "reads" };
    let from = match decision {
        Decision::RetryAtMark if rows > 0 => {
            format!(
                "after its first {}; that these are the same as before is for you to know",
                counted(rows, "row")
            )
        }
        Decision::RetryAtMark | Decision::RetryFromBeginning | Decision::Skip => {
            "from its first row".to_owned()
        }
    };
    let is_in_doubt = |entry: &ObjectEntry| entry.state.set_aside().is_some_and(|aside| aside.is_in_doubt);
    let repeats = if decision == Decision::RetryAtMark && entries.iter().any(is_in_doubt) {
        "; rows that are in the stream already come twice"
    } else {
        ""
    };
    let text = format!(
        "the next `brigade run` {verb} {} {from}{repeats}\n",
        printable(&args.key)
    );
    print(&args.key, decision, rows, args.dry_run, args.output, text)
}

/// Leaves the rest of a file out for good.
///
/// # Errors
/// If it is not set aside.
pub(super) fn skip(args: &SkipArgs) -> Result<u8, Fault> {
    let (config, _) = args.config.load()?;
    let store = open_existing(&config)?;
    let entries = found(&store, &args.key)?;
    let (rows, key) = (settled_rows(&entries), printable(&args.key));
    let rows_text = counted(rows, "row");
    let what = format!("what comes after the first {rows_text} of {key} will not be sent");
    let dry_run = args.consent.dry_run;
    if !dry_run && !args.consent.given(&what)? {
        return Ok(not_done());
    }
    let plan = Plan {
        decision: Decision::Skip,
        may_repeat: false,
        is_dry_run: dry_run,
    };
    commit(&config, &store, &entries, plan)?;
    let verb = if dry_run { "would be" } else { "is" };
    let text = format!("{key} {verb} left out after its first {rows_text}\n");
    print(&args.key, Decision::Skip, rows, dry_run, args.output, text)
}

/// What is set aside under a key, once for each queue that read it.
fn found(store: &SledStore, key: &str) -> Result<Vec<ObjectEntry>, Fault> {
    let files = SetAsideFiles::of(store).map_err(Fault::from)?;
    let found: Vec<_> = files.with_key(key).into_iter().cloned().collect();
    if found.is_empty() {
        let key = printable(key).into_owned();
        return Err(NotDecided::NotSetAside { key }.into());
    }
    Ok(found)
}

fn settled_rows(entries: &[ObjectEntry]) -> u64 {
    let asides = entries.iter().filter_map(|entry| entry.state.set_aside());
    asides.map(|aside| aside.watermark.ordinal).max().unwrap_or(0)
}

/// The folder that a file is read from, as the task is configured now.
fn folder_of(config: &Config, entry: &ObjectEntry) -> Result<ObjectFolder, Fault> {
    let mut folders = folders(config).into_iter();
    let folder = folders.find(|folder| {
        let belonging = folder.rule.judge(&entry.version.key);
        folder.queue == entry.id.queue && belonging != Belonging::Elsewhere
    });
    folder.ok_or_else(|| {
        let message = format!(
            "no folder of the task has {} any more, so it would not be read; restore the definition or `migration_type`",
            printable(&entry.version.key)
        );
        Fault::new(FaultKind::Usage, message)
    })
}

/// Checks that the file is there, and long enough to be read on.
async fn check_present(
    config: &Config,
    positions: &str,
    entry: &ObjectEntry,
    decision: Decision,
) -> Result<(), Fault> {
    let (key, source) = (&entry.version.key, backends::source(config).await?);
    let page = source.list(key, None).await.map_err(Fault::from)?;
    let Some(version) = page.objects.iter().find(|version| version.key == *key) else {
        let message = format!("{} is not there; put it back first", source.locate(key));
        return Err(Fault::new(FaultKind::SourceMissing, message));
    };
    let aside = entry.state.set_aside();
    let settled_bytes = aside.map_or(0, |aside| aside.watermark.position);
    let is_counted_otherwise = !positions.is_empty() && positions != config.source.format.positions();
    if decision == Decision::RetryAtMark && settled_bytes > 0 && is_counted_otherwise {
        let key = printable(key).into_owned();
        return Err(NotDecided::Unplaced { key }.into());
    }
    if decision == Decision::RetryAtMark
        && version.size_bytes < settled_bytes
        && is_text(config, source.as_ref(), version).await?
    {
        let message = format!(
            "{} has {} bytes, and {settled_bytes} were read of the version before: it is not the same file with a \
             repaired end; read it with --from-beginning",
            source.locate(key),
            version.size_bytes
        );
        return Err(Fault::new(FaultKind::Data, message));
    }
    Ok(())
}

/// Whether the bytes of a file are its text, so that a place in the one is a place in the other.
async fn is_text(config: &Config, source: &dyn ObjectSource, version: &ObjectVersion) -> Result<bool, Fault> {
    let format = ObjectChunks::format_of(source, version, &ReadSettings::new(config)).await;
    format.map(|format| format == Format::Text).map_err(Fault::from)
}

/// Makes the decision durable, and says so in the events and the status; a dry run only finds out whether that can be.
fn commit(config: &Config, store: &SledStore, entries: &[ObjectEntry], plan: Plan) -> Result<(), Fault> {
    let Plan {
        decision,
        may_repeat,
        is_dry_run,
    } = plan;
    for entry in entries {
        let checkpoint = store.load().map_err(Fault::from)?;
        let mut loads = folders(config).into_iter();
        let load = loads.find(|folder| folder.queue == entry.id.queue);
        let table = load.and_then(|folder| config.tables.get(folder.table?.0));
        let delta = decide(&checkpoint, entry, table, decision, may_repeat)?;
        if is_dry_run {
            continue;
        }
        store.commit(&delta).map_err(Fault::from)?;
        let key = entry.version.key.clone();
        let event = if decision.is_retry() {
            TaskEvent::FileRetried(key)
        } else {
            TaskEvent::FileSkipped(key)
        };
        task_events::announce(config, &event)?;
    }
    if is_dry_run {
        return Ok(());
    }
    status_file::refresh(&config.state.path, store)?;
    store.stop(SystemClock.now_ms()).map_err(Fault::from)
}

fn print(
    key: &str,
    decision: Decision,
    rows_settled: u64,
    dry_run: bool,
    output: Output,
    text: String,
) -> Result<u8, Fault> {
    crate::cli::print(&match output.format {
        OutputFormat::Json => crate::cli::to_json(&DecisionReport {
            schema_version: SCHEMA_VERSION,
            dry_run,
            key,
            decision,
            rows_settled,
        })?,
        OutputFormat::Text => text,
    })?;
    Ok(0)
}
