//! Settlements: what happened to records that left the parser. Pure: no I/O, no clock.

use super::ObjectId;
use crate::route::shard_map::ShardIndex;

/// A chunk of an object in this generation.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ChunkRef {
    /// The object.
    pub object: ObjectId,
    /// Number of the chunk since the object was opened in this generation, from 0.
    pub chunk_number: u64,
}

/// Some records of one chunk that settled together on one lane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettledRun {
    /// The chunk.
    pub chunk: ChunkRef,
    /// How many records.
    pub records_count: u64,
    /// Every record of the object for this lane with an ordinal below this one is settled now.
    pub through: u64,
}

/// Where records settle: each lane settles its records of an object in ordinal order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Lane {
    /// Acknowledged by a shard.
    Shard(ShardIndex),
    /// Durably dead-lettered.
    DeadLetters,
}

/// A batch (or a block of dead letters) that is settled. Each record settles exactly once (D1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settled {
    /// Where.
    pub lane: Lane,
    /// Which records, by chunk.
    pub runs: Vec<SettledRun>,
    /// Sequence numbers given to the records of the request, in record order; empty for dead letters.
    pub sequence_numbers: Vec<String>,
}
