//! The request to end the task for a reason that is not an accident: what is in flight is settled and committed first.

use std::sync::{Arc, Mutex, PoisonError};

use tokio_util::sync::CancellationToken;

use crate::fault::Fault;

/// Raised by whoever decides about rows and tables; the first reason counts.
#[derive(Debug, Clone, Default)]
pub struct Halt {
    reason: Arc<Mutex<Option<Fault>>>,
    requested: CancellationToken,
}

impl Halt {
    /// Ends the task with this fault once everything in flight is settled.
    pub fn request(&self, fault: Fault) {
        let mut reason = self.reason.lock().unwrap_or_else(PoisonError::into_inner);
        reason.get_or_insert(fault);
        self.requested.cancel();
    }

    /// Waits for a request to end.
    pub async fn requested(&self) {
        self.requested.cancelled().await;
    }

    /// Why the task is to end, if it is.
    pub fn reason(&self) -> Option<Fault> {
        let reason = self.reason.lock().unwrap_or_else(PoisonError::into_inner);
        reason.clone()
    }
}
