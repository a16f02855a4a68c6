//! Which shard a record goes to: MD5 of the partition key, looked up in the hash ranges of the open shards.
//! Pure: no I/O, no clock.
//!
//! Kinesis maps a partition key to the 128-bit integer of its MD5 digest, big-endian
//! (<https://docs.aws.amazon.com/streams/latest/dev/key-concepts.html>, read 2026-11).
//!
//! **Invariants:** C3 (the shards of a map cover the whole hash space, each point exactly once).

use md5::{Digest, Md5};
use serde::{Deserialize, Serialize};

/// Index of a shard in the [`ShardMap`] of this generation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ShardIndex(pub usize);

/// A point of the 128-bit hash space.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct HashKey(pub u128);

impl HashKey {
    /// The point a partition key is mapped to.
    pub fn of_partition_key(partition_key: &[u8]) -> Self {
        Self(u128::from_be_bytes(Md5::digest(partition_key).into()))
    }
}

/// An inclusive range of the hash space.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct HashRange {
    /// First point.
    pub start: u128,
    /// Last point.
    pub end: u128,
}

impl HashRange {
    /// The whole hash space.
    pub const ALL: Self = Self {
        start: 0,
        end: u128::MAX,
    };

    /// Whether the point lies in the range.
    pub fn contains(&self, key: HashKey) -> bool {
        self.start <= key.0 && key.0 <= self.end
    }

    /// Whether all of another range lies in this one.
    pub fn covers(&self, other: &Self) -> bool {
        self.start <= other.start && other.end <= self.end
    }

    /// The common part of two ranges, if there is one.
    pub fn intersection(&self, other: &Self) -> Option<Self> {
        let start = self.start.max(other.start);
        let end = self.end.min(other.end);
        (start <= end).then_some(Self { start, end })
    }
}

/// One open shard.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shard {
    /// The service's name of it, for example `shardId-000000000000`.
    pub id: String,
    /// Its part of the hash space.
    pub range: HashRange,
}

/// The open shards of a stream, by hash range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShardMap {
    shards: Vec<Shard>,
}

/// The shards do not cover the hash space exactly once.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ShardMapError {
    /// There is no open shard.
    #[error("the stream has no open shard")]
    Empty,
    /// Two neighbours overlap or leave a gap (C3).
    #[error("the hash ranges of the open shards leave a gap or overlap at {at} (shard {shard})")]
    NotCovering {
        /// The point.
        at: u128,
        /// The shard that starts or ends there.
        shard: String,
    },
}

impl ShardMap {
    /// A map of the given open shards, in any order.
    ///
    /// # Errors
    /// [`ShardMapError`] if they do not cover every point exactly once.
    pub fn new(mut shards: Vec<Shard>) -> Result<Self, ShardMapError> {
        shards.sort_by_key(|shard| shard.range);
        let mut next = Some(0_u128);
        for shard in &shards {
            if next != Some(shard.range.start) || shard.range.end < shard.range.start {
                return Err(ShardMapError::NotCovering {
                    at: shard.range.start,
                    shard: shard.id.clone(),
                });
            }
            next = shard.range.end.checked_add(1);
        }
        match (shards.last(), next) {
            (None, _) => Err(ShardMapError::Empty),
            (Some(_), None) => Ok(Self { shards }),
            (Some(last), Some(at)) => Err(ShardMapError::NotCovering {
                at,
                shard: last.id.clone(),
            }),
        }
    }

    /// A map of `count` shards of equal width, named as Kinesis names the shards of a new stream.
    ///
    /// # Errors
    /// [`ShardMapError::Empty`] if `count` is 0.
    pub fn uniform(count: u32) -> Result<Self, ShardMapError> {
        let divisor = u128::from(count.max(1));
        // The hash space has 2^128 points, one more than u128::MAX: a power of two divides it without a rest.
        let is_divided = divisor > 1 && u128::MAX % divisor == divisor - 1;
        let width = u128::MAX / divisor + u128::from(is_divided);
        let shards = (0..count).map(|index| {
            let start = width * u128::from(index);
            let end = if index + 1 == count {
                u128::MAX
            } else {
                start + width - 1
            };
            Shard {
                id: format!("shardId-{index:012}"),
                range: HashRange { start, end },
            }
        });
        Self::new(shards.collect())
    }

    /// The shard a point belongs to.
    pub fn locate(&self, key: HashKey) -> ShardIndex {
        let after = self.shards.partition_point(|shard| shard.range.start <= key.0);
        ShardIndex(after.saturating_sub(1))
    }

    /// The shard at an index of this map.
    pub fn shard(&self, index: ShardIndex) -> Option<&Shard> {
        self.shards.get(index.0)
    }

    /// All shards, by hash range.
    pub fn shards(&self) -> &[Shard] {
        &self.shards
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn map_of(cuts: &[u128]) -> ShardMap {
        let mut starts: Vec<u128> = cuts.iter().copied().filter(|cut| *cut > 0).chain([0]).collect();
        starts.sort_unstable();
        starts.dedup();
        let shards = starts.iter().enumerate().map(|(index, start)| {
            let end = starts.get(index + 1).map_or(u128::MAX, |next| next - 1);
            Shard {
                id: format!("s{index}"),
                range: HashRange { start: *start, end },
            }
        });
        ShardMap::new(shards.rev().collect()).unwrap()
    }

    proptest! {
        /// C3.
        #[test]
        fn every_point_belongs_to_exactly_one_shard(cuts: Vec<u128>, point: u128) {
            let map = map_of(&cuts);
            let owners: Vec<_> = map.shards().iter().filter(|s| s.range.contains(HashKey(point))).collect();
            prop_assert_eq!(owners.len(), 1);
            let found = map.shard(map.locate(HashKey(point))).unwrap();
            prop_assert_eq!(found, owners[0]);
        }
    }

    #[test]
    fn a_gap_and_an_overlap_are_refused() {
        let shard = |id: &str, start, end| Shard {
            id: id.into(),
            range: HashRange { start, end },
        };
        let gap = ShardMap::new(vec![shard("a", 0, 10), shard("b", 12, u128::MAX)]);
        assert_eq!(
            gap,
            Err(ShardMapError::NotCovering {
                at: 12,
                shard: "b".into()
            })
        );
        let overlap = ShardMap::new(vec![shard("a", 0, 10), shard("b", 10, u128::MAX)]);
        assert_eq!(
            overlap,
            Err(ShardMapError::NotCovering {
                at: 10,
                shard: "b".into()
            })
        );
        assert_eq!(ShardMap::new(vec![]), Err(ShardMapError::Empty));
    }

    #[test]
    fn uniform_shards_are_split_where_kinesis_splits_them() {
        let starts = |count| -> Vec<u128> {
            let map = ShardMap::uniform(count).unwrap();
            map.shards().iter().map(|shard| shard.range.start).collect()
        };
        assert_eq!(starts(1), [0]);
        assert_eq!(starts(2), [0, 1 << 127]);
        let third = 113_427_455_640_312_821_154_458_202_477_256_070_485;
        assert_eq!(starts(3), [0, third, 2 * third]);
        assert_eq!(starts(4), [0, 1 << 126, 1 << 127, 3 << 126]);
    }

    #[test]
    fn the_digest_is_read_big_endian() {
        // md5("a") = 0cc175b9c0f1b6a831c399e269772661
        assert_eq!(
            HashKey::of_partition_key(b"a").0,
            0x0cc1_75b9_c0f1_b6a8_31c3_99e2_6977_2661
        );
    }
}
