//! A chunk on its way through the router, and what comes after it. Pure: no I/O, no clock.

use crate::checkpoint::cut::SkipPlan;
use crate::checkpoint::tally::ChunkTally;
use crate::fault::Fault;
use crate::model::{BatchRecord, Chunk, Mark, RejectedRecord, Span};
use crate::route::shard_map::ShardIndex;

/// What comes after a chunk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChunkEnd {
    /// The next one of the object.
    Whole,
    /// Nothing of its table, which was suspended with the last row.
    TableSuspended,
    /// Nothing: the object is to be set aside; why, and what to do.
    SetAside(String),
    /// Nothing: the task ends before the next row.
    TaskStopped(Fault),
    /// Nothing, and nothing of this chunk from here on either: it panics every time. What may be said of that.
    Panicked(Mark, String),
}

/// A chunk, rendered and routed.
#[derive(Debug)]
pub struct RoutedChunk {
    /// The messages to send, by shard, each in file order, none empty.
    pub slices: Vec<(ShardIndex, Vec<BatchRecord>)>,
    /// The rows to dead-letter, in file order.
    pub rejected: Vec<RejectedRecord>,
    /// What the chunk contributes once it is settled.
    pub tally: ChunkTally,
    /// Records that the checkpoint proves to be settled.
    pub skipped: u64,
    /// The part of the chunk that this is: all of it, or what is before its end, or as much as is allowed at once.
    pub span: Span,
    /// Why it ends there.
    pub end: ChunkEnd,
    /// Bytes of the buffer that the messages share, those included that were rendered and are not sent.
    pub buffer_bytes: usize,
}

/// A chunk on its way through the router.
#[derive(Debug)]
pub(super) struct Routing<'a> {
    pub(super) chunk: &'a Chunk,
    pub(super) is_load: bool,
    pub(super) skip: &'a SkipPlan,
    /// The links, if the task has a chain.
    pub(super) linked: Vec<u8>,
    pub(super) tally: ChunkTally,
    pub(super) skipped: u64,
    pub(super) rejected: Vec<RejectedRecord>,
    pub(super) span: Span,
    pub(super) end: ChunkEnd,
}

impl<'a> Routing<'a> {
    pub(super) fn new(chunk: &'a Chunk, is_load: bool, skip: &'a SkipPlan, linked: Vec<u8>) -> Self {
        Self {
            chunk,
            is_load,
            skip,
            linked,
            tally: ChunkTally::default(),
            skipped: 0,
            rejected: Vec::new(),
            span: chunk.span,
            end: ChunkEnd::Whole,
        }
    }
}
