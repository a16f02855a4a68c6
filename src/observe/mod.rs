//! What a running task tells the outside: logs, traces, counters, and what each shard is doing.
//!
//! Here: only what can be counted or said without knowing the stage that does it. Not here: the status (`checkpoint`) and
//! the events of a task (`supervise`).

pub mod counters;
pub mod facts;
mod hot_key;
pub mod metrics;
pub mod object_trace;
mod otlp;
#[cfg(feature = "planted-defects")]
pub mod planted;
pub mod shards;
pub mod stall;
pub mod terminal;
pub mod tracing;
mod traffic;
