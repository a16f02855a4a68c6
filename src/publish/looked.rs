//! What a look at the stream saw. Pure: no I/O, no clock.
//!
//! **Invariants:** D3 (each sighting proves one record).

use std::collections::{BTreeSet, HashMap, VecDeque};

use super::attempt::Acknowledged;
use super::fingerprint::Fingerprint;
use crate::model::settle::sequence_number_of;
use crate::route::shard_map::HashRange;
use crate::settings::Ordering;

/// A record of the stream after the cut, with where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sighting {
    /// What it is.
    pub fingerprint: Fingerprint,
    /// Proof that it is stored.
    pub acknowledged: Acknowledged,
}

/// Unknown records by what they are, those alike in the order of reading; each with its place in that order.
pub(super) type Unmatched = HashMap<Fingerprint, VecDeque<(usize, Acknowledged)>>;
/// The first place after the last known record, per partition key.
pub(super) type Floors = HashMap<Vec<u8>, usize>;

/// What was seen after the places of a plan: the records that nobody knows, and where the known ones stand.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Looked {
    /// The unknown records with their places in the order of reading.
    news: Vec<(usize, Sighting)>,
    floors: Floors,
    /// How many unknown records there are of each key.
    news_of: HashMap<Fingerprint, usize>,
    records_count: usize,
    /// Where the hash ranges of the shards begin that were read.
    lane_starts: BTreeSet<u128>,
    /// The last record of each shard.
    ends: HashMap<String, String>,
}

/// What is left of a look for whoever matches it with rows.
#[derive(Debug, Default)]
pub(super) struct News {
    pub(super) unmatched: Unmatched,
    pub(super) floors: Floors,
    /// How many unknown records there are of each key.
    pub(super) left_of: HashMap<Fingerprint, usize>,
    pub(super) lane_starts: Vec<u128>,
    /// The last record that was seen in each shard.
    pub(super) ends: HashMap<String, String>,
}

/// What stands for a partition key.
pub(super) fn mark_of(partition_key: &[u8]) -> Fingerprint {
    Fingerprint::of(partition_key, &[])
}

impl Looked {
    /// Takes note of a shard that is read: whoever sent to it sent its records in their order, one request at a time.
    pub fn note_shard(&mut self, range: &HashRange) {
        self.lane_starts.insert(range.start);
        self.lane_starts.extend(range.end.checked_add(1));
    }

    /// Takes note of the next record, in the order of reading.
    pub fn note(&mut self, sighting: Sighting, partition_key: &[u8], is_known: bool) {
        let (shard_id, place) = sighting.acknowledged.place();
        let number = sequence_number_of(place).to_owned();
        match self.ends.get_mut(shard_id) {
            Some(end) => *end = number,
            None => {
                self.ends.insert(shard_id.to_owned(), number);
            }
        }
        let place = self.records_count;
        self.records_count += 1;
        if is_known {
            self.floors.insert(partition_key.to_vec(), place + 1);
        } else {
            *self.news_of.entry(mark_of(partition_key)).or_default() += 1;
            self.news.push((place, sighting));
        }
    }

    /// The unknown records, in the order of reading.
    pub fn news(&self) -> impl Iterator<Item = &Sighting> {
        self.news.iter().map(|(_, sighting)| sighting)
    }

    /// The unknown records, to be matched with others, and where the known ones stand.
    pub(super) fn split(self) -> News {
        let mut unmatched = Unmatched::new();
        for (place, sighting) in self.news {
            let alike = unmatched.entry(sighting.fingerprint).or_default();
            alike.push_back((place, sighting.acknowledged));
        }
        News {
            unmatched,
            floors: self.floors,
            left_of: self.news_of,
            lane_starts: self.lane_starts.into_iter().collect(),
            ends: self.ends,
        }
    }

