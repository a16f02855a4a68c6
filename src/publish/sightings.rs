//! What was seen of the window in the stream: the records that a process before us may have sent and that no
//! checkpoint knows. Pure: no I/O, no clock.
//!
//! **Invariants:** D3 (a record is skipped only if one like it is really there, and each sighting is used once).

use std::collections::{HashMap, HashSet};

use super::attempt::Acknowledged;
use super::fingerprint::Fingerprint;
use super::looked::{Floors, Looked, Unmatched};
use crate::limits::BATCH_RECORDS_MAX;
use crate::model::settle::{StoredIn, compare_sequence_numbers, sequence_number_of};
use crate::model::{ObjectId, QueueName};
use crate::settings::Ordering;

/// Sequence numbers of a shard that are kept at most while sightings are open.
const KNOWN_MAX: usize = 4 * BATCH_RECORDS_MAX;

/// Sightings that were not matched with a row yet.
///
/// Only objects that were open at the start can have rows in the window, and of those only the rows up to the last
/// request that was sent. After that an equal row is another row and must be sent. So the matching ends for an
/// object when a whole batch of its rows in a row was not found: whatever was sent of a batch in flight lies within
/// it, and all earlier batches were stored as a whole.
///
/// A row after one of the same key that is missing is sent again even if it was seen: the last state of the key has
/// to come last. In `final` order there is more to it: a process that died while it closed a hole left some rows of a
/// key more than once. Only the last copy of each counts then, and only after the last copy of the row before it;
/// everything from the first row on of which that is not so is sent again. A known record of the key counts as such a
/// row: a process that was interrupted in the middle of such a repair left it there. Equal rows of one key cannot be
/// distinguished from copies, so they are sent again too.
#[derive(Debug)]
pub struct Sightings {
    unmatched: Unmatched,
    /// Objects that may have rows in the window, with how many were not found since the last that was.
    candidates: HashMap<ObjectId, usize>,
    ordering: Ordering,
    keys: HashMap<(QueueName, Vec<u8>), KeyMatch>,
    /// Places before these do not count in `final` order.
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
    pub fn new(looked: Looked, candidates: impl IntoIterator<Item = ObjectId>, ordering: Ordering) -> Self {
        let (unmatched, floors) = looked.split();
        Self {
            unmatched,
            floors,
            candidates: candidates.into_iter().map(|id| (id, 0)).collect(),
            ordering,
            keys: HashMap::new(),
        }
    }

    /// Whether a row of the object may still be among them.
    pub fn concern(&self, object: &ObjectId) -> bool {
        self.candidates.contains_key(object)
    }

    /// Adds to what a shard stored of a batch what was `known` before and has to stay known, and says where a later
    /// look has to begin (D3).
    ///
    /// A look takes everything unknown after its beginning for news. So whatever is settled after the first record of
    /// the batch stays known. And where a sighting is not matched yet, the look has to begin there.
    pub fn complete(&mut self, group: &mut StoredIn, known: Vec<String>) {
        if self.unmatched.is_empty() && is_after(&group.sequence_numbers, &known) {
            // Nearly always: nothing is open, and all of it lies after what was known before.
            join_members(group, &HashSet::new());
            group.look_from = group.sequence_numbers.first().cloned();
            return;
        }
        if known.len() > KNOWN_MAX {
            // What is left belongs to somebody else, and the list must not grow for ever.
            self.close();
        }
        let open = self.open_in(&group.shard_id);
        let mut begin = first_of(group.sequence_numbers.iter().map(String::as_str));
        if let Some(first_open) = first_of(open.iter().copied())
            && begin.is_some_and(|begin| is_before(first_open, begin))
        {
            begin = Some(first_open);
        }
        let begin = begin.map(|begin| sequence_number_of(begin).to_owned());
        let is_met = |number: &String| begin.as_ref().is_none_or(|begin| !is_before(number, begin));
        let kept = known.into_iter().filter(is_met);
        group.sequence_numbers.extend(kept);
        join_members(group, &open);
        group.sequence_numbers.sort_unstable();
        group.sequence_numbers.dedup();
        group.look_from = begin;
    }

