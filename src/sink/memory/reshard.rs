//! Splits and merges shards of the stream in memory.

use super::{MemoryShard, MemorySink, State};
use crate::route::lineage::KnownShard;
use crate::route::shard_map::{HashRange, Shard};

impl State {
    fn open(&mut self, range: HashRange, parents: Vec<String>) {
        let id = format!("shardId-{:012}", self.shards.len());
        self.shards.push(MemoryShard::new(KnownShard {
            shard: Shard { id, range },
            parents,
            is_open: true,
        }));
    }
}

impl MemorySink {
    /// Closes an open shard and opens two halves of it, as `SplitShard` does. Shards keep their indexes; new ones
    /// come after them.
    pub fn split(&self, shard_index: usize) {
        let mut state = self.state();
        let Some(parent) = state
            .shards
            .get_mut(shard_index)
            .filter(|shard| shard.known.is_open)
        else {
            return;
        };
        parent.known.is_open = false;
        let (id, range) = (parent.known.shard.id.clone(), parent.known.shard.range);
        let middle = range.start + (range.end - range.start) / 2;
        for (start, end) in [(range.start, middle), (middle + 1, range.end)] {
            state.open(HashRange { start, end }, vec![id.clone()]);
        }
    }

    /// Closes two neighbours and opens one shard in their place, as `MergeShards` does.
    pub fn merge(&self, first_index: usize, second_index: usize) {
        let mut state = self.state();
        let mut parents = Vec::new();
        let mut range: Option<HashRange> = None;
        for index in [first_index, second_index] {
            let Some(shard) = state.shards.get_mut(index).filter(|shard| shard.known.is_open) else {
                return;
            };
            shard.known.is_open = false;
            parents.push(shard.known.shard.id.clone());
            let own = shard.known.shard.range;
            range = Some(range.map_or(own, |range| HashRange {
                start: range.start.min(own.start),
                end: range.end.max(own.end),
            }));
        }
        if let Some(range) = range {
            state.open(range, parents);
        }
    }
}
