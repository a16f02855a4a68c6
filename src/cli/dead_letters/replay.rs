//! `brigade dlq replay`: sends rows again that were set aside, once the definition, or the row, was corrected.

use std::collections::HashSet;
use std::ops::Range;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::{ArgGroup, Args, ValueEnum};

use super::replayed::{ReplayReport, SCHEMA_VERSION, Sent};
use super::{unreadable, visit, visit_replays};
use crate::checkpoint::store::CheckpointStore;
use crate::cli::orders::{self, Clerk};
use crate::cli::text::counted;
use crate::cli::{ConfigPath, Output, backends};
use crate::clock::{Clock, SystemClock};
use crate::config::Config;
use crate::deadletter::envelope::DeadLetter;
use crate::fault::{Fault, FaultKind};
use crate::limits::{READ_INTERVAL, RETENTION_MIN};
use crate::model::{Operation, TableIndex};
use crate::printable::printable;
use crate::read::rendered_rows::RowReader;
use crate::replay::log::ReplayLog;
use crate::replay::pending::{PendingFile, Search};
use crate::replay::plan::{Replanner, ReplayPlan, ReplayRow};
use crate::replay::resend::{PATIENCE, Resender};
use crate::saturate;
use crate::serve::desk::{Order, Outcome, ReplayOrder};
use crate::settings::{Guarantee, OutOfRetention, TargetConfig};
use crate::sink::{RecordSink, StreamDescription};

/// Arguments of `dlq replay`.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("what").required(true).args(["object", "file"])))]
pub(super) struct ReplayArgs {
    #[command(flatten)]
    config: ConfigPath,
    /// Dead letters of this object, by its key: rows that fit the current definition
    #[arg(long, value_name = "KEY")]
    object: Option<String>,
    /// Only rows with these numbers: `A..B` without B, `A..=B` with it, or a single number
    #[arg(long, value_name = "A..B", requires = "object")]
    ordinals: Option<Ordinals>,
    /// A CSV file of corrected rows, in the dialect of the task: the values of the columns
    #[arg(long, value_name = "FILE", requires = "table")]
    file: Option<PathBuf>,
    /// The table of the corrected rows
    #[arg(long, value_name = "SCHEMA.TABLE", requires = "file")]
    table: Option<String>,
    /// What the corrected rows do
    #[arg(long, value_enum, default_value_t = OperationName::Load, value_name = "OPERATION")]
    operation: OperationName,
    /// Also rows that were sent again before
    #[arg(long)]
    again: bool,
    /// Print what would be sent, and send nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    output: Output,
}

/// An operation by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum OperationName {
    Load,
    Insert,
    Update,
    Delete,
}

impl From<OperationName> for Operation {
    fn from(name: OperationName) -> Self {
        match name {
            OperationName::Load => Self::Load,
            OperationName::Insert => Self::Insert,
            OperationName::Update => Self::Update,
            OperationName::Delete => Self::Delete,
        }
    }
}

/// Numbers of rows.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Ordinals(Range<u64>);

impl FromStr for Ordinals {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = |text: &str| {
            let number: Result<u64, _> = text.parse();
            number.map_err(|error| format!("{text:?} is not a row number: {error}"))
        };
        let range = match (text.split_once("..="), text.split_once("..")) {
            (Some((first, last)), _) => number(first)?..number(last)?.saturating_add(1),
            (None, Some((first, end))) => number(first)?..number(end)?,
            (None, None) => number(text)?..number(text)?.saturating_add(1),
        };
        if range.is_empty() {
            return Err(format!("{text} selects no row"));
        }
        Ok(Self(range))
    }
}

/// A CSV file of corrected rows.
#[derive(Debug)]
pub(in crate::cli) struct CorrectedFile {
    path: PathBuf,
    table: TableIndex,
    operation: Operation,
}

impl CorrectedFile {
    /// What is asked, for the events of the task.
    pub(in crate::cli) fn title(&self) -> String {
        format!("replay of corrected rows in {}", self.path.display())
    }
}

