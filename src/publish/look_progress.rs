//! How far reading a shard back is, and when it may end. Pure: no I/O, no clock.

use std::time::Duration;

/// Time between two lines of the log.
const TOLD_EVERY: Duration = Duration::from_secs(10);

/// How far a reader is with one shard. Times are durations since it began.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Progress {
    /// When the first page came, and how far behind the end it was.
    first: Option<(Duration, Duration)>,
    told_at: Duration,
    records_count: usize,
    remaining: Option<Duration>,
}

impl Progress {
    /// A page with this many records came at `now`, so far behind the end. Says whether to say so.
    pub(super) fn page(&mut self, now: Duration, records_count: usize, behind: Duration) -> bool {
        self.records_count += records_count;
        let (first_at, first_behind) = *self.first.get_or_insert((now, behind));
        self.remaining = remaining(now.saturating_sub(first_at), first_behind, behind);
        let is_due = now.saturating_sub(self.told_at) >= TOLD_EVERY;
        if is_due {
            self.told_at = now;
        }
        is_due
    }

    /// How many records were read.
    pub(super) fn records_count(&self) -> usize {
        self.records_count
    }

    /// How long it still takes at the pace so far; `None` while nothing says so.
    pub(super) fn remaining(&self) -> Option<Duration> {
        self.remaining
    }
}

/// The distance from the end shrank to `behind` in this time.
fn remaining(elapsed: Duration, first_behind: Duration, behind: Duration) -> Option<Duration> {
    if behind.is_zero() {
        return Some(Duration::ZERO);
    }
    let gained_ms = first_behind.checked_sub(behind)?.as_millis();
    let remaining_ms = elapsed.as_millis().saturating_mul(behind.as_millis());
    let remaining_ms = remaining_ms.checked_div(gained_ms)?;
    u64::try_from(remaining_ms).ok().map(Duration::from_millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_as_far_as_the_pace_so_far_says() {
        let seconds = Duration::from_secs;
        let mut progress = Progress::default();
        assert!(!progress.page(seconds(1), 10, seconds(3_600)));
        assert_eq!(progress.remaining(), None, "one page has no pace");
        assert!(!progress.page(seconds(6), 0, seconds(3_600)));
        assert_eq!(progress.remaining(), None, "it gets no nearer");
        assert!(
            progress.page(seconds(11), 5, seconds(2_400)),
            "ten seconds are over"
        );
        assert_eq!(progress.remaining(), Some(seconds(20)));
        assert!(!progress.page(seconds(12), 5, seconds(9_000)));
        assert_eq!(progress.remaining(), None);
        assert!(progress.page(seconds(31), 5, seconds(0)));
        assert_eq!(progress.remaining(), Some(seconds(0)));
        assert_eq!(progress.records_count(), 25);
    }
}
