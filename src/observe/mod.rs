//! What people see of a running task.

pub mod counters;
pub mod object_trace;
mod otlp;
#[cfg(feature = "planted-defects")]
pub mod planted;
pub mod shards;
pub mod terminal;
pub mod tracing;
