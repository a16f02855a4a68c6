//! What a look at the stream saw. Pure: no I/O, no clock.
//!
//! # What is kept
//!
//! A stream has other writers, and a look may lead past hours of their records. So a record is dropped as it is read if
//! it can prove nothing, and one that is kept takes a small fixed number of bytes ([`Seen`]).
//!
//! - A record proves a row only if its fingerprint is that of the row ([`Proofs::take`], `Sightings::take`). If the rows
//!   in doubt are known ([`Wanted`]), a record with another fingerprint proves none of them, so to drop it changes no
//!   answer.
//! - A known record only says that what stands before it proves no row of its key. So those of keys without a row in
//!   doubt are dropped as well.
//! - What was dropped must not prove another row later. It does not, because everything up to the last record that was
//!   read counts as known from then on, dropped or not ([`Looked::ends`], `LookPlan::looked_through`).
//!
//! **Invariants:** D3 (each sighting proves one record).

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use super::attempt::Acknowledged;
use super::fingerprint::Fingerprint;
use crate::model::sequence_number::SequenceNumber;
use crate::model::settle::{member_index_of, sequence_number_of};
use crate::route::shard_map::HashRange;
use crate::saturate;
use crate::settings::Ordering;

/// A record of the stream after the cut, with where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sighting {
    /// What it is.
    pub fingerprint: Fingerprint,
    /// Proof that it is stored.
    pub acknowledged: Acknowledged,
}

/// The rows that a look is for, where they are known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    rows: HashSet<Fingerprint>,
    /// Their partition keys.
    keys: HashSet<Fingerprint>,
}

/// An unknown record as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Seen {
    fingerprint: Fingerprint,
    number: SequenceNumber,
    shard: u32,
    member: Option<u32>,
    /// Its place in the order of reading, among the unknown ones.
    place: u32,
}

impl Seen {
    pub(super) fn place(&self) -> usize {
        saturate::to_usize(self.place)
    }
}

/// The first place after the last known record, per partition key.
pub(super) type Floors = HashMap<Fingerprint, usize>;

/// What was seen after the places of a plan: the records that nobody knows, and where the known ones stand.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Looked {
    /// What the look is for; whatever can be a row, if that is not known.
    wanted: Option<Wanted>,
    /// The shards that hold them.
    shards: Vec<Arc<str>>,
    /// The unknown records in the order of reading.
    news: Vec<Seen>,
    floors: Floors,
    /// How many unknown records there are of each key.
    news_of: HashMap<Fingerprint, u32>,
    /// Where the hash ranges of the shards begin that were read.
    lane_starts: BTreeSet<u128>,
    /// The last record that was read of each shard, whatever it is.
    ends: HashMap<String, String>,
    /// The last one of each shard that can be a row.
    last: HashMap<String, String>,
}

/// What is left of a look for whoever matches it with rows.
#[derive(Debug, Default)]
pub(super) struct News {
    pub(super) unmatched: Unmatched,
    pub(super) floors: Floors,
    /// How many unknown records there are of each key.
    pub(super) left_of: HashMap<Fingerprint, u32>,
    pub(super) lane_starts: Vec<u128>,
    /// The last record of each shard that can be a row.
    pub(super) last: HashMap<String, String>,
}

/// Unknown records by what they are, those alike in the order of reading.
#[derive(Debug, Default)]
pub(super) struct Unmatched {
    shards: Vec<Arc<str>>,
    /// In the order of the fingerprints, those alike in the order of reading.
    seen: Vec<Seen>,
    /// How many of the first ones alike are gone.
    gone: HashMap<Fingerprint, usize>,
}

/// What stands for a partition key.
pub(super) fn mark_of(partition_key: &[u8]) -> Fingerprint {
    Fingerprint::of(partition_key, &[])
}

impl Wanted {
    /// One more row.
    pub fn add(&mut self, partition_key: &[u8], payload: &[u8]) {
        self.rows.insert(Fingerprint::of(partition_key, payload));
        self.keys.insert(mark_of(partition_key));
    }
}

