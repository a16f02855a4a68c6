//! How fast the load is settled, for the time that it still takes.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::checkpoint::status::TaskStatus;
use crate::checkpoint::store::Phase;
use crate::saturate::to_f64;

/// The pace is that of so much of the past.
const WINDOW: Duration = Duration::from_mins(1);
/// Time between two samples.
const SAMPLE_INTERVAL: Duration = Duration::from_secs(1);
/// A pace is none before so much time.
const WINDOW_MIN: Duration = Duration::from_secs(2);

/// What was settled of the load at some moments of the last minute. Clones share it.
#[derive(Debug, Clone, Default)]
pub(super) struct Pace(Arc<Mutex<VecDeque<(Instant, u64)>>>);

impl Pace {
    /// Takes note of a status.
    pub(super) fn note(&self, status: &TaskStatus, now: Instant) {
        let mut samples = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let bytes = status.tables.iter().map(|table| table.statistics.bytes).sum();
        let since_last = samples.back().map(|(at, _)| now.saturating_duration_since(*at));
        if since_last.is_some_and(|since| since < SAMPLE_INTERVAL) {
            return;
        }
        if samples.back().is_some_and(|(_, before)| bytes < *before) {
            // The data path was built again.
            samples.clear();
        }
        samples.push_back((now, bytes));
        while samples
            .get(1)
            .is_some_and(|(at, _)| now.saturating_duration_since(*at) >= WINDOW)
        {
            samples.pop_front();
        }
    }

    /// Seconds that the load still takes; `None` if that cannot be said.
    pub(super) fn seconds_left(&self, status: &TaskStatus) -> Option<f64> {
        let tables = || {
            let tables = status.tables.iter();
            tables.filter(|table| !table.statistics.is_suspended())
        };
        if status.phase != Phase::FullLoad || !tables().all(|table| table.load.is_complete) {
            return None;
        }
        let samples = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let ((begun, first), (now, last)) = (samples.front()?, samples.back()?);
        let (elapsed, bytes) = (now.saturating_duration_since(*begun), last.saturating_sub(*first));
        if elapsed < WINDOW_MIN || bytes == 0 {
            return None;
        }
        let left: u64 = tables().map(|table| table.load_bytes_left).sum();
        Some(to_f64(left) / to_f64(bytes) * elapsed.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::status::TableStatus;

    fn loading(bytes: u64, bytes_left: u64, is_complete: bool) -> TaskStatus {
        let mut table = TableStatus {
            load_bytes_left: bytes_left,
            ..TableStatus::default()
        };
        table.statistics.bytes = bytes;
        table.load.is_complete = is_complete;
        TaskStatus {
            phase: Phase::FullLoad,
            tables: vec![table],
            ..TaskStatus::default()
        }
    }

    #[test]
    fn the_time_left_is_said_when_there_is_a_pace_and_all_is_listed() {
        let (pace, begun) = (Pace::default(), Instant::now());
        pace.note(&loading(0, 1_000, true), begun);
        assert_eq!(pace.seconds_left(&loading(0, 1_000, true)), None, "no pace yet");
        pace.note(&loading(400, 600, true), begun + Duration::from_secs(4));
        assert_eq!(pace.seconds_left(&loading(400, 600, true)), Some(6.0));
        assert_eq!(
            pace.seconds_left(&loading(400, 600, false)),
            None,
            "there may be more"
        );
        let mut over = loading(400, 600, true);
        over.phase = Phase::Changes;
        assert_eq!(pace.seconds_left(&over), None, "nothing is loaded any more");
        pace.note(&loading(100, 900, true), begun + Duration::from_secs(8));
        assert_eq!(
            pace.seconds_left(&loading(100, 900, true)),
            None,
            "it began again"
        );
    }

    #[test]
    fn the_pace_is_that_of_the_last_minute() {
        let (pace, begun) = (Pace::default(), Instant::now());
        for second in 0..200 {
            // Fast at first, then a byte a second.
            let bytes = if second < 100 {
                second * 1_000
            } else {
                99_000 + second - 99
            };
            pace.note(&loading(bytes, 60, true), begun + Duration::from_secs(second));
        }
        let left = pace.seconds_left(&loading(0, 60, true)).unwrap();
        assert!((59.0..62.0).contains(&left), "{left}");
    }
}
