//! What the benchmarks share: processes that are measured from outside, the sink that stores nothing, the engine.
#![allow(dead_code, unreachable_pub, reason = "each benchmark uses a part of this")]

pub mod child;
pub mod engine;
pub mod null_sink;
pub mod server;

/// Why a benchmark has no result.
pub type Trouble = Box<dyn std::error::Error>;
