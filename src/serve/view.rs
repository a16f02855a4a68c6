//! What is known of a running task, for whoever asks.

use std::sync::Arc;

use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use super::comparing::Comparing;
use super::pace::Pace;
use super::progress::{Beat, Progress};
use super::waits::{self, LOOK_INTERVAL, Look, Waits};
use crate::aws::witness::Witness;
use crate::checkpoint::status::TaskStatus;
use crate::clock::Clock;
use crate::config::Config;
use crate::observe::counters::Counters;
use crate::source::ObjectSource;

/// A running task, seen from outside. Clones share it.
#[derive(Debug, Clone)]
pub struct View {
    pub(super) config: Arc<Config>,
    pub(super) status: watch::Receiver<Arc<TaskStatus>>,
    pub(super) counters: Arc<Counters>,
    pub(super) source: Arc<dyn ObjectSource>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) stop: CancellationToken,
    pub(super) beat: Beat,
    pub(super) progress: Progress,
    pub(super) pace: Pace,
    pub(super) comparing: Comparing,
    pub(super) waits: Waits,
    /// What the answers of the target say by the way.
    pub(super) target: Option<Witness>,
}

impl View {
    /// A task that publishes this, stops with this token, and whose thread beats.
    pub fn new(
        config: Arc<Config>,
        status: watch::Receiver<Arc<TaskStatus>>,
        counters: Arc<Counters>,
        source: Arc<dyn ObjectSource>,
        clock: Arc<dyn Clock>,
        stop: CancellationToken,
        target: Option<Witness>,
    ) -> Self {
        Self {
            config,
            status,
            counters,
            source,
            clock,
            stop,
            beat: Beat::default(),
            progress: Progress::default(),
            pace: Pace::default(),
            comparing: Comparing::default(),
            waits: Waits::default(),
            target,
        }
    }

    /// To be kept beating on the thread of the actors.
    pub fn beat(&self) -> Beat {
        self.beat.clone()
    }

    /// To be told of comparisons of the stream with the files.
    pub fn comparing(&self) -> Comparing {
        self.comparing.clone()
    }

    pub(super) fn now(&self) -> Arc<TaskStatus> {
        Arc::clone(&self.status.borrow())
    }

    /// Takes note of every status, and of who holds the rows up, until the task is gone.
    pub(super) async fn follow(mut self) {
        let mut looks = tokio::time::interval(LOOK_INTERVAL);
        looks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            let changed = tokio::select! {
                changed = self.status.changed() => changed,
                _ = looks.tick() => {
                    self.look();
                    continue;
                }
            };
            if changed.is_err() {
                return;
            }
            let status = Arc::clone(&self.status.borrow_and_update());
            let now = Instant::now();
            self.progress.note(&status, now);
            self.pace.note(&status, now);
        }
    }

    fn look(&self) {
        let look = Look::at(&self.now(), &self.counters, self.config.limits.in_flight_bytes);
        self.waits
            .note(look.as_ref().and_then(waits::judge), Instant::now());
    }
}
