//! Which object is read next.
//!
//! Here: the catalogue of objects, their queues and numbers, and what is late. Not here: how to list (`source`), and what
//! stands in an object (`read`).

pub mod actor;
pub mod catalog;
#[cfg(test)]
mod catalog_tests;
pub mod folders;
mod listing;
mod listings;
#[cfg(test)]
mod load_tests;
pub mod messages;
mod queue;
mod queue_start;
pub mod queues;
pub mod read_otherwise;
mod timing;
