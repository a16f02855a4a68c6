//! A chunk on its way through the router, and what comes after it. Pure: no I/O, no clock.

use crate::checkpoint::cut::SkipPlan;
use crate::checkpoint::tally::ChunkTally;
use crate::fault::Fault;
use crate::model::{Chunk, RejectedRecord, Span};

/// What comes after a chunk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChunkEnd {
    /// The next one of the object.
    Whole,
    /// Nothing of its table, which was suspended with the last row.
    TableSuspended,
    /// Nothing: the task ends before the next row.
    TaskStopped(Fault),
    /// Nothing, and nothing of this chunk either: it panics every time. What may be said of that.
    Panicked(String),
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
