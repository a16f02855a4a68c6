//! Places in a shard that are known to hold settled records. Pure: no I/O, no clock.
//!
//! A lane is whatever one publisher sends to: the records whose hash keys lie in the range of its shard. It stores in
//! file order, one request at a time, so what it has settled in a shard, in whatever shard that is, is a few runs of
//! sequence numbers. What is noted of other lanes between the ends of a run says nothing.
//!
//! To know too much costs repeats: a record that is known proves no row. To know too little loses rows: a settled
//! record that counts as news proves another row that is equal. So where something has to give, runs are joined.
//!
//! **Invariants:** D3 (a settled record proves no second row), C4 (what is known of a shard has a size that does not
//! depend on how much is in flight).

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use serde::{Deserialize, Serialize};

use super::sequence_number::SequenceNumber;
use super::settle::{compare_sequence_numbers, sequence_number_of};
use crate::route::shard_map::{HashKey, HashRange};

/// Runs and members that are kept apart at most; of more, the oldest are joined.
pub const PLACES_MAX: usize = 2_000;

/// Sequence numbers of a shard at which something is in doubt.
#[derive(Debug, Clone, Default)]
pub struct InDoubt(BTreeMap<SequenceNumber, u32>);

impl InDoubt {
    /// One more record, or member of one, with this number.
    pub fn add(&mut self, number: SequenceNumber) {
        let count = self.0.entry(number).or_default();
        *count = count.saturating_add(1);
    }

    /// One less.
    pub fn remove(&mut self, place: &str) {
        let number = SequenceNumber::new(sequence_number_of(place));
        if let Some(count) = self.0.get_mut(&number) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.0.remove(&number);
            }
        }
    }

    /// Whether nothing is.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The first of them.
    pub fn first(&self) -> Option<String> {
        self.0.first_key_value().map(|(number, _)| number.to_string())
    }

    fn is_at(&self, place: &str) -> bool {
        let number = SequenceNumber::new(sequence_number_of(place));
        self.0.contains_key(&number)
    }

    fn is_between(&self, left: &str, right: &str) -> bool {
        if self.0.is_empty() || !is_before(left, right) {
            return false;
        }
        let (left, right) = (SequenceNumber::new(left), SequenceNumber::new(right));
        let between = (Bound::Excluded(left), Bound::Excluded(right));
        self.0.range(between).next().is_some()
    }
}

/// Whether a place lies before another.
pub fn is_before(left: &str, right: &str) -> bool {
    compare_sequence_numbers(left, right).is_lt()
}

/// Settled places of one lane in one shard.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownPlaces {
    /// First and last sequence number of each run, in order and apart.
    pub runs: Vec<(String, String)>,
    /// Members of aggregated records of which others are still in doubt.
    pub members: BTreeSet<String>,
}

impl KnownPlaces {
    /// Places in any order, each a run of its own if it is not a member.
    pub fn of(places: impl IntoIterator<Item = String>) -> Self {
        let mut known = Self::default();
        for place in places {
            if sequence_number_of(&place).len() < place.len() {
                known.members.insert(place);
            } else {
                known.runs.push((place.clone(), place));
            }
        }
        known.sort();
        known
    }

    fn sort(&mut self) {
        let by_first =
            |left: &(String, String), right: &(String, String)| compare_sequence_numbers(&left.0, &right.0);
        if !self
            .runs
            .is_sorted_by(|left, right| by_first(left, right).is_le())
        {
            self.runs.sort_by(by_first);
        }
    }

    /// Whether the place is known, itself or within a run.
    pub fn contains(&self, place: &str) -> bool {
        let after = self.runs.partition_point(|(first, _)| !is_before(place, first));
        let run = after.checked_sub(1).and_then(|index| self.runs.get(index));
        run.is_some_and(|(_, last)| !is_before(last, place)) || self.members.contains(place)
    }

    /// The last place.
    pub fn last(&self) -> Option<&str> {
        let run = self.runs.last().map(|(_, last)| last.as_str());
        let member = self.members.iter().map(String::as_str);
        let last = run.into_iter().chain(member.map(sequence_number_of));
        last.max_by(|left, right| compare_sequence_numbers(left, right))
    }

    /// Adds other places.
    pub fn extend(&mut self, other: Self) {
        self.runs.extend(other.runs);
        self.members.extend(other.members);
        self.sort();
    }

    /// Forgets what lies before a place.
    pub fn forget_before(&mut self, begin: &str) {
        self.runs.retain(|(_, last)| !is_before(last, begin));
        self.members.retain(|place| !is_before(place, begin));
    }

