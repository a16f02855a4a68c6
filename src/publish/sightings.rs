//! What was seen of the window in the stream: the records that a process before us may have sent and that no
//! checkpoint knows. Pure: no I/O, no clock.
//!
//! **Invariants:** D3 (a record is skipped only if one like it is really there, and each sighting is used once).

use std::collections::{BTreeSet, HashMap};

use super::attempt::{Acknowledged, StoredPlaces};
use super::fingerprint::Fingerprint;
use super::looked::{Floors, Looked, News, Seen, Unmatched, mark_of};
use super::planted;
use crate::limits::BATCH_RECORDS_MAX;
use crate::model::places::{InDoubt, KnownPlaces, LastLook, is_before};
use crate::model::settle::{compare_sequence_numbers, sequence_number_of};
use crate::model::{BatchRecord, ObjectId, QueueName};
use crate::route::shard_map::HashKey;
use crate::settings::Ordering;

/// Misses of a lane in which nothing of an object can be in the window any more.
const CLOSED: usize = usize::MAX;

/// Sightings that were not matched with a row yet.
///
/// Only objects that were open at the start can have rows in the window, and of those only the rows up to the last
/// request that was sent. After that an equal row is another row and must be sent. Whoever sent to a shard had one
/// request in flight there, so of the rows of an object that went to it all are there up to a place, some of one batch
/// are, and none after that. So the matching ends for an object and the keys of a former shard when a whole batch of
/// such rows in a row was not found. Keys are looked at by the ranges that all shards of the family together cut the
/// hash space into: after a merge one parent may have been far ahead of the other.
///
/// A row after one of the same key that is missing is sent again even if it was seen: the last state of the key has
/// to come last.
///
/// In `final` order there is more to it: a process that died while it closed a hole left some rows of a key more than
/// once, or before one that they come after. It says so before it begins ([`Self::new`], `may_hold_copies`). Only the last copy of each row counts then, and
/// only after the last copy of the row before it; everything from the first row on of which that is not so is sent
/// again. A known record of the key counts as such a row: a process that was interrupted in the middle of such a repair
/// left it there. Equal rows of one key cannot be distinguished from copies then, so they are sent again too.
///
/// Otherwise what was seen of a key is a part of its rows in their order. So each row has the first sighting like it
/// after that of the row before, and equal rows are counted: as many as were seen are not sent again.
#[derive(Debug)]
pub struct Sightings {
    unmatched: Unmatched,
    /// Where something is not matched yet, by shard.
    open: HashMap<String, InDoubt>,
    /// Objects that may have rows in the window, with how many of each lane were not found since the last that was.
    candidates: HashMap<ObjectId, Vec<usize>>,
    /// Up to where shards were read of which something was not matched when the last batch was settled.
    ends: HashMap<String, String>,
    /// Where the former lanes begin, in order.
    lane_starts: Vec<u128>,
    /// How many sightings of a key are not matched.
    left_of: HashMap<Fingerprint, u32>,
    are_overtaken: bool,
    ordering: Ordering,
    may_hold_copies: bool,
    keys: HashMap<(QueueName, Vec<u8>), KeyMatch>,
    /// Places before these do not count if there may be copies.
    floors: Floors,
}

/// How far the rows of one key were found.
#[derive(Debug, Clone, Copy)]
enum KeyMatch {
    /// The last one at this place.
    Found(usize),
    /// One is missing: whatever is after it is sent again.
    Overtaken,
}

impl Sightings {
    /// What was seen, to be matched with rows of these objects.
    pub fn new(
        looked: Looked,
        candidates: impl IntoIterator<Item = ObjectId>,
        ordering: Ordering,
        may_hold_copies: bool,
    ) -> Self {
        let News {
            unmatched,
            floors,
            left_of,
            lane_starts,
            last,
        } = looked.split();
        let mut open: HashMap<String, InDoubt> = HashMap::new();
        for (shard_id, number) in unmatched.all() {
            let of_shard = match open.get_mut(shard_id) {
                Some(of_shard) => of_shard,
                None => open.entry(shard_id.to_owned()).or_default(),
            };
            of_shard.add(number.clone());
        }
        let lanes_count = lane_starts.len() + 1;
        Self {
            unmatched,
            open,
            candidates: candidates
                .into_iter()
                .map(|id| (id, vec![0; lanes_count]))
                .collect(),
            lane_starts,
            ends: last,
            left_of,
            are_overtaken: false,
            ordering,
            may_hold_copies,
            keys: HashMap::new(),
            floors,
        }
    }

