//! Where a record goes: hash keys, shards and their lineage, and lanes.
//!
//! Here: arithmetic on the hash space. Not here: what a partition key is made of (`encode`).

pub mod lineage;
pub mod shard_map;
pub mod lane;
