//! Where rejected rows go: durable, with their place and the reason, never dropped.

pub mod actor;
pub mod envelope;
pub mod files;
pub mod messages;
