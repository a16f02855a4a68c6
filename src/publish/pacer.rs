//! How long to wait before a request, so that a shard stays below its limits. Pure: no I/O, no clock.
//!
//! Throttling in the middle of a request is what tears holes into the order, so it pays to stay below the limits.

use std::time::Duration;

use crate::limits::{SHARD_BYTES_PER_SECOND, SHARD_RECORDS_PER_SECOND};
use crate::saturate;
use crate::settings::Pace;

/// Share of the documented limits that is used: the service counts in windows of its own.
const HEADROOM_PERCENT: u64 = 95;

/// The rate is cut at most once in this time: one moment of trouble refuses several requests.
const CUT_INTERVAL: Duration = Duration::from_secs(1);
/// The rate is never cut below this share of the limits, in per cent.
const SHARE_MIN_PERCENT: u64 = 5;
/// What the rate grows by per second without refusals, in per cent of the limits.
const GROWTH_PERCENT_PER_SECOND: u64 = 5;

/// How many records of a request were refused for certain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refused {
    /// Refused records.
    pub refused: usize,
    /// Records of the request.
    pub sent: usize,
}

/// Share of the time that a request costs by which its answer may be late without being taken for jitter, in per cent: the
/// headroom.
const JITTER_FREE_PERCENT: u32 = 5;

/// Paces one shard: each request pushes the start of the next one into the future by the time it costs.
#[derive(Debug)]
pub struct Pacer {
    limits: Option<Rates>,
    next_start: Duration,
    /// Share of the limits that is used, in parts of ten thousand: cut at refusals, slowly raised without.
    share: u64,
    judged_at: Duration,
    /// When the last request was sent, and the time that it costs.
    sent_at: Duration,
    cost: Duration,
    /// The shortest time to an answer so far.
    answer_min: Option<Duration>,
    cut_at: Option<Duration>,
}

/// The whole of [`Pacer::share`].
const WHOLE: u64 = 10_000;

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
            share: WHOLE,
            judged_at: Duration::ZERO,
            sent_at: Duration::ZERO,
            cost: Duration::ZERO,
            answer_min: None,
            cut_at: None,
        }
    }

    /// Takes note of what came of a request: other writers may use the shard too, and then less than the limits is
    /// left. Additive increase, multiplicative decrease.
    pub fn judge(&mut self, now: Duration, answer: Refused) {
        let since_ms = saturate::to_u64(now.saturating_sub(self.judged_at).as_millis());
        self.judged_at = now;
        self.allow_for_jitter(now);
        if answer.refused > 0 {
            if self
                .cut_at
                .is_none_or(|cut_at| now.saturating_sub(cut_at) >= CUT_INTERVAL)
            {
                self.cut_at = Some(now);
                self.share = self.share_accepted(answer).max(WHOLE * SHARE_MIN_PERCENT / 100);
            }
        } else {
            let growth = (WHOLE * GROWTH_PERCENT_PER_SECOND / 100).saturating_mul(since_ms) / 1_000;
            self.share = self.share.saturating_add(growth).min(WHOLE);
        }
    }

    /// An answer that is later than usual may be that of a request that was late to arrive, and then the next one would
    /// come too soon after it, by the clock of the service.
    fn allow_for_jitter(&mut self, now: Duration) {
        let took = now.saturating_sub(self.sent_at);
        let usual = self.answer_min.unwrap_or_default() + self.cost * JITTER_FREE_PERCENT / 100;
        let late = took.saturating_sub(usual);
        // Whatever the reason: the whole cost after the answer is always enough.
        self.next_start = (self.next_start + late).min(self.next_start.max(now + self.cost));
        self.answer_min = Some(self.answer_min.map_or(took, |least| least.min(took)));
    }

    /// Share of the limits that is used at the moment, in per cent.
    pub fn share_percent(&self) -> u64 {
        self.share * 100 / WHOLE
    }

    /// What the service took of the share in use, but not less than half of it: one answer is not the whole truth.
    fn share_accepted(&self, answer: Refused) -> u64 {
        let count = |length: usize| saturate::to_u64(length);
        let accepted = count(answer.sent.saturating_sub(answer.refused));
        (self.share.saturating_mul(accepted) / count(answer.sent).max(1)).max(self.share / 2)
    }

    /// Books a request at `now` (time since any fixed moment) and says how long to wait before sending it.
    pub fn book(&mut self, now: Duration, records_count: usize, bytes_count: usize) -> Duration {
        let Some(rates) = self.limits else {
            return Duration::ZERO;
        };
        let start = self.next_start.max(now);
        let share_of = |rate: u64| rate.saturating_mul(self.share) / WHOLE;
        let cost = seconds_of(records_count, share_of(rates.records_per_second))
            .max(seconds_of(bytes_count, share_of(rates.bytes_per_second)));
        self.next_start = start + cost;
        (self.sent_at, self.cost) = (start, cost);
        start.saturating_sub(now)
    }
}

fn seconds_of(amount: usize, per_second: u64) -> Duration {
    let nanoseconds = u128::try_from(amount)
        .unwrap_or(u128::MAX)
        .saturating_mul(1_000_000_000);
    let nanoseconds = nanoseconds / u128::from(per_second.max(1));
    Duration::from_nanos(saturate::to_u64(nanoseconds))
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

    /// Additive increase, multiplicative decrease.
    #[test]
    fn refusals_slow_a_shard_down_and_time_without_them_speeds_it_up() {
        let mut pacer = Pacer::new(Pace::Custom {
            records_per_second: 1_000,
            bytes_per_second: 1 << 30,
        });
        let cost = |pacer: &mut Pacer, now: Duration| {
            pacer.book(now, 100, 1);
            pacer.next_start.saturating_sub(now)
        };
        let mut now = Duration::from_secs(1);
        assert_eq!(cost(&mut pacer, now), Duration::from_millis(100));
        for _ in 0..100 {
            now += Duration::from_secs(10);
            pacer.judge(
                now,
                Refused {
                    refused: 90,
                    sent: 100,
                },
            );
            pacer.judge(
                now,
                Refused {
                    refused: 90,
                    sent: 100,
                },
            );
        }
        assert_eq!(
            cost(&mut pacer, now + Duration::from_mins(1)),
            Duration::from_secs(2)
        );
        for _ in 0..25 {
            now += Duration::from_secs(1);
            pacer.judge(
                now,
                Refused {
                    refused: 0,
                    sent: 100,
                },
            );
        }
        assert!(cost(&mut pacer, now + Duration::from_mins(2)) < Duration::from_millis(120));
    }

    /// The service counts from when a request arrives, which nobody knows.
    #[test]
    fn after_a_late_answer_the_next_request_waits_as_if_its_own_had_been_sent_late() {
        let at = Duration::from_millis;
        let taken = Refused {
            refused: 0,
            sent: 100,
        };
        let mut pacer = Pacer::new(Pace::Custom {
            records_per_second: 1_000,
            bytes_per_second: 1 << 30,
        });
        pacer.book(at(0), 100, 1);
        pacer.judge(at(4), taken);
        assert_eq!(pacer.book(at(4), 100, 1), at(96), "as usual");
        pacer.judge(at(108), taken);
        assert_eq!(pacer.book(at(108), 100, 1), at(92), "within the headroom");
        pacer.judge(at(269), taken);
        assert_eq!(pacer.book(at(269), 100, 1), at(91), "60 ms late");
        pacer.judge(at(5_000), taken);
        assert_eq!(pacer.book(at(5_000), 100, 1), at(91), "however late");
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
