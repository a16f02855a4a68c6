//! What all chunks of an open object share.

use super::cut::SkipPlan;
use crate::chain::ends::ChainStart;
use crate::model::trouble::Troubles;
use crate::model::{ObjectId, ObjectVersion, TableIndex};
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
