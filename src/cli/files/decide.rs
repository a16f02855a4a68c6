//! `brigade files retry` and `brigade files skip`: what is to become of a file that was set aside.

use clap::Args;
use serde::Serialize;

use super::set_aside::SetAsideFiles;
use crate::checkpoint::decide::{NotDecided, decide};
use crate::checkpoint::store::{CheckpointDelta, CheckpointStore, Decision, ObjectEntry};
use crate::cli::checkpoint::not_done;
use crate::cli::confirm::Consent;
use crate::cli::orders::{self, Clerk};
use crate::cli::text::counted;
use crate::cli::{ConfigPath, Output, backends, task_events};
use crate::config::Config;
use crate::discover::folders::{Belonging, ObjectFolder, folders};
use crate::fault::{Fault, FaultKind};
use crate::model::ObjectVersion;
use crate::printable::printable;
use crate::read::format::Format;
use crate::read::object_chunks::{ObjectChunks, ReadSettings};
use crate::serve::desk::{DecideFileOrder, Order, Outcome};
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

/// Has a file read again.
///
/// # Errors
/// If it is not set aside, not there, or shorter than what was sent of it; if a run left something in doubt.
pub(super) fn retry(args: &RetryArgs) -> Result<u8, Fault> {
    let (config, _) = args.config.load()?;
    let decision = if args.from_beginning {
        Decision::RetryFromBeginning
    } else {
        Decision::RetryAtMark
    };
    let order = DecideFileOrder {
        key: args.key.clone(),
        decision,
        allow_repeats: args.allow_repeats,
        dry_run: args.dry_run,
    };
    orders::print(&orders::give(&config, &Order::DecideFile(order))?, args.output)
}

/// Leaves the rest of a file out for good.
///
/// # Errors
/// If it is not set aside.
pub(super) fn skip(args: &SkipArgs) -> Result<u8, Fault> {
    let (config, _) = args.config.load()?;
    let mut order = DecideFileOrder {
        key: args.key.clone(),
        decision: Decision::Skip,
        allow_repeats: false,
        dry_run: true,
    };
    let trial = orders::give(&config, &Order::DecideFile(order.clone()))?;
    if args.consent.dry_run {
        return orders::print(&trial, args.output);
    }
    if !args.consent.given(trial.message.trim_end())? {
        return Ok(not_done());
    }
    order.dry_run = false;
    orders::print(&orders::give(&config, &Order::DecideFile(order))?, args.output)
}

/// Makes a decision durable, for every queue that has the file, and says so in the events.
///
/// # Errors
/// If the file is not set aside, or cannot be read again.
pub(in crate::cli) async fn carry_out(clerk: &Clerk<'_>, order: &DecideFileOrder) -> Result<Outcome, Fault> {
    let Clerk { config, store, .. } = *clerk;
    let decision = order.decision;
    let entries = found(clerk, &order.key)?;
    if decision.is_retry() {
        let positions = store.load().map_err(Fault::from)?.task.positions;
        for entry in &entries {
            folder_of(config, entry)?;
            check_present(config, &positions, entry, decision).await?;
        }
    }
    let checkpoint = store.load().map_err(Fault::from)?;
    let mut step = CheckpointDelta::default();
    for entry in &entries {
        let mut loads = folders(config).into_iter();
        let load = loads.find(|folder| folder.queue == entry.id.queue);
        let table = load.and_then(|folder| config.tables.get(folder.table?.0));
        let delta = decide(&checkpoint, entry, table, decision, order.allow_repeats)?;
        step.objects.extend(delta.objects);
        step.tables.extend(delta.tables);
        step.task = delta.task.or(step.task);
    }
    if !order.dry_run {
        store.commit(&step).map_err(Fault::from)?;
        let key = order.key.clone();
        let event = if decision.is_retry() {
            TaskEvent::FileRetried(key)
        } else {
            TaskEvent::FileSkipped(key)
        };
        task_events::announce(config, &event)?;
    }
    let rows_settled = settled_rows(&entries);
    let report = DecisionReport {
        schema_version: SCHEMA_VERSION,
        dry_run: order.dry_run,
        key: &order.key,
        decision,
        rows_settled,
    };
    orders::done(text(clerk, order, &entries, rows_settled), &report)
}

fn text(clerk: &Clerk<'_>, order: &DecideFileOrder, entries: &[ObjectEntry], rows: u64) -> String {
    let (key, rows_text) = (printable(&order.key), counted(rows, "row"));
    let (doer, is_trial) = (clerk.doer(), order.dry_run);
    let reads = if is_trial { "would read" } else { "reads" };
    let is_in_doubt = |entry: &ObjectEntry| entry.state.set_aside().is_some_and(|aside| aside.is_in_doubt);
    let repeats = if order.decision == Decision::RetryAtMark && entries.iter().any(is_in_doubt) {
        "; rows that are in the stream already come twice"
    } else {
        ""
    };
    match order.decision {
        Decision::Skip => {
            let verb = if is_trial { "would be" } else { "is" };
            format!("{key} {verb} left out after its first {rows_text}; what comes after them is not sent\n")
        }
        Decision::RetryAtMark if rows > 0 => format!(
            "{doer} {reads} {key} after its first {rows_text}; that these are the same as before is for you to \
             know{repeats}\n"
        ),
        Decision::RetryAtMark | Decision::RetryFromBeginning => {
            format!("{doer} {reads} {key} from its first row{repeats}\n")
        }
    }
}

/// What is set aside under a key, once for each queue that read it.
fn found(clerk: &Clerk<'_>, key: &str) -> Result<Vec<ObjectEntry>, Fault> {
    let files = SetAsideFiles::of(clerk.store).map_err(Fault::from)?;
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
