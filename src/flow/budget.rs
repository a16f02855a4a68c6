//! The one in-flight budget. A reader takes a credit before it hands a chunk on; the credit rides with the
//! chunk's slices and goes home when the last of them is settled, or when whatever held it is dropped.
//!
//! Actix mailboxes do not bound memory, so this is the only backpressure there is.
//!
//! A chunk whose messages turn out larger than its credit goes out in parts, each with a credit of its own
//! (`parse::sender`).
//!
//! **Invariants:** F1 (credits never exceed the budget), F2 (all credits are home after a drain or a
//! teardown).

use crate::saturate;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::waiters::Waiters;

/// Unit of account; keeps the permit count inside the semaphore's range.
const UNIT_BYTES: u64 = 1024;

/// The in-flight budget of a process, in bytes, accounted in KiB.
#[derive(Debug, Clone)]
pub struct Budget {
    permits: Arc<Semaphore>,
    total_units: u32,
    /// Units in credits. The semaphore does not know: it sets permits aside for whoever waits for many.
    held_units: Arc<AtomicU64>,
    waiters: Waiters,
}

/// A share of the budget; comes home when dropped.
#[derive(Debug)]
pub struct Credit {
    permit: OwnedSemaphorePermit,
    /// Where it counts as in flight, and with how many units.
    in_flight: Option<(Arc<AtomicU64>, u64)>,
}

impl Drop for Credit {
    fn drop(&mut self) {
        if let Some((held_units, units)) = &self.in_flight {
            held_units.fetch_sub(*units, Ordering::Relaxed);
        }
    }
}

impl Credit {
    /// Bytes held, rounded up to the unit of account.
    pub fn bytes_count(&self) -> u64 {
        saturate::to_u64(self.permit.num_permits()).saturating_mul(UNIT_BYTES)
    }
}

impl Budget {
    /// A budget of `total_bytes`, at least one unit.
    pub fn new(total_bytes: u64) -> Self {
        let total_units = saturate::to_u32((total_bytes / UNIT_BYTES).max(1));
        let permits = Arc::new(Semaphore::new(
            usize::try_from(total_units).unwrap_or(usize::MAX >> 4),
        ));
        Self {
            permits,
            total_units,
            held_units: Arc::default(),
            waiters: Waiters::default(),
        }
    }

    /// The same budget; who waits for a credit of it is counted there.
    #[must_use]
    pub fn with_waiters(self, waiters: &Waiters) -> Self {
        Self {
            waiters: waiters.clone(),
            ..self
        }
    }

    /// Waits until `bytes` are free and takes them. A request above the whole budget takes all of it, so that
    /// one large chunk passes alone instead of waiting for ever.
    pub async fn acquire(&self, bytes: u64) -> Credit {
        let wanted = saturate::to_u32(bytes.div_ceil(UNIT_BYTES));
        let units = wanted.max(1).min(self.total_units);
        let waiter = self.waiters.one();
        let permit = self.take(units).await;
        drop(waiter);
        self.held_units.fetch_add(u64::from(units), Ordering::Relaxed);
        Credit {
            permit,
            in_flight: Some((Arc::clone(&self.held_units), u64::from(units))),
        }
    }

    async fn take(&self, units: u32) -> OwnedSemaphorePermit {
        loop {
            // The semaphore is never closed, so the first turn always succeeds.
            if let Ok(permit) = Arc::clone(&self.permits).acquire_many_owned(units).await {
                return permit;
            }
        }
    }

    /// Waits until every credit is home (F2). Whoever holds the credit that comes back keeps it so: nothing new
    /// can be taken into flight.
    pub async fn all_home(&self) -> Credit {
        Credit {
            permit: self.take(self.total_units).await,
            in_flight: None,
        }
    }

    /// Bytes in flight now.
    pub fn in_flight_bytes(&self) -> u64 {
        self.held_units.load(Ordering::Relaxed).saturating_mul(UNIT_BYTES)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// F2.
    #[tokio::test]
    async fn who_waits_for_everything_is_not_in_flight() {
        let budget = Budget::new(64 * 1024);
        let credit = budget.acquire(1024).await;
        let waiting = budget.all_home();
        tokio::pin!(waiting);
        assert!(
            futures_util::poll!(waiting.as_mut()).is_pending(),
            "a credit is out"
        );
        assert_eq!(budget.in_flight_bytes(), 1024);
        drop(credit);
        let _all = waiting.await;
        assert_eq!(budget.in_flight_bytes(), 0);
    }

    #[tokio::test]
    async fn a_credit_comes_home_when_dropped() {
        let budget = Budget::new(10 * UNIT_BYTES);
        let credit = budget.acquire(3 * UNIT_BYTES + 1).await;
        assert_eq!(budget.in_flight_bytes(), 4 * UNIT_BYTES);
        assert_eq!(credit.bytes_count(), 4 * UNIT_BYTES);
        drop(credit);
        assert_eq!(budget.in_flight_bytes(), 0);
    }

    /// F1.
    #[tokio::test]
    async fn a_request_above_the_budget_waits_for_all_of_it() {
        let budget = Budget::new(4 * UNIT_BYTES);
        let small = budget.acquire(1).await;
        assert_eq!(budget.waiters.count(), 0);
        let waiting = tokio::spawn({
            let budget = budget.clone();
            async move { budget.acquire(u64::MAX).await.bytes_count() }
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        assert_eq!(budget.waiters.count(), 1);
        drop(small);
        assert_eq!(waiting.await.unwrap(), 4 * UNIT_BYTES);
        assert_eq!(budget.waiters.count(), 0);
        assert_eq!(budget.all_home().await.bytes_count(), 4 * UNIT_BYTES);
    }
}
