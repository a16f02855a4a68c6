//! The end of a generation that need not drain: what is being sent is finished, and what only waits is dropped.
//!
//! The checkpoint says what is settled, so the next generation reads the rest again. Only work that others can see, a
//! request or a block of dead letters, has to come to its end.
//!
//! **Invariants:** F3 (once [`WindDown::finished`] returns, nothing is sent any more).

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::{OwnedRwLockReadGuard, RwLock};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::fault::{Fault, FaultKind};

/// Shared by whoever ends a generation and all who do something that others can see.
#[derive(Debug, Clone, Default)]
pub struct WindDown {
    requested: CancellationToken,
    requested_at: Arc<OnceLock<Instant>>,
    /// Read-locked by work.
    working: Arc<RwLock<()>>,
    has_left_doubt: Arc<AtomicBool>,
    fault: Arc<OnceLock<Fault>>,
}

/// Work that others can see; over when dropped.
#[derive(Debug)]
pub struct Work {
    wind_down: WindDown,
    _turn: OwnedRwLockReadGuard<()>,
}

impl Drop for Work {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let fault = Fault::new(
                FaultKind::Panic,
                "an actor panicked while it sent or wrote something",
            );
            self.wind_down.fail(fault);
        }
    }
}

impl WindDown {
    /// Begins work; `None` once the generation ends.
    pub fn begin(&self) -> Option<Work> {
        // First the lock: whoever waits for the end either sees it, or has cancelled before.
        let turn = Arc::clone(&self.working).try_read_owned().ok()?;
        (!self.is_requested()).then(|| Work {
            wind_down: self.clone(),
            _turn: turn,
        })
    }

    /// Lets no more work begin.
    pub fn request(&self) {
        self.requested_at.get_or_init(Instant::now);
        self.requested.cancel();
    }

    /// Whether no more work begins.
    pub fn is_requested(&self) -> bool {
        self.requested.is_cancelled()
    }

    /// Waits for the request.
    pub async fn requested(&self) {
        self.requested.cancelled().await;
    }

    /// Whether the request was made, and this long ago.
    pub fn is_overdue(&self, patience: Duration) -> bool {
        let requested_at = self.requested_at.get();
        requested_at.is_some_and(|at| at.elapsed() >= patience)
    }

    /// Waits until [`Self::is_overdue`].
    pub async fn overdue(&self, patience: Duration) {
        self.requested().await;
        if let Some(at) = self.requested_at.get() {
            tokio::time::sleep_until(*at + patience).await;
        }
    }

    /// Waits until no work is left. To be called after the request.
    pub async fn finished(&self) {
        drop(self.working.write().await);
    }

    /// Notes that some of what was sent is neither settled nor certain not to be stored.
    pub fn leave_doubt(&self) {
        self.has_left_doubt.store(true, Ordering::SeqCst);
    }

    /// Notes why work ended without a settlement, before it is over: whoever waits for the end must not take it for one
    /// that left nothing.
    pub fn fail(&self, fault: Fault) {
        self.fault.get_or_init(|| fault);
        self.leave_doubt();
    }

    /// Why work ended without a settlement, if any did.
    pub fn fault(&self) -> Option<Fault> {
        self.fault.get().cloned()
    }

    /// Whether some of what was sent is in doubt.
    pub fn has_left_doubt(&self) -> bool {
        self.has_left_doubt.load(Ordering::SeqCst)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// F3.
    #[tokio::test]
    async fn work_that_has_begun_is_waited_for_and_no_other_begins() {
        let wind_down = WindDown::default();
        let work = wind_down.begin().unwrap();
        wind_down.request();
        assert!(wind_down.begin().is_none());
        {
            let finished = wind_down.finished();
            tokio::pin!(finished);
            assert!(futures_util::poll!(finished.as_mut()).is_pending());
            assert!(wind_down.begin().is_none());
            drop(work);
            finished.await;
        }
        assert!(wind_down.begin().is_none());
        assert_eq!(wind_down.fault(), None);
    }

    /// F3.
    #[tokio::test]
    async fn work_that_panics_is_not_taken_for_done() {
        let wind_down = WindDown::default();
        let work = wind_down.begin().unwrap();
        let panicked = tokio::spawn(async move {
            let _work = work;
            std::panic::panic_any("a test");
        });
        panicked.await.unwrap_err();
        wind_down.request();
        wind_down.finished().await;
        assert_eq!(wind_down.fault().map(|fault| fault.kind), Some(FaultKind::Panic));
        assert!(wind_down.has_left_doubt());
    }
}
