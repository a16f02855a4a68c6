//! Whether to start another generation, and when. Pure: no I/O, no clock.

use std::collections::VecDeque;
use std::time::Duration;

use super::spawn::{ChildExit, Exit};
use crate::fault::{Fault, FaultKind};

/// Restarts are counted over this time.
const WINDOW: Duration = Duration::from_mins(10);
/// Delay before the first restart; doubles with each further one in the window.
const DELAY_INITIAL: Duration = Duration::from_millis(500);
/// Longest delay.
const DELAY_MAX: Duration = Duration::from_secs(30);

/// What to do after a generation failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Build the next generation from the checkpoint after this time.
    Restart {
        /// How long to wait.
        after: Duration,
    },
    /// End the process.
    GiveUp(Fault),
}

/// The restart budget.
#[derive(Debug)]
pub struct RestartPolicy {
    restarts_max: usize,
    recent: VecDeque<Duration>,
}

impl RestartPolicy {
    /// A budget of restarts within ten minutes.
    pub fn new(restarts_max: u32) -> Self {
        Self {
            restarts_max: usize::try_from(restarts_max).unwrap_or(usize::MAX),
            recent: VecDeque::new(),
        }
    }

    /// Decides about a failure at `now` (time since any fixed moment).
    pub fn decide(&mut self, fault: Fault, now: Duration) -> Decision {
        if !fault.kind.is_worth_a_restart() {
            return Decision::GiveUp(fault);
        }
        while self
            .recent
            .front()
            .is_some_and(|at| now.saturating_sub(*at) > WINDOW)
        {
            self.recent.pop_front();
        }
        if self.recent.len() >= self.restarts_max {
            let message = format!(
                "gave up after {} restarts within {} minutes; the last fault: {fault}",
                self.recent.len(),
                WINDOW.as_secs() / 60
            );
            return Decision::GiveUp(Fault::new(fault.kind, message));
        }
        let doublings = u32::try_from(self.recent.len()).unwrap_or(u32::MAX);
        let after = DELAY_INITIAL
            .saturating_mul(2_u32.saturating_pow(doublings))
            .min(DELAY_MAX);
        self.recent.push_back(now);
        Decision::Restart { after }
    }
}

/// The fault behind an actor's end, unless the end is no failure.
pub fn fault_of(exit: ChildExit) -> Option<Fault> {
    match exit.exit {
        Exit::Finished | Exit::Cancelled => None,
        Exit::Failed(fault) => Some(Fault::new(
            fault.kind,
            format!("{}: {}", exit.name, fault.message),
        )),
        Exit::Panicked(text) => Some(Fault::new(
            FaultKind::Panic,
            format!("{} panicked: {text}", exit.name),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_budget_is_per_window_and_the_delay_doubles() {
        let mut policy = RestartPolicy::new(2);
        let fault = || Fault::new(FaultKind::Panic, "p");
        let at = Duration::from_secs;
        assert_eq!(
            policy.decide(fault(), at(0)),
            Decision::Restart {
                after: Duration::from_millis(500)
            }
        );
        assert_eq!(
            policy.decide(fault(), at(1)),
            Decision::Restart {
                after: Duration::from_secs(1)
            }
        );
        assert!(matches!(policy.decide(fault(), at(2)), Decision::GiveUp(_)));
        assert_eq!(
            policy.decide(fault(), at(1_000)),
            Decision::Restart {
                after: Duration::from_millis(500)
            }
        );
    }

    #[test]
    fn what_a_person_must_change_is_not_retried() {
        let denied = Fault::new(FaultKind::PermissionDenied, "kinesis:PutRecords");
        assert_eq!(
            RestartPolicy::new(5).decide(denied.clone(), Duration::ZERO),
            Decision::GiveUp(denied)
        );
    }
}
