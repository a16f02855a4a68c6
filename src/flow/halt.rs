//! The wish to end the task for a reason that is no accident: what is in flight is settled and committed first.

use std::sync::{Arc, Mutex, PoisonError};

use tokio_util::sync::CancellationToken;

use crate::fault::Fault;

/// A wish that whoever decides about rows and tables may have; the first one counts.
#[derive(Debug, Clone, Default)]
pub struct Halt {
    reason: Arc<Mutex<Option<Fault>>>,
    wished: CancellationToken,
}

impl Halt {
    /// Ends the task with this fault once everything in flight is settled.
    pub fn wish(&self, fault: Fault) {
        let mut reason = self.reason.lock().unwrap_or_else(PoisonError::into_inner);
        reason.get_or_insert(fault);
        self.wished.cancel();
    }

    /// Waits for the wish.
    pub async fn wished(&self) {
        self.wished.cancelled().await;
    }

    /// Why the task is to end, if it is.
    pub fn reason(&self) -> Option<Fault> {
        let reason = self.reason.lock().unwrap_or_else(PoisonError::into_inner);
        reason.clone()
    }
}
