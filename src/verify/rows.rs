//! What must be in the stream and what was seen of it: an index of fingerprints. Pure: no I/O, no clock.
//!
//! A row costs its 16-byte fingerprint, a small note of where it stands and where it was last seen, and a slot of the
//! index; its text is not kept. Rows that say exactly the same under the same key are twins: which copy is whose
//! is unknown, so for them, and only for them, the place of each copy is kept.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use crate::publish::fingerprint::Fingerprint;
use crate::route::shard_map::HashKey;
use crate::saturate;

/// Whether a row has to be in the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Demand {
    /// It is settled as delivered: it has to be there.
    Required,
    /// It may be there: it was in flight when the task stopped, or it was dead-lettered.
    Allowed,
}

/// A row whose record is to be found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExpectedRow {
    /// What its record looks like.
    pub fingerprint: Fingerprint,
    /// The upper half of its hash key: distinguishes keys, and which shard it goes to.
    pub hash: u64,
    /// Index of its object.
    pub object: u32,
    /// Its number in the object.
    pub ordinal: u64,
    /// Index of its table.
    pub table: u32,
    /// Whether it has to be there.
    pub demand: Demand,
}

/// What is known of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Seen {
    Never,
    /// Where the last copy of it stands.
    At(u64),
    /// It is one of the twins of this group; not distinguished yet.
    AsTwin(usize),
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Row {
    pub(super) hash: u64,
    pub(super) ordinal: u64,
    pub(super) seen: Seen,
    pub(super) object: u32,
    pub(super) table: u32,
    pub(super) copies: u32,
    pub(super) demand: Demand,
}

/// Rows with one fingerprint.
#[derive(Debug, Default)]
pub(super) struct Twins {
    pub(super) required: usize,
    pub(super) allowed: usize,
    /// Where their copies stand, ascending.
    pub(super) places: Vec<u64>,
}

#[derive(Debug, Clone, Copy)]
enum Slot {
    Row(usize),
    Twins(usize),
}

/// The index. First all rows are added in reading order, then all records of the stream are taken.
#[derive(Debug, Default)]
pub struct Rows {
    pub(super) all: Vec<Row>,
    pub(super) twins: Vec<Twins>,
    slots: HashMap<Fingerprint, Slot>,
    records: u64,
    foreign: u64,
    later: u64,
}

impl Rows {
    /// An index with room for this many rows.
    pub fn with_capacity(count: usize) -> Self {
        Self {
            all: Vec::with_capacity(count),
            slots: HashMap::with_capacity(count),
            ..Self::default()
        }
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Adds a row. Rows of an object come one after another, in file order.
    pub fn add(&mut self, row: ExpectedRow) {
        let number = self.all.len();
        let mut seen = Seen::Never;
        match self.slots.entry(row.fingerprint) {
            Entry::Vacant(slot) => {
                slot.insert(Slot::Row(number));
            }
            Entry::Occupied(mut slot) => {
                let group = match *slot.get() {
                    Slot::Twins(group) => group,
                    Slot::Row(first) => {
                        let group = self.twins.len();
                        let mut twins = Twins::default();
                        if let Some(first) = self.all.get_mut(first) {
                            twins.count(first.demand);
                            first.seen = Seen::AsTwin(group);
                        }
                        self.twins.push(twins);
                        slot.insert(Slot::Twins(group));
                        group
                    }
                };
                if let Some(twins) = self.twins.get_mut(group) {
                    twins.count(row.demand);
                }
                seen = Seen::AsTwin(group);
            }
        }
        self.all.push(Row {
            hash: row.hash,
            ordinal: row.ordinal,
            seen,
            object: row.object,
            table: row.table,
            copies: 0,
            demand: row.demand,
        });
    }

    /// Changes the demand of every row from this one on, when more is known of their object.
    pub fn demand_from(&mut self, number: usize, demand: Demand) {
        for row in self.all.iter_mut().skip(number) {
            if let Seen::AsTwin(group) = row.seen
                && let Some(twins) = self.twins.get_mut(group)
            {
                twins.forget(row.demand);
                twins.count(demand);
            }
            row.demand = demand;
        }
    }

    /// Takes the next record of the stream: all of a key in the order of the stream.
    pub fn take(&mut self, partition_key: &[u8], payload: &[u8]) {
        let place = self.records;
        self.records += 1;
        match self.slots.get(&Fingerprint::of(partition_key, payload)) {
            None => self.foreign += 1,
            Some(Slot::Row(number)) => {
                if let Some(row) = self.all.get_mut(*number) {
                    row.seen = Seen::At(place);
                    row.copies = row.copies.saturating_add(1);
                }
            }
            Some(Slot::Twins(group)) => {
                if let Some(twins) = self.twins.get_mut(*group) {
                    twins.places.push(place);
                }
            }
        }
    }

    /// Takes a record that came after what is asked about: it is nobody's repeat and nothing foreign. It may be a row that
    /// was in doubt, so one that nothing was seen of is found.
    pub fn take_later(&mut self, partition_key: &[u8], payload: &[u8]) {
        let place = self.records;
        self.records += 1;
        self.later += 1;
        match self.slots.get(&Fingerprint::of(partition_key, payload)) {
            None => {}
            Some(Slot::Row(number)) => {
                let row = self.all.get_mut(*number);
                if let Some(row) = row.filter(|row| row.copies == 0) {
                    row.seen = Seen::At(place);
                    row.copies = 1;
                }
            }
            Some(Slot::Twins(group)) => {
                if let Some(twins) = self.twins.get_mut(*group)
                    && twins.places.len() < twins.required
                {
                    twins.places.push(place);
                }
            }
        }
    }

    /// Records taken, but for later ones.
    pub fn records_count(&self) -> u64 {
        self.records - self.later
    }

    /// Records that no row explains.
    pub fn foreign_count(&self) -> u64 {
        self.foreign
    }

    /// The index is not needed any more once all records are taken.
    pub(super) fn forget_index(&mut self) {
        self.slots = HashMap::new();
    }
}

impl Twins {
    fn count(&mut self, demand: Demand) {
        match demand {
            Demand::Required => self.required += 1,
            Demand::Allowed => self.allowed += 1,
        }
    }

    /// Takes one twin out of the count.
    pub(super) fn forget(&mut self, demand: Demand) {
        match demand {
            Demand::Required => self.required = self.required.saturating_sub(1),
            Demand::Allowed => self.allowed = self.allowed.saturating_sub(1),
        }
    }
}

/// The upper half of the hash key of a partition key.
pub(super) fn key_hash(partition_key: &[u8]) -> u64 {
    let upper = HashKey::of_partition_key(partition_key).0 >> 64;
    saturate::to_u64(upper)
}
