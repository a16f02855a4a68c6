//! Reads a shard to its end, at a pace that leaves consumers their share, over trouble that passes.

use std::sync::Arc;
use std::time::Duration;

use backoff::ExponentialBackoff;
use backoff::backoff::Backoff;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use super::{ReadPage, SeenRecord, ShardReader, SinkError};
use crate::delays::Delays;
use crate::saturate;

/// Pages in a row at the end of a shard, with records or without, after which what still comes is newer than the
/// question: others may write all the time. Servers that never say how far behind a page is end with an empty page.
const END_PAGES_MAX: u32 = 100;
/// How much later than the question a page has to be before what comes after it is newer for certain: the distance that
/// a page has from the end is approximate.
const PASSED_MARGIN: Duration = Duration::from_mins(1);
/// Empty pages in a row, none of them nearer to the end than one before, after which the reader stands still.
const STANDSTILL_PAGES_MIN: u32 = 30;
/// The same after which it is given up.
const STANDSTILL_PAGES_MAX: u32 = 300;
/// Such pages after which the pauses between them have grown by one whole pause.
const SLOWER_PAGES: u32 = 5;
/// How many times its length a pause grows to.
const SLOWER_MAX: u32 = 8;
/// How long calls may fail before the reader gives up.
const PATIENCE: Duration = Duration::from_mins(2);
/// First pause after a call that failed.
const RETRY_PAUSE_FIRST: Duration = Duration::from_millis(500);
/// Longest pause after a call that failed.
const RETRY_PAUSE_MAX: Duration = Duration::from_secs(10);

/// Bytes in flight for which one page may be in memory: it has up to 10 MiB of records
/// (<https://docs.aws.amazon.com/kinesis/latest/APIReference/API_GetRecords.html>, read in November 2026), and its answer
/// is there beside it for a moment.
const BYTES_PER_PAGE: u64 = 32 << 20;
/// Pages that may be in memory at a time at most: more are not read faster.
const HELD_PAGES_MAX: usize = 16;

/// See [`PagePermits::answer_soon`].
const ANSWER_SOON: Duration = Duration::from_secs(5);

/// How many pages of all shards together may be in memory at a time. After a crash every shard is read back at the same
/// moment; without this, a stream of many shards needed more memory at every start than the process has.
#[derive(Debug, Clone)]
pub struct PagePermits {
    pages: Arc<Semaphore>,
    /// A call without an answer for so long waits for something else than the page.
    answer_soon: Duration,
}

impl PagePermits {
    /// As many as fit a process that may have so many bytes in flight.
    pub fn of(in_flight_bytes: u64) -> Self {
        let count = saturate::to_usize(in_flight_bytes / BYTES_PER_PAGE);
        Self {
            pages: Arc::new(Semaphore::new(count.clamp(1, HELD_PAGES_MAX))),
            answer_soon: ANSWER_SOON,
        }
    }

    /// Waits until another page may be in memory.
    async fn next(&self) -> Option<OwnedSemaphorePermit> {
        // Nobody closes it.
        Arc::clone(&self.pages).acquire_owned().await.ok()
    }
}

/// The pages of one shard, one after another.
#[derive(Debug)]
pub struct Pages {
    reader: Box<dyn ShardReader>,
    pause: Duration,
    /// When the first page was asked for.
    asked_at: Option<Instant>,
    /// When the next page may be.
    next_at: Option<Instant>,
    empty_ends_min: Option<u32>,
    empty_ends: u32,
    ends: u32,
    /// Empty pages in a row that were not nearer to the end than all before them.
    standstill: u32,
    nearest_ms: u64,
    is_done: bool,
    permits: Option<PagePermits>,
    /// For the page that was given last.
    held: Option<OwnedSemaphorePermit>,
}

impl Pages {
    /// Pages with this pause between two calls, a longer one while empty pages get no nearer to the end.
    /// `empty_ends_min` is how often in a row an empty page has to say that nothing is after it, before it is believed;
    /// `None` for a closed shard, which says itself which page is its last.
    pub fn new(reader: Box<dyn ShardReader>, pause: Duration, empty_ends_min: Option<u32>) -> Self {
        Self {
            reader,
            pause,
            asked_at: None,
            next_at: None,
            empty_ends_min,
            empty_ends: 0,
            ends: 0,
            standstill: 0,
            nearest_ms: u64::MAX,
            is_done: false,
            permits: None,
            held: None,
        }
    }

    /// The same with as few pages in memory, together with all others that share these permits. A page counts until the
    /// next one is asked for, or the pages are dropped.
    #[must_use]
    pub fn within(self, permits: PagePermits) -> Self {
        Self {
            permits: Some(permits),
            ..self
        }
    }

    /// Whether the pages are empty and get no nearer to the end: the service answers so from a place that it does not
    /// keep any more (<https://github.com/harlow/kinesis-consumer/issues/125>, read in November 2026).
    pub fn stand_still(&self) -> bool {
        self.standstill >= STANDSTILL_PAGES_MIN
    }

