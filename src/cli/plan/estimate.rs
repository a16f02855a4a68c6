//! How many records are left and how long a stream takes for them, from a sample of rows. Pure: no I/O, no clock.
//!
//! A partition key lives in one shard, so a key that many rows share is limited by that shard alone, however many
//! shards there are. Keys that are frequent in the sample are put into their shard; all other rows are taken to be
//! spread evenly.

use std::collections::HashMap;
use std::time::Duration;

use crate::limits::{SHARD_BYTES_PER_SECOND, SHARD_RECORDS_PER_SECOND};
use crate::settings::{Aggregation, DeliveryConfig, Ordering, Pace};

/// A key is hot if it has at least this share of the sampled records.
const HOT_SHARE: f64 = 0.10;
/// With `ordering: strict`, one record of a key per request, and 20 ms per request.
const STRICT_KEY_RECORDS_PER_SECOND: f64 = 50.0;
/// In a smaller sample nothing is called hot.
const HOT_SAMPLE_MIN: u64 = 20;

/// What a sample of the rows of a folder says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Sample {
    /// Rows looked at.
    pub(super) rows: u64,
    /// Of them, rows that would be dead letters.
    pub(super) rejected: u64,
    /// Of them, rows that a filter leaves out.
    pub(super) filtered: u64,
    /// Bytes of the rows, delimiters included.
    pub(super) row_bytes: u64,
    /// Bytes of the records, partition keys included.
    pub(super) record_bytes: u64,
    /// The largest record.
    pub(super) record_bytes_max: u64,
    /// What is known of each partition key.
    pub(super) keys: HashMap<Vec<u8>, SampledKey>,
}

/// A partition key of a sample.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct SampledKey {
    /// How many records have it.
    records: u64,
    /// The place of the first of them: a key is made of values of its row, which are not shown.
    first_row: String,
}

/// A key that many records share.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct HotKey<'a> {
    /// The partition key.
    pub(super) key: &'a [u8],
    /// Its share of the records.
    pub(super) share: f64,
    /// The place of the first row that has it.
    pub(super) first_row: &'a str,
}

impl Sample {
    /// Adds a row that becomes a record; `place` says where it stands.
    pub(super) fn add(
        &mut self,
        row_bytes: u64,
        record_bytes: u64,
        partition_key: &[u8],
        place: impl FnOnce() -> String,
    ) {
        self.rows += 1;
        self.row_bytes += row_bytes;
        self.record_bytes += record_bytes;
        self.record_bytes_max = self.record_bytes_max.max(record_bytes);
        let key = self
            .keys
            .entry(partition_key.to_vec())
            .or_insert_with(|| SampledKey {
                records: 0,
                first_row: place(),
            });
        key.records += 1;
    }

    /// Adds a row that is rejected.
    pub(super) fn add_rejected(&mut self, row_bytes: u64) {
        self.rows += 1;
        self.row_bytes += row_bytes;
        self.rejected += 1;
    }

    /// Adds a row that a filter leaves out.
    pub(super) fn add_filtered(&mut self, row_bytes: u64) {
        self.rows += 1;
        self.row_bytes += row_bytes;
        self.filtered += 1;
    }

    fn records(&self) -> u64 {
        self.rows.saturating_sub(self.rejected + self.filtered)
    }

    /// Average bytes of a row; `None` without rows.
    pub(super) fn row_bytes_mean(&self) -> Option<u64> {
        (self.rows > 0).then(|| (self.row_bytes / self.rows).max(1))
    }

    /// Average bytes of a record; `None` without records.
    pub(super) fn record_bytes_mean(&self) -> Option<u64> {
        self.record_bytes.checked_div(self.records())
    }

    /// The records that so many bytes of files hold; `None` if the sample says nothing.
    pub(super) fn records_in(&self, file_bytes: u64) -> Option<u64> {
        if file_bytes == 0 {
            return Some(0);
        }
        if self.row_bytes == 0 {
            return None;
        }
        let records = u128::from(file_bytes) * u128::from(self.records()) / u128::from(self.row_bytes);
        u64::try_from(records).ok()
    }

    /// Keys that many records share, the greatest share first.
    pub(super) fn hot_keys(&self) -> Vec<HotKey<'_>> {
        if self.records() < HOT_SAMPLE_MIN {
            return Vec::new();
        }
        let share = |count: u64| ratio(count, self.records());
        let keys = self.keys.iter();
        let mut hot: Vec<_> = keys
            .map(|(key, sampled)| HotKey {
                key,
                share: share(sampled.records),
                first_row: &sampled.first_row,
            })
            .filter(|hot| hot.share >= HOT_SHARE)
            .collect();
        hot.sort_by(|left, right| {
            let by_share = right.share.total_cmp(&left.share);
            by_share.then_with(|| left.key.cmp(right.key))
        });
        hot
    }
}

/// What each shard takes in a second.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct ShardLimits {
    /// Records; infinite if many travel as one.
    pub(super) records: f64,
    /// Bytes.
    pub(super) bytes: f64,
    /// Records of one partition key, where fewer than the shard takes.
    pub(super) records_of_key: f64,
}

impl ShardLimits {
    /// The limits of the service.
    pub(super) fn service() -> Self {
        Self {
            records: f64::from(SHARD_RECORDS_PER_SECOND),
            bytes: number(SHARD_BYTES_PER_SECOND),
            records_of_key: f64::INFINITY,
        }
    }

