//! From requests to acknowledged records: one publisher per shard, one request in flight (O1).
//!
//! Here: pace, judging an answer record by record, order, and resolving doubt by reading back. Not here: the wire
//! (`sink`).

pub mod actor;
pub mod attempt;
mod batch_records;
mod bisect;
mod copies;
pub mod delivery;
#[cfg(test)]
mod delivery_tests;
pub mod fingerprint;
pub mod found_log;
mod lane_order;
pub mod look_back;
pub mod look_plan;
mod look_progress;
pub mod looked;
pub mod messages;
mod outcome;
pub mod pacer;
mod persistence;
mod planted;
pub mod refusals;
pub mod sender;
pub mod sightings;
