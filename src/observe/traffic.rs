//! What a shard took lately. Pure: no I/O, no clock.

use std::time::Duration;

/// How far back it goes, in seconds.
const SPAN: u64 = 10;
/// Seconds that are kept: those, and the one that is under way.
const SECONDS: usize = 11;

/// Records and bytes of each of the last seconds, and the records that were refused.
#[derive(Debug, Default)]
pub(super) struct Traffic {
    seconds: [Second; SECONDS],
}

#[derive(Debug, Clone, Copy, Default)]
struct Second {
    number: u64,
    records: u64,
    bytes: u64,
    refused: u64,
}

impl Traffic {
    /// A shard stored this much and refused so many records, at a time since any fixed moment.
    pub(super) fn add(&mut self, now: Duration, records: u64, bytes: u64, refused: u64) {
        let number = now.as_secs();
        let place = usize::try_from(number).unwrap_or(0) % SECONDS;
        let Some(second) = self.seconds.get_mut(place) else {
            return;
        };
        if second.number != number {
            *second = Second {
                number,
                ..Second::default()
            };
        }
        second.records += records;
        second.bytes += bytes;
        second.refused += refused;
    }

    /// Records and bytes a second, over the last ten that are over.
    pub(super) fn rates(&self, now: Duration) -> (u64, u64) {
        let number = now.as_secs();
        let seconds = (number - number.saturating_sub(SPAN)).max(1);
        let lately = self.lately(number);
        let (records, bytes) = lately.fold((0, 0), |(records, bytes), second| {
            (records + second.records, bytes + second.bytes)
        });
        (records / seconds, bytes / seconds)
    }

    /// Share of the records sent that were refused, over the same seconds, in per cent; rounded up.
    pub(super) fn refused_percent(&self, now: Duration) -> u64 {
        let lately = self.lately(now.as_secs());
        let (stored, refused) = lately.fold((0, 0), |(stored, refused): (u64, u64), second| {
            (stored + second.records, refused + second.refused)
        });
        refused.saturating_mul(100).div_ceil((stored + refused).max(1))
    }

    fn lately(&self, number: u64) -> impl Iterator<Item = &Second> {
        let over = number.saturating_sub(SPAN)..number;
        self.seconds
            .iter()
            .filter(move |second| over.contains(&second.number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_those_of_the_last_ten_seconds() {
        let (mut traffic, at) = (Traffic::default(), Duration::from_secs);
        assert_eq!(traffic.rates(at(100)), (0, 0));
        for second in 100..120 {
            traffic.add(at(second), 500, 5_000, 0);
            traffic.add(at(second), 500, 5_000, 0);
        }
        // The second that is under way does not count yet.
        assert_eq!(traffic.rates(at(119)), (1_000, 10_000));
        assert_eq!(traffic.rates(at(120)), (1_000, 10_000));
        assert_eq!(traffic.rates(at(125)), (500, 5_000));
        assert_eq!(traffic.rates(at(200)), (0, 0));
    }

    #[test]
    fn what_was_refused_is_a_share_of_what_was_sent_lately() {
        let (mut traffic, at) = (Traffic::default(), Duration::from_secs);
        assert_eq!(traffic.refused_percent(at(0)), 0);
        traffic.add(at(100), 750, 1, 250);
        assert_eq!(traffic.refused_percent(at(101)), 25);
        traffic.add(at(105), 1_000, 1, 0);
        assert_eq!(traffic.refused_percent(at(106)), 13);
        assert_eq!(traffic.refused_percent(at(112)), 0);
    }
}
