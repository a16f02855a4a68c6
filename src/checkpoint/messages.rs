//! What the checkpointer takes in. Settlements and notices are never awaited; `OpenObject`, `NoteCopies`
//! and `CommitNow` are.

use std::sync::Arc;

use actix::prelude::*;
use opentelemetry::trace::SpanContext;

use super::context::ObjectContext;
use super::ledger::{ObjectEnd, ResumePoint};
use super::object_counts::SomeObjects;
use super::store::{ObjectEntry, Phase};
use super::tally::{ChunkTally, RefusedRow};
use crate::fault::Fault;
use crate::model::settle::{ChunkRef, Lane};
use crate::model::{ObjectId, RejectedRecord, Settled, Span, TableIndex};

/// Opens an object where its checkpoint left it; the reply says where to read on.
#[derive(Debug, Message)]
#[rtype(result = "Option<ResumePoint>")]
pub struct OpenObject {
    /// The object.
    pub entry: ObjectEntry,
    /// Its table, for a full-load file.
    pub table: Option<TableIndex>,
    /// Whether others wait for this object: it is committed as soon as it is settled.
    pub is_urgent: bool,
    /// What the commit that finishes it links to, if it is traced.
    pub trace: Option<SpanContext>,
}

/// A chunk was parsed; comes before any of its records can settle.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct ChunkParsed {
    /// The chunk.
    pub chunk: ChunkRef,
    /// Its span.
    pub span: Span,
    /// How many records each lane owes.
    pub outstanding: Vec<(Lane, u64)>,
    /// What it contributes once it is settled.
    pub tally: ChunkTally,
}

/// Records are settled.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct RecordsSettled(pub Settled);

/// Rows of messages that the service refuses, and that are dead letters by now: they count as such. Comes before they are
/// settled, on the lane on which they would have been delivered.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct RowsRefused(pub Vec<RefusedRow>);

/// Makes dead letters of rows of one object whose messages the service refuses. The reply means "durable" (D2); whoever
/// sent it settles them.
#[derive(Debug, Message)]
#[rtype(result = "Result<(), Fault>")]
pub struct StoreRefused {
    /// The object the rows are from.
    pub context: Arc<ObjectContext>,
    /// The rows, in file order, never empty.
    pub records: Vec<RejectedRecord>,
}

/// No further chunk of the object will come.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct ObjectEnded {
    /// The object.
    pub id: ObjectId,
    /// How.
    pub end: ObjectEnd,
}

/// The discoverer learned something about the task as a whole.
#[derive(Debug, Clone, Message)]
#[rtype(result = "()")]
pub enum TaskNotice {
    /// The task entered a phase.
    Phase(Phase),
    /// Every file of the table's full load is settled.
    LoadCompleted(TableIndex),
    /// Whether nothing is left to read until what was read is done, durably.
    Waiting(bool),
    /// How many objects of a queue are known, and whether its listing is complete; for progress displays.
    Listed {
        /// The table, or `None` for change files.
        table: Option<TableIndex>,
        /// Objects known.
        objects_known: u64,
        /// Bytes of them that were not settled when the generation started.
        known_bytes: u64,
        /// Objects that are not read because they lie before the start, or came after the load.
        left_out: u64,
        /// Objects that are not data.
        not_data: SomeObjects,
        /// Objects named as change files that nobody reads.
        unread_changes: SomeObjects,
        /// Load files that were found as change files before, or the other way about.
        read_otherwise: SomeObjects,
        /// Finished objects that are other versions than the ones that were read.
        replaced: u64,
        /// The first of them.
        replaced_first: Vec<String>,
        /// Whether a load is complete that had no file.
        has_no_file: bool,
        /// Whether no more are expected for now.
        is_complete: bool,
        /// The first load files that are not read: the table is suspended, or they came after the load.
        unread: Vec<String>,
    },
}

/// Makes it durable, before it replies, that records after the cut may be in the stream more than once.
#[derive(Debug, Message)]
#[rtype(result = "Result<(), Fault>")]
pub struct NoteCopies;

/// Commits what is settled, durably, before it replies.
#[derive(Debug, Message)]
#[rtype(result = "Result<(), Fault>")]
pub struct CommitNow {
    /// Whether nothing that was sent is in doubt.
    pub is_clean_stop: bool,
}

/// Objects are done, durably.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct ObjectsDone {
    /// Which.
    pub ids: Vec<ObjectId>,
}