    /// Joins runs with nothing in doubt between them, and members of records of which no other is in doubt. If there
    /// are too many, the oldest runs are joined all the same.
    pub fn join(&mut self, in_doubt: &InDoubt) {
        let whole = self.members.iter().filter(|place| !in_doubt.is_at(place));
        let whole: Vec<String> = whole.cloned().collect();
        for place in whole {
            self.members.remove(&place);
            let number = sequence_number_of(&place).to_owned();
            self.runs.push((number.clone(), number));
        }
        self.sort();
        let mut joined: Vec<(String, String)> = Vec::new();
        for (first, last) in std::mem::take(&mut self.runs) {
            match joined.last_mut() {
                Some(run) if !in_doubt.is_between(&run.1, &first) => {
                    if is_before(&run.1, &last) {
                        run.1 = last;
                    }
                }
                Some(_) | None => joined.push((first, last)),
            }
        }
        self.runs = joined;
        self.bound(PLACES_MAX);
    }

    /// Joins the oldest runs until there are no more than this many, and takes members for whole records.
    pub fn bound(&mut self, places_max: usize) {
        if self.members.len() > places_max {
            let numbers = std::mem::take(&mut self.members);
            let numbers = numbers.iter().map(|place| sequence_number_of(place).to_owned());
            self.extend(Self::of(numbers));
            self.join(&InDoubt::default());
        }
        let Some(surplus) = self
            .runs
            .len()
            .checked_sub(places_max.max(1))
            .filter(|surplus| *surplus > 0)
        else {
            return;
        };
        let mut joined = self.runs.drain(..=surplus);
        let first = joined.next().map(|(first, _)| first);
        let last = joined.next_back().map(|(_, last)| last);
        drop(joined);
        if let (Some(first), Some(last)) = (first, last) {
            self.runs.insert(0, (first, last));
        }
    }

    /// How many runs and members there are.
    pub fn count(&self) -> usize {
        self.runs.len() + self.members.len()
    }
}

/// What a lane knows of a shard: its own, or one that its records are or were stored in because the stream was resharded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LaneCut {
    /// Hash keys of the lane.
    pub range: HashRange,
    /// What it has settled in the shard from `look_from` on.
    pub known: KnownPlaces,
    /// The place at which a look has to begin, known or in doubt: all of the lane before it is settled. `None` if only a
    /// time is known.
    pub look_from: Option<String>,
}

impl LaneCut {
    /// Whether a record at this place is known, if it is one of the lane.
    pub fn knows(&self, place: &str, hash_key: HashKey) -> bool {
        let is_forgotten = || self.look_from.as_ref().is_some_and(|from| is_before(place, from));
        self.range.contains(hash_key) && (is_forgotten() || self.known.contains(place))
    }
}

/// What is known of a shard, lane by lane, with what a lane knows now. What was known of parts of its keys is kept as
/// long as it says more: a run of a part says nothing of the other keys.
pub fn note_lane(lanes: &mut Vec<LaneCut>, new: LaneCut) {
    lanes.retain(|lane| {
        if lane.range == new.range || !new.range.covers(&lane.range) {
            return lane.range != new.range;
        }
        let places = lane.known.last().into_iter().chain(lane.look_from.as_deref());
        let last = places.max_by(|left, right| compare_sequence_numbers(left, right));
        let begin = new.look_from.as_deref();
        last.is_some_and(|last| begin.is_none_or(|begin| !is_before(last, begin)))
    });
    lanes.push(new);
    let count: usize = lanes.iter().map(|lane| lane.known.count()).sum();
    if count > 4 * PLACES_MAX {
        for lane in lanes {
            lane.known.bound(1);
        }
    }
}

/// Where the last look for the keys of a lane began in a shard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LastLook {
    /// Nothing of them is known there.
    Nowhere,
    /// At this place.
    At(String),
    /// At a time: what is known is known of a part of the keys only.
    ByTime,
}

impl LastLook {
    /// In a shard of which this is known.
    pub fn of(lanes: &[LaneCut], range: &HashRange) -> Self {
        match look_start(lanes, range) {
            Some(start) => Self::At(start.to_owned()),
            None if lanes.iter().any(|lane| lane.range.intersection(range).is_some()) => Self::ByTime,
            None => Self::Nowhere,
        }
    }
}

/// Where reading a shard has to begin for a lane with these keys; `None` if only a time is known.
pub fn look_start<'l>(lanes: &'l [LaneCut], range: &HashRange) -> Option<&'l str> {
    let latest = |left: &&str, right: &&str| compare_sequence_numbers(left, right);
    let whole = lanes.iter().filter(|lane| lane.range.covers(range));
    let whole = whole.filter_map(|lane| lane.look_from.as_deref()).max_by(latest);
    if whole.is_some() {
        return whole;
    }
    let mut parts: Vec<_> = lanes
        .iter()
        .filter_map(|lane| Some((lane.range.intersection(range)?, lane.look_from.as_deref()?)))
        .collect();
    parts.sort_by_key(|(part, _)| *part);
    let mut next = Some(range.start);
    for (part, _) in &parts {
        if next.is_some_and(|next| part.start <= next && next <= part.end) {
            next = part.end.checked_add(1);
        }
    }
    let is_covered = next.is_none_or(|next| next > range.end);
    let first = parts.into_iter().map(|(_, from)| from).min_by(latest);
    first.filter(|_| is_covered)
}

#[cfg(test)]
#[path = "places_tests.rs"]
mod tests;
