//! What a batcher takes in.

use actix::prelude::*;

use crate::model::Slice;

/// Records of one chunk for this shard. The reply means "queued": the slice's credit bounds how much can wait.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct PackSlice(pub Slice);
