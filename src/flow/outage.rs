//! Outages of the source or the target: how long calls that need a side are tried again, and what is told of it.
//!
//! Who needs a side makes a [`Trial`] and tries until it is answered. A side is away as long as any trial fails; the
//! log says it once, and once that it is back. What does not need the side goes on meanwhile.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use backoff::ExponentialBackoff;
use backoff::backoff::Backoff;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::clock::Clock;
use crate::delays::Delays;
use crate::fault::{Fault, FaultKind};

/// How attempts follow on each other.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Timing {
    /// Delays between two attempts.
    pub delays: Delays,
    /// How long attempts fail before it is told: trouble that passes sooner is none.
    pub told_after: Duration,
    /// How long an attempt may say nothing before it counts as one that fails.
    pub silent_after: Duration,
}

impl Default for Timing {
    /// Full jitter: anything up to twice the interval, so half a minute at most.
    fn default() -> Self {
        Self {
            delays: Delays {
                spread: 1.0,
                ..Delays::new(Duration::from_millis(500), Duration::from_secs(15))
            },
            told_after: Duration::from_secs(2),
            silent_after: Duration::from_secs(10),
        }
    }
}

/// One of the two ends of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// Where objects come from.
    Source,
    /// Where records go.
    Target,
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Source => "source",
            Self::Target => "target",
        })
    }
}

/// A side that is away, for the status.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outage {
    /// Which.
    pub side: Side,
    /// Since when, in milliseconds since the epoch.
    pub since_ms: i64,
    /// What the last attempt said.
    pub last_error: String,
    /// Attempts that failed since it last answered.
    #[serde(default)]
    pub errors: u64,
}

/// A side was away for longer than the patience.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the {side} was away for {seconds} s, which is all that `limits.outage_patience` allows; the last error: {last_error}"
)]
pub struct Outlasted {
    /// Which.
    pub side: Side,
    /// For how long.
    pub seconds: u64,
    /// What the last attempt said.
    pub last_error: String,
}

impl From<Outlasted> for Fault {
    fn from(outlasted: Outlasted) -> Self {
        Self::new(FaultKind::Outlasted, outlasted.to_string())
    }
}

/// What is known of both sides. Clones share it.
#[derive(Debug, Clone)]
pub struct Outages(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    /// `None` for ever.
    patience: Option<Duration>,
    timing: Timing,
    clock: Arc<dyn Clock>,
    source: Mutex<Option<Away>>,
    target: Mutex<Option<Away>>,
}

/// A side that did not answer.
#[derive(Debug)]
struct Away {
    since: Instant,
    since_ms: i64,
    last_error: String,
    errors: u64,
    is_told: bool,
    /// Trials that fail now. What ends without an answer leaves 0 behind, and the next answer ends the outage.
    failing: usize,
}

impl Outages {
    /// Both sides there; a call is tried for this long, or for ever.
    pub fn new(patience: Option<Duration>, timing: Timing, clock: Arc<dyn Clock>) -> Self {
        Self(Arc::new(Shared {
            patience,
            timing,
            clock,
            source: Mutex::default(),
            target: Mutex::default(),
        }))
    }

    /// A call, before its first attempt.
    pub fn trial(&self, side: Side) -> Trial {
        Trial {
            outages: self.clone(),
            side,
            since: None,
            delays: self.0.timing.delays.start(),
        }
    }

    /// Whether a side is away, as the log says.
    pub fn is_away(&self, side: Side) -> bool {
        self.of(side).as_ref().is_some_and(|away| away.is_told)
    }

    /// The sides that are away.
    pub fn current(&self) -> Vec<Outage> {
        let told = |side| {
            let away = self.of(side);
            let away = away.as_ref().filter(|away| away.is_told)?;
            Some(Outage {
                side,
                since_ms: away.since_ms,
                last_error: away.last_error.clone(),
                errors: away.errors,
            })
        };
        [Side::Source, Side::Target]
            .into_iter()
            .filter_map(told)
            .collect()
    }

