//! What a batcher takes in.

use std::sync::Arc;

use actix::prelude::*;

use crate::checkpoint::context::ChunkOrigin;
use crate::flow::budget::Credit;
use crate::model::BatchRecord;
use crate::model::settle::ChunkRef;
use crate::observe::object_trace::ObjectTrace;
use crate::route::shard_map::ShardIndex;

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
    /// Where its rows come from; `None` for control records.
    pub origin: Option<Arc<ChunkOrigin>>,
    /// The trace of the chunk's object.
    pub trace: ObjectTrace,
}

/// Records of one chunk for this shard. The reply means "queued": the slice's credit bounds how much can wait.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct PackSlice(pub Slice);