/// Runs the command.
///
/// # Errors
/// [`FaultKind::Data`] if a row is still no message, or what keeps rows from being sent.
pub(super) fn run(args: &ReplayArgs) -> Result<u8, Fault> {
    let (config, _) = args.config.load()?;
    let order = ReplayOrder {
        object: args.object.clone().unwrap_or_default(),
        ordinals: args
            .ordinals
            .as_ref()
            .map(|Ordinals(range)| format!("{}..{}", range.start, range.end)),
        again: args.again,
        dry_run: args.dry_run,
    };
    let corrected = match &args.file {
        Some(file) => Some(CorrectedFile {
            path: file.clone(),
            table: table(&config, args.table.as_deref().unwrap_or_default())?,
            operation: args.operation.into(),
        }),
        None => None,
    };
    let outcome = match corrected {
        None => orders::give(&config, &Order::Replay(order))?,
        Some(file) => orders::send_corrected(&config, &file, &order)?,
    };
    orders::print(&outcome, args.output)
}

/// Sends dead letters of an object again.
///
/// # Errors
/// What keeps rows from being sent.
pub(in crate::cli) async fn carry_out(clerk: &Clerk<'_>, order: &ReplayOrder) -> Result<Outcome, Fault> {
    replay(clerk, order, None).await
}

/// Sends rows again, dead letters or corrected ones, while the state is held to the end: no engine may send meanwhile, or
/// rows of one key could overtake each other.
///
/// # Errors
/// What keeps rows from being sent.
pub(in crate::cli) async fn replay(
    clerk: &Clerk<'_>,
    order: &ReplayOrder,
    corrected: Option<&CorrectedFile>,
) -> Result<Outcome, Fault> {
    let config = clerk.config;
    let sink = backends::sink(config).await?;
    let stream = sink.describe().await.map_err(Fault::from)?;
    if !order.dry_run {
        settle_or_forget(config, sink.as_ref(), &stream).await?;
    }
    let ReplayPlan {
        rows,
        rejected,
        sent_before,
    } = plan(clerk, order, corrected, &stream).await?;
    let rows = if order.dry_run {
        rows.into_iter()
            .map(|row| Sent::not_yet(row, clerk.is_running()))
            .collect()
    } else {
        send(clerk, sink.as_ref(), stream, rows).await?
    };
    let report = ReplayReport {
        schema_version: SCHEMA_VERSION,
        dry_run: order.dry_run,
        rows,
        still_rejected: rejected,
        sent_before,
    };
    let mut outcome = orders::done(report.text(), &report)?;
    if !report.still_rejected.is_empty() {
        let rows = counted(saturate::to_u64(report.still_rejected.len()), "row");
        outcome.problem = Some(format!("{rows} cannot be sent with the current definition"));
    }
    Ok(outcome)
}

async fn plan(
    clerk: &Clerk<'_>,
    order: &ReplayOrder,
    corrected: Option<&CorrectedFile>,
    stream: &StreamDescription,
) -> Result<ReplayPlan, Fault> {
    let config = clerk.config;
    let folder = &config.errors.dead_letters;
    let mut sent = HashSet::new();
    if !order.again {
        visit_replays(folder, |replay| {
            sent.insert(replay.row.id);
        })?;
    }
    let reader = RowReader::new(config, stream.record_bytes_max, SystemClock.now_us());
    let mut replanner = Replanner { config, reader, sent };
    let Some(file) = corrected else {
        let ordinals = order.ordinals.as_deref().map(str::parse).transpose();
        let ordinals: Option<Ordinals> = ordinals.map_err(|error| Fault::new(FaultKind::Usage, error))?;
        let letters = letters(config, &order.object, ordinals.as_ref())?;
        let source = backends::source(config).await?;
        let store: &dyn CheckpointStore = clerk.store;
        return replanner.letters(letters, source.as_ref(), store).await;
    };
    let content = std::fs::read(&file.path).map_err(|error| {
        let kind = if error.kind() == std::io::ErrorKind::PermissionDenied {
            FaultKind::PermissionDenied
        } else {
            FaultKind::SourceMissing
        };
        Fault::new(kind, format!("cannot read {}: {error}", file.path.display()))
    })?;
    let name = file.path.display().to_string();
    Ok(replanner.file(&name, &content, file.table, file.operation))
}

/// Finds out what a replay that died has sent, where that is possible.
async fn settle_or_forget(
    config: &Config,
    sink: &dyn RecordSink,
    stream: &StreamDescription,
) -> Result<(), Fault> {
    match settle(config, sink, stream).await {
        // As for the task: where nobody chose to look, and it may not, what is in doubt is sent again.
        Err(fault) if fault.kind == FaultKind::PermissionDenied && !config.delivery.is_guarantee_chosen => {
            crate::cli::report(&format!(
                "what a replay before this one has sent may come twice: {fault}"
            ));
            let folder = &config.errors.dead_letters;
            let forgotten = PendingFile::of(folder).forget();
            forgotten.map_err(|error| unreadable(folder, &error))
        }
        settled => settled,
    }
}

