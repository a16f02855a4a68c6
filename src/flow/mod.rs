//! What every actor holds: the budget of bytes in flight, the edges to other actors, the fuse that says why it ended,
//! the halt that ends the task, the wind-down that ends the generation, and what is known of outages, panics and of who waits.
//!
//! Edges are the only code that touches actor addresses. Not here: who starts and watches actors (`supervise`).

pub mod budget;
pub mod edge;
#[cfg(feature = "testkit")]
pub mod failpoints;
pub mod fuse;
pub mod halt;
pub mod outage;
pub mod panics;
pub mod waiters;
pub mod wind_down;
