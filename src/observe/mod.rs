//! What people see of a running task.

pub mod counters;
pub mod events;
pub mod life_status;
pub mod object_trace;
mod otlp;
#[cfg(feature = "planted-defects")]
pub mod planted;
pub mod shards;
pub mod status;
pub mod terminal;
pub mod tracing;
