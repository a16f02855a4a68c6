//! Progress lines on a terminal.

use std::sync::Arc;

use tokio::runtime::Handle;
use tokio::sync::watch;

use crate::observe::status::TaskStatus;

/// Draws progress lines while a task runs; draws nothing if standard error is not a terminal.
#[derive(Debug)]
pub(super) struct Progress;

impl Progress {
    /// Starts drawing.
    pub(super) fn start(_runtime: &Handle, _status: watch::Receiver<Arc<TaskStatus>>) -> Self {
        Self
    }

    /// Draws the last lines and stops.
    pub(super) fn finish(self) {}
}
