//! What is known to be stored in each shard. Pure: no I/O, no clock.

use super::store::ShardCut;
use crate::model::places::{LaneCut, note_lane};
use crate::model::settle::{StoredIn, compare_sequence_numbers};
use crate::route::shard_map::{HashRange, ShardMap};

/// The cuts of all shards.
#[derive(Debug)]
pub(super) struct ShardCuts {
    cuts: Vec<ShardCut>,
    changed: Vec<bool>,
}

impl ShardCuts {
    /// The stored cuts of the shards of a map, in its order, empty ones for shards without one; then all others.
    pub(super) fn new(stored: &[ShardCut], map: &ShardMap) -> Self {
        let cuts = map.shards().iter().map(|shard| {
            let known = stored.iter().find(|cut| cut.shard_id == shard.id);
            known.cloned().unwrap_or_else(|| new_cut(&shard.id, shard.range))
        });
        // Shards that are closed by now may still hold what has to be looked for.
        let is_closed = |cut: &&ShardCut| map.shards().iter().all(|shard| shard.id != cut.shard_id);
        let cuts: Vec<_> = cuts.chain(stored.iter().filter(is_closed).cloned()).collect();
        Self {
            changed: vec![false; cuts.len()],
            cuts,
        }
    }

    pub(super) fn all(&self) -> &[ShardCut] {
        &self.cuts
    }

    pub(super) fn take_changed(&mut self) -> Vec<ShardCut> {
        take_changed(&self.cuts, &mut self.changed)
    }

    /// A shard stored something for the lane with these hash keys. One that was opened by a resharding meanwhile gets a
    /// cut of its own. Several lanes may store there, or find there what they look for, and each knows of its own
    /// records alone (D3).
    pub(super) fn moved(&mut self, stored: StoredIn, lane: HashRange) {
        let known = self.cuts.iter().position(|cut| cut.shard_id == stored.shard_id);
        let index = known.unwrap_or_else(|| {
            self.cuts.push(new_cut(&stored.shard_id, HashRange::ALL));
            self.changed.push(false);
            self.cuts.len() - 1
        });
        if let (Some(cut), Some(is_changed)) = (self.cuts.get_mut(index), self.changed.get_mut(index)) {
            cut.records += stored.records_count;
            let places = cut
                .last_sequence_number
                .as_deref()
                .into_iter()
                .chain(stored.known.last());
            let last = places.max_by(|left, right| compare_sequence_numbers(left, right));
            cut.last_sequence_number = last.map(str::to_owned);
            let StoredIn { known, look_from, .. } = stored;
            let lane = LaneCut {
                range: lane,
                known,
                look_from,
            };
            note_lane(&mut cut.lanes, lane);
            *is_changed = true;
        }
    }
}

/// Copies of the values that changed, which then count as unchanged.
pub(super) fn take_changed<T: Clone>(values: &[T], changed: &mut [bool]) -> Vec<T> {
    let taken = values
        .iter()
        .zip(changed.iter())
        .filter(|(_, is_changed)| **is_changed);
    let taken = taken.map(|(value, _)| value.clone()).collect();
    changed.fill(false);
    taken
}

/// The cut of a shard that has not acknowledged anything.
fn new_cut(shard_id: &str, range: HashRange) -> ShardCut {
    ShardCut {
        shard_id: shard_id.to_owned(),
        range,
        last_sequence_number: None,
        lanes: Vec::new(),
        records: 0,
    }
}
