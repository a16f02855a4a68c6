//! What follows from what was seen: found, missing, repeated, out of order. Pure: no I/O, no clock.
//!
//! Order is judged by last copies, per object and partition key: whoever keeps the last record of a key must end with
//! what the file ends with. Repairs and replays may repeat rows in between. Twins get the copies that fit best; where
//! there are fewer copies than twins, the earliest are missing, and none of them has a say about order.

use std::collections::{HashMap, HashSet};

use super::rows::{Demand, Row, Rows, Seen, Twins};
use crate::route::shard_map::{HashKey, ShardIndex, ShardMap};
use crate::saturate;

/// Missing rows that are named; the others are only counted.
pub const EXAMPLES_MAX: usize = 20;

/// What the judge has to know of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ObjectFacts {
    /// Index of its queue: what is sent one after another.
    pub queue: usize,
    /// Whether its rows were sent in order.
    pub is_ordered: bool,
}

/// Counts of an object or a table.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Rows that have to be in the stream.
    pub expected: u64,
    /// Those that are.
    pub found: u64,
    /// Those that are not.
    pub missing: u64,
    /// Those that are not, and may have gone with the retention.
    pub expired: u64,
    /// Records beyond the first of their row.
    pub repeated: u64,
    /// Rows whose last copy stands after the last copy of the next row of their key.
    pub out_of_order: u64,
}

/// The result.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Judgement {
    /// By object.
    pub objects: Vec<Tally>,
    /// By table.
    pub tables: Vec<Tally>,
    /// Object and ordinal of the first missing rows, in reading order.
    pub examples: Vec<(u32, u64)>,
}

impl Judgement {
    fn count(&mut self, row: &Row, note: impl Fn(&mut Tally)) {
        self.count_at(row.object, row.table, note);
    }

    /// Notes something of an object and a table.
    pub fn count_at(&mut self, object: u32, table: u32, note: impl Fn(&mut Tally)) {
        let at = |index: u32| saturate::to_usize(index);
        let tallies = [self.objects.get_mut(at(object)), self.tables.get_mut(at(table))];
        tallies.into_iter().flatten().for_each(note);
    }

    /// All tables together.
    pub fn total(&self) -> Tally {
        let mut total = Tally::default();
        for tally in &self.tables {
            total.expected += tally.expected;
            total.found += tally.found;
            total.missing += tally.missing;
            total.expired += tally.expired;
            total.repeated += tally.repeated;
            total.out_of_order += tally.out_of_order;
        }
        total
    }
}

/// Judges what was seen. With a `horizon` (the shards of the stream), the beginning of the stream is gone: of each
/// queue and shard, what should stand before the first record found may have been there.
pub fn judge(
    mut rows: Rows,
    objects: &[ObjectFacts],
    tables_count: usize,
    horizon: Option<&ShardMap>,
) -> Judgement {
    rows.forget_index();
    let mut judgement = Judgement {
        objects: vec![Tally::default(); objects.len()],
        tables: vec![Tally::default(); tables_count],
        examples: Vec::new(),
    };
    judge_order(&mut rows, objects, &mut judgement);
    judge_presence(&rows, objects, horizon, &mut judgement);
    judgement
}

fn facts<'o>(objects: &'o [ObjectFacts], row: &Row) -> Option<&'o ObjectFacts> {
    objects.get(usize::try_from(row.object).ok()?)
}

/// From the last row to the first: hands the copies of twins out, counts repeats and inversions.
fn judge_order(rows: &mut Rows, objects: &[ObjectFacts], judgement: &mut Judgement) {
    let Rows { all, twins, .. } = rows;
    let is_short: Vec<bool> = twins
        .iter()
        .map(|twins| twins.places.len() < twins.required)
        .collect();
    let (mut object, mut next_of_key) = (None, HashMap::new());
    for row in all.iter_mut().rev() {
        if object != Some(row.object) {
            next_of_key.clear();
            object = Some(row.object);
        }
        let facts = facts(objects, row);
        let mut has_say = row.demand == Demand::Required && facts.is_some_and(|facts| facts.is_ordered);
        let next = next_of_key.get(&row.hash).copied();
        if let Seen::AsTwin(group) = row.seen {
            has_say &= is_short.get(group) == Some(&false);
            let handed = twins
                .get_mut(group)
                .map(|twins| twins.hand_out(row.demand, next.filter(|_| has_say)));
            (row.seen, row.copies) = handed.unwrap_or((Seen::Never, 0));
        }
        let repeats = u64::from(row.copies.saturating_sub(1));
        let mut is_behind_next = false;
        if let (true, Seen::At(place)) = (has_say, row.seen) {
            is_behind_next = next.is_some_and(|next| place > next);
            next_of_key.insert(row.hash, place);
        }
        judgement.count(row, |tally| {
            tally.repeated += repeats;
            tally.out_of_order += u64::from(is_behind_next);
        });
    }
}

/// From the first row to the last: what is there, and what is not.
fn judge_presence(
    rows: &Rows,
    objects: &[ObjectFacts],
    horizon: Option<&ShardMap>,
    judgement: &mut Judgement,
) {
    let mut begun: HashSet<(usize, ShardIndex)> = HashSet::new();
    for row in rows.all.iter().filter(|row| row.demand == Demand::Required) {
        let lane = horizon.zip(facts(objects, row)).map(|(shards, facts)| {
            let shard = shards.locate(HashKey(u128::from(row.hash) << 64));
            (facts.queue, shard)
        });
        let is_found = row.seen != Seen::Never;
        if is_found {
            begun.extend(lane);
        }
        let is_expired = !is_found && lane.is_some_and(|lane| !begun.contains(&lane));
        let is_missing = !is_found && !is_expired;
        if is_missing && judgement.examples.len() < EXAMPLES_MAX {
            judgement.examples.push((row.object, row.ordinal));
        }
        judgement.count(row, |tally| {
            tally.expected += 1;
            tally.found += u64::from(is_found);
            tally.missing += u64::from(is_missing);
            tally.expired += u64::from(is_expired);
        });
    }
}

impl Twins {
    /// The copy of the next twin, counted from the end, and with the last twin all copies that are left over. Of the
    /// copies before `next` it is the last one: whatever order there is to be found, this finds it.
    fn hand_out(&mut self, demand: Demand, next: Option<u64>) -> (Seen, u32) {
        self.forget(demand);
        let is_to_have = match demand {
            Demand::Required => !self.places.is_empty(),
            Demand::Allowed => self.places.len() > self.required,
        };
        let before = next.map_or(self.places.len(), |next| {
            self.places.partition_point(|place| *place < next)
        });
        let index = before.checked_sub(1).or(self.places.len().checked_sub(1));
        let (mut seen, mut copies) = (Seen::Never, 0);
        if let (true, Some(index)) = (is_to_have, index) {
            seen = Seen::At(self.places.remove(index));
            copies = 1;
        }
        if self.required + self.allowed == 0 {
            copies += u32::try_from(self.places.len()).unwrap_or(u32::MAX - 1);
        }
        (seen, copies)
    }
}

#[cfg(test)]
#[path = "judge_tests.rs"]
mod tests;
