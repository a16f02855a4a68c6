//! From rows to messages.

mod attributes;
pub mod chain;
pub mod control;
pub mod json;
pub mod json_text;
mod layout;
mod special;
mod template;
pub mod timestamp;
