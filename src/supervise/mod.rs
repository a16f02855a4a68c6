//! Lives of the data path: wiring, death watch, restarts, shutdown.

pub mod generation;
pub mod halt;
pub mod pipeline;
pub mod placement;
pub mod policy;
pub mod recovery;
pub mod spawn;
pub mod suspended;
mod wiring;
