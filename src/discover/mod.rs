//! Which object is read next.

pub mod actor;
pub mod catalog;
pub mod control;
pub mod messages;
pub mod queues;
