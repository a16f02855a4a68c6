//! From requests to acknowledged records: one publisher per shard, one request in flight (O1).

pub mod actor;
pub mod attempt;
pub mod fingerprint;
pub mod messages;
pub mod pacer;
