//! How many wait for something now: counted when one begins to wait and when it ends, never per row.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A count of those who wait for the same. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Waiters(Arc<AtomicU64>);

/// One of them, until this is dropped.
#[derive(Debug)]
pub struct Waiter(Waiters);

/// What a reader may wait for.
#[derive(Debug, Clone, Default)]
pub struct ReaderWaits {
    /// Bytes of an object.
    pub source: Waiters,
    /// A credit of the budget.
    pub credit: Waiters,
}

impl Waiters {
    /// One more waits.
    pub fn one(&self) -> Waiter {
        self.0.fetch_add(1, Ordering::Relaxed);
        Waiter(self.clone())
    }

    /// How many wait now.
    pub fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}