/// Finds out what a replay that died has sent.
async fn settle(config: &Config, sink: &dyn RecordSink, stream: &StreamDescription) -> Result<(), Fault> {
    let folder = &config.errors.dead_letters;
    let file = PendingFile::of(folder);
    if config.delivery.guarantee != Guarantee::Dedupe {
        // Rows may come twice then, and the stream need not be readable.
        return file.forget().map_err(|error| unreadable(folder, &error));
    }
    let Some(left) = file.left().map_err(|error| unreadable(folder, &error))? else {
        return Ok(());
    };
    let since = left.age(SystemClock.now_ms());
    if since > RETENTION_MIN && config.delivery.out_of_retention == OutOfRetention::Stop {
        let message = format!(
            "a replay that did not end began {} hours ago, and the stream may not keep what it sent; to send its rows again, \
             set out_of_retention: resend",
            since.as_secs() / 3_600
        );
        return Err(Fault::new(FaultKind::Data, message));
    }
    let mut logged = HashSet::new();
    visit_replays(folder, |replay| {
        logged.insert(replay.row.id);
    })?;
    let mut log = ReplayLog::open(folder).map_err(|error| unreadable(folder, &error))?;
    let page_pause = match config.target {
        TargetConfig::Kinesis { .. } => READ_INTERVAL,
        TargetConfig::Ndjson { .. } => Duration::ZERO,
    };
    let search = Search {
        sink,
        stream,
        clock: &SystemClock,
        settle: config.delivery.settle,
        page_pause,
    };
    let found = search.settle(&file, &mut log, &logged).await?;
    if found > 0 {
        let rows = counted(found, "row");
        crate::cli::report(&format!(
            "{rows} of a replay that did not end are in the stream already"
        ));
    }
    Ok(())
}

/// The dead letters that are asked for, in file order.
fn letters(config: &Config, key: &str, ordinals: Option<&Ordinals>) -> Result<Vec<DeadLetter>, Fault> {
    let mut letters = Vec::new();
    visit(&config.errors.dead_letters, |letter| {
        let is_asked_for = ordinals.is_none_or(|Ordinals(range)| range.contains(&letter.ordinal));
        if letter.key == key && is_asked_for {
            letters.push(letter);
        }
    })?;
    if letters.is_empty() {
        let message = format!(
            "there is no such dead letter of {}; `brigade dlq ls` lists them",
            printable(key)
        );
        return Err(Fault::new(FaultKind::SourceMissing, message));
    }
    letters.sort_by_key(|letter| letter.ordinal);
    Ok(letters)
}

fn table(config: &Config, name: &str) -> Result<TableIndex, Fault> {
    let found = crate::cli::verify::tables_of(config, &[name.to_owned()])?;
    let missing = || Fault::new(FaultKind::Usage, "give --table");
    found.first().copied().ok_or_else(missing)
}

async fn send(
    clerk: &Clerk<'_>,
    sink: &dyn RecordSink,
    stream: StreamDescription,
    rows: Vec<ReplayRow>,
) -> Result<Vec<Sent>, Fault> {
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let config = clerk.config;
    let folder = &config.errors.dead_letters;
    let log = ReplayLog::open(folder).map_err(|error| unreadable(folder, &error))?;
    let mut resender = Resender {
        sink,
        stream,
        delivery: config.delivery,
        log,
        pending: PendingFile::of(folder),
        clock: &SystemClock,
        patience: PATIENCE,
        tell: &crate::cli::report,
        is_stopping: &|| clerk.is_stopping(),
    };
    let sent = resender.send(rows).await?;
    Ok(sent.into_iter().map(Sent::from).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinals_have_three_forms() {
        let cases = [("3..5", 3..5), ("3..=5", 3..6), ("7", 7..8)];
        for (text, expected) in cases {
            assert_eq!(text.parse(), Ok(Ordinals(expected)), "{text}");
        }
        for text in ["", "5..3", "3..3", "a..b", "1..", "-1"] {
            assert!(text.parse::<Ordinals>().is_err(), "{text}");
        }
    }
}
