//! What travels to one shard: rendered records. Pure: no I/O, no clock.

use std::fmt;
use std::str::{self, Utf8Error};

use bytes::Bytes;

use super::{Operation, TableIndex};
use crate::route::lane::LaneIndex;
use crate::route::shard_map::HashKey;

/// One rendered record: the message and its partition key, in one shared slice of its chunk's buffer.
#[derive(Clone, PartialEq, Eq)]
pub struct BatchRecord {
    /// 0-based number of the record in its object.
    pub ordinal: u64,
    /// The message, then the partition key.
    bytes: Bytes,
    payload_bytes: usize,
    link: Option<Link>,
    row: Option<(TableIndex, Operation)>,
}

/// A record's part in a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link {
    /// Its lane.
    pub lane: LaneIndex,
    /// What it is there.
    pub kind: LinkKind,
}

/// What a record is in its lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkKind {
    /// A row or a control record: one more link.
    Record,
    /// It says where the lane is. Its ordinal is that of the record it stands before.
    Sync,
}

impl BatchRecord {
    /// A record of its own, not part of a chunk.
    pub fn new(ordinal: u64, payload: &[u8], partition_key: &[u8]) -> Self {
        Self::of_slice(ordinal, [payload, partition_key].concat().into(), payload.len())
    }

    /// A record whose message is the first `payload_bytes` bytes of a slice and whose partition key is the rest.
    pub fn of_slice(ordinal: u64, bytes: Bytes, payload_bytes: usize) -> Self {
        Self {
            ordinal,
            payload_bytes: payload_bytes.min(bytes.len()),
            bytes,
            link: None,
            row: None,
        }
    }

    /// The record as a part of a chain.
    #[must_use]
    pub fn with_link(self, link: Option<Link>) -> Self {
        Self { link, ..self }
    }

    /// The record as the message of a row of a table.
    #[must_use]
    pub fn with_row(self, row: Option<(TableIndex, Operation)>) -> Self {
        Self { row, ..self }
    }

    /// The table of its row and what it does to it; `None` for a control record.
    pub fn row(&self) -> Option<(TableIndex, Operation)> {
        self.row
    }

    /// The same record with another message and partition key.
    #[must_use]
    pub fn with_message(self, payload: &[u8], partition_key: &[u8]) -> Self {
        Self {
            bytes: [payload, partition_key].concat().into(),
            payload_bytes: payload.len(),
            ..self
        }
    }

    /// Its part in a chain, if the task has one.
    pub fn link(&self) -> Option<Link> {
        self.link
    }

    /// Where it is to be sent, if not where its partition key says.
    pub fn explicit_hash_key(&self) -> Option<HashKey> {
        self.link.map(|link| link.lane.point())
    }

    /// Where it is sent.
    pub fn hash_key(&self) -> HashKey {
        self.explicit_hash_key()
            .unwrap_or_else(|| HashKey::of_partition_key(self.partition_key()))
    }

    /// Records with the same one must not overtake each other: the partition key, or the lane.
    pub fn ordering_key(&self) -> &[u8] {
        match &self.link {
            Some(link) => link.lane.as_key(),
            None => self.partition_key(),
        }
    }

    /// Once it is settled, every record of its shard with an ordinal below this one is.
    pub fn through(&self) -> u64 {
        match self.link.map(|link| link.kind) {
            Some(LinkKind::Sync) => self.ordinal,
            Some(LinkKind::Record) | None => self.ordinal + 1,
        }
    }

    /// The message.
    pub fn payload(&self) -> &[u8] {
        self.bytes.get(..self.payload_bytes).unwrap_or_default()
    }

    /// Partition key, 1 to 256 characters, as the service counts them.
    pub fn partition_key(&self) -> &[u8] {
        self.bytes.get(self.payload_bytes..).unwrap_or_default()
    }

    /// The message, shared.
    pub fn payload_bytes(&self) -> Bytes {
        self.bytes.slice(..self.payload_bytes)
    }

    /// The partition key, shared.
    pub fn partition_key_bytes(&self) -> Bytes {
        self.bytes.slice(self.payload_bytes..)
    }

    /// The partition key as text.
    ///
    /// # Errors
    /// If it is not UTF-8, which no record of a parser is.
    pub fn partition_key_text(&self) -> Result<&str, Utf8Error> {
        str::from_utf8(self.partition_key())
    }

    /// Size as the service counts it: message plus partition key.
    pub fn bytes_count(&self) -> usize {
        self.bytes.len()
    }
}

impl fmt::Debug for BatchRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BatchRecord(#{}, {} bytes)", self.ordinal, self.bytes_count())
    }
}
