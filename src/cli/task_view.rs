//! A task as its files show it, running or not.

use super::status::file::{self, Activity};
use crate::checkpoint::status::TaskStatus;
use crate::clock::{Clock, SystemClock};
use crate::config::Config;
use crate::fault::Fault;

/// What the files of a task say.
#[derive(Debug, Clone)]
pub(super) struct TaskView {
    /// Whether somebody works on it.
    pub(super) activity: Activity,
    /// Its last status; `None` if it never ran.
    pub(super) status: Option<TaskStatus>,
    /// When it was looked at, milliseconds since the epoch.
    pub(super) now_ms: i64,
}

impl TaskView {
    /// Looks at the files.
    ///
    /// # Errors
    /// If the status cannot be read.
    pub(super) fn of(config: &Config) -> Result<Self, Fault> {
        let status = file::read(&config.state.path)?;
        Ok(Self {
            activity: file::activity(&config.state.path, status.as_ref()),
            status,
            now_ms: SystemClock.now_ms(),
        })
    }

    /// A task that runs.
    #[cfg(test)]
    pub(super) fn running(status: TaskStatus, now_ms: i64) -> Self {
        Self {
            activity: Activity::Running,
            status: Some(status),
            now_ms,
        }
    }

    /// Milliseconds since a moment; 0 if it is to come.
    pub(super) fn since_ms(&self, at_ms: i64) -> u64 {
        u64::try_from(self.now_ms.saturating_sub(at_ms)).unwrap_or(0)
    }
}
