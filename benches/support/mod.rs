//! What the benchmarks share: processes that are measured from outside, the sink that stores nothing, the engine.
#![allow(dead_code, unreachable_pub, reason = "each benchmark uses a part of this")]

pub mod child;
pub mod engine;
pub mod null_sink;
pub mod server;

use std::process::ExitCode;

/// Why a benchmark has no result.
pub type Trouble = Box<dyn std::error::Error>;

/// The exit code of a benchmark: whether everything is within its limits, or why there is no result.
#[expect(clippy::print_stdout, reason = "prints what it measured")]
pub fn exit_code(result: Result<bool, Trouble>) -> ExitCode {
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(trouble) => {
            println!("no result: {trouble}");
            ExitCode::from(2)
        }
    }
}

/// The one in the middle.
pub fn median(mut speeds: Vec<f64>) -> f64 {
    speeds.sort_by(f64::total_cmp);
    speeds.get(speeds.len() / 2).copied().unwrap_or(f64::NAN)
}
