//! The source position of a record as a chain: how a consumer tells a row that is new from a copy.
//!
//! A record says which lane it belongs to, where it stands, and where the record in front of it stands. A consumer
//! accepts it if and only if the record in front of it is the last one it accepted of that lane.

pub mod ends;
pub mod filter;
pub mod position;
