//! How restarts of the data path follow on each other. Pure: no I/O, no clock.

use crate::saturate;

use std::time::Duration;

/// Pauses between restarts, and when they come to an end before their number does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RestartDelays {
    /// Whether their number has no bound.
    pub are_unbounded: bool,
    /// Pause before the first restart.
    pub interval: Duration,
    /// Whether each further pause is twice as long.
    pub is_throttled: bool,
    /// Longest pause.
    pub interval_max: Duration,
    /// Whether the process gives up when a restart after the longest pause fails.
    pub end_at_interval_max: bool,
}

impl Default for RestartDelays {
    fn default() -> Self {
        Self {
            are_unbounded: false,
            interval: Duration::from_millis(500),
            is_throttled: true,
            interval_max: Duration::from_secs(30),
            end_at_interval_max: false,
        }
    }
}

impl RestartDelays {
    /// The pause after so many restarts.
    pub fn pause_after(&self, restarts: usize) -> Duration {
        let doublings = if self.is_throttled {
            saturate::to_u32(restarts)
        } else {
            0
        };
        self.interval
            .saturating_mul(2_u32.saturating_pow(doublings))
            .min(self.interval_max)
    }
}
