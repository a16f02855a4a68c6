//! The reason an actor gives when it stops itself.

use std::sync::{Arc, OnceLock};

use crate::fault::Fault;

/// Carries the reason for which an actor stops itself to whoever watches it.
#[derive(Debug, Clone, Default)]
pub struct Fuse(Arc<OnceLock<Fault>>);

impl Fuse {
    /// Notes the fault; the actor stops its context right after. The first fault counts.
    pub fn blow(&self, fault: Fault) {
        self.0.get_or_init(|| fault);
    }

    /// Why the actor stopped, if it gave a reason.
    pub fn take(&self) -> Option<Fault> {
        self.0.get().cloned()
    }
}
