//! A clock that a test sets.

use std::sync::atomic::{AtomicI64, Ordering};

use bucket_brigade::clock::Clock;

/// In milliseconds since the epoch.
#[derive(Debug)]
pub(crate) struct SetClock(AtomicI64);

impl SetClock {
    /// A clock that shows this time.
    pub(crate) fn at(now_ms: i64) -> Self {
        Self(AtomicI64::new(now_ms))
    }

    /// Shows another time from now on.
    pub(crate) fn set(&self, now_ms: i64) {
        self.0.store(now_ms, Ordering::SeqCst);
    }
}

impl Clock for SetClock {
    fn now_us(&self) -> i64 {
        self.0.load(Ordering::SeqCst) * 1_000
    }
}
