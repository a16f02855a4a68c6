//! What a publisher takes in.

use actix::prelude::*;

use crate::model::Batch;

/// The content of one request. The reply means "settled": every record was acknowledged, and the settlement is on
/// its way to the checkpointer.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct PublishBatch(pub Batch);
