//! Limits on memory, parallelism and time. Pure: no I/O, no clock.

use std::time::Duration;

use super::{RestartDelays, RunMode};

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
    /// How long the task waits for a source or a target that is away; without one it depends on the run.
    pub outage_patience: Option<Duration>,
    /// A thread that does not answer for this long hangs.
    pub hang_timeout: Duration,
    /// Restarts of the data path within ten minutes before the process gives up.
    pub restarts_max: u32,
    /// How they follow on each other.
    pub restart: RestartDelays,
}

/// How long a run waits that is to end by itself, unless it is configured.
const OUTAGE_PATIENCE_ONCE: Duration = Duration::from_mins(5);

impl LimitsConfig {
    /// How long a run waits for a source or a target that is away; `None` for ever.
    pub fn outage_patience(&self, mode: RunMode) -> Option<Duration> {
        self.outage_patience.or(match mode {
            RunMode::Once => Some(OUTAGE_PATIENCE_ONCE),
            RunMode::Continuous => None,
        })
    }
}