impl Looked {
    /// Nothing was seen yet of these rows, or of whatever can be a row.
    pub fn for_rows(wanted: Option<Wanted>) -> Self {
        Self {
            wanted,
            ..Self::default()
        }
    }

    /// Takes note of a shard that is read: whoever sent to it sent its records in their order, one request at a time.
    pub fn note_shard(&mut self, range: &HashRange) {
        self.lane_starts.insert(range.start);
        self.lane_starts.extend(range.end.checked_add(1));
    }

    /// Takes note of how far a shard was read: up to this record, that one included.
    pub fn read_to(&mut self, shard_id: &str, sequence_number: &str) {
        put(&mut self.ends, shard_id, sequence_number);
    }

    /// Whether a record with this partition key can say anything of what is looked for.
    pub fn may_concern(&self, partition_key: &[u8]) -> bool {
        let wanted = self.wanted.as_ref();
        wanted.is_none_or(|wanted| wanted.keys.contains(&mark_of(partition_key)))
    }

    /// Takes note of the next record, in the order of reading.
    pub fn note(&mut self, sighting: &Sighting, partition_key: &[u8], is_known: bool) {
        let (shard_id, place) = sighting.acknowledged.place();
        self.read_to(shard_id, sequence_number_of(place));
        put(&mut self.last, shard_id, sequence_number_of(place));
        let fingerprint = sighting.fingerprint;
        let is_wanted = self.wanted.as_ref().is_none_or(|wanted| {
            wanted.rows.contains(&fingerprint) || (is_known && wanted.keys.contains(&mark_of(partition_key)))
        });
        if !is_wanted {
            return;
        }
        if is_known {
            self.floors.insert(mark_of(partition_key), self.news.len());
            return;
        }
        let count = self.news_of.entry(mark_of(partition_key)).or_default();
        *count = count.saturating_add(1);
        let shard = self.shards.iter().position(|known| **known == *shard_id);
        let shard = shard.unwrap_or_else(|| {
            self.shards.push(shard_id.into());
            self.shards.len() - 1
        });
        self.news.push(Seen {
            fingerprint,
            number: SequenceNumber::new(sequence_number_of(place)),
            shard: saturate::to_u32(shard),
            member: member_index_of(place).map(saturate::to_u32),
            place: saturate::to_u32(self.news.len()),
        });
    }

    /// Where the unknown records are that are kept, in the order of reading.
    pub fn news(&self) -> impl Iterator<Item = Acknowledged> {
        self.news.iter().map(|seen| acknowledged(&self.shards, seen))
    }

    /// How many unknown records are kept.
    pub fn news_count(&self) -> usize {
        self.news.len()
    }

    /// The last record that was read of each shard.
    pub fn ends(&self) -> impl Iterator<Item = (&str, &str)> {
        self.ends.iter().map(|(shard_id, end)| (&**shard_id, &**end))
    }

    /// The unknown records, to be matched with others, and where the known ones stand.
    pub(super) fn split(self) -> News {
        let mut seen = self.news;
        seen.sort_unstable_by_key(|seen| (seen.fingerprint, seen.place));
        News {
            unmatched: Unmatched {
                shards: self.shards,
                seen,
                gone: HashMap::new(),
            },
            floors: self.floors,
            left_of: self.news_of,
            lane_starts: self.lane_starts.into_iter().collect(),
            last: self.last,
        }
    }

    /// Forgets the first unknown record of each shard.
    #[cfg(feature = "planted-defects")]
    pub(super) fn forget_first(&mut self) {
        let mut begun = HashSet::new();
        self.news.retain(|seen| !begun.insert(seen.shard));
    }
}

