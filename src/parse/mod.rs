//! From chunks to messages.

pub mod actor;
pub mod chunk_renderer;
pub mod cost;
pub mod messages;
pub mod needle;