    /// Forgets some of the unknown records.
    #[cfg(feature = "planted-defects")]
    pub(super) fn retain(&mut self, mut is_kept: impl FnMut(&Sighting) -> bool) {
        self.news.retain(|(_, sighting)| is_kept(sighting));
    }
}

/// What was seen of one request that ended in doubt. In `final` order a record counts as stored only after the last
/// known record of its key, and after the one that was found for the record before it.
#[derive(Debug)]
pub struct Proofs {
    unmatched: Unmatched,
    ordering: Ordering,
    /// Places before these do not count.
    floors: Floors,
}

impl Proofs {
    /// What was seen, to be matched with the records of a request.
    pub fn new(looked: Looked, ordering: Ordering) -> Self {
        let News {
            unmatched, floors, ..
        } = looked.split();
        Self {
            unmatched,
            ordering,
            floors,
        }
    }

    /// The proof that a record is stored, if one is left. Records come in the order in which they were sent.
    pub fn take(&mut self, partition_key: &[u8], payload: &[u8]) -> Option<Acknowledged> {
        let alike = self.unmatched.get_mut(&Fingerprint::of(partition_key, payload))?;
        if self.ordering != Ordering::Final {
            return alike.pop_front().map(|(_, proof)| proof);
        }
        let floor = self.floors.get(partition_key).copied().unwrap_or(0);
        while alike.front().is_some_and(|(place, _)| *place < floor) {
            alike.pop_front();
        }
        let (place, proof) = alike.pop_front()?;
        self.floors.insert(partition_key.to_vec(), place + 1);
        Some(proof)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::places::{KnownPlaces, LaneCut};
    use crate::publish::look_plan::LookPlan;
    use crate::route::shard_map::HashKey;

    fn looked(records: &[(&str, bool)]) -> Looked {
        let mut looked = Looked::default();
        for (number, (payload, is_known)) in records.iter().enumerate() {
            let sighting = Sighting {
                fingerprint: Fingerprint::of(b"k", payload.as_bytes()),
                acknowledged: Acknowledged::seen("s", &number.to_string(), None),
            };
            looked.note(sighting, b"k", *is_known);
        }
        looked
    }

    fn proven(ordering: Ordering, records: &[(&str, bool)], sent: &[&str]) -> Vec<bool> {
        let mut proofs = Proofs::new(looked(records), ordering);
        let sent = sent.iter();
        sent.map(|payload| proofs.take(b"k", payload.as_bytes()).is_some())
            .collect()
    }

    /// D3.
    #[test]
    fn in_final_order_only_what_stands_after_known_and_proven_records_of_the_key_proves_anything() {
        let stream = [("b", false), ("known", true), ("c", false), ("a", false)];
        assert_eq!(
            proven(Ordering::Final, &stream, &["a", "b", "c"]),
            [true, false, false]
        );
        assert_eq!(proven(Ordering::Final, &stream, &["c", "a"]), [true, true]);
        assert_eq!(
            proven(Ordering::None, &stream, &["a", "b", "b"]),
            [true, true, false]
        );
        assert_eq!(proven(Ordering::Strict, &stream, &["b"]), [true]);
    }

    /// D3.
    #[test]
    fn a_member_is_known_alone_or_with_its_whole_record() {
        let is_known = |known: &str, sequence_number: &str, member| {
            let lane = LaneCut {
                range: HashRange::ALL,
                known: KnownPlaces::of([known.to_owned()]),
                look_from: None,
            };
            let plan = LookPlan {
                known: HashMap::from([("s".to_owned(), vec![lane])]),
                ..LookPlan::default()
            };
            plan.is_known(&Acknowledged::seen("s", sequence_number, member), HashKey(7))
        };
        assert!(is_known("7", "7", None) && is_known("7", "7", Some(3)));
        assert!(is_known("7/3", "7", Some(3)) && !is_known("7/3", "7", Some(4)));
        assert!(!is_known("7/3", "7", None) && !is_known("7", "70", None));
    }
}
