//! `brigade reload`: has tables loaded again by the next start of a task.

use clap::Args;
use serde_json::json;

use super::checkpoint::{not_done, open_existing};
use super::confirm::Consent;
use super::start_type::restart_loads;
use super::status::file as status_file;
use super::text::{counted, lines};
use super::verify::tables_of;
use super::{ConfigPath, Output, OutputFormat, task_events};
use crate::checkpoint::reload::Extent;
use crate::checkpoint::store::CheckpointStore;
use crate::clock::{Clock, SystemClock};
use crate::fault::{Fault, FaultKind};
use crate::saturate;
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
/// If a process has the state, if there is none, or if a table cannot be loaded again.
pub(super) fn run(args: &ReloadArgs) -> Result<u8, Fault> {
    let (config, _) = args.config.load()?;
    let indexes = tables_of(&config, &args.tables)?;
    let tables = indexes.iter().filter_map(|index| config.tables.get(index.0));
    let tables: Vec<_> = tables.collect();
    let names: Vec<_> = tables.iter().map(|table| table.stored_name()).collect();
    let store = open_existing(&config)?;
    let checkpoint = store.load().map_err(Fault::from)?;
    if checkpoint.task.fresh_start_ms.is_none() {
        let message = format!(
            "task {} has not run yet; `brigade run` loads every table",
            config.task
        );
        return Err(Fault::new(FaultKind::Usage, message));
    }
    if args.consent.dry_run {
        return print(&names, args);
    }
    let what = format!(
        "{} of task {} will be loaded again from the first row by the next run, after a drop-table and a \
        create-table record: {}",
        counted(saturate::to_u64(names.len()), "table"),
        config.task,
        names.join(", ")
    );
    if !args.consent.given(&what)? {
        return Ok(not_done());
    }
    restart_loads(&config, &store, &checkpoint, &tables, Extent::Some)?;
    status_file::refresh(&config.state.path, &store)?;
    task_events::announce(&config, &TaskEvent::ReloadRequested(names.clone()))?;
    store.stop(SystemClock.now_ms()).map_err(Fault::from)?;
    print(&names, args)
}

fn print(names: &[String], args: &ReloadArgs) -> Result<u8, Fault> {
    let verb = if args.consent.dry_run {
        "would reload"
    } else {
        "the next run reloads"
    };
    let text = match args.output.format {
        OutputFormat::Json => super::to_json(&json!({
            "schema_version": SCHEMA_VERSION,
            "dry_run": args.consent.dry_run,
            "reloaded": names,
        }))?,
        OutputFormat::Text => lines(names.iter().map(|name| format!("{verb} {name}"))),
    };
    super::print(&text)?;
    Ok(0)
}