    fn of(&self, side: Side) -> MutexGuard<'_, Option<Away>> {
        let away = match side {
            Side::Source => &self.0.source,
            Side::Target => &self.0.target,
        };
        away.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn failed(&self, side: Side, is_first: bool, error: &str) {
        let mut of_side = self.of(side);
        let away = of_side.get_or_insert_with(|| Away {
            since: Instant::now(),
            since_ms: self.0.clock.now_ms(),
            last_error: String::new(),
            errors: 0,
            is_told: false,
            failing: 0,
        });
        away.failing += usize::from(is_first);
        away.errors += 1;
        error.clone_into(&mut away.last_error);
        if !away.is_told && away.since.elapsed() >= self.0.timing.told_after {
            away.is_told = true;
            let since_ms = away.since_ms;
            tracing::warn!(%side, since_ms, error, "away; what needs it waits, and the rest goes on");
        }
    }

    /// A call was answered, or given up.
    fn ended(&self, side: Side, was_failing: bool, is_answered: bool) {
        let mut of_side = self.of(side);
        let Some(away) = of_side.as_mut() else { return };
        away.failing -= usize::from(was_failing);
        if !is_answered || away.failing > 0 {
            return;
        }
        if away.is_told {
            let seconds = away.since.elapsed().as_secs();
            tracing::info!(%side, seconds, "back");
        }
        *of_side = None;
    }
}

/// A call that is tried until it is answered.
#[derive(Debug)]
pub struct Trial {
    outages: Outages,
    side: Side,
    /// When it failed first since the last answer.
    since: Option<Instant>,
    delays: ExponentialBackoff,
}

impl Trial {
    /// An attempt failed.
    ///
    /// # Errors
    /// If attempts have failed for longer than the patience.
    pub fn failed(&mut self, error: &str) -> Result<(), Outlasted> {
        let is_first = self.since.is_none();
        let since = *self.since.get_or_insert_with(Instant::now);
        self.outages.failed(self.side, is_first, error);
        let lasted = since.elapsed();
        if self.outages.0.patience.is_none_or(|patience| lasted < patience) {
            return Ok(());
        }
        Err(Outlasted {
            side: self.side,
            seconds: lasted.as_secs(),
            last_error: error.to_owned(),
        })
    }

    /// Awaits what an attempt at an action says. As long as that is nothing, the attempt fails: a peer that takes connections and never
    /// answers, or a mount that is gone, is away as well.
    ///
    /// # Errors
    /// As [`Self::failed`]; the attempt is given up then.
    pub async fn attend<T>(
        &mut self,
        action: &str,
        attempt: impl Future<Output = T>,
    ) -> Result<T, Outlasted> {
        let (begun, silent_after) = (Instant::now(), self.outages.0.timing.silent_after);
        tokio::pin!(attempt);
        loop {
            tokio::select! {
                said = &mut attempt => return Ok(said),
                () = tokio::time::sleep(silent_after) => {
                    let silent_s = begun.elapsed().as_secs();
                    self.failed(&format!("{action}: no answer for {silent_s} s so far"))?;
                }
            }
        }
    }

    /// An attempt failed; waits before the next one.
    ///
    /// # Errors
    /// As [`Self::failed`].
    pub async fn wait_after(&mut self, error: &str) -> Result<(), Outlasted> {
        self.failed(error)?;
        let delay = self
            .delays
            .next_backoff()
            .unwrap_or(self.outages.0.timing.delays.max);
        tracing::debug!(side = %self.side, error, delay_ms = delay.as_millis(), "trying again");
        tokio::time::sleep(self.within_patience(delay)).await;
        Ok(())
    }

    /// An attempt was answered, well or not: the side is there.
    pub fn answered(&mut self) {
        let was_failing = self.since.take().is_some();
        if was_failing {
            self.delays.reset();
        }
        self.outages.ended(self.side, was_failing, true);
    }

    /// Whether the last attempt failed.
    pub fn is_failing(&self) -> bool {
        self.since.is_some()
    }

    /// A delay that ends with the patience at the latest, so that the last attempt is made then.
    pub fn within_patience(&self, delay: Duration) -> Duration {
        match (self.outages.0.patience, self.since) {
            (Some(patience), Some(since)) => delay.min(patience.saturating_sub(since.elapsed())),
            (None, _) | (_, None) => delay,
        }
    }
}

impl Drop for Trial {
    fn drop(&mut self) {
        if self.since.is_some() {
            self.outages.ended(self.side, true, false);
        }
    }
}

#[cfg(test)]
#[path = "outage_tests.rs"]
mod tests;
