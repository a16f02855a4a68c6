//! Where the status of a task is shown when no data path shows it.

use std::collections::VecDeque;
use std::sync::Arc;

use tokio::sync::watch;

use crate::checkpoint::status::{QuarantinedObject, TaskStatus};
use crate::checkpoint::store::Checkpoint;

/// The status, to write on. The next data path goes on from what it says. Clones share it.
#[derive(Debug, Clone)]
pub struct Noticeboard(watch::Sender<Arc<TaskStatus>>);

impl Noticeboard {
    pub(super) fn new(status: watch::Sender<Arc<TaskStatus>>) -> Self {
        Self(status)
    }

    /// The status now.
    pub fn status(&self) -> Arc<TaskStatus> {
        Arc::clone(&self.0.borrow())
    }

    /// Shows where the API of the task is served.
    pub fn show_api(&self, address: String) {
        self.0
            .send_modify(|status| Arc::make_mut(status).api_address = Some(address));
    }

    /// Shows what a checkpoint says: of earlier runs before the first data path, and what somebody changed in a turn.
    pub fn show_checkpoint(&self, checkpoint: &Checkpoint) {
        self.0
            .send_modify(|status| Arc::make_mut(status).show(checkpoint));
    }

    /// Shows how many objects are set aside and wait for a person, and the newest of them.
    pub fn show_set_aside(&self, count: u64, newest: VecDeque<QuarantinedObject>) {
        self.0.send_modify(|status| {
            let status = Arc::make_mut(status);
            (status.set_aside, status.quarantined) = (count, newest);
        });
    }
}
