//! What travels to one shard: slices of chunks, and batches made of slices. Pure: no I/O, no clock.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

use super::settle::ChunkRef;
use crate::flow::budget::Credit;
use crate::observe::object_trace::ObjectTrace;
use crate::route::shard_map::ShardIndex;

/// One rendered record: the message and its partition key.
#[derive(Clone, PartialEq, Eq)]
pub struct BatchRecord {
    /// 0-based number of the record in its object.
    pub ordinal: u64,
    /// Partition key, 1 to 256 characters of UTF-8.
    pub partition_key: Bytes,
    /// The message.
    pub payload: Bytes,
}

impl BatchRecord {
    /// Size as the service counts it: message plus partition key.
    pub fn bytes_count(&self) -> usize {
        self.payload.len() + self.partition_key.len()
    }
}

impl fmt::Debug for BatchRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BatchRecord(#{}, {} bytes)", self.ordinal, self.bytes_count())
    }
}

/// The records of one chunk that go to one shard, in file order.
#[derive(Debug)]
pub struct Slice {
    /// The chunk the records come from.
    pub chunk: ChunkRef,
    /// The shard they go to.
    pub shard: ShardIndex,
    /// The records, never empty.
    pub records: Vec<BatchRecord>,
    /// The chunk's share of the in-flight budget; goes home when the last slice of the chunk is settled.
    pub credit: Arc<Credit>,
    /// The trace of the chunk's object.
    pub trace: ObjectTrace,
}

/// The content of one PutRecords request: records of one shard, within the service limits (B1).
#[derive(Debug)]
pub struct Batch {
    /// The shard all records go to.
    pub shard: ShardIndex,
    /// The records in the order they were read, never empty.
    pub records: Vec<BatchRecord>,
    /// Which chunks the records come from, in the same order; the counts add up to `records.len()`.
    pub runs: Vec<super::settle::SettledRun>,
    /// Credits of the chunks, held until the batch is settled.
    pub credits: Vec<Arc<Credit>>,
    /// Traces of the objects the records come from, each once, in the same order.
    pub traces: Vec<ObjectTrace>,
}
