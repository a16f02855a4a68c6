//! The lanes of a queue: a fixed number of points of the hash space, so that a lane is never divided. Pure: no I/O,
//! no clock.
//!
//! A range of hash keys is cut when a shard is split; a point is not. A record is sent with the point of its lane as
//! its explicit hash key, so whatever happens to the shards, a lane moves as a whole.

use std::slice;

use crate::route::shard_map::HashKey;

/// How many lanes a queue has; a stream of more shards is not used in full.
pub const LANES_COUNT: u8 = 64;

/// Bits of the hash key that name the lane.
const LANE_BITS: u32 = LANES_COUNT.ilog2();
const _: () = assert!(LANES_COUNT.is_power_of_two(), "lanes are the leading bits");

/// One lane of a queue, from 0 to [`LANES_COUNT`] - 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LaneIndex(u8);

impl LaneIndex {
    /// The lane of a partition key that is mapped to this point. Lanes lie as their keys would, so records are
    /// spread over the shards as without lanes.
    pub fn of(hash_key: HashKey) -> Self {
        let leading = hash_key.0 >> (u128::BITS - LANE_BITS);
        Self(u8::try_from(leading).unwrap_or(0))
    }

    /// The lane with this number, which is taken modulo their count.
    pub fn of_number(number: u8) -> Self {
        Self(number % LANES_COUNT)
    }

    /// The point that all records of the lane are sent to: the middle of its part of the hash space.
    pub fn point(self) -> HashKey {
        let width_bits = u128::BITS - LANE_BITS;
        HashKey((u128::from(self.0) << width_bits) | (1 << (width_bits - 1)))
    }

    /// Its number.
    pub fn number(self) -> u8 {
        self.0
    }

    /// Its number as a key for whoever keeps the order of a lane.
    pub fn as_key(&self) -> &[u8] {
        slice::from_ref(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::route::shard_map::ShardMap;

    proptest! {
        #[test]
        fn a_lane_lies_among_its_own_keys(point: u128) {
            let lane = LaneIndex::of(HashKey(point));
            prop_assert_eq!(LaneIndex::of(lane.point()), lane);
            prop_assert!(lane.number() < LANES_COUNT);
        }
    }

    #[test]
    fn lanes_are_spread_evenly_over_shards() {
        for shards_count in [1_u32, 2, 4, 16, 64] {
            let map = ShardMap::uniform(shards_count).unwrap();
            let mut lanes = vec![0_u32; usize::try_from(shards_count).unwrap()];
            for leading in 0..u128::from(LANES_COUNT) {
                let lane = LaneIndex::of(HashKey(leading << (u128::BITS - LANE_BITS)));
                lanes[map.locate(lane.point()).0] += 1;
            }
            let each = u32::from(LANES_COUNT) / shards_count;
            assert!(
                lanes.iter().all(|count| *count == each),
                "{shards_count} shards: {lanes:?}"
            );
        }
    }
}