    /// Whether a row of the object may still be among them.
    pub fn concern(&self, object: &ObjectId) -> bool {
        self.candidates.contains_key(object)
    }

    /// Whether a row is to be sent, of whose key there are sightings that are not matched: if rows after it are among
    /// them, they stand before it then, and nothing but this says so once it is settled.
    pub fn are_overtaken(&self) -> bool {
        self.are_overtaken
    }

    /// Adds what was `known` in a shard before to the places of a batch there, and says where a later look has to begin
    /// (D3).
    ///
    /// A look takes everything unknown after its beginning for news. So whatever is settled after the first record of
    /// the batch stays known. And where a sighting is not matched yet, the look has to begin there.
    ///
    /// In `final` order, as long as a sighting is open in any shard, the look begins where the last one did, `last_look`: a known
    /// record of a key, which a hole was closed with, says that a sighting of the key in a parent stands before it, and
    /// says it only as long as it is read. Where nobody closed a hole, `last_look` may be [`LastLook::Nowhere`].
    pub fn complete(
        &self,
        shard_id: &str,
        places: Vec<String>,
        known: KnownPlaces,
        last_look: LastLook,
    ) -> (KnownPlaces, Option<String>) {
        let none = InDoubt::default();
        let open = self.open.get(shard_id).unwrap_or(&none);
        let is_any_open = self.open.values().any(|open| !open.is_empty());
        let last_look = if self.ordering == Ordering::Final && is_any_open {
            last_look
        } else {
            LastLook::Nowhere
        };
        if open.is_empty()
            && last_look == LastLook::Nowhere
            && places.is_sorted_by(|left, right| !is_before(right, left))
            && let (Some(first), Some(last)) = (places.first(), places.last())
            && known.last().is_none_or(|known| is_before(known, first))
        {
            // Nearly always: nothing is open, and all of it lies after what was known before.
            let number = |place: &String| sequence_number_of(place).to_owned();
            let known = KnownPlaces {
                runs: vec![(number(first), number(last))],
                members: BTreeSet::new(),
            };
            return (known, Some(number(first)));
        }
        let open_first = open.first();
        let last_start = match &last_look {
            LastLook::At(start) => Some(start),
            LastLook::Nowhere | LastLook::ByTime => None,
        };
        let begins = places.iter().chain(&open_first).chain(last_start);
        let begin = begins
            .map(String::as_str)
            .min_by(|left, right| compare_sequence_numbers(left, right))
            .filter(|_| last_look != LastLook::ByTime)
            .map(|begin| sequence_number_of(begin).to_owned());
        let mut joined = known;
        joined.extend(KnownPlaces::of(places));
        if let Some(begin) = &begin {
            joined.forget_before(begin);
        }
        joined.join(open);
        (joined, begin)
    }

    /// Once nothing is open any more: the shards that were read, each with the last record that was seen there. A later
    /// look has to begin there, or it would take what proved nothing for news again. Not shard by shard: where the known
    /// records of a key stand in one of them says what sightings in another are worth.
    pub fn take_done(&mut self) -> HashMap<String, String> {
        if self.open.values().any(|open| !open.is_empty()) {
            return HashMap::new();
        }
        std::mem::take(&mut self.ends)
    }

    /// The same as places that a batch stored in those shards, or that it did not.
    pub fn add_done(&mut self, stored: &mut Vec<StoredPlaces>) {
        for (shard_id, last) in self.take_done() {
            match stored.iter_mut().find(|group| group.shard_id == shard_id) {
                Some(group) if group.places.iter().all(|place| is_before(place, &last)) => {
                    group.places.push(last);
                }
                Some(_) => {}
                None => stored.push(StoredPlaces {
                    shard_id,
                    records_count: 0,
                    places: vec![last],
                }),
            }
        }
    }

