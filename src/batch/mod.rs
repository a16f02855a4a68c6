//! From slices to requests: one batcher per shard.

pub mod actor;
pub mod messages;
pub mod packer;
