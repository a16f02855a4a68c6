//! Which object is read next.

pub mod actor;
pub mod catalog;
#[cfg(test)]
mod catalog_tests;
pub mod folders;
mod listing;
pub mod messages;
mod queue_start;
pub mod queues;
