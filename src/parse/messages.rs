//! What a parser takes in.

use std::sync::Arc;

use actix::prelude::*;

use super::chunk_router::ChunkEnd;
use crate::chain::writer::ChainStart;
use crate::checkpoint::cut::SkipPlan;
use crate::discover::control::ControlPlan;
use crate::flow::budget::Credit;
use crate::model::settle::ChunkRef;
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
    /// What went wrong with tables in front of where it is read from.
    pub troubles: Troubles,
    /// Its trace.
    pub trace: ObjectTrace,
}

/// A chunk to parse. The reply means "accepted": the chunk is registered with the checkpointer, its messages wait
/// in their batchers, and its rejected rows are durable; it says what comes next.
#[derive(Debug, Message)]
#[rtype(result = "ChunkEnd")]
pub struct ParseChunk {
    /// The object.
    pub context: Arc<ObjectContext>,
    /// Which chunk it is.
    pub reference: ChunkRef,
    /// The records.
    pub chunk: Chunk,
    /// Its share of the in-flight budget.
    pub credit: Arc<Credit>,
}

/// Control records to send. The reply means the same as that of [`ParseChunk`].
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct ParseControl {
    /// The stand-in object.
    pub context: Arc<ObjectContext>,
    /// What to send.
    pub plan: ControlPlan,
    /// Which of them are settled already.
    pub resume_at: Mark,
    /// Their share of the in-flight budget.
    pub credit: Arc<Credit>,
}
