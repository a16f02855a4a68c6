//! From partition key to shard.

pub mod shard_map;
