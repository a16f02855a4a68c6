//! Ranges of hash keys, in the sandbox's own hand: what a shard takes, and where a partition key belongs.

use aws_sdk_kinesis::types::Shard;
use md5::{Digest, Md5};

/// A range of hash keys, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HashKeys {
    /// The lowest.
    pub first: u128,
    /// The highest.
    pub last: u128,
}

impl HashKeys {
    /// All there are.
    pub const ALL: Self = Self {
        first: 0,
        last: u128::MAX,
    };

    /// What a shard takes.
    pub fn of_shard(shard: &Shard) -> Option<Self> {
        let range = shard.hash_key_range()?;
        Some(Self {
            first: range.starting_hash_key().parse().ok()?,
            last: range.ending_hash_key().parse().ok()?,
        })
    }

    /// Whether all of another range lies in this one.
    pub fn contain(self, other: Self) -> bool {
        self.first <= other.first && other.last <= self.last
    }
}

/// Where a partition key belongs.
pub fn hash_key_of(partition_key: &str) -> u128 {
    u128::from_be_bytes(Md5::digest(partition_key).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ends_of_a_range_are_in_it() {
        let range = |first, last| HashKeys { first, last };
        assert!(range(3, 9).contain(range(3, 9)) && HashKeys::ALL.contain(range(0, u128::MAX)));
        assert!(!range(3, 9).contain(range(2, 9)) && !range(3, 9).contain(range(3, 10)));
    }

    /// From RFC 1321.
    #[test]
    fn a_partition_key_belongs_to_its_md5() {
        assert_eq!(hash_key_of("abc"), 0x9001_5098_3cd2_4fb0_d696_3f7d_28e1_7f72);
    }
}
