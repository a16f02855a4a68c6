//! Events of the task of this process, and what is done if one cannot be written.

use crate::clock::{Clock, SystemClock};
use crate::config::Config;
use crate::fault::{Fault, FaultKind};
use crate::settings::EventErrorPolicy;
use crate::supervise::events::{EVENTS_FILE, EventLog, TaskEvent};

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
