//! What the dead-letter writer takes in.

use std::sync::Arc;

use actix::prelude::*;

use crate::checkpoint::context::ObjectContext;
use crate::flow::budget::Credit;
use crate::model::RejectedRecord;
use crate::model::settle::SettledRun;

/// Rejected rows of one chunk. The reply means "durable": the settlement is on its way to the checkpointer (D2); it says
/// whether the file may make more of them.
#[derive(Debug, Message)]
#[rtype(result = "Kept")]
pub struct StoreRejected {
    /// The object the rows are from.
    pub context: Arc<ObjectContext>,
    /// The rows, in file order, never empty.
    pub records: Vec<RejectedRecord>,
    /// Which records they are.
    pub run: SettledRun,
    /// The chunk's share of the in-flight budget.
    pub credit: Arc<Credit>,
}

/// What follows from dead letters that were kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kept {
    /// Nothing.
    GoOn,
    /// The file has made too many bytes of them and is to be set aside; why, and what to do.
    TooMany(String),
}
