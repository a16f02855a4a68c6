//! The keys of the database: one namespace byte, then fixed-width big-endian numbers, so that order in the tree is
//! queue and number. Pure: no I/O, no clock.
//!
//! Queues are numbered in the database, and long object keys are shortened by a digest: sled keeps up to 256 keys in
//! one page, and pages beyond 128 KiB go to files that it never syncs.

use md5::{Digest, Md5};

/// An object key longer than this is stored as a shorter beginning and a digest of the whole.
const OBJECT_KEY_BYTES_MAX: usize = 192;
const OBJECT_KEY_BYTES_KEPT: usize = 160;
/// Stands after a name; never part of UTF-8 text.
const NAME_END: u8 = 0xFF;

/// The kinds of entries, by the first byte of their key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Namespace {
    /// The digest of all other entries: one entry.
    Digest,
    /// The identity of the database: one entry.
    Identity,
    /// The state of the task: one entry.
    Task,
    /// Queue name to its index and next number.
    Queue,
    /// Queue and number to the object: the one truth about it.
    Object,
    /// Queue and object key to its number.
    ObjectKey,
    /// Queue and number of objects that are not finished: what a start reads instead of all objects.
    Unfinished,
    /// Shard to its cut.
    Cut,
    /// Table to its statistics.
    Table,
    /// Queue name to where its lanes end.
    Lanes,
    /// The life of the task: one entry.
    Life,
    /// Queue name to the number of its first object, if the queue was restarted.
    First,
    /// Where the database was made: one entry.
    Origin,
    /// There as long as a state that was put back is not taken up: one entry.
    PutBack,
}

impl Namespace {
    /// The first byte of the keys; also the prefix of all of them.
    pub fn prefix(self) -> [u8; 1] {
        match self {
            Self::Digest => *b"d",
            Self::Identity => *b"i",
            Self::Task => *b"t",
            Self::Queue => *b"q",
            Self::Object => *b"o",
            Self::ObjectKey => *b"k",
            Self::Unfinished => *b"u",
            Self::Cut => *b"c",
            Self::Table => *b"s",
            Self::Lanes => *b"l",
            Self::Life => *b"y",
            Self::First => *b"n",
            Self::Origin => *b"p",
            Self::PutBack => *b"b",
        }
    }
}

/// A queue's index in the database; kept for good, so that keys are short and of fixed width.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct QueueIndex(pub u32);

/// Where an object stands: the number part of its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectPlace {
    /// Its queue.
    pub queue: QueueIndex,
    /// Its number in the queue.
    pub number: u64,
}

impl ObjectPlace {
    /// The key in [`Namespace::Object`].
    pub fn object_key(self) -> Vec<u8> {
        self.key(Namespace::Object)
    }

    /// The key in [`Namespace::Unfinished`].
    pub fn unfinished_key(self) -> Vec<u8> {
        self.key(Namespace::Unfinished)
    }

    /// The place of a key in [`Namespace::Object`] or [`Namespace::Unfinished`].
    pub fn of_key(key: &[u8]) -> Option<Self> {
        let (_, numbers) = key.split_first()?;
        let (queue, number) = numbers.split_first_chunk()?;
        Some(Self {
            queue: QueueIndex(u32::from_be_bytes(*queue)),
            number: u64::from_be_bytes(number.try_into().ok()?),
        })
    }

    fn key(self, namespace: Namespace) -> Vec<u8> {
        let mut key = namespace.prefix().to_vec();
        key.extend_from_slice(&self.queue.0.to_be_bytes());
        key.extend_from_slice(&self.number.to_be_bytes());
        key
    }
}

/// The key of an object key's number. Two long keys might share one; the object itself decides.
pub fn object_key_key(queue: QueueIndex, object_key: &str) -> Vec<u8> {
    let mut key = Namespace::ObjectKey.prefix().to_vec();
    key.extend_from_slice(&queue.0.to_be_bytes());
    let bytes = object_key.as_bytes();
    match bytes.split_at_checked(OBJECT_KEY_BYTES_KEPT) {
        Some((kept, _)) if bytes.len() > OBJECT_KEY_BYTES_MAX => {
            key.extend_from_slice(kept);
            key.push(NAME_END);
            key.extend_from_slice(&Md5::digest(bytes));
        }
        Some(_) | None => key.extend_from_slice(bytes),
    }
    key.push(NAME_END);
    key
}

/// The key of a queue.
pub fn queue_key(name: &str) -> Vec<u8> {
    named(Namespace::Queue, &[name])
}

/// The key of a shard's cut.
pub fn cut_key(shard_id: &str) -> Vec<u8> {
    named(Namespace::Cut, &[shard_id])
}

/// The key of a table's statistics.
pub fn table_key(schema_name: &str, table_name: &str) -> Vec<u8> {
    named(Namespace::Table, &[schema_name, table_name])
}

/// The key of where a queue's lanes end.
pub fn lanes_key(queue_name: &str) -> Vec<u8> {
    named(Namespace::Lanes, &[queue_name])
}

/// The key of the number of a queue's first object.
pub fn first_key(queue_name: &str) -> Vec<u8> {
    named(Namespace::First, &[queue_name])
}

fn named(namespace: Namespace, names: &[&str]) -> Vec<u8> {
    let mut key = namespace.prefix().to_vec();
    for name in names {
        key.extend_from_slice(name.as_bytes());
        key.push(NAME_END);
    }
    key
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn order_of_keys_is_queue_then_number(a in any::<(u32, u64)>(), b in any::<(u32, u64)>()) {
            let place = |(queue, number)| ObjectPlace { queue: QueueIndex(queue), number };
            prop_assert_eq!(place(a).object_key().cmp(&place(b).object_key()), a.cmp(&b));
            prop_assert_eq!(place(a).unfinished_key().cmp(&place(b).unfinished_key()), a.cmp(&b));
        }

        #[test]
        fn a_key_tells_its_place(queue in any::<u32>(), number in any::<u64>()) {
            let place = ObjectPlace { queue: QueueIndex(queue), number };
            prop_assert_eq!(ObjectPlace::of_key(&place.object_key()), Some(place));
        }

        #[test]
        fn names_do_not_run_into_each_other(a in ".{0,4}", b in ".{0,4}", c in ".{0,4}", d in ".{0,4}") {
            prop_assert_eq!(table_key(&a, &b) == table_key(&c, &d), (a, b) == (c, d));
        }

        #[test]
        fn different_object_keys_have_different_keys(a in "[ab]{150,250}", b in "[ab]{150,250}") {
            let key = |text: &str| object_key_key(QueueIndex(0), text);
            prop_assert_eq!(key(&a) == key(&b), a == b);
        }
    }

    #[test]
    fn the_longest_object_key_makes_a_short_key() {
        let key = object_key_key(QueueIndex(7), &"é".repeat(512));
        assert!(key.len() <= OBJECT_KEY_BYTES_MAX + 6, "{} bytes", key.len());
    }

    #[test]
    fn a_key_that_is_cut_short_has_no_place() {
        let key = ObjectPlace {
            queue: QueueIndex(1),
            number: 2,
        }
        .object_key();
        assert_eq!(
            ObjectPlace::of_key(&key[..key.len() - 1]),
            None,
            "one byte is missing"
        );
    }
}
