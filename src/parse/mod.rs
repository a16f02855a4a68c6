//! From chunks to messages.

pub mod actor;
pub mod chunk_router;
pub mod convert;
pub mod cost;
pub mod csv;
mod date_time;
mod general_format;
pub mod messages;
pub mod needle;
mod number;
pub mod row;