impl Unmatched {
    /// Those left that are such a record, in the order of reading.
    pub(super) fn alike(&self, fingerprint: Fingerprint) -> &[Seen] {
        let start = self.seen.partition_point(|seen| seen.fingerprint < fingerprint);
        let gone = self.gone.get(&fingerprint).copied().unwrap_or(0);
        let rest = self.seen.get(start.saturating_add(gone)..).unwrap_or_default();
        let count = rest.partition_point(|seen| seen.fingerprint == fingerprint);
        rest.get(..count).unwrap_or_default()
    }

    /// Takes the first so many of them away.
    pub(super) fn take_first(&mut self, fingerprint: Fingerprint, count: usize) {
        if count > 0 {
            *self.gone.entry(fingerprint).or_default() += count;
        }
    }

    /// All that were seen, also those that were taken away since, with their shards.
    pub(super) fn all(&self) -> impl Iterator<Item = (&str, &SequenceNumber)> {
        let shard_of = |seen: &Seen| self.shards.get(saturate::to_usize(seen.shard));
        let seen = self.seen.iter();
        seen.filter_map(move |seen| Some((&**shard_of(seen)?, &seen.number)))
    }

    /// The proof that one of them is.
    pub(super) fn acknowledged(&self, seen: &Seen) -> Acknowledged {
        acknowledged(&self.shards, seen)
    }
}

fn put(numbers: &mut HashMap<String, String>, shard_id: &str, sequence_number: &str) {
    match numbers.get_mut(shard_id) {
        Some(number) => sequence_number.clone_into(number),
        None => {
            numbers.insert(shard_id.to_owned(), sequence_number.to_owned());
        }
    }
}

fn acknowledged(shards: &[Arc<str>], seen: &Seen) -> Acknowledged {
    let shard_id = shards.get(saturate::to_usize(seen.shard));
    let member = seen.member.map(saturate::to_usize);
    Acknowledged::seen(
        shard_id.map_or("", |shard_id| shard_id),
        &seen.number.to_string(),
        member,
    )
}

/// What was seen of one request that ended in doubt. In `final` order a record counts as stored only after the last
/// known record of its key, and after the one that was found for the record before it.
#[derive(Debug)]
pub struct Proofs {
    unmatched: Unmatched,
    ordering: Ordering,
    /// Places before these do not count.
    floors: Floors,
    /// How many unknown records of a key are not found for one of the request.
    left_of: HashMap<Fingerprint, u32>,
    are_overtaken: bool,
}

impl Proofs {
    /// What was seen, to be matched with the records of a request.
    pub fn new(looked: Looked, ordering: Ordering) -> Self {
        let News {
            unmatched,
            floors,
            left_of,
            ..
        } = looked.split();
        Self {
            unmatched,
            ordering,
            floors,
            left_of,
            are_overtaken: false,
        }
    }

    /// Whether a record was not found of whose key there are others that nobody was found for: one of them may be that
    /// record, in a place that does not count, and it is stored twice then.
    pub fn are_overtaken(&self) -> bool {
        self.are_overtaken
    }

    /// The proof that a record is stored, if one is left. Records come in the order in which they were sent.
    pub fn take(&mut self, partition_key: &[u8], payload: &[u8]) -> Option<Acknowledged> {
        let fingerprint = Fingerprint::of(partition_key, payload);
        let alike = self.unmatched.alike(fingerprint);
        let key = mark_of(partition_key);
        let floor = match self.ordering {
            Ordering::Final => self.floors.get(&key).copied().unwrap_or(0),
            Ordering::Strict | Ordering::None => 0,
        };
        let early = alike.partition_point(|seen| seen.place() < floor);
        let found = alike.get(early).cloned();
        self.unmatched
            .take_first(fingerprint, early + usize::from(found.is_some()));
        let left = self.left_of.entry(key).or_default();
        self.are_overtaken |= found.is_none() && *left > 0;
        let found = found?;
        *left = left.saturating_sub(1);
        self.floors.insert(key, found.place() + 1);
        Some(self.unmatched.acknowledged(&found))
    }
}

#[cfg(test)]
#[path = "looked_tests.rs"]
mod tests;
