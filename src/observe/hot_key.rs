//! Whether one partition key has most of a shard's records. Pure: no I/O, no clock.
//!
//! Of each request a few keys are looked at, and counted as Misra and Gries do it: with a fixed number of counters, a
//! key that has more than its share is never missed, and no key is said to have more than it has.

/// Keys that are looked at, of one request.
const SAMPLE_MAX: usize = 32;
/// Counters.
const COUNTERS: usize = 16;
/// When so many keys were looked at, the past counts half.
const SEEN_MAX: u64 = 4_096;
/// Fewer say nothing.
const SEEN_MIN: u64 = 64;

/// The keys of a shard.
#[derive(Debug, Default)]
pub(super) struct HotKeys {
    /// A key's checksum, and how often it was seen at least.
    counters: Vec<(u32, u64)>,
    seen: u64,
}

/// Checksums of some keys of a request, evenly spread over it.
pub(super) fn sample<'k>(keys: impl ExactSizeIterator<Item = &'k [u8]>) -> Vec<u32> {
    let step = keys.len().div_ceil(SAMPLE_MAX).max(1);
    keys.step_by(step).map(crc32fast::hash).collect()
}

impl HotKeys {
    /// Takes in a sample.
    pub(super) fn add(&mut self, sample: &[u32]) {
        for key in sample {
            self.count(*key);
        }
        if self.seen >= SEEN_MAX {
            self.seen /= 2;
            self.counters.iter_mut().for_each(|(_, count)| *count /= 2);
            self.counters.retain(|(_, count)| *count > 0);
        }
    }

    fn count(&mut self, key: u32) {
        self.seen += 1;
        if let Some((_, count)) = self.counters.iter_mut().find(|(known, _)| *known == key) {
            *count += 1;
            return;
        }
        if self.counters.len() < COUNTERS {
            self.counters.push((key, 1));
            return;
        }
        self.counters.iter_mut().for_each(|(_, count)| *count -= 1);
        self.counters.retain(|(_, count)| *count > 0);
    }

    /// At least this share of the records, in thousandths, has the same key.
    pub(super) fn share_thousandths(&self) -> u64 {
        if self.seen < SEEN_MIN {
            return 0;
        }
        let most = self.counters.iter().map(|(_, count)| *count).max();
        most.unwrap_or(0) * 1_000 / self.seen
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(requests: usize, key: impl Fn(usize) -> String) -> u64 {
        let mut keys = HotKeys::default();
        for request in 0..requests {
            let records: Vec<_> = (0..500).map(|record| key(request * 500 + record)).collect();
            keys.add(&sample(records.iter().map(String::as_bytes)));
        }
        keys.share_thousandths()
    }

    #[test]
    fn a_key_that_has_most_records_is_found_and_evenly_spread_ones_are_none() {
        assert_eq!(after(50, |_| "one".to_owned()), 1_000);
        assert!(after(50, |number| number.to_string()) < 20, "all differ");
        let half = after(200, |number| match number / 16 % 2 {
            0 => "hot".to_owned(),
            _ => number.to_string(),
        });
        assert!((400..=560).contains(&half), "{half}");
    }

    #[test]
    fn a_few_records_say_nothing() {
        let mut keys = HotKeys::default();
        keys.add(&sample([b"k".as_slice()].into_iter()));
        assert_eq!(keys.share_thousandths(), 0);
    }

    #[test]
    fn what_was_hot_cools_down() {
        let mut keys = HotKeys::default();
        for _ in 0..50 {
            keys.add(&[7; 100]);
        }
        for key in 0..20_000 {
            keys.add(&[key + 100]);
        }
        assert!(keys.share_thousandths() < 50, "{keys:?}");
    }
}
