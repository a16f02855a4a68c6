//! From rows to messages.

pub mod chain;
pub mod control;
pub mod json;
pub mod json_text;
mod layout;
pub mod timestamp;
