//! What a shard took lately. Pure: no I/O, no clock.

use std::time::Duration;

/// How far back it goes, in seconds.
const SPAN: u64 = 10;
/// Seconds that are kept: those, and the one that is under way.
const SECONDS: usize = 11;

/// Records and bytes of each of the last seconds.
#[derive(Debug, Default)]
pub(super) struct Traffic {
    seconds: [Second; SECONDS],
}

#[derive(Debug, Clone, Copy, Default)]
struct Second {
    number: u64,
    records: u64,
    bytes: u64,
}

impl Traffic {
    /// A shard stored this much, at a time since any fixed moment.
    pub(super) fn add(&mut self, now: Duration, records: u64, bytes: u64) {
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
    }

    /// Records and bytes a second, over the last ten that are over.
    pub(super) fn rates(&self, now: Duration) -> (u64, u64) {
        let number = now.as_secs();
        let from = number.saturating_sub(SPAN);
        let lately = self
            .seconds
            .iter()
            .filter(|second| (from..number).contains(&second.number));
        let (records, bytes) = lately.fold((0, 0), |(records, bytes), second| {
            (records + second.records, bytes + second.bytes)
        });
        let seconds = (number - from).max(1);
        (records / seconds, bytes / seconds)
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
            traffic.add(at(second), 500, 5_000);
            traffic.add(at(second), 500, 5_000);
        }
        // The second that is under way does not count yet.
        assert_eq!(traffic.rates(at(119)), (1_000, 10_000));
        assert_eq!(traffic.rates(at(120)), (1_000, 10_000));
        assert_eq!(traffic.rates(at(125)), (500, 5_000));
        assert_eq!(traffic.rates(at(200)), (0, 0));
    }
}
