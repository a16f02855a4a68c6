//! From partition key to shard.

pub mod lineage;
pub mod shard_map;
pub mod lane;
