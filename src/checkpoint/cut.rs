//! The cut of one object: per hash range, the ordinal below which every record is settled there. Pure: no I/O, no
//! clock.
//!
//! A cut that was stored under one shard map is read under another: ranges are intersected, so that a shard that
//! was split or merged meanwhile keeps exactly what each part of it is known to hold.
//!
//! **Invariants:** D3 (a record is skipped only with a proof).

use crate::checkpoint::store::{ObjectProgress, RangeThrough};
use crate::route::shard_map::{HashKey, HashRange, ShardIndex, ShardMap};

/// What a restart may skip of an object: records that the cut proves to be settled.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SkipPlan {
    ranges: Vec<RangeThrough>,
    dead_letters_through: u64,
    highest: u64,
}

impl SkipPlan {
    /// The plan of an object's stored progress.
    pub fn new(progress: &ObjectProgress) -> Self {
        let mut ranges = progress.through.clone();
        ranges.sort_by_key(|entry| entry.range);
        let highest = ranges.iter().map(|entry| entry.through).max().unwrap_or(0);
        Self {
            ranges,
            dead_letters_through: progress.dead_letters_through,
            highest,
        }
    }

    /// Whether the record is known to be stored in the shard its hash key falls into.
    pub fn is_delivered(&self, ordinal: u64, hash_key: HashKey) -> bool {
        if ordinal >= self.highest {
            return false;
        }
        let after = self
            .ranges
            .partition_point(|entry| entry.range.start <= hash_key.0);
        let owner = after.checked_sub(1).and_then(|index| self.ranges.get(index));
        owner.is_some_and(|entry| entry.range.contains(hash_key) && ordinal < entry.through)
    }

    /// Whether the record, if it is to be rejected, is known to be a durable dead letter.
    pub fn is_dead_lettered(&self, ordinal: u64) -> bool {
        ordinal < self.dead_letters_through
    }
}

/// The living cut of an open object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectCut {
    segments: Vec<Segment>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Segment {
    range: HashRange,
    shard: ShardIndex,
    through: u64,
}

impl ObjectCut {
    /// The stored cut of an object, seen through the shard map of this generation.
    pub fn new(stored: &[RangeThrough], map: &ShardMap) -> Self {
        let mut segments = Vec::with_capacity(map.shards().len());
        for (index, shard) in map.shards().iter().enumerate() {
            let mut next = Some(shard.range.start);
            let mut inside: Vec<_> = stored
                .iter()
                .filter_map(|entry| Some((entry.range.intersection(&shard.range)?, entry.through)))
                .collect();
            inside.sort_by_key(|(range, _)| *range);
            for (range, through) in inside {
                if let Some(start) = next.filter(|start| *start < range.start) {
                    let gap = HashRange {
                        start,
                        end: range.start - 1,
                    };
                    segments.push(Segment {
                        range: gap,
                        shard: ShardIndex(index),
                        through: 0,
                    });
                }
                segments.push(Segment {
                    range,
                    shard: ShardIndex(index),
                    through,
                });
                next = range.end.checked_add(1);
            }
            if let Some(start) = next.filter(|start| *start <= shard.range.end) {
                let rest = HashRange {
                    start,
                    end: shard.range.end,
                };
                segments.push(Segment {
                    range: rest,
                    shard: ShardIndex(index),
                    through: 0,
                });
            }
        }
        Self { segments }
    }

    /// Notes that every record for the shard with an ordinal below `through` is settled.
    pub fn settle(&mut self, shard: ShardIndex, through: u64) {
        for segment in self.segments.iter_mut().filter(|segment| segment.shard == shard) {
            segment.through = segment.through.max(through);
        }
    }

    /// What is worth storing: ranges that are ahead of the watermark's ordinal, neighbours joined.
    pub fn ahead_of(&self, ordinal: u64) -> Vec<RangeThrough> {
        let mut ranges: Vec<RangeThrough> = Vec::new();
        for segment in self.segments.iter().filter(|segment| segment.through > ordinal) {
            match ranges.last_mut() {
                Some(last)
                    if last.through == segment.through
                        && last.range.end.checked_add(1) == Some(segment.range.start) =>
                {
                    last.range.end = segment.range.end;
                }
                Some(_) | None => {
                    ranges.push(RangeThrough {
                        range: segment.range,
                        through: segment.through,
                    });
                }
            }
        }
        ranges
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::route::shard_map::Shard;

    fn map_of(cuts: &[u128]) -> ShardMap {
        let mut starts: Vec<u128> = cuts.iter().copied().chain([0]).collect();
        starts.sort_unstable();
        starts.dedup();
        let shards = starts.iter().enumerate().map(|(index, start)| Shard {
            id: format!("s{index}"),
            range: HashRange {
                start: *start,
                end: starts.get(index + 1).map_or(u128::MAX, |next| next - 1),
            },
        });
        ShardMap::new(shards.collect()).unwrap()
    }

    /// A naive model: the through of single points of the hash space.
    fn stored(map: &ShardMap, throughs: &[u64]) -> Vec<RangeThrough> {
        let mut cut = ObjectCut::new(&[], map);
        for (index, through) in throughs.iter().enumerate().take(map.shards().len()) {
            cut.settle(ShardIndex(index), *through);
        }
        cut.ahead_of(0)
    }

    proptest! {
        /// D3: whatever happened to the shards meanwhile.
        #[test]
        fn a_cut_proves_the_same_after_any_reshard(
            old in prop::collection::vec(any::<u128>(), 0..5),
            new in prop::collection::vec(any::<u128>(), 0..5),
            throughs in prop::collection::vec(0_u64..20, 6),
            points in prop::collection::vec((any::<u128>(), 0_u64..25), 1..20),
        ) {
            let (old_map, new_map) = (map_of(&old), map_of(&new));
            let before = stored(&old_map, &throughs);
            let after = ObjectCut::new(&before, &new_map).ahead_of(0);
            let plan = |through: &[RangeThrough]| SkipPlan::new(&ObjectProgress {
                through: through.to_vec(), ..ObjectProgress::default()
            });
            let (plan_before, plan_after) = (plan(&before), plan(&after));
            for (point, ordinal) in points {
                let expected = ordinal < throughs[old_map.locate(HashKey(point)).0];
                prop_assert_eq!(plan_before.is_delivered(ordinal, HashKey(point)), expected);
                prop_assert_eq!(plan_after.is_delivered(ordinal, HashKey(point)), expected);
            }
        }
    }

    #[test]
    fn settling_a_merged_shard_covers_both_parents() {
        let parents = map_of(&[1 << 127]);
        let merged = map_of(&[]);
        let mut cut = ObjectCut::new(&stored(&parents, &[5, 9]), &merged);
        cut.settle(ShardIndex(0), 7);
        let plan = SkipPlan::new(&ObjectProgress {
            through: cut.ahead_of(0),
            ..ObjectProgress::default()
        });
        assert!(plan.is_delivered(6, HashKey(0)) && !plan.is_delivered(7, HashKey(0)));
        assert!(plan.is_delivered(8, HashKey(u128::MAX)) && !plan.is_delivered(9, HashKey(u128::MAX)));
    }
}
