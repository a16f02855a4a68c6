//! What a status says of objects: how many there are, and which were set aside. Pure: no I/O, no clock.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::model::ObjectId;
use crate::saturate;

/// Objects set aside that a status names; the checkpoint knows all of them.
pub const QUARANTINED_SHOWN_MAX: usize = 20;

/// Counts of the objects of a queue; control records are not among them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectCounts {
    /// Objects known since this generation started.
    pub known: u64,
    /// Whether the listing was complete.
    pub is_complete: bool,
    /// Objects opened since this generation started.
    pub opened: u64,
    /// Objects read to their end since this generation started.
    pub ended: u64,
    /// Objects that are not read because they lie before the start.
    #[serde(default)]
    pub in_front: u64,
    /// Load files that came after the load of their table was complete: they are not read.
    #[serde(default)]
    pub after_load: u64,
    /// Finished objects that are other versions than the ones that were read: they are not read again.
    #[serde(default)]
    pub replaced: u64,
    /// The first of them.
    #[serde(default)]
    pub replaced_first: Vec<String>,
    /// Whether a load is complete that had no file.
    #[serde(default)]
    pub has_no_file: bool,
    /// Objects of the folder that are not data: side files, and what `source.files` leaves out.
    #[serde(default)]
    pub not_data: SomeObjects,
    /// Objects that are named as DMS names change files, where no change files are read.
    #[serde(default)]
    pub unread_changes: SomeObjects,
    /// Load files that were found as change files before the configuration changed, or the other way about: they are not
    /// read as what they are now.
    #[serde(default)]
    pub read_otherwise: SomeObjects,
    /// Objects set aside since this process started.
    pub quarantined: u64,
    /// Size of the known objects that were opened, bytes.
    pub opened_bytes: u64,
    /// Bytes of the known objects that were not settled when the generation started.
    #[serde(default)]
    pub known_bytes: u64,
    /// The last object opened.
    pub last_key: Option<String>,
    /// The first load files that are not read: their table is suspended, or they came after its load.
    #[serde(default)]
    pub unread: Vec<String>,
}

impl ObjectCounts {
    /// Objects that are known and not opened.
    pub fn waiting(&self) -> u64 {
        self.known.saturating_sub(self.opened)
    }

    /// How much is left if rows of so many bytes are settled. What stands between rows belongs to no row, so of
    /// objects that were read to their end nothing is left.
    pub(super) fn bytes_left(&self, settled_bytes: u64) -> u64 {
        if self.ended >= self.known {
            return 0;
        }
        // The text of compressed files is more than was stored; what was not opened is left for certain.
        let unopened_bytes = self.known_bytes.saturating_sub(self.opened_bytes);
        self.known_bytes.saturating_sub(settled_bytes).max(unopened_bytes)
    }
}

/// Some objects.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SomeObjects {
    /// How many.
    pub count: u64,
    /// The keys of the first of them; empty where nobody is to look for them.
    pub first_keys: Vec<String>,
}

/// Keys that are kept of some objects, for a status to name.
pub const FIRST_KEYS_MAX: usize = 20;

impl SomeObjects {
    /// Those with these keys.
    pub fn of(keys: impl ExactSizeIterator<Item = String>) -> Self {
        Self {
            count: saturate::to_u64(keys.len()),
            first_keys: keys.take(FIRST_KEYS_MAX).collect(),
        }
    }

    /// All of several.
    pub fn sum<'a>(several: impl Iterator<Item = &'a Self>) -> Self {
        let mut sum = Self::default();
        several.for_each(|some| sum.add(some.clone()));
        sum
    }

    /// Takes in one more.
    pub fn push(&mut self, key: &str) {
        self.count += 1;
        if self.first_keys.len() < FIRST_KEYS_MAX {
            self.first_keys.push(key.to_owned());
        }
    }

    /// Takes in those of the next page.
    pub fn add(&mut self, more: Self) {
        self.count += more.count;
        let free = FIRST_KEYS_MAX.saturating_sub(self.first_keys.len());
        self.first_keys.extend(more.first_keys.into_iter().take(free));
    }
}

/// An object that was set aside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuarantinedObject {
    /// Queue and number.
    pub id: ObjectId,
    /// Its key.
    pub key: String,
    /// Why, one sentence.
    pub reason: String,
}

/// Adds an object that was set aside; one that is there already moves to the end.
pub fn remember(quarantined: &mut VecDeque<QuarantinedObject>, object: QuarantinedObject) {
    quarantined.retain(|known| known.id != object.id);
    quarantined.push_back(object);
    if quarantined.len() > QUARANTINED_SHOWN_MAX {
        quarantined.pop_front();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_left_of_objects_that_were_read_to_their_end() {
        let mut counts = ObjectCounts {
            known: 2,
            ended: 1,
            known_bytes: 1_000,
            opened_bytes: 700,
            ..ObjectCounts::default()
        };
        assert_eq!(counts.bytes_left(400), 600);
        assert_eq!(counts.bytes_left(5_000), 300, "what was not opened is left");
        counts.ended = 2;
        assert_eq!(counts.bytes_left(990), 0);
    }
}
