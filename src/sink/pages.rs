//! Reads a shard to its end, at a pace that leaves consumers their share, over trouble that passes.

use std::time::Duration;

use backoff::ExponentialBackoff;
use backoff::backoff::Backoff;
use tokio::time::Instant;

use super::{ReadPage, SeenRecord, ShardReader, SinkError};
use crate::delays::Delays;

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
            let now = Instant::now();
            let asked_at = *self.asked_at.get_or_insert(now);
            let answer = self.reader.next_page().await;
            if let Ok(page) = &answer {
                self.is_done = self.ends_with(page, now.duration_since(asked_at));
            }
            if !self.pause.is_zero() {
                self.next_at = Some(now + pause_after(self.pause, self.standstill));
            }
            match answer {
                Ok(page) => return Ok(Some(page)),
                Err(error) => patience.wait(error).await?,
            }
        }
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
mod tests {
    use std::collections::VecDeque;

    use async_trait::async_trait;
    use bytes::Bytes;

    use super::*;

    /// Gives these pages, then the last of them again and again.
    #[derive(Debug)]
    struct Scripted(VecDeque<Result<ReadPage, SinkError>>);

    #[async_trait]
    impl ShardReader for Scripted {
        async fn next_page(&mut self) -> Result<ReadPage, SinkError> {
            if self.0.len() > 1 {
                return self.0.pop_front().unwrap();
            }
            self.0.front().cloned().unwrap()
        }
    }

    #[expect(clippy::unnecessary_wraps, reason = "a script holds pages and errors")]
    fn page(records_count: usize, behind_ms: u64, is_last: bool) -> Result<ReadPage, SinkError> {
        let record = SeenRecord {
            sequence_number: "1".into(),
            member: None,
            partition_key: "k".into(),
            payload: Bytes::new(),
        };
        Ok(ReadPage::of(vec![record; records_count], behind_ms, is_last))
    }

    async fn pages_count(script: Vec<Result<ReadPage, SinkError>>, empty_ends_min: Option<u32>) -> usize {
        let reader = Box::new(Scripted(script.into()));
        let mut pages = Pages::new(reader, Duration::ZERO, empty_ends_min);
        let mut count = 0;
        while pages.next().await.unwrap().is_some() {
            count += 1;
        }
        count
    }

    #[tokio::test]
    async fn an_end_is_believed_only_if_it_is_seen_often_enough_in_a_row() {
        let script = || {
            vec![
                page(1, 5, false),
                page(0, 0, false),
                page(0, 9, false),
                page(0, 0, false),
            ]
        };
        assert_eq!(pages_count(script(), Some(1)).await, 2);
        assert_eq!(pages_count(script(), Some(3)).await, 6);
        assert_eq!(
            pages_count(vec![page(0, 0, false), page(2, 0, true)], None).await,
            2
        );
    }

    #[tokio::test]
    async fn a_shard_that_others_write_to_all_the_time_has_an_end_too() {
        assert_eq!(pages_count(vec![page(1, 0, false)], Some(3)).await, 100);
    }

    /// A place that the service does not keep any more: it answers without an error and without a record, for ever.
    #[tokio::test]
    async fn pages_that_stand_still_are_told_asked_for_less_often_and_given_up() {
        let reader = Box::new(Scripted([page(0, 86_400_000, false)].into()));
        let mut pages = Pages::new(reader, Duration::ZERO, Some(3));
        let (mut told_at, mut count) = (None, 0);
        let error = loop {
            match pages.next().await {
                Ok(page) => assert!(page.is_some(), "this is not the end"),
                Err(error) => break error,
            }
            count += 1;
            if pages.stand_still() {
                told_at.get_or_insert(count);
            }
        };
        assert_eq!((told_at, count), (Some(31), 301));
        assert!(error.to_string().contains("86400 s"), "{error}");
        let pause = |standstill| pause_after(Duration::from_millis(250), standstill).as_millis();
        assert_eq!([0, 4, 5, 30, 300].map(pause), [250, 250, 500, 1_750, 2_250]);
    }

    /// A shard with few records: the service looks through a part of it at a time.
    #[tokio::test]
    async fn empty_pages_that_get_nearer_to_the_end_are_read_to_it() {
        let gap = (1..2_000).rev().map(|minutes| page(0, minutes * 60_000, false));
        let script: Vec<_> = gap.chain([page(1, 0, false), page(0, 0, false)]).collect();
        assert_eq!(pages_count(script, Some(3)).await, 1_999 + 1 + 3);
    }

    /// Others write faster than the shard may be read.
    #[test]
    fn what_arrived_after_the_question_is_not_read_for_ever() {
        let is_last = |empty_ends_min, behind_ms, asked_for_s| {
            let reader = Box::new(Scripted(VecDeque::new()));
            let mut pages = Pages::new(reader, Duration::ZERO, empty_ends_min);
            let page = page(5, behind_ms, false).unwrap();
            pages.ends_with(&page, Duration::from_secs(asked_for_s))
        };
        assert!(
            !is_last(Some(3), 20_000, 79) && is_last(Some(3), 20_000, 80),
            "a minute later"
        );
        assert!(
            !is_last(None, 20_000, 80),
            "a closed shard says which page is its last"
        );
        assert!(
            !is_last(Some(3), 0, 3_600),
            "a server that always says that it is at the end"
        );
    }

    #[tokio::test]
    async fn trouble_that_passes_is_waited_out_and_the_rest_is_told() {
        let throttled = SinkError::Throttled {
            stream: "s".into(),
            detail: "slow down".into(),
        };
        assert_eq!(
            pages_count(vec![Err(throttled), page(1, 0, true)], Some(1)).await,
            1
        );
        let missing = SinkError::Missing { stream: "s".into() };
        let mut pages = Pages::new(Box::new(Scripted([Err(missing)].into())), Duration::ZERO, None);
        assert!(pages.next().await.is_err());
    }
}