    /// The sequence numbers of a shard of which something is not matched yet.
    fn open_in(&self, shard_id: &str) -> HashSet<&str> {
        let open = self.unmatched.values().flatten();
        let open = open.map(|(_, acknowledged)| acknowledged.place());
        let open = open.filter(|(of_shard, _)| *of_shard == shard_id);
        open.map(|(_, place)| sequence_number_of(place)).collect()
    }

    /// Gives up on what is not matched yet: rows that it would prove are sent again.
    fn close(&mut self) {
        self.candidates = HashMap::new();
        self.unmatched = Unmatched::new();
        self.keys = HashMap::new();
        self.floors = Floors::new();
    }

    /// The proof that a row of the object is stored already, if one is left. Rows come in file order.
    pub fn take(&mut self, object: &ObjectId, partition_key: &[u8], payload: &[u8]) -> Option<Acknowledged> {
        let misses = self.candidates.get_mut(object)?;
        let keeps_order = self.ordering != Ordering::None;
        let key = keeps_order.then(|| (object.queue.clone(), partition_key.to_vec()));
        let progress = key.as_ref().and_then(|key| self.keys.get(key).copied());
        let first = match progress {
            // Other queues may use the key too; then rows are sent again without need, which `final` allows.
            None if self.ordering == Ordering::Final => {
                Some(self.floors.get(partition_key).copied().unwrap_or(0))
            }
            None => Some(0),
            Some(KeyMatch::Found(last)) => Some(last + 1),
            Some(KeyMatch::Overtaken) => None,
        };
        let fingerprint = Fingerprint::of(partition_key, payload);
        let alike = self.unmatched.get_mut(&fingerprint);
        let next = alike.and_then(|alike| match self.ordering {
            Ordering::Final => alike.drain(..).next_back(),
            Ordering::Strict | Ordering::None => alike.pop_front(),
        });
        // Without an order nothing is ever noted of a key, so `first` is 0.
        let found = first.zip(next).filter(|(first, (place, _))| place >= first);
        let found = found.map(|(_, sighting)| sighting);
        if let Some(key) = key {
            let place = found.as_ref().map(|(place, _)| *place);
            self.keys
                .insert(key, place.map_or(KeyMatch::Overtaken, KeyMatch::Found));
        }
        if let Some((_, acknowledged)) = found {
            *misses = 0;
            return Some(acknowledged);
        }
        *misses += 1;
        if *misses >= BATCH_RECORDS_MAX {
            self.candidates.remove(object);
        }
        if self.candidates.is_empty() {
            self.close();
        }
        None
    }
}

/// A record of whose members none is open any more is known as a whole. As long as one is, the others are known one
/// by one: the record would hide it from a later look, and without them their rows would be proven twice (D3).
fn join_members(group: &mut StoredIn, open: &HashSet<&str>) {
    for place in &mut group.sequence_numbers {
        let sequence_number = sequence_number_of(place);
        if sequence_number.len() < place.len() && !open.contains(sequence_number) {
            *place = sequence_number.to_owned();
        }
    }
}

/// Whether numbers that rise lie after others that rise, as far as a glance shows.
fn is_after(numbers: &[String], others: &[String]) -> bool {
    let rises = |numbers: &[String]| numbers.is_sorted_by(|left, right| !is_before(right, left));
    let is_apart = numbers
        .first()
        .zip(others.last())
        .is_none_or(|(first, last)| is_before(last, first));
    is_apart && rises(numbers) && rises(others)
}

pub(super) fn is_before(left: &str, right: &str) -> bool {
    compare_sequence_numbers(left, right).is_lt()
}

