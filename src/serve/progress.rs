//! Whether the task gets on: its actors beat, and what is settled grows while there is work.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::checkpoint::status::TaskStatus;

/// A thread that says that it lives. Clones share it.
#[derive(Debug, Clone)]
pub struct Beat {
    begun: Instant,
    last_ms: Arc<AtomicU64>,
}

impl Default for Beat {
    fn default() -> Self {
        Self {
            begun: Instant::now(),
            last_ms: Arc::default(),
        }
    }
}

impl Beat {
    /// Time between two beats.
    const INTERVAL: Duration = Duration::from_secs(1);

    /// Beats for ever, on the thread that this is polled on.
    pub async fn keep(self) {
        loop {
            let now_ms = u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX);
            self.last_ms.store(now_ms, Ordering::Relaxed);
            tokio::time::sleep(Self::INTERVAL).await;
        }
    }

    /// Time since the last beat.
    pub fn silent_for(&self) -> Duration {
        let last = Duration::from_millis(self.last_ms.load(Ordering::Relaxed));
        self.begun.elapsed().saturating_sub(last)
    }
}

/// When something was last settled. Clones share it.
#[derive(Debug, Clone)]
pub(super) struct Progress(Arc<Mutex<Inner>>);

#[derive(Debug)]
struct Inner {
    settled: u64,
    since: Instant,
}

impl Default for Progress {
    fn default() -> Self {
        let inner = Inner {
            settled: 0,
            since: Instant::now(),
        };
        Self(Arc::new(Mutex::new(inner)))
    }
}

impl Progress {
    /// Takes note of a status.
    pub(super) fn note(&self, status: &TaskStatus, now: Instant) {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let settled = settled(status);
        if settled != inner.settled || !has_work(status) {
            *inner = Inner { settled, since: now };
        }
    }

    /// How long nothing was settled although there was work.
    pub(super) fn standstill(&self, status: &TaskStatus, now: Instant) -> Duration {
        self.note(status, now);
        if !has_work(status) {
            return Duration::ZERO;
        }
        let inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        now.saturating_duration_since(inner.since)
    }
}

/// What grows whenever the task gets on: rows that are settled, and objects that are read.
fn settled(status: &TaskStatus) -> u64 {
    let tables = status.tables.iter();
    let rows: u64 = tables
        .map(|table| table.statistics.settled_rows() + table.load.ended)
        .sum();
    let shards: u64 = status.shards.iter().map(|shard| shard.records).sum();
    rows + shards + status.changes.ended + status.unassigned_error_rows + status.unselected_rows
}

/// Whether it is to do anything.
pub(super) fn is_running(status: &TaskStatus) -> bool {
    status.life.stop.is_none() && !status.clean_stop && !status.paused
}

/// Whether something is in flight, or known and not read.
pub(super) fn has_work(status: &TaskStatus) -> bool {
    is_running(status) && (status.in_flight_bytes > 0 || waiting_objects(status) > 0)
}

/// Objects that are known and not opened. Those of a suspended table wait for a person.
pub(super) fn waiting_objects(status: &TaskStatus) -> u64 {
    let tables = status.tables.iter();
    let tables = tables.filter(|table| !table.statistics.is_suspended());
    let loads: u64 = tables.map(|table| table.load.waiting()).sum();
    loads + status.changes.waiting()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::status::TableStatus;

    fn status(in_flight_bytes: u64, rows: u64) -> TaskStatus {
        let mut table = TableStatus::default();
        table.statistics.full_load_rows = rows;
        TaskStatus {
            in_flight_bytes,
            tables: vec![table],
            ..TaskStatus::default()
        }
    }

    #[test]
    fn a_task_stands_still_if_it_has_work_and_settles_nothing() {
        let (progress, begun) = (Progress::default(), Instant::now());
        let at = |minutes| begun + Duration::from_mins(minutes);
        let minute = Duration::from_mins(1);
        progress.note(&status(1, 5), begun);
        assert_eq!(progress.standstill(&status(1, 5), at(1)), minute);
        assert_eq!(
            progress.standstill(&status(1, 6), at(1)),
            Duration::ZERO,
            "it got on"
        );
        assert_eq!(
            progress.standstill(&status(0, 6), at(2)),
            Duration::ZERO,
            "nothing to do"
        );
        progress.note(&status(1, 6), at(3));
        assert_eq!(
            progress.standstill(&status(1, 6), at(3)),
            minute,
            "it counts from when nothing was left to do"
        );
    }

    #[test]
    fn a_thread_that_hangs_is_silent() {
        let beat = Beat {
            begun: Instant::now().checked_sub(Duration::from_secs(30)).unwrap(),
            last_ms: Arc::new(AtomicU64::new(5_000)),
        };
        let silent_for = beat.silent_for().as_secs();
        assert!((25..30).contains(&silent_for), "{silent_for}");
    }
}
