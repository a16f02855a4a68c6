//! Notices what hangs: a thread that does not answer, and records in flight to which nothing happens although nothing is
//! known that they wait for.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use actix::prelude::*;
use tokio::time::{Interval, MissedTickBehavior};

use super::generation::Lasting;
use crate::fault::{Fault, FaultKind};
use crate::flow::budget::Budget;
use crate::observe::counters::CountersSnapshot;

/// Ticks within the time-out. Time is counted in ticks, so that a process that was stopped for a while, or a machine that
/// slept, is none that hangs.
const TICKS: u32 = 10;
/// How many time-outs records may stay in flight without anything that happens.
const STANDSTILL_TIMEOUTS: u32 = 5;

/// Watches the threads and the progress of a generation.
#[derive(Debug)]
pub struct Pulse {
    timeout: Duration,
    ticks: Interval,
    threads: Vec<Beats>,
    progress: Progress,
}

/// A thread that says that it lives.
#[derive(Debug)]
struct Beats {
    name: String,
    count: Arc<AtomicU64>,
    seen: u64,
    silent_ticks: u32,
}

/// What was done when something last changed.
#[derive(Debug, Default)]
struct Progress {
    done: CountersSnapshot,
    in_flight_bytes: u64,
    silent_ticks: u32,
}

impl Pulse {
    /// Without a thread to watch.
    pub fn new(timeout: Duration) -> Self {
        let mut ticks = tokio::time::interval((timeout / TICKS).max(Duration::from_millis(1)));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self {
            timeout,
            ticks,
            threads: Vec::new(),
            progress: Progress::default(),
        }
    }

    /// Watches a thread from now on.
    pub fn watch(&mut self, name: String, arbiter: &ArbiterHandle) {
        let (count, pause) = (Arc::new(AtomicU64::new(0)), self.ticks.period() / 2);
        let beats = Arc::clone(&count);
        // A thread that is gone does not beat either.
        let _is_alive = arbiter.spawn(async move {
            loop {
                beats.fetch_add(1, Ordering::Relaxed);
                tokio::time::sleep(pause).await;
            }
        });
        self.threads.push(Beats {
            name,
            count,
            seen: 0,
            silent_ticks: 0,
        });
    }

    /// Waits until something hangs.
    pub async fn lost(&mut self, budget: &Budget, lasting: &Lasting) -> Fault {
        loop {
            self.ticks.tick().await;
            if let Some(name) = self.threads.iter_mut().find_map(Beats::silent) {
                let seconds = self.timeout.as_secs_f64();
                return hung(format!("{name} has not answered for {seconds} s"));
            }
            if self.progress.is_at_standstill(budget, lasting) {
                let seconds = (self.timeout * STANDSTILL_TIMEOUTS).as_secs_f64();
                let bytes = budget.in_flight_bytes();
                return hung(format!(
                    "nothing has happened to {bytes} bytes in flight for {seconds} s, and nothing is known that they wait for"
                ));
            }
        }
    }
}

fn hung(what: String) -> Fault {
    Fault::new(FaultKind::Panic, what)
}

impl Beats {
    /// Its name, if it was silent for too long.
    fn silent(&mut self) -> Option<&str> {
        let count = self.count.load(Ordering::Relaxed);
        if count == std::mem::replace(&mut self.seen, count) {
            self.silent_ticks += 1;
        } else {
            self.silent_ticks = 0;
        }
        (self.silent_ticks >= TICKS).then_some(self.name.as_str())
    }
}

impl Progress {
    fn is_at_standstill(&mut self, budget: &Budget, lasting: &Lasting) -> bool {
        let (done, in_flight_bytes) = (lasting.counters.snapshot(), budget.in_flight_bytes());
        let is_explained = in_flight_bytes == 0
            || !lasting.outages.current().is_empty()
            || lasting.counters.shards().explains_standstill();
        if is_explained || done != self.done || in_flight_bytes != self.in_flight_bytes {
            *self = Self {
                done,
                in_flight_bytes,
                silent_ticks: 0,
            };
            return false;
        }
        self.silent_ticks += 1;
        self.silent_ticks >= TICKS * STANDSTILL_TIMEOUTS
    }
}
