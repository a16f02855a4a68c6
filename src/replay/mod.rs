//! Dead letters sent again: what is rendered again, what is sent, and what is remembered of it.

pub mod log;
pub mod pending;
pub mod plan;
pub mod resend;
