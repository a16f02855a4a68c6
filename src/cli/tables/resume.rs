//! `brigade tables resume`: lets the next run go on with a table that was suspended.

use clap::Args;
use serde::Serialize;

use crate::checkpoint::resume_table::{NotResumed, Resumed, resume_table};
use crate::checkpoint::store::CheckpointStore;
use crate::cli::orders::{self, Clerk};
use crate::cli::text::lines;
use crate::cli::verify::table_of;
use crate::cli::{ConfigPath, Output};
use crate::fault::{Fault, FaultKind};
use crate::model::Table;
use crate::model::trouble::Suspension;
use crate::serve::desk::{Order, Outcome, ResumeTableOrder};

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
/// If there is no state, if the table is not suspended, or if a running task takes no orders.
pub(super) fn run(args: &ResumeArgs) -> Result<u8, Fault> {
    let (config, _) = args.config.load()?;
    let order = ResumeTableOrder {
        table: args.table.clone(),
        allow_repeats: args.allow_repeats,
        dry_run: args.dry_run,
    };
    let outcome = orders::give(&config, &Order::ResumeTable(order))?;
    orders::print(&outcome, args.output)
}

/// Lets the next data path go on with a table.
///
/// # Errors
/// If it is not suspended, or rows of it may be in the stream already.
pub(in crate::cli) fn carry_out(clerk: &Clerk<'_>, order: &ResumeTableOrder) -> Result<Outcome, Fault> {
    let Clerk { config, store, .. } = *clerk;
    let checkpoint = store.load().map_err(Fault::from)?;
    let table = table_of(config, &order.table).ok();
    let table = table.and_then(|index| config.tables.get(index.0));
    let table = table.map_or_else(|| order.table.clone(), Table::stored_name);
    let resumed = resume_table(&checkpoint, &table, order.allow_repeats).map_err(|error| {
        let kind = match error {
            NotResumed::NotSuspended { .. } => FaultKind::Usage,
            NotResumed::InDoubt { .. } | NotResumed::Repeats { .. } => FaultKind::Data,
        };
        Fault::new(kind, error.to_string())
    })?;
    if !order.dry_run {
        store.commit(&resumed.delta).map_err(Fault::from)?;
    }
    let report = ResumeReport {
        schema_version: SCHEMA_VERSION,
        dry_run: order.dry_run,
        table: &order.table,
        suspension: &resumed.suspension,
        is_load: resumed.is_load,
    };
    orders::done(lines(text(clerk, order, &resumed)), &report)
}

fn text(clerk: &Clerk<'_>, order: &ResumeTableOrder, resumed: &Resumed) -> Vec<String> {
    let (table, suspension) = (&order.table, &resumed.suspension);
    let verb = if order.dry_run { "would go on" } else { "goes on" };
    let place = match (&suspension.row, resumed.is_load) {
        (Some(row), true) => format!("after the row at {row} of {}", suspension.key),
        (None, true) => format!("after {}, which is set aside", suspension.key),
        (_, false) => "with the next change row that the task reads".to_owned(),
    };
    let mut texts = vec![format!("{table} {verb} with {}, {place}", clerk.doer())];
    if suspension.row.is_some() {
        texts.push(
            "the row that suspended it, and change rows that came after it, are dead letters: see `brigade dlq ls`, \
             send them with `brigade dlq replay`"
                .to_owned(),
        );
    }
    texts
}
