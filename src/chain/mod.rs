//! The source position of a record as a chain: how a consumer separates new rows from copies.
//!
//! A record says which lane it belongs to, where it stands, and where the record before it stands. A consumer
//! accepts it if and only if the record before it is the last one it accepted of that lane.

pub mod ends;
pub mod filter;
pub mod position;
