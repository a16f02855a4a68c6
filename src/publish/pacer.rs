//! How long to wait before a request, so that a shard stays below its limits. Pure: no I/O, no clock.
//!
//! Throttling in the middle of a request is what tears holes into the order, so it pays to stay below the limits.

use std::time::Duration;

use crate::config::Pace;
use crate::limits::{SHARD_BYTES_PER_SECOND, SHARD_RECORDS_PER_SECOND};

/// Share of the documented limits that is used: the service counts in windows of its own.
const HEADROOM_PERCENT: u64 = 95;

/// Paces one shard: each request pushes the start of the next one into the future by the time it costs.
#[derive(Debug)]
pub struct Pacer {
    limits: Option<Rates>,
    next_start: Duration,
}

#[derive(Debug, Clone, Copy)]
struct Rates {
    records_per_second: u64,
    bytes_per_second: u64,
}

impl Pacer {
    /// A pacer that has not sent anything.
    pub fn new(pace: Pace) -> Self {
        let limits = match pace {
            Pace::Off => None,
            Pace::Service => Some(Rates {
                records_per_second: u64::from(SHARD_RECORDS_PER_SECOND) * HEADROOM_PERCENT / 100,
                bytes_per_second: SHARD_BYTES_PER_SECOND * HEADROOM_PERCENT / 100,
            }),
            Pace::Custom {
                records_per_second,
                bytes_per_second,
            } => Some(Rates {
                records_per_second: u64::from(records_per_second),
                bytes_per_second,
            }),
        };
        Self {
            limits,
            next_start: Duration::ZERO,
        }
    }

    /// Books a request at `now` (time since any fixed moment) and says how long to wait before sending it.
    pub fn book(&mut self, now: Duration, records_count: usize, bytes_count: usize) -> Duration {
        let Some(rates) = self.limits else {
            return Duration::ZERO;
        };
        let start = self.next_start.max(now);
        let cost = seconds_of(records_count, rates.records_per_second)
            .max(seconds_of(bytes_count, rates.bytes_per_second));
        self.next_start = start + cost;
        start.saturating_sub(now)
    }
}

fn seconds_of(amount: usize, per_second: u64) -> Duration {
    let nanoseconds = u128::try_from(amount)
        .unwrap_or(u128::MAX)
        .saturating_mul(1_000_000_000);
    let nanoseconds = nanoseconds / u128::from(per_second.max(1));
    Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_paced_shard_stays_within_its_rates(
            requests in prop::collection::vec((1_usize..500, 1_usize..1_000_000, 0_u64..900), 1..60),
        ) {
            let pace = Pace::Custom { records_per_second: 1_000, bytes_per_second: 1_000_000 };
            let mut pacer = Pacer::new(pace);
            let mut now = Duration::ZERO;
            let mut sent: Vec<(Duration, usize, usize)> = Vec::new();
            for (records, bytes, think_ms) in requests {
                now += Duration::from_millis(think_ms);
                now += pacer.book(now, records, bytes);
                sent.push((now, records, bytes));
            }
            // In any second at most one second's worth, plus the request that starts it.
            for (index, (from, ..)) in sent.iter().enumerate() {
                let inside = sent.iter().skip(index + 1).filter(|(at, ..)| *at < *from + Duration::from_secs(1));
                let before_last: Vec<_> = inside.collect();
                let records: usize = before_last.iter().rev().skip(1).map(|(_, records, _)| records).sum();
                let bytes: usize = before_last.iter().rev().skip(1).map(|(_, _, bytes)| bytes).sum();
                prop_assert!(records <= 1_000 && bytes <= 1_000_000, "{records} {bytes}");
            }
        }
    }

    #[test]
    fn an_idle_shard_sends_at_once_and_pace_off_never_waits() {
        let mut pacer = Pacer::new(Pace::Service);
        assert_eq!(pacer.book(Duration::from_secs(5), 500, 1_000), Duration::ZERO);
        assert!(pacer.book(Duration::from_secs(5), 500, 1_000) > Duration::from_millis(500));
        assert_eq!(pacer.book(Duration::from_mins(1), 1, 1), Duration::ZERO);
        let mut off = Pacer::new(Pace::Off);
        assert_eq!(
            off.book(Duration::ZERO, 500, 1) + off.book(Duration::ZERO, 500, 1),
            Duration::ZERO
        );
    }
}
