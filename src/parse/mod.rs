//! From chunks to messages.

pub mod actor;
pub mod chunk_renderer;
pub mod cost;
pub mod messages;
pub mod convert;
pub mod csv;
mod date_time;
mod general_format;
pub mod needle;
mod number;
pub mod row;
