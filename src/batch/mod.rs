//! From slices to requests: one batcher per shard.
//!
//! Here: how many records make a request, and how long it waits for more. Not here: what a record weighs on the wire
//! (`sink`), and sending it (`publish`).

pub mod actor;
pub mod messages;
pub mod packer;
