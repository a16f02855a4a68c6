//! Where the messages of a chunk stand in its buffer, and the hash keys that say where they go. Pure: no I/O, no clock.

use std::ops::Range;

use crate::model::batch::Link;
use crate::model::{Operation, TableIndex};
use crate::route::shard_map::HashKey;

/// The partition key that was hashed last: changes of a table share one by default.
#[derive(Debug, Default)]
pub(super) struct LastKey {
    key: Vec<u8>,
    hash_key: Option<HashKey>,
}

impl LastKey {
    pub(super) fn hash(&mut self, key: &[u8]) -> HashKey {
        match self.hash_key {
            Some(hash_key) if self.key == key => hash_key,
            Some(_) | None => {
                self.key.clear();
                self.key.extend_from_slice(key);
                *self.hash_key.insert(HashKey::of_partition_key(key))
            }
        }
    }
}

/// Where the message of a record stands in the buffer, and where it goes.
#[derive(Debug)]
pub(super) struct MessagePlace {
    pub(super) ordinal: u64,
    pub(super) payload: Range<usize>,
    /// Right after the payload.
    pub(super) key: Range<usize>,
    /// Where it is sent to.
    pub(super) hash_key: HashKey,
    pub(super) link: Option<Link>,
    /// The table of its row and what it does to it; `None` for a control record.
    pub(super) row: Option<(TableIndex, Operation)>,
}

impl MessagePlace {
    /// Size as the service counts it.
    pub(super) fn bytes_count(&self) -> usize {
        self.payload.len() + self.key.len()
    }
}
