//! From rows to messages.

mod attributes;
pub mod chain;
pub mod control;
pub mod json;
mod layout;
mod special;
mod template;
pub mod chain_writer;
pub mod partition_key;
