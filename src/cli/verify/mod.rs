//! `brigade verify`: whether the stream holds every row that the checkpoint calls delivered.

pub(super) mod record;
mod report;

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::time::Duration;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use super::checkpoint::open_existing;
use super::text::{comparison_text, counted, grouped};
use super::{ConfigPath, Output, OutputFormat, backends, orders, task_events};
use crate::checkpoint::store::sled::SledStore;
use crate::checkpoint::store::{CheckpointStore, ObjectEntry};
use crate::clock::{Clock, SystemClock};
use crate::config::Config;
use crate::fault::{Fault, FaultKind};
use crate::model::{Comparisons, Table, TableIndex};
use crate::observe::terminal;
use crate::printable::printable;
use crate::saturate;
use crate::serve::desk::VerifyOrder;
use crate::supervise::events::TaskEvent;
use crate::verify::report::{Completeness, Report};
use crate::verify::snapshot::{Snapshot, Until};
use crate::verify::verification::{Verification, VerifyProgress};
use crate::verify::{Selection, Settled};

/// Time between two drawings of the progress line.
const DRAW_INTERVAL: Duration = Duration::from_millis(200);

/// Files set aside that a fault names; the report names all.
const NAMED_MAX: usize = 3;

/// Arguments of `verify`.
#[derive(Debug, Args)]
pub(super) struct VerifyArgs {
    #[command(flatten)]
    config: ConfigPath,
    /// Only objects modified at this time or later (RFC 3339); the stream is read from there on
    #[arg(long, value_name = "TIME")]
    since: Option<jiff::Timestamp>,
    /// Only rows of this table; may be given more than once
    #[arg(long = "table", value_name = "SCHEMA.TABLE")]
    tables: Vec<String>,
    #[command(flatten)]
    output: Output,
}

/// Runs the command. A task that runs makes the comparison itself, and goes on meanwhile.
///
/// # Errors
/// [`FaultKind::Data`] if a row is missing or cannot be judged, or what keeps the comparison from being made.
pub(super) fn run(args: &VerifyArgs) -> Result<u8, Fault> {
    let (config, _) = args.config.load()?;
    let selection = selection(&config, &args.tables, args.since)?;
    let report = match open_existing(&config) {
        // Held to the end: the engine must not go on while its work is looked at.
        Ok(store) => {
            let report = compare_here(&config, &store, selection)?;
            drop(store);
            report
        }
        Err(locked) if locked.kind == FaultKind::StateLocked => {
            let order = VerifyOrder {
                tables: args.tables.clone(),
                since: args.since.map(|since| since.to_string()),
            };
            orders::compare_remotely(&config, locked, order)?
        }
        Err(fault) => return Err(fault),
    };
    super::print(&match args.output.format {
        OutputFormat::Json => super::to_json(&report)?,
        OutputFormat::Text => report.to_string(),
    })?;
    verdict(&report)
}

fn compare_here(config: &Config, store: &SledStore, selection: Selection) -> Result<Report, Fault> {
    let snapshot = snapshot(config, store)?;
    let is_partial = selection != Selection::default();
    let now_ms = SystemClock.now_ms();
    let report = super::runtime()?.block_on(async {
        let source = backends::source(config).await?;
        let sink = backends::sink(config).await?;
        let verification = Verification {
            config,
            source: source.as_ref(),
            sink: sink.as_ref(),
            snapshot,
            selection,
            now_ms,
        };
        let line = ProgressLine::start();
        let report = verification.run(&|progress| line.show(progress)).await;
        line.finish();
        report
    })?;
    let warn = |text| super::report(&format!("warning: {text}"));
    remember(config, &report, now_ms, is_partial, &warn);
    Ok(report)
}

/// Keeps what was found, where `brigade check verify` and the events of the task have it; `warn` hears of what cannot be kept.
pub(super) fn remember(
    config: &Config,
    report: &Report,
    at_ms: i64,
    is_partial: bool,
    warn: &dyn Fn(String),
) -> Comparisons {
    let comparison = record::comparison_of(report, at_ms, is_partial);
    let text = comparison_text(&comparison);
    let comparisons = record::keep(&config.state.path, comparison, warn);
    // What was found counts, also if nobody can be told.
    if let Err(fault) = task_events::announce(config, &TaskEvent::Compared(text)) {
        warn(fault.to_string());
    }
    comparisons
}

/// What is known of what a task that does not run has sent.
///
/// # Errors
/// If the state or the dead letters cannot be read.
fn snapshot(config: &Config, store: &SledStore) -> Result<Snapshot, Fault> {
    Ok(Snapshot {
        task: store.load().map_err(Fault::from)?.task,
        entries: entries(store)?,
        settled: settled(config)?,
        until: Until::new(),
    })
}

