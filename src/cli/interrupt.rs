//! Ctrl-C for commands that look on until they are told to end, and end well then.

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::fault::{Fault, FaultKind};

/// Ctrl-C, from the moment on in which this was made.
#[derive(Debug)]
pub(super) struct Interrupt(Signal);

impl Interrupt {
    /// Begins to watch for it. To be called on a runtime, and before anybody is asked to press it.
    ///
    /// # Errors
    /// If the system does not allow it.
    pub(super) fn watched() -> Result<Self, Fault> {
        let watched = signal(SignalKind::interrupt());
        watched.map(Self).map_err(|error| {
            let message = format!("cannot watch for Ctrl-C: {error}");
            Fault::new(FaultKind::Internal, message)
        })
    }

    /// Waits for it.
    pub(super) async fn given(&mut self) {
        self.0.recv().await;
    }
}