    /// Gives up on what is not matched yet: rows that it would prove are sent again.
    fn close(&mut self) {
        self.unmatched = Unmatched::default();
        self.open = HashMap::new();
        self.candidates = HashMap::new();
        self.keys = HashMap::new();
        self.floors = Floors::new();
        self.left_of = HashMap::new();
    }

    /// Rows of this object come now, so those of the objects before it in its queue have all been there.
    pub fn pass(&mut self, object: &ObjectId) {
        let count = self.candidates.len();
        self.candidates
            .retain(|id, _| id.queue != object.queue || id.number >= object.number);
        if count > 0 && self.candidates.is_empty() {
            self.close();
        }
    }

    /// No row of the object comes any more. Without this, what others wrote into the stream is kept for rows of the last
    /// file of a queue, and every later look has to begin there.
    pub fn finish(&mut self, object: &ObjectId) {
        if self.candidates.remove(object).is_some() && self.candidates.is_empty() {
            self.close();
        }
    }

    fn lane_of(&self, hash_key: HashKey) -> usize {
        planted::lane(self.lane_starts.partition_point(|start| *start <= hash_key.0))
    }

    /// The proof that a row of the object is stored already, if one is left. Rows come in file order.
    pub fn take(&mut self, object: &ObjectId, record: &BatchRecord) -> Option<Acknowledged> {
        let lane = self.lane_of(record.hash_key());
        let misses = *self.candidates.get(object)?.get(lane)?;
        if misses == CLOSED {
            return None;
        }
        let found = self.find(&object.queue, record.partition_key(), record.payload());
        let misses = match found {
            Some(_) => 0,
            None if misses + 1 >= BATCH_RECORDS_MAX => CLOSED,
            None => misses + 1,
        };
        if let Some(lanes) = self.candidates.get_mut(object) {
            if let Some(known) = lanes.get_mut(lane) {
                *known = misses;
            }
            if lanes.iter().all(|misses| *misses == CLOSED) {
                self.candidates.remove(object);
            }
        }
        if self.candidates.is_empty() {
            self.close();
        }
        found
    }

    fn find(&mut self, queue: &QueueName, partition_key: &[u8], payload: &[u8]) -> Option<Acknowledged> {
        let has_copies = self.may_hold_copies && self.ordering == Ordering::Final;
        let key = (self.ordering != Ordering::None).then(|| (queue.clone(), partition_key.to_vec()));
        let progress = key.as_ref().and_then(|key| self.keys.get(key).copied());
        let first = match progress {
            // Other queues may use the key too; then rows are sent again without need, which `final` allows.
            None if has_copies => Some(self.floors.get(&mark_of(partition_key)).copied().unwrap_or(0)),
            None => Some(0),
            Some(KeyMatch::Found(last)) => Some(last + 1),
            Some(KeyMatch::Overtaken) => None,
        };
        let fingerprint = Fingerprint::of(partition_key, payload);
        let alike = self.unmatched.alike(fingerprint);
        let early = match first {
            _ if has_copies => alike.len().saturating_sub(1),
            Some(first) => alike.partition_point(|seen| seen.place() < first),
            None => 0,
        };
        // Those before the next one, and that one too if the row is sent again, are given up.
        let ended: Vec<Seen> = alike.iter().take(early + 1).cloned().collect();
        self.unmatched.take_first(fingerprint, ended.len());
        let next = ended.get(early);
        let found = next.filter(|next| first.is_some_and(|first| next.place() >= first));
        if let Some(key) = key {
            let place = found.map(Seen::place);
            let progress = place.map_or(KeyMatch::Overtaken, KeyMatch::Found);
            self.keys.insert(key, progress);
        }
        if let Some(left) = self.left_of.get_mut(&mark_of(partition_key)) {
            self.are_overtaken |= found.is_none() && *left > 0;
            *left = left.saturating_sub(u32::from(found.is_some()));
        }
        for ended in &ended {
            let ended = self.unmatched.acknowledged(ended);
            let (shard_id, place) = ended.place();
            if let Some(open) = self.open.get_mut(shard_id) {
                open.remove(place);
            }
        }
        found.map(|found| self.unmatched.acknowledged(found))
    }
}

#[cfg(test)]
#[path = "sightings_tests.rs"]
mod tests;
