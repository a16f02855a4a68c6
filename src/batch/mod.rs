//! From slices to requests: one batcher per shard.

pub mod actor;
pub mod aggregate;
pub mod messages;
pub mod packer;