    /// The next page; `None` after the last.
    ///
    /// # Errors
    /// If trying again cannot help, or did not help for too long, or the pages stand still.
    pub async fn next(&mut self) -> Result<Option<ReadPage>, SinkError> {
        self.held = None;
        if self.is_done {
            return Ok(None);
        }
        if self.standstill >= STANDSTILL_PAGES_MAX {
            return Err(self.given_up());
        }
        let mut patience = Patience::default();
        loop {
            if let Some(next_at) = self.next_at {
                tokio::time::sleep_until(next_at).await;
            }
            self.held = match &self.permits {
                Some(permits) => permits.next().await,
                None => None,
            };
            let now = Instant::now();
            let asked_at = *self.asked_at.get_or_insert(now);
            let answer = self.answer().await;
            if let Ok(page) = &answer {
                self.is_done = self.ends_with(page, now.duration_since(asked_at));
            }
            if !self.pause.is_zero() {
                self.next_at = Some(now + pause_after(self.pause, self.standstill));
            }
            match answer {
                Ok(page) => return Ok(Some(page)),
                Err(error) => {
                    self.held = None;
                    patience.wait(error).await?;
                }
            }
        }
    }

    /// One call. If it waits out an outage, it holds up no other one meanwhile.
    async fn answer(&mut self) -> Result<ReadPage, SinkError> {
        let Some(PagePermits { answer_soon, .. }) = &self.permits else {
            return self.reader.next_page().await;
        };
        let call = self.reader.next_page();
        tokio::pin!(call);
        tokio::select! {
            answer = &mut call => return answer,
            () = tokio::time::sleep(*answer_soon) => {}
        }
        self.held = None;
        call.await
    }

    /// All records up to the end.
    ///
    /// # Errors
    /// As [`next`](Self::next).
    pub async fn all(mut self) -> Result<Vec<SeenRecord>, SinkError> {
        let mut records = Vec::new();
        while let Some(page) = self.next().await? {
            records.extend(page.records);
        }
        Ok(records)
    }

    /// Whether a page that was asked for so long after the first one is the last.
    fn ends_with(&mut self, page: &ReadPage, asked_for: Duration) -> bool {
        let is_end = page.behind_ms == 0;
        let is_empty = page.first.is_none();
        self.ends = if is_end { self.ends + 1 } else { 0 };
        self.empty_ends = if is_end && is_empty {
            self.empty_ends + 1
        } else {
            0
        };
        let is_standstill = is_empty && !is_end && page.behind_ms >= self.nearest_ms;
        self.standstill = if is_standstill { self.standstill + 1 } else { 0 };
        self.nearest_ms = self.nearest_ms.min(page.behind_ms);
        let behind = Duration::from_millis(page.behind_ms);
        // Whoever writes faster than it is read back keeps the end away, but not this moment. A page at the end proves
        // nothing: some servers say so of each.
        let has_passed = !is_end && asked_for >= behind.saturating_add(PASSED_MARGIN);
        let is_open_end = self
            .empty_ends_min
            .is_some_and(|minimum| self.empty_ends >= minimum || has_passed);
        page.is_last || self.ends >= END_PAGES_MAX || is_open_end
    }

    fn given_up(&self) -> SinkError {
        SinkError::Doubtful {
            action: "kinesis:GetRecords",
            stream: "the stream".to_owned(),
            detail: format!(
                "{} pages in a row were empty and no nearer to the end of the shard than {} s",
                self.standstill,
                self.nearest_ms / 1_000
            ),
        }
    }
}

/// The pause after so many empty pages in a row that got no nearer to the end.
fn pause_after(pause: Duration, standstill: u32) -> Duration {
    pause * (1 + (standstill / SLOWER_PAGES).min(SLOWER_MAX))
}

/// Waits out trouble that passes.
#[derive(Debug)]
pub struct Patience(ExponentialBackoff);

impl Default for Patience {
    fn default() -> Self {
        let delays = Delays {
            patience: Some(PATIENCE),
            ..Delays::new(RETRY_PAUSE_FIRST, RETRY_PAUSE_MAX)
        };
        Self(delays.start())
    }
}

impl Patience {
    /// Waits before a call is tried again.
    ///
    /// # Errors
    /// The error, if trying again cannot help, or did not help for too long.
    pub async fn wait(&mut self, error: SinkError) -> Result<(), SinkError> {
        let delay = match &error {
            // Others read too; that is not a problem, and it passes.
            SinkError::Throttled { .. } => Some(self.0.next_backoff().unwrap_or(RETRY_PAUSE_MAX)),
            SinkError::NotSent { .. } | SinkError::NotReady { .. } | SinkError::Doubtful { .. } => {
                self.0.next_backoff()
            }
            SinkError::Outlasted(_)
            | SinkError::Missing { .. }
            | SinkError::Denied { .. }
            | SinkError::Io { .. }
            | SinkError::Refused { .. }
            | SinkError::RecordsRefused { .. } => None,
        };
        let Some(delay) = delay else { return Err(error) };
        tracing::debug!(%error, "reading the stream back failed, trying again");
        tokio::time::sleep(delay).await;
        Ok(())
    }
}

#[cfg(test)]
#[path = "pages_tests.rs"]
mod tests;
