//! What a running task tells the outside: logs, traces, counters, and what each shard is doing.
//!
//! Here: only what can be counted or said without knowing the stage that does it. Not here: the status (`checkpoint`) and
//! the events of a task (`supervise`).

mod attributes;
mod chosen_spans;
pub mod counters;
pub mod facts;
mod hot_key;
pub mod metrics;
pub mod object_trace;
mod otlp;
#[cfg(feature = "planted-defects")]
pub mod planted;
pub mod request_span;
mod sampling;
pub mod shards;
pub mod stall;
pub mod terminal;
mod thinning;
pub mod tracing;
#[cfg(test)]
mod trace_tests;
mod traffic;
