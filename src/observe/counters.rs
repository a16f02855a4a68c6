//! Counts of the whole process, for summaries and tests: plain atomics, added to per request or chunk, never per row.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::facts::{Facts, QueueKind};
use super::metrics::instruments::{Instruments, PutOutcome};
use super::shards::ShardBoard;
use crate::flow::waiters::ReaderWaits;
use crate::model::AttemptCounts;
use crate::saturate;

/// The counts. They start at zero with the process and survive generations.
#[derive(Debug, Default)]
pub struct Counters {
    requests: AtomicU64,
    records: AtomicU64,
    bytes: AtomicU64,
    refused: AtomicU64,
    doubtful: AtomicU64,
    found: AtomicU64,
    recovered: AtomicU64,
    repeated: AtomicU64,
    inversions: AtomicU64,
    skipped: AtomicU64,
    shards: ShardBoard,
    facts: Facts,
    reader_waits: ReaderWaits,
    last_commit: LastCommit,
    instruments: OnceLock<Instruments>,
}

/// When something was last committed; at first, when the process began to count.
#[derive(Debug)]
struct LastCommit(Mutex<Instant>);

impl Default for LastCommit {
    fn default() -> Self {
        Self(Mutex::new(Instant::now()))
    }
}

/// The counts at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct CountersSnapshot {
    /// PutRecords requests sent.
    pub requests: u64,
    /// Records acknowledged.
    pub records: u64,
    /// Bytes of acknowledged records, messages and partition keys.
    pub bytes: u64,
    /// Records that were refused for certain and sent again.
    pub refused: u64,
    /// Records whose outcome was unknown.
    pub doubtful: u64,
    /// Records that were in doubt and were found in the stream when looking there.
    pub found: u64,
    /// The same for what a process before this one had sent.
    pub recovered: u64,
    /// Records that were stored and sent again to keep the order.
    pub repeated: u64,
    /// Records that the service stored in another order than they were sent in.
    pub inversions: u64,
    /// Records that the checkpoint proved to be stored and that were not sent.
    pub skipped: u64,
}

impl CountersSnapshot {
    /// Records that this process sent: what it found of a process before it is acknowledged too.
    pub fn sent(&self) -> u64 {
        self.records.saturating_sub(self.recovered)
    }

    /// Records that were sent more than once: refused, in doubt and not found, or after one of those.
    pub fn sent_again(&self) -> u64 {
        self.refused + self.repeated + self.doubtful.saturating_sub(self.found)
    }
}

impl Counters {
    /// A request was acknowledged.
    pub fn published(&self, shard_id: &str, counts: AttemptCounts, records: usize, bytes: usize) {
        let own = saturate::to_u64(records).saturating_sub(counts.recovered);
        self.shards
            .stored(shard_id, own, saturate::to_u64(bytes), counts.refused);
        self.requests.fetch_add(counts.requests, Ordering::Relaxed);
        self.refused.fetch_add(counts.refused, Ordering::Relaxed);
        self.doubtful.fetch_add(counts.doubtful, Ordering::Relaxed);
        self.found.fetch_add(counts.found, Ordering::Relaxed);
        self.recovered.fetch_add(counts.recovered, Ordering::Relaxed);
        self.repeated.fetch_add(counts.repeated, Ordering::Relaxed);
        self.inversions.fetch_add(counts.inversions, Ordering::Relaxed);
        self.records
            .fetch_add(saturate::to_u64(records), Ordering::Relaxed);
        self.bytes.fetch_add(saturate::to_u64(bytes), Ordering::Relaxed);
    }

    /// Records of a chunk were skipped with a proof (D3).
    pub fn skipped(&self, records: u64) {
        self.skipped.fetch_add(records, Ordering::Relaxed);
    }

    /// From now on requests and commits are timed.
    pub fn time_with(&self, instruments: Instruments) {
        self.instruments.get_or_init(|| instruments);
    }

    /// A PutRecords request ended.
    pub fn put_ended(&self, lasted: Duration, outcome: PutOutcome) {
        if let Some(instruments) = self.instruments.get() {
            instruments.put(lasted, outcome);
        }
    }

    /// A folder was listed to its end, with so much time spent on its pages.
    pub fn listed(&self, kind: QueueKind, lasted: Duration) {
        self.facts.listed(kind);
        if let Some(instruments) = self.instruments.get() {
            instruments.listed(kind, lasted);
        }
    }

    /// An object of this age is durably settled.
    pub fn settled_object(&self, kind: QueueKind, age: Duration) {
        self.facts.settled(kind, age);
        if let Some(instruments) = self.instruments.get() {
            instruments.fresh(kind, age);
        }
    }

    /// Records were in doubt for this long.
    pub fn doubt_ended(&self, lasted: Duration) {
        if let Some(instruments) = self.instruments.get() {
            instruments.doubt(lasted);
        }
    }

    /// A commit is durable.
    pub fn committed(&self, lasted: Duration) {
        *self.last_commit.0.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        if let Some(instruments) = self.instruments.get() {
            instruments.commit(lasted);
        }
    }

    /// Time since the last commit; before the first one since the process started.
    pub fn since_commit(&self) -> Duration {
        let last = *self.last_commit.0.lock().unwrap_or_else(PoisonError::into_inner);
        last.elapsed()
    }

    /// What else is known.
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// What readers wait for.
    pub fn reader_waits(&self) -> &ReaderWaits {
        &self.reader_waits
    }

    /// What each shard is doing.
    pub fn shards(&self) -> &ShardBoard {
        &self.shards
    }

    /// The counts now.
    pub fn snapshot(&self) -> CountersSnapshot {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        CountersSnapshot {
            requests: read(&self.requests),
            records: read(&self.records),
            bytes: read(&self.bytes),
            refused: read(&self.refused),
            doubtful: read(&self.doubtful),
            found: read(&self.found),
            recovered: read(&self.recovered),
            repeated: read(&self.repeated),
            inversions: read(&self.inversions),
            skipped: read(&self.skipped),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_another_process_sent_was_not_sent_by_this_one() {
        let counters = Counters::default();
        let counts = AttemptCounts {
            found: 2,
            recovered: 3,
            ..AttemptCounts::default()
        };
        counters.published("s", counts, 10, 100);
        let snapshot = counters.snapshot();
        assert_eq!((snapshot.records, snapshot.sent()), (10, 7));
    }
}
