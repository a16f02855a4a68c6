//! From partition key to shard.

pub mod lineage;
pub mod partition_key;
pub mod shard_map;
pub mod watcher;