/// Dead letters and replays. Blocks.
///
/// # Errors
/// If they cannot be read.
pub(super) fn settled(config: &Config) -> Result<Settled, Fault> {
    let folder = &config.errors.dead_letters;
    Settled::read(folder).map_err(|error| super::dead_letters::unreadable(folder, &error))
}

/// What is asked for.
///
/// # Errors
/// [`FaultKind::Usage`] if there is no such table, or the time is still to come.
pub(super) fn selection(
    config: &Config,
    tables: &[String],
    since: Option<jiff::Timestamp>,
) -> Result<Selection, Fault> {
    let since_ms = since.map(jiff::Timestamp::as_millisecond);
    if since_ms.is_some_and(|since| since > SystemClock.now_ms()) {
        return Err(Fault::new(FaultKind::Usage, "--since is in the future"));
    }
    Ok(Selection {
        tables: tables_of(config, tables)?,
        since_ms,
    })
}

/// The tables with these names.
pub(super) fn tables_of(config: &Config, names: &[String]) -> Result<BTreeSet<TableIndex>, Fault> {
    names.iter().map(|name| table_of(config, name)).collect()
}

/// The table with a name: as people write it, if that is the name of one table, or as commands name it.
pub(super) fn table_of(config: &Config, name: &str) -> Result<TableIndex, Fault> {
    let tables = || config.tables.iter().enumerate();
    let stored = tables().filter(|(_, table)| table.stored_name() == name);
    let full = tables().filter(|(_, table)| table.full_name() == name);
    let mut found: Vec<_> = full.map(|(index, _)| index).collect();
    if found.len() != 1 {
        found = stored.map(|(index, _)| index).collect();
    }
    found.first().copied().map(TableIndex).ok_or_else(|| {
        let known: Vec<_> = config.tables.iter().map(Table::stored_name).collect();
        let message = format!("the definition has no table {name}; it has {}", known.join(", "));
        Fault::new(FaultKind::Usage, message)
    })
}

/// Every object that has a number, by queue and number.
///
/// # Errors
/// If the state cannot be read.
pub(super) fn entries(store: &SledStore) -> Result<Vec<ObjectEntry>, Fault> {
    let mut entries = Vec::new();
    for queue in store.queues().map_err(Fault::from)? {
        let each = store.for_each_object(&queue, &mut |entry| {
            entries.push(entry);
            ControlFlow::Continue(())
        });
        each.map_err(Fault::from)?;
    }
    Ok(entries)
}

fn verdict(report: &Report) -> Result<u8, Fault> {
    match report.verdict {
        Completeness::Complete | Completeness::CompleteFromOldest => Ok(0),
        Completeness::Missing => {
            let missing = counted(report.total.rows_missing, "row");
            let message = format!("{missing} missing in the stream; the report names the first of them");
            Err(Fault::new(FaultKind::Data, message))
        }
        Completeness::Incomplete => {
            let first: Vec<_> = report
                .set_aside
                .iter()
                .take(NAMED_MAX)
                .map(|object| printable(&object.key))
                .collect();
            let message = format!(
                "incomplete: {} set aside, and the rest of them was not sent: {}; `brigade files list` names all",
                counted(saturate::to_u64(report.set_aside.len()), "file"),
                first.join(", ")
            );
            Err(Fault::new(FaultKind::Data, message))
        }
        Completeness::Unproven => {
            let problems = report.objects.iter().filter(|object| object.problem.is_some());
            let count = saturate::to_u64(problems.count());
            let message = format!(
                "{} cannot be read again: nothing is known of the rows",
                counted(count, "object")
            );
            Err(Fault::new(FaultKind::Data, message))
        }
    }
}

/// One moving line; nothing if standard error is not a terminal.
struct ProgressLine(ProgressBar);

impl ProgressLine {
    fn start() -> Self {
        let style =
            ProgressStyle::with_template("{wide_msg}").unwrap_or_else(|_| ProgressStyle::default_spinner());
        let line = terminal::lines().add(ProgressBar::no_length().with_style(style));
        line.enable_steady_tick(DRAW_INTERVAL);
        Self(line)
    }

    fn show(&self, progress: VerifyProgress) {
        let count = |count: usize| grouped(saturate::to_u64(count));
        match progress {
            VerifyProgress::Objects { done, all, rows } => self.0.set_message(format!(
                "reading objects: {} of {}, {}",
                count(done),
                count(all),
                counted(saturate::to_u64(rows), "row")
            )),
            // One message for a few thousand records: they come fast.
            VerifyProgress::Stream { records } if records.is_multiple_of(4_096) => {
                self.0
                    .set_message(format!("reading the stream: {} records", grouped(records)));
            }
            VerifyProgress::Stream { .. } => {}
        }
    }

    fn finish(self) {
        self.0.finish_and_clear();
        terminal::lines().remove(&self.0);
    }
}
