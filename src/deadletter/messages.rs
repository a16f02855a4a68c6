//! What the dead-letter writer takes in.

use std::sync::Arc;

use actix::prelude::*;

use crate::checkpoint::context::ObjectContext;
use crate::flow::budget::Credit;
use crate::model::RejectedRecord;
use crate::model::settle::SettledRun;

/// Rejected rows of one chunk. The reply means "durable": the settlement is on its way to the checkpointer (D2).
#[derive(Debug, Message)]
#[rtype(result = "()")]
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
