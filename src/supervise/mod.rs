//! Lives of the data path: wiring, death watch, restarts, shutdown.
//!
//! Here: one function that builds all actors, what a start makes of the checkpoint, and the events of a task. Not here: the
//! work of any stage.

pub mod beginning;
pub mod generation;
pub mod noticeboard;
mod past_load;
pub mod pipeline;
pub mod placement;
pub mod policy;
mod pulse;
mod put_back;
pub mod recovery;
mod relocate;
pub mod spawn;
pub mod turns;
mod wiring;
pub mod events;
mod shard_watcher;