fn first_of<'n>(numbers: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    numbers.min_by(|left, right| compare_sequence_numbers(left, right))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::publish::looked::Sighting;

    fn object(number: u64) -> ObjectId {
        ObjectId {
            queue: QueueName::changes(),
            number,
        }
    }

    fn seen(rows: &[(&str, &str)]) -> Looked {
        seen_with(rows, &[])
    }

    /// What was seen if the records at these places are known.
    fn seen_with(rows: &[(&str, &str)], known: &[usize]) -> Looked {
        let mut looked = Looked::default();
        for (number, (key, payload)) in rows.iter().enumerate() {
            let sighting = Sighting {
                fingerprint: Fingerprint::of(key.as_bytes(), payload.as_bytes()),
                acknowledged: Acknowledged::seen("s", &number.to_string(), None),
            };
            looked.note(sighting, key.as_bytes(), known.contains(&number));
        }
        looked
    }

    fn takes(sightings: &mut Sightings, number: u64, key: &str, payload: &str) -> bool {
        sightings
            .take(&object(number), key.as_bytes(), payload.as_bytes())
            .is_some()
    }

    /// D3.
    #[test]
    fn each_sighting_proves_one_row() {
        let mut sightings = Sightings::new(seen(&[("k", "a"), ("k", "a")]), [object(1)], Ordering::None);
        assert!(takes(&mut sightings, 1, "k", "a") && takes(&mut sightings, 1, "k", "a"));
        assert!(!takes(&mut sightings, 1, "k", "a"));
    }

    #[test]
    fn only_objects_that_were_open_have_rows_in_the_window() {
        let mut sightings = Sightings::new(seen(&[("k", "a")]), [object(1)], Ordering::None);
        assert!(!takes(&mut sightings, 2, "k", "a"));
        assert!(takes(&mut sightings, 1, "k", "a"));
    }

    #[test]
    fn after_a_missing_row_of_a_key_the_order_is_restored_and_other_keys_are_not_touched() {
        let rows = [("k", "a"), ("k", "c"), ("l", "c")];
        let mut ordered = Sightings::new(seen(&rows), [object(1)], Ordering::Final);
        let found = [("k", "a"), ("k", "b"), ("k", "c"), ("l", "c")];
        let found = found.map(|(key, payload)| takes(&mut ordered, 1, key, payload));
        assert_eq!(found, [true, false, false, true]);
        let mut unordered = Sightings::new(seen(&rows), [object(1)], Ordering::None);
        assert!(!takes(&mut unordered, 1, "k", "b") && takes(&mut unordered, 1, "k", "c"));
    }

    /// A process found the first row of three refused and was killed while it sent all of them again.
    /// O2.
    #[test]
    fn a_copy_before_a_hole_that_was_being_closed_proves_nothing() {
        for (rows, expected) in [
            (["b", "c", "a", "b"].as_slice(), [true, true, false]),
            (&["a", "b", "c", "a", "b"], [true, true, false]),
            (&["a", "b", "c"], [true, true, true]),
            (&["b", "c", "a", "b", "c"], [true, true, true]),
        ] {
            let rows: Vec<_> = rows.iter().map(|row| ("k", *row)).collect();
            let mut sightings = Sightings::new(seen(&rows), [object(1)], Ordering::Final);
            let found = ["a", "b", "c"].map(|payload| takes(&mut sightings, 1, "k", payload));
            assert_eq!(found, expected, "{rows:?}");
        }
    }

    /// In `strict` order no row is ever sent after a later one of its key, so nothing comes twice, and equal rows are
    /// rows.
    #[test]
    fn equal_rows_are_found_one_by_one_where_nothing_is_repeated() {
        let rows = [("k", "a"), ("k", "b"), ("k", "a")];
        for (ordering, expected) in [
            (Ordering::Strict, [true, true, true]),
            (Ordering::None, [true, true, true]),
            (Ordering::Final, [true, false, false]),
        ] {
            let mut sightings = Sightings::new(seen(&rows), [object(1)], ordering);
            let found = rows.map(|(key, payload)| takes(&mut sightings, 1, key, payload));
            assert_eq!(found, expected, "{ordering:?}");
        }
    }

    /// Rows a, b, c of a key: a and c were stored, then b by a process that was interrupted before it sent c again.
    #[test]
    fn a_row_before_a_known_one_of_its_key_is_sent_again() {
        let rows = [("k", "c"), ("l", "c"), ("k", "b")];
        let mut ordered = Sightings::new(seen_with(&rows, &[2]), [object(1)], Ordering::Final);
        assert!(!takes(&mut ordered, 1, "k", "c") && takes(&mut ordered, 1, "l", "c"));
        let mut strict = Sightings::new(seen_with(&rows, &[2]), [object(1)], Ordering::Strict);
        assert!(takes(&mut strict, 1, "k", "c"));
    }

    #[test]
    fn after_a_batch_of_missing_rows_an_equal_row_is_another_row() {
        let mut sightings = Sightings::new(seen(&[("k", "late twin")]), [object(1)], Ordering::None);
        for row in 0..BATCH_RECORDS_MAX {
            assert!(!takes(&mut sightings, 1, "k", &format!("row {row}")));
        }
        assert!(!takes(&mut sightings, 1, "k", "late twin"));
        assert!(!sightings.concern(&object(1)));
    }

    /// None of what is settled after the place where a look begins may be forgotten, and none that is still to be
    /// matched may lie before it.
    /// D3.
    #[test]
    fn what_a_later_look_would_meet_stays_known() {
        let completed = |sightings: &mut Sightings, new: &[&str], known: &[&str]| {
            let mut group = StoredIn {
                shard_id: "s".into(),
                records_count: 0,
                sequence_numbers: new.iter().map(ToString::to_string).collect(),
                look_from: None,
            };
            let known = known.iter().map(ToString::to_string).collect();
            sightings.complete(&mut group, known);
            (group.sequence_numbers.join(" "), group.look_from.unwrap())
        };
        let expect = |numbers: &str, look_from: &str| (numbers.to_owned(), look_from.to_owned());
        let mut none = Sightings::new(Looked::default(), [], Ordering::None);
        assert_eq!(completed(&mut none, &["7", "8"], &["4", "5"]), expect("7 8", "7"));
        assert_eq!(
            completed(&mut none, &["3", "8"], &["2", "5"]),
            expect("3 5 8", "3")
        );
        let mut open = Sightings::new(seen(&[("k", "a"), ("k", "b")]), [object(1)], Ordering::None);
        assert!(takes(&mut open, 1, "k", "a"));
        // The second sighting, 1, is still to be matched: a look begins there.
        assert_eq!(completed(&mut open, &["5"], &["0"]), expect("5", "1"));
        assert!(takes(&mut open, 1, "k", "b"));
        assert_eq!(completed(&mut open, &["6"], &["5"]), expect("6", "6"));
    }
    /// A process that is killed between two batches must find the second one in the record in which it was sent.
    /// D3.
    #[test]
    fn the_members_of_a_record_stay_known_one_by_one_until_none_is_open() {
        let mut looked = Looked::default();
        for (index, payload) in ["a", "b", "c"].iter().enumerate() {
            let sighting = Sighting {
                fingerprint: Fingerprint::of(b"k", payload.as_bytes()),
                acknowledged: Acknowledged::seen("s", "7", Some(index)),
            };
            looked.note(sighting, b"k", false);
        }
        let mut sightings = Sightings::new(looked, [object(1)], Ordering::Strict);
        let mut settle = |payloads: &[&str], known: &[&str]| {
            let take = |payload: &&str| sightings.take(&object(1), b"k", payload.as_bytes()).unwrap();
            let found: Vec<_> = payloads.iter().map(take).collect();
            let mut group = StoredIn {
                shard_id: "s".into(),
                records_count: 0,
                sequence_numbers: found.iter().map(|found| found.place().1.to_owned()).collect(),
                look_from: None,
            };
            sightings.complete(&mut group, known.iter().map(ToString::to_string).collect());
            assert_eq!(group.look_from.as_deref(), Some("7"), "{payloads:?}");
            group.sequence_numbers.join(" ")
        };
        assert_eq!(settle(&["a"], &[]), "7/0");
        assert_eq!(settle(&["b", "c"], &["7/0"]), "7");
    }
}
