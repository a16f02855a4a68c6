//! From a row to the bytes of its message and its partition key, as DMS writes them.
//!
//! Here: members, layout, control records, attributes, the links of a chain. Not here: what a field's text means
//! (`value`), and which shard takes the message (`route`).

mod attributes;
pub mod chain;
pub mod control;
pub mod json;
mod layout;
mod special;
mod template;
pub mod chain_writer;
pub mod partition_key;
