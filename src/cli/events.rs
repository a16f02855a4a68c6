//! `brigade events`: the changes of state of a task, oldest first. It reads files only, also while the task runs.

use std::io;
use std::path::Path;
use std::time::Duration;

use clap::Args;
use serde_json::{Value, json};

use super::interrupt::Interrupt;
use super::{ConfigPath, Output, OutputFormat};
use crate::config::Config;
use crate::fault::{Fault, FaultKind};
use crate::notify::follow::Follower;
use crate::supervise::events::EVENTS_FILE;

/// Time between two looks at the file.
const POLL_INTERVAL: Duration = Duration::from_millis(500);

/// Version of the JSON shape; consumers ignore members they do not know.
const SCHEMA_VERSION: u32 = 1;

/// Arguments of `events`.
#[derive(Debug, Args)]
pub(super) struct EventsArgs {
    #[command(flatten)]
    config: ConfigPath,
    /// Go on with the events to come, until Ctrl-C
    #[arg(short, long)]
    follow: bool,
    /// Only the last ones, so many at most
    #[arg(short = 'n', long, value_name = "COUNT")]
    limit: Option<usize>,
    #[command(flatten)]
    output: Output,
}

/// Runs the command.
///
/// # Errors
/// If the configuration or the files cannot be read.
pub(super) fn run(args: &EventsArgs) -> Result<u8, Fault> {
    let (config, _) = args.config.load()?;
    super::runtime()?.block_on(show_all(args, &config.state.path))
}

async fn show_all(args: &EventsArgs, folder: &Path) -> Result<u8, Fault> {
    let mut interrupt = Interrupt::watched()?;
    let failed = |error: io::Error| unreadable(folder, &error);
    let mut follower = Follower::new(folder).map_err(failed)?;
    let lines = follower.before().map_err(failed)?;
    let events: Vec<Value> = lines.iter().filter_map(|line| event(line)).collect();
    let first = args.limit.map_or(0, |limit| events.len().saturating_sub(limit));
    let mut is_read = show(events.get(first..).unwrap_or_default(), args.output)?;
    while args.follow && is_read {
        tokio::select! {
            () = interrupt.given() => break,
            () = tokio::time::sleep(POLL_INTERVAL) => {}
        }
        let lines = follower.more().map_err(failed)?;
        let events: Vec<Value> = lines.iter().filter_map(|line| event(line)).collect();
        is_read = show(&events, args.output)?;
    }
    Ok(0)
}

/// The newest events, the oldest of them first, as JSON.
///
/// # Errors
/// If they cannot be read.
pub(super) fn newest(config: &Config, limit: usize) -> Result<String, Fault> {
    let folder = &config.state.path;
    let lines = Follower::new(folder).and_then(|mut follower| follower.before());
    let lines = lines.map_err(|error| unreadable(folder, &error))?;
    let events: Vec<Value> = lines.iter().filter_map(|line| event(line)).collect();
    let newest = events.get(events.len().saturating_sub(limit)..);
    super::to_json(&json!({ "schema_version": SCHEMA_VERSION, "events": newest }))
}

/// What a line says; a crash may have cut one.
fn event(line: &[u8]) -> Option<Value> {
    serde_json::from_slice(line).ok()
}

/// Shows events; gives whether somebody still reads them.
fn show(events: &[Value], output: Output) -> Result<bool, Fault> {
    let text = super::text::lines(events.iter().map(|event| match output.format {
        OutputFormat::Json => event.to_string(),
        OutputFormat::Text => text(event),
    }));
    if text.is_empty() {
        return Ok(true);
    }
    super::print_on(&text)
}

/// `2026-11-23T20:00:00Z  DMS-EVENT-0069  Replication task started, with flag, fresh start`.
fn text(event: &Value) -> String {
    let word = |pointer: &str| event.pointer(pointer).and_then(Value::as_str).unwrap_or("-");
    // A message may have lines of its own.
    let message = word("/detail/detailMessage").replace(['\n', '\r'], " ");
    format!("{}  {:<18}  {message}", word("/time"), word("/detail/eventId"))
}

fn unreadable(folder: &Path, error: &io::Error) -> Fault {
    let kind = if error.kind() == io::ErrorKind::PermissionDenied {
        FaultKind::PermissionDenied
    } else {
        FaultKind::StateIo
    };
    let path = folder.join(EVENTS_FILE);
    Fault::new(
        kind,
        format!("cannot read the events in {}: {error}", path.display()),
    )
}
