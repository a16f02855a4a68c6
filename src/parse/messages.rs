//! What a parser takes in.

use std::sync::Arc;

use actix::prelude::*;

use super::chunk_router::ChunkEnd;
use crate::checkpoint::context::ObjectContext;
use crate::flow::budget::Credit;
use crate::model::control::ControlPlan;
use crate::model::settle::ChunkRef;
use crate::model::{Chunk, Mark};

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
