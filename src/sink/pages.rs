//! Reads a shard to its end, at a pace that leaves consumers their share, over trouble that passes.

use std::time::Duration;

use backoff::ExponentialBackoff;
use backoff::backoff::Backoff;
use tokio::time::{Interval, MissedTickBehavior};

use super::{ReadPage, SeenRecord, ShardReader, SinkError};
use crate::delays::Delays;

/// Pages in a row at the end of a shard, with records or without, after which what still comes is newer than the
/// question: others may write all the time. Servers that never say how far behind a page is end with an empty page.
const END_PAGES_MAX: u32 = 100;
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
    ticks: Option<Interval>,
    empty_ends_min: Option<u32>,
    empty_ends: u32,
    ends: u32,
    is_done: bool,
}

impl Pages {
    /// Pages at this interval. `empty_ends_min` is how often in a row an empty page has to say that nothing is after
    /// it, before it is believed; `None` for a closed shard, which says itself which page is its last.
    pub fn new(reader: Box<dyn ShardReader>, interval: Duration, empty_ends_min: Option<u32>) -> Self {
        let ticks = (!interval.is_zero()).then(|| {
            let mut ticks = tokio::time::interval(interval);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            ticks
        });
        Self {
            reader,
            ticks,
            empty_ends_min,
            empty_ends: 0,
            ends: 0,
            is_done: false,
        }
    }

    /// The next page; `None` after the last.
    ///
    /// # Errors
    /// If trying again cannot help, or did not help for too long.
    pub async fn next(&mut self) -> Result<Option<ReadPage>, SinkError> {
        if self.is_done {
            return Ok(None);
        }
        let mut patience = Patience::default();
        loop {
            if let Some(ticks) = &mut self.ticks {
                ticks.tick().await;
            }
            match self.reader.next_page().await {
                Ok(page) => {
                    self.is_done = self.ends_with(&page);
                    return Ok(Some(page));
                }
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

    fn ends_with(&mut self, page: &ReadPage) -> bool {
        let is_end = page.behind_ms == 0;
        let is_empty_end = is_end && page.records.is_empty();
        self.ends = if is_end { self.ends + 1 } else { 0 };
        self.empty_ends = if is_empty_end { self.empty_ends + 1 } else { 0 };
        page.is_last
            || self.ends >= END_PAGES_MAX
            || self
                .empty_ends_min
                .is_some_and(|minimum| self.empty_ends >= minimum)
    }
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
            | SinkError::Refused { .. } => None,
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
        Ok(ReadPage {
            records: vec![record; records_count],
            behind_ms,
            is_last,
        })
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
