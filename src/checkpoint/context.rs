//! What all chunks of an open object share.

use std::sync::Arc;

use super::cut::SkipPlan;
use crate::chain::ends::ChainStart;
use crate::model::trouble::Troubles;
use crate::model::{Chunk, Mark, ObjectId, ObjectVersion, TableIndex};
use crate::observe::object_trace::ObjectTrace;

/// What all chunks of an open object share.
#[derive(Debug)]
pub struct ObjectContext {
    /// Its durable number.
    pub id: ObjectId,
    /// `s3://bucket/key`, or a path.
    pub location: String,
    /// The version that is read.
    pub version: ObjectVersion,
    /// Its table, for a full-load file; change rows name theirs.
    pub table: Option<TableIndex>,
    /// What the checkpoint proves to be settled above the watermark.
    pub skip: SkipPlan,
    /// Where its chain goes on, if the task has one.
    pub chain: Option<ChainStart>,
    /// What went wrong with tables before where it is read from.
    pub troubles: Troubles,
    /// Its trace.
    pub trace: ObjectTrace,
}

/// Where the records of a chunk come from; kept until they are settled.
#[derive(Debug)]
pub struct ChunkOrigin {
    /// The object.
    pub context: Arc<ObjectContext>,
    /// The chunk, without its bytes.
    chunk: Chunk,
}

impl ChunkOrigin {
    /// The origin of a chunk's records.
    pub fn new(context: Arc<ObjectContext>, chunk: Chunk) -> Self {
        let bytes = bytes::Bytes::new();
        Self {
            context,
            chunk: Chunk { bytes, ..chunk },
        }
    }

    /// Where a record begins.
    pub fn mark_before(&self, ordinal: u64) -> Mark {
        self.chunk.mark_before(ordinal)
    }
}
