//! `brigade tables resume`: lets the next run go on with a table that was suspended.

use clap::Args;
use serde::Serialize;

use crate::checkpoint::resume_table::{NotResumed, Resumed, resume_table};
use crate::checkpoint::store::CheckpointStore;
use crate::cli::checkpoint::open_existing;
use crate::cli::status::file as status_file;
use crate::cli::text::lines;
use crate::cli::verify::table_of;
use crate::cli::{ConfigPath, Output, OutputFormat};
use crate::clock::{Clock, SystemClock};
use crate::fault::{Fault, FaultKind};
use crate::model::Table;
use crate::model::trouble::Suspension;

/// Version of the JSON shape; consumers ignore members they do not know.
const SCHEMA_VERSION: u32 = 1;

/// Arguments of `tables resume`.
#[derive(Debug, Args)]
pub(super) struct ResumeArgs {
    #[command(flatten)]
    config: ConfigPath,
    /// The table, as `brigade tables` names it
    #[arg(value_name = "SCHEMA.TABLE")]
    table: String,
    /// Send rows again that may be in the stream already, where a killed run had sent more than its state knows
    #[arg(long)]
    allow_repeats: bool,
    /// Say what would change, and change nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    output: Output,
}

/// What `tables resume --output json` prints.
#[derive(Debug, Serialize)]
struct ResumeReport<'a> {
    schema_version: u32,
    dry_run: bool,
    table: &'a str,
    suspension: &'a Suspension,
    /// Whether its load goes on; otherwise only its changes do.
    is_load: bool,
}

/// Runs the command.
///
/// # Errors
/// If a process has the state, if there is none, or if the table is not suspended.
pub(super) fn run(args: &ResumeArgs) -> Result<u8, Fault> {
    let (config, _) = args.config.load()?;
    let store = open_existing(&config)?;
    let checkpoint = store.load().map_err(Fault::from)?;
    let table = table_of(&config, &args.table).ok();
    let table = table.and_then(|index| config.tables.get(index.0));
    let table = table.map_or_else(|| args.table.clone(), Table::stored_name);
    let resumed = resume_table(&checkpoint, &table, args.allow_repeats).map_err(|error| {
        let kind = match error {
            NotResumed::NotSuspended { .. } => FaultKind::Usage,
            NotResumed::InDoubt { .. } | NotResumed::Repeats { .. } => FaultKind::Data,
        };
        Fault::new(kind, error.to_string())
    })?;
    if !args.dry_run {
        store.commit(&resumed.delta).map_err(Fault::from)?;
        status_file::refresh(&config.state.path, &store)?;
        store.stop(SystemClock.now_ms()).map_err(Fault::from)?;
    }
    crate::cli::print(&match args.output.format {
        OutputFormat::Json => crate::cli::to_json(&ResumeReport {
            schema_version: SCHEMA_VERSION,
            dry_run: args.dry_run,
            table: &args.table,
            suspension: &resumed.suspension,
            is_load: resumed.is_load,
        })?,
        OutputFormat::Text => lines(text(args, &resumed)),
    })?;
    Ok(0)
}

fn text(args: &ResumeArgs, resumed: &Resumed) -> Vec<String> {
    let (table, suspension) = (&args.table, &resumed.suspension);
    let verb = if args.dry_run { "would go on" } else { "goes on" };
    let place = match (&suspension.row, resumed.is_load) {
        (Some(row), true) => format!("after the row at {row} of {}", suspension.key),
        (None, true) => format!("after {}, which is set aside", suspension.key),
        (_, false) => "with the next change row that the task reads".to_owned(),
    };
    let mut texts = vec![format!("{table} {verb} with the next `brigade run`, {place}")];
    if suspension.row.is_some() {
        texts.push(
            "the row that suspended it, and change rows that came after it, are dead letters: see `brigade dlq ls`, \
             send them with `brigade dlq replay`"
                .to_owned(),
        );
    }
    texts
}
