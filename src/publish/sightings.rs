//! What was seen of the window in the stream: the records that a process before us may have sent and that no
//! checkpoint knows. Pure: no I/O, no clock.
//!
//! **Invariants:** D3 (a record is skipped only if one like it is really there, and each sighting is used once).

use std::collections::{HashMap, HashSet, VecDeque};

use super::attempt::Acknowledged;
use super::fingerprint::Fingerprint;
use crate::config::Ordering;
use crate::limits::BATCH_RECORDS_MAX;
use crate::model::{ObjectId, QueueName};

/// A record of the stream behind the cut, with where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sighting {
    /// What it is.
    pub fingerprint: Fingerprint,
    /// Proof that it is stored.
    pub acknowledged: Acknowledged,
}

/// Sightings that were not matched with a row yet.
///
/// Only objects that were open at the start can have rows in the window, and of those only the rows up to the last
/// request that was sent. Behind that an equal row is another row and must be sent. So the matching ends for an
/// object when a whole batch of its rows in a row was not found: whatever was sent of a batch in flight lies within
/// it, and all earlier batches were stored as a whole.
///
/// A row behind one of the same key that is missing is sent again even if it was seen: the last state of the key has
/// to come last.
#[derive(Debug, Default)]
pub struct Sightings {
    unmatched: HashMap<Fingerprint, VecDeque<Acknowledged>>,
    /// Objects that may have rows in the window, with how many were not found since the last that was.
    candidates: HashMap<ObjectId, usize>,
    keeps_order: bool,
    overtaken: HashSet<(QueueName, Vec<u8>)>,
}

impl Sightings {
    /// What was seen, to be matched with rows of these objects.
    pub fn new(
        seen: Vec<Sighting>,
        candidates: impl IntoIterator<Item = ObjectId>,
        ordering: Ordering,
    ) -> Self {
        let mut unmatched: HashMap<_, VecDeque<_>> = HashMap::new();
        for sighting in seen {
            let alike = unmatched.entry(sighting.fingerprint).or_default();
            alike.push_back(sighting.acknowledged);
        }
        Self {
            unmatched,
            candidates: candidates.into_iter().map(|id| (id, 0)).collect(),
            keeps_order: ordering != Ordering::None,
            overtaken: HashSet::new(),
        }
    }

    /// Whether a row of the object may still be among them.
    pub fn concern(&self, object: &ObjectId) -> bool {
        self.candidates.contains_key(object)
    }

    /// The proof that a row of the object is stored already, if one is left. Rows come in file order.
    pub fn take(&mut self, object: &ObjectId, partition_key: &[u8], payload: &[u8]) -> Option<Acknowledged> {
        let misses = self.candidates.get_mut(object)?;
        let place = (object.queue.clone(), partition_key.to_vec());
        let is_overtaken = self.keeps_order && self.overtaken.contains(&place);
        let fingerprint = Fingerprint::of(partition_key, payload);
        let found = if is_overtaken {
            None
        } else {
            self.unmatched.get_mut(&fingerprint).and_then(VecDeque::pop_front)
        };
        if found.is_some() {
            *misses = 0;
            return found;
        }
        *misses += 1;
        if *misses >= BATCH_RECORDS_MAX {
            self.candidates.remove(object);
        }
        if self.keeps_order {
            self.overtaken.insert(place);
        }
        if self.candidates.is_empty() {
            self.unmatched = HashMap::new();
            self.overtaken = HashSet::new();
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(number: u64) -> ObjectId {
        ObjectId {
            queue: QueueName::changes(),
            number,
        }
    }

    fn seen(rows: &[(&str, &str)]) -> Vec<Sighting> {
        let sighting = |(number, (key, payload)): (usize, &(&str, &str))| Sighting {
            fingerprint: Fingerprint::of(key.as_bytes(), payload.as_bytes()),
            acknowledged: Acknowledged::seen("s", &number.to_string()),
        };
        rows.iter().enumerate().map(sighting).collect()
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
    fn behind_a_missing_row_of_a_key_the_order_is_restored_and_other_keys_are_not_touched() {
        let rows = [("k", "a"), ("k", "c"), ("l", "c")];
        let mut ordered = Sightings::new(seen(&rows), [object(1)], Ordering::Final);
        let found = [("k", "a"), ("k", "b"), ("k", "c"), ("l", "c")];
        let found = found.map(|(key, payload)| takes(&mut ordered, 1, key, payload));
        assert_eq!(found, [true, false, false, true]);
        let mut unordered = Sightings::new(seen(&rows), [object(1)], Ordering::None);
        assert!(!takes(&mut unordered, 1, "k", "b") && takes(&mut unordered, 1, "k", "c"));
    }

    #[test]
    fn behind_a_batch_of_missing_rows_an_equal_row_is_another_row() {
        let mut sightings = Sightings::new(seen(&[("k", "late twin")]), [object(1)], Ordering::None);
        for row in 0..BATCH_RECORDS_MAX {
            assert!(!takes(&mut sightings, 1, "k", &format!("row {row}")));
        }
        assert!(!takes(&mut sightings, 1, "k", "late twin"));
        assert!(!sightings.concern(&object(1)));
    }
}
