//! What a publisher takes in.

use std::sync::Arc;

use actix::prelude::*;

use crate::checkpoint::context::ChunkOrigin;
use crate::flow::budget::Credit;
use crate::model::BatchRecord;
use crate::model::settle::SettledRun;
use crate::observe::object_trace::ObjectTrace;
use crate::route::shard_map::ShardIndex;

/// The content of one PutRecords request: records of one shard, within the service limits (B1).
#[derive(Debug)]
pub struct Batch {
    /// The shard all records go to.
    pub shard: ShardIndex,
    /// The records in the order they were read, never empty.
    pub records: Vec<BatchRecord>,
    /// Which chunks the records come from, in the same order; the counts add up to `records.len()`.
    pub runs: Vec<SettledRun>,
    /// Where the rows of each run come from; `None` for control records.
    pub origins: Vec<Option<Arc<ChunkOrigin>>>,
    /// Credits of the chunks, held until the batch is settled.
    pub credits: Vec<Arc<Credit>>,
    /// Traces of the objects the records come from, each once, in the same order.
    pub traces: Vec<ObjectTrace>,
}

/// The content of one request. The reply means "settled": every record was acknowledged, and the settlement is on
/// its way to the checkpointer. While the generation ends it may also mean that the batch was left unsettled.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct PublishBatch(pub Batch);