    /// The limits that a task keeps: those of the service, or lower ones of its own.
    pub(super) fn of(delivery: &DeliveryConfig) -> Self {
        let mut limits = Self::service();
        if let Pace::Custom {
            records_per_second,
            bytes_per_second,
        } = delivery.pace
        {
            limits.records = limits.records.min(f64::from(records_per_second));
            limits.bytes = limits.bytes.min(number(bytes_per_second));
        }
        if delivery.aggregation == Aggregation::Kpl {
            limits.records = f64::INFINITY;
        } else if delivery.ordering == Ordering::Strict {
            limits.records_of_key = STRICT_KEY_RECORDS_PER_SECOND;
        }
        limits
    }

    fn seconds(&self, load: Load) -> f64 {
        (load.records / self.records).max(load.bytes / self.bytes)
    }
}

/// What a shard gets.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Load {
    records: f64,
    bytes: f64,
}

/// Adds up what each shard gets.
#[derive(Debug, Clone)]
pub(super) struct ShardLoads {
    limits: ShardLimits,
    shards: Vec<Load>,
    /// The slowest key alone.
    key_seconds: f64,
}

impl ShardLoads {
    /// Loads of so many shards, at least one.
    pub(super) fn new(shards_count: usize, limits: ShardLimits) -> Self {
        Self {
            limits,
            shards: vec![Load::default(); shards_count.max(1)],
            key_seconds: 0.0,
        }
    }

    /// Adds records like those of a sample; `locate` says which shard a partition key lives in.
    pub(super) fn add(&mut self, sample: &Sample, records: u64, locate: &dyn Fn(&[u8]) -> usize) {
        let records = number(records);
        let record_bytes = number(sample.record_bytes_mean().unwrap_or(0));
        let mut spread = 1.0;
        for HotKey { key, share, .. } in sample.hot_keys() {
            let of_key = records * share;
            spread -= share;
            self.key_seconds = self.key_seconds.max(of_key / self.limits.records_of_key);
            if let Some(shard) = self.shards.get_mut(locate(key)) {
                shard.records += of_key;
                shard.bytes += of_key * record_bytes;
            }
        }
        let each = records * spread.max(0.0) / number(u64::try_from(self.shards.len()).unwrap_or(1));
        for shard in &mut self.shards {
            shard.records += each;
            shard.bytes += each * record_bytes;
        }
    }

    /// How long the slowest shard, or the slowest key, takes.
    pub(super) fn time(&self) -> Duration {
        let shards = self.shards.iter().map(|load| self.limits.seconds(*load));
        let seconds = shards.fold(self.key_seconds, f64::max);
        Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
    }
}

fn ratio(part: u64, whole: u64) -> f64 {
    number(part) / number(whole.max(1))
}

/// Estimates need no more digits than a double has.
#[expect(
    clippy::as_conversions,
    clippy::cast_precision_loss,
    reason = "an estimate; there is no lossless way"
)]
fn number(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sample(keys: &[&str], record_bytes: u64) -> Sample {
        let mut sample = Sample::default();
        for key in keys {
            sample.add(50, record_bytes, key.as_bytes(), || format!("the first of {key}"));
        }
        sample
    }

    fn seconds(shards: usize, sample: &Sample, records: u64) -> u64 {
        let mut loads = ShardLoads::new(shards, ShardLimits::service());
        loads.add(sample, records, &|_| 0);
        loads.time().as_secs()
    }

    #[test]
    fn records_with_keys_of_their_own_use_all_shards_and_those_of_one_key_one() {
        let keys: Vec<_> = (0..100).map(|key| key.to_string()).collect();
        let spread = sample(&keys.iter().map(String::as_str).collect::<Vec<_>>(), 200);
        assert_eq!(seconds(4, &spread, 400_000), 100);
        let hot = sample(&["s.t"; 100], 200);
        assert_eq!(seconds(4, &hot, 400_000), 400);
        let hot_key = HotKey {
            key: b"s.t",
            share: 1.0,
            first_row: "the first of s.t",
        };
        assert_eq!(hot.hot_keys(), [hot_key]);
        assert_eq!(spread.hot_keys(), []);
    }

    #[test]
    fn large_records_are_limited_by_bytes() {
        let large = sample(&["a", "b", "c"], 1024 * 1024);
        assert_eq!(seconds(1, &large, 600), 600);
        assert_eq!(seconds(3, &large, 600), 200);
    }

    #[test]
    fn a_sample_without_rows_estimates_nothing_but_an_empty_folder() {
        let empty = Sample::default();
        assert_eq!((empty.records_in(0), empty.records_in(10)), (Some(0), None));
        let mut rejected = Sample::default();
        rejected.add_rejected(10);
        assert_eq!(rejected.records_in(1_000), Some(0));
        assert_eq!(rejected.record_bytes_mean(), None);
    }

    proptest! {
        #[test]
        fn more_shards_are_never_slower(
            keys in proptest::collection::vec("[a-c]", 20..60), records in 0_u64..1_000_000, shards in 1_usize..50,
        ) {
            let sample = sample(&keys.iter().map(String::as_str).collect::<Vec<_>>(), 300);
            let (one, many) = (seconds(1, &sample, records), seconds(shards, &sample, records));
            prop_assert!(many <= one, "{many} > {one}");
        }

        #[test]
        fn what_is_sampled_whole_is_estimated_exactly(rows in proptest::collection::vec((1_u64..500, any::<bool>()), 1..50)) {
            let mut sample = Sample::default();
            for (bytes, is_good) in &rows {
                if *is_good { sample.add(*bytes, 1, b"k", String::new) } else { sample.add_rejected(*bytes) }
            }
            let good = rows.iter().filter(|(_, is_good)| *is_good).count();
            prop_assert_eq!(sample.records_in(sample.row_bytes), u64::try_from(good).ok());
        }
    }
}
