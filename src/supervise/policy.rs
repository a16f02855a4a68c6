//! Whether to start another generation, and when. Pure: no I/O, no clock.

use std::collections::VecDeque;
use std::time::Duration;

use super::spawn::{ChildExit, Exit};
use crate::fault::{Fault, FaultKind};
use crate::saturate;
use crate::settings::{LimitsConfig, RestartDelays};

/// Restarts are counted over this time of work; pauses are not work.
const WINDOW: Duration = Duration::from_mins(10);

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
    /// `None` without a bound.
    restarts_max: Option<usize>,
    delays: RestartDelays,
    /// Times of work at which restarts were decided.
    recent: VecDeque<Duration>,
    /// Time spent in pauses.
    paused: Duration,
}

impl RestartPolicy {
    /// The budget that the limits give.
    pub fn new(limits: &LimitsConfig) -> Self {
        let restarts_max = saturate::to_usize(limits.restarts_max);
        Self {
            restarts_max: (!limits.restart.are_unbounded).then_some(restarts_max),
            delays: limits.restart,
            recent: VecDeque::new(),
            paused: Duration::ZERO,
        }
    }

    /// Decides about a failure at `now` (time since any fixed moment).
    pub fn decide(&mut self, fault: Fault, now: Duration) -> Decision {
        if !fault.kind.is_worth_a_restart() {
            return Decision::GiveUp(fault);
        }
        let worked = now.saturating_sub(self.paused);
        while self
            .recent
            .front()
            .is_some_and(|at| worked.saturating_sub(*at) > WINDOW)
        {
            self.recent.pop_front();
        }
        let count = self.recent.len();
        if self.restarts_max.is_some_and(|maximum| count >= maximum) {
            let minutes = WINDOW.as_secs() / 60;
            let message =
                format!("gave up after {count} restarts within {minutes} minutes; the last fault: {fault}");
            return Decision::GiveUp(Fault::new(fault.kind, message));
        }
        let last = count.checked_sub(1).map(|before| self.delays.pause_after(before));
        if self.delays.end_at_interval_max && last == Some(self.delays.interval_max) {
            let seconds = self.delays.interval_max.as_secs_f64();
            let message = format!(
                "gave up after {count} restarts, the last of them after the longest pause of {seconds} s; the last \
                 fault: {fault}"
            );
            return Decision::GiveUp(Fault::new(fault.kind, message));
        }
        let after = self.delays.pause_after(count);
        self.recent.push_back(worked);
        self.paused = self.paused.saturating_add(after);
        Decision::Restart { after }
    }
}

/// The fault behind an actor's end, unless the end is not a failure.
pub fn fault_of(exit: ChildExit) -> Option<Fault> {
    match exit.exit {
        Exit::Finished | Exit::Cancelled => None,
        Exit::Failed(fault) => Some(Fault::new(
            fault.kind,
            format!("{}: {}", exit.name, fault.message),
        )),
        Exit::Panicked(text) => Some(Fault::new(FaultKind::Panic, format!("{}: {text}", exit.name))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(restarts_max: u32, restart: RestartDelays) -> RestartPolicy {
        RestartPolicy::new(&LimitsConfig {
            in_flight_bytes: 1,
            files_in_parallel: 1,
            row_bytes_max: 1,
            drain_timeout: Duration::ZERO,
            outage_patience: None,
            hang_timeout: Duration::ZERO,
            restarts_max,
            restart,
        })
    }

    fn fault() -> Fault {
        Fault::new(FaultKind::Panic, "p")
    }

    fn after_ms(milliseconds: u64) -> Decision {
        Decision::Restart {
            after: Duration::from_millis(milliseconds),
        }
    }

    #[test]
    fn the_budget_is_per_window_and_the_delay_doubles() {
        let mut policy = policy(2, RestartDelays::default());
        let at = Duration::from_secs;
        assert_eq!(policy.decide(fault(), at(0)), after_ms(500));
        assert_eq!(policy.decide(fault(), at(1)), after_ms(1_000));
        assert!(matches!(policy.decide(fault(), at(2)), Decision::GiveUp(_)));
        assert_eq!(policy.decide(fault(), at(1_000)), after_ms(500));
    }

    #[test]
    fn what_a_person_must_change_is_not_retried() {
        let denied = Fault::new(FaultKind::PermissionDenied, "kinesis:PutRecords");
        let unbounded = RestartDelays {
            are_unbounded: true,
            ..RestartDelays::default()
        };
        assert_eq!(
            policy(5, unbounded).decide(denied.clone(), Duration::ZERO),
            Decision::GiveUp(denied)
        );
    }

    /// The defaults of DMS: 5, 10, 20 ... 1800 seconds, then the end. Pauses longer than the window change nothing.
    #[test]
    fn with_the_settings_of_dms_the_pauses_double_to_half_an_hour_and_then_it_is_over() {
        let mut policy = policy(
            0,
            RestartDelays {
                are_unbounded: true,
                interval: Duration::from_secs(5),
                is_throttled: true,
                interval_max: Duration::from_mins(30),
                end_at_interval_max: true,
            },
        );
        let (mut now, mut pauses) = (Duration::ZERO, Vec::new());
        while let Decision::Restart { after } = policy.decide(fault(), now) {
            now += after + Duration::from_secs(1);
            pauses.push(after.as_secs());
        }
        assert_eq!(pauses, [5, 10, 20, 40, 80, 160, 320, 640, 1_280, 1_800]);
    }

    #[test]
    fn without_throttling_all_pauses_are_the_same_and_without_a_bound_they_never_end() {
        let delays = RestartDelays {
            are_unbounded: true,
            is_throttled: false,
            ..RestartDelays::default()
        };
        let mut policy = policy(0, delays);
        for second in 0..1_000 {
            assert_eq!(policy.decide(fault(), Duration::from_secs(second)), after_ms(500));
        }
    }
}
