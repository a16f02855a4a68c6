//! `brigade reload`: has tables loaded again by the next start of a task.

use clap::Args;
use serde_json::json;

use super::checkpoint::not_done;
use super::confirm::Consent;
use super::orders::{self, Clerk};
use super::start_type::restart_loads;
use super::text::{counted, lines};
use super::verify::tables_of;
use super::{ConfigPath, Output, task_events};
use crate::checkpoint::reload::Extent;
use crate::checkpoint::store::CheckpointStore;
use crate::fault::{Fault, FaultKind};
use crate::model::Table;
use crate::saturate;
use crate::serve::desk::{Order, Outcome, ReloadOrder};
use crate::supervise::events::TaskEvent;

/// Version of the JSON shape; consumers ignore members they do not know.
const SCHEMA_VERSION: u32 = 1;

/// Arguments of `reload`.
#[derive(Debug, Args)]
pub(super) struct ReloadArgs {
    #[command(flatten)]
    config: ConfigPath,
    /// The table; may be given several times
    #[arg(long = "table", required = true, value_name = "SCHEMA.TABLE")]
    tables: Vec<String>,
    #[command(flatten)]
    consent: Consent,
    #[command(flatten)]
    output: Output,
}

/// Runs the command.
///
/// # Errors
/// If there is no state, if a table cannot be loaded again, or if a running task takes no orders.
pub(super) fn run(args: &ReloadArgs) -> Result<u8, Fault> {
    let (config, _) = args.config.load()?;
    let mut order = ReloadOrder {
        tables: args.tables.clone(),
        dry_run: true,
    };
    let trial = orders::give(&config, &Order::Reload(order.clone()))?;
    if args.consent.dry_run {
        return orders::print(&trial, args.output);
    }
    let names = tables_of(&config, &args.tables)?;
    let names = names.iter().filter_map(|index| config.tables.get(index.0));
    let names: Vec<_> = names.map(Table::stored_name).collect();
    let what = format!(
        "{} of task {} will be loaded again from the first row, after a drop-table and a create-table record: {}",
        counted(saturate::to_u64(names.len()), "table"),
        config.task,
        names.join(", ")
    );
    if !args.consent.given(&what)? {
        return Ok(not_done());
    }
    order.dry_run = false;
    orders::print(&orders::give(&config, &Order::Reload(order))?, args.output)
}

/// Has tables loaded again by the next data path.
///
/// # Errors
/// If the task has not run, or a table cannot be loaded again.
pub(super) fn carry_out(clerk: &Clerk<'_>, order: &ReloadOrder) -> Result<Outcome, Fault> {
    let Clerk { config, store, .. } = *clerk;
    let indexes = tables_of(config, &order.tables)?;
    let tables = indexes.iter().filter_map(|index| config.tables.get(index.0));
    let tables: Vec<_> = tables.collect();
    let names: Vec<_> = tables.iter().map(|table| table.stored_name()).collect();
    let checkpoint = store.load().map_err(Fault::from)?;
    if checkpoint.task.fresh_start_ms.is_none() {
        let message = format!(
            "task {} has not run yet; `brigade run` loads every table",
            config.task
        );
        return Err(Fault::new(FaultKind::Usage, message));
    }
    if !order.dry_run {
        restart_loads(config, store, &checkpoint, &tables, Extent::Some)?;
        task_events::announce(config, &TaskEvent::ReloadRequested(names.clone()))?;
    }
    let verb = if order.dry_run {
        "would reload".to_owned()
    } else {
        format!("{} reloads", clerk.doer())
    };
    let message = lines(names.iter().map(|name| format!("{verb} {name}")));
    let report = json!({
        "schema_version": SCHEMA_VERSION,
        "dry_run": order.dry_run,
        "reloaded": names,
    });
    orders::done(message, &report)
}
