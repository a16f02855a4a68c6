//! Limits on memory, parallelism and time. Pure: no I/O, no clock.

use std::time::Duration;

use super::RestartDelays;

/// Limits on memory and parallelism.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LimitsConfig {
    /// Bytes of rendered records in flight at most.
    pub in_flight_bytes: u64,
    /// Tables loaded in parallel.
    pub files_in_parallel: usize,
    /// Longest row in bytes.
    pub row_bytes_max: usize,
    /// Time that requests in flight get to end when the task stops.
    pub drain_timeout: Duration,
    /// Restarts of the data path within ten minutes before the process gives up.
    pub restarts_max: u32,
    /// How they follow on each other.
    pub restart: RestartDelays,
}
