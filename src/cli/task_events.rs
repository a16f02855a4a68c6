//! Events of the task of this process, and what is done if one cannot be written.

use std::collections::VecDeque;

use serde_json::{Value, json};

use crate::clock::{Clock, SystemClock};
use crate::config::Config;
use crate::durable::json_lines;
use crate::fault::{Fault, FaultKind};
use crate::settings::EventErrorPolicy;
use crate::supervise::events::{EVENTS_FILE, EVENTS_FILE_BEFORE, EventLog, TaskEvent};

/// Version of the JSON shape; consumers ignore members they do not know.
const SCHEMA_VERSION: u32 = 1;

/// Writes an event.
///
/// # Errors
/// [`FaultKind::StateIo`] if it cannot be written and `errors.event_error_policy` says that the task is to stop then.
pub(super) fn announce(config: &Config, event: &TaskEvent) -> Result<(), Fault> {
    let folder = &config.state.path;
    let written = EventLog::new(folder, &config.task).append(event, SystemClock.now_ms());
    let Err(error) = written else { return Ok(()) };
    let path = folder.join(EVENTS_FILE);
    match config.errors.event_error_policy {
        EventErrorPolicy::Ignore => {
            tracing::warn!(%error, path = %path.display(), "an event cannot be written (errors.event_error_policy: IGNORE)");
            Ok(())
        }
        EventErrorPolicy::StopTask => {
            let message = format!(
                "cannot write an event to {}: {error} (errors.event_error_policy: STOP_TASK)",
                path.display()
            );
            Err(Fault::new(FaultKind::StateIo, message))
        }
    }
}

/// The newest events, the oldest of them first.
///
/// # Errors
/// If they cannot be read.
pub(super) fn newest(config: &Config, limit: usize) -> Result<String, Fault> {
    let folder = &config.state.path;
    let mut events: VecDeque<Value> = VecDeque::new();
    for name in [EVENTS_FILE_BEFORE, EVENTS_FILE] {
        let path = folder.join(name);
        let read = json_lines::for_each(&path, |event| {
            events.push_back(event);
            if events.len() > limit {
                events.pop_front();
            }
        });
        read.map_err(|error| {
            let message = format!("cannot read the events in {}: {error}", path.display());
            Fault::new(FaultKind::StateIo, message)
        })?;
    }
    super::to_json(&json!({ "schema_version": SCHEMA_VERSION, "events": events }))
}
