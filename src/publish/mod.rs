//! From requests to acknowledged records: one publisher per shard, one request in flight (O1).
//!
//! Here: pace, judging an answer record by record, order, and resolving doubt by reading back. Not here: the wire
//! (`sink`).

pub mod actor;
pub mod attempt;
mod batch_records;
pub mod delivery;
pub mod fingerprint;
mod lane_order;
pub mod look_back;
pub mod look_plan;
pub mod looked;
pub mod messages;
mod outcome;
pub mod pacer;
mod persistence;
pub mod sender;
pub mod sightings;
