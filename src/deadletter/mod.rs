//! Where rejected rows go: durable, with their place and the reason, never dropped.
//!
//! Here: the envelope, the files, and the actor that settles a row once its dead letter is durable. Not here: sending dead
//! letters again (`replay`).

pub mod actor;
pub mod envelope;
pub mod files;
pub mod messages;
mod volume;
