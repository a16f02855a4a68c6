//! The pipeline: one life of the data path after another, each built from the checkpoint.
//!
//! Why all actors of the path live and die together: a dead actor takes its queued messages with it, and a dying
//! sender cancels messages that are already queued downstream. The checkpoint is the only state that is easy to
//! prove right, so every restart begins there.
//!
//! **Invariants:** F2 (all credits home after a drain), G1 (no message crosses generations: addresses die with
//! theirs).

use std::sync::Arc;
use std::time::Duration;

use backoff::backoff::Backoff;
use tokio::sync::{OwnedMutexGuard, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::generation::{Generation, GenerationEnd, Lasting, Remains, Stop, due};
use super::noticeboard::Noticeboard;
use super::policy::{Decision, RestartPolicy};
use super::turns::{LastTurn, Turns};
use crate::checkpoint::life_status::{StopReason, StopStatus, failure_text};
use crate::checkpoint::status::{STATUS_SCHEMA_VERSION, TaskStatus};
use crate::checkpoint::store::CheckpointStore;
use crate::clock::Clock;
use crate::config::Config;
use crate::delays::Delays;
use crate::fault::{Fault, FaultKind};
use crate::flow::outage::{Outages, Timing};
use crate::observe::counters::Counters;
use crate::parse::panic_book::PanicBook;
use crate::saturate;
use crate::settings::life::moment_text;
use crate::settings::{MigrationType, RunMode, StopAfter};
use crate::sink::RecordSink;
use crate::sink::patient::PatientSink;
use crate::source::ObjectSource;
use crate::source::patient::PatientSource;

/// Pauses between generations that end because of other shards, one soon after the other.
const RESHARD_DELAYS: Delays = Delays::new(Duration::from_millis(20), Duration::from_secs(10));
/// A generation that lived for this long had shards to live with.
const STEADY_MIN: Duration = Duration::from_secs(30);
/// How long the last generation's threads may take to end.
const TEAR_DOWN_MAX: Duration = Duration::from_secs(2);
/// How often the status shows what is away before there is a data path.
const SHOW_INTERVAL: Duration = Duration::from_millis(500);
/// How often the clock is asked whether the time to stop has come.
const CLOCK_INTERVAL: Duration = Duration::from_millis(100);

/// Everything a task needs from outside.
#[derive(Debug, Clone)]
pub struct Backends {
    /// Where objects come from.
    pub source: Arc<dyn ObjectSource>,
    /// Where records go.
    pub sink: Arc<dyn RecordSink>,
    /// Where the checkpoint is kept.
    pub store: Arc<dyn CheckpointStore>,
    /// Time of day.
    pub clock: Arc<dyn Clock>,
}

/// How a run ended without a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunEnd {
    /// Everything present is settled.
    Finished,
    /// It was asked to stop; what was sent is settled and committed, or known to be in doubt.
    Stopped,
    /// The same, because it was to stop at this time.
    AtTime,
    /// It was to stop after its full load, and everything up to there is settled.
    PastLoad(StopAfter),
}

impl RunEnd {
    /// The reason for it, in the words of DMS.
    pub fn reason(self, migration_type: MigrationType) -> StopReason {
        match self {
            Self::Finished if !migration_type.has_changes() => StopReason::FullLoadOnlyFinished,
            Self::Finished | Self::Stopped | Self::PastLoad(StopAfter::Never) => StopReason::Normal,
            Self::AtTime => StopReason::StoppedAtServerTime,
            Self::PastLoad(StopAfter::FullLoad) => StopReason::StoppedAfterFullLoad,
            Self::PastLoad(StopAfter::CachedChanges) => StopReason::StoppedAfterCachedEvents,
        }
    }
}

/// A task.
#[derive(Debug)]
pub struct Pipeline {
    config: Arc<Config>,
    backends: Backends,
    mode: RunMode,
    lasting: Lasting,
    status: watch::Sender<Arc<TaskStatus>>,
    turns: Turns,
}

impl Pipeline {
    /// A task that has not started.
    pub fn new(config: Arc<Config>, backends: Backends, mode: RunMode) -> Self {
        let started_ms = backends.clock.now_ms();
        let status = TaskStatus {
            schema_version: STATUS_SCHEMA_VERSION,
            task: config.task.clone(),
            process_id: std::process::id(),
            started_ms: Some(started_ms),
            updated_ms: started_ms,
            ..TaskStatus::default()
        };
        let patience = config.limits.outage_patience(mode);
        let outages = Outages::new(patience, Timing::default(), Arc::clone(&backends.clock));
        Self {
            lasting: Lasting {
                outages: outages.clone(),
                counters: Arc::default(),
                panics: PanicBook::new(config.limits.restarts_max),
            },
            config,
            backends: Backends {
                source: Arc::new(PatientSource::new(backends.source, outages.clone())),
                sink: Arc::new(PatientSink::new(backends.sink, outages)),
                ..backends
            },
            mode,
            status: watch::Sender::new(Arc::new(status)),
            turns: Turns::default(),
        }
    }

    /// Where the status is shown.
    pub fn noticeboard(&self) -> Noticeboard {
        Noticeboard::new(self.status.clone())
    }

    /// How others get a turn with the state while the task runs.
    pub fn turns(&self) -> Turns {
        self.turns.clone()
    }

    /// The status, published several times a second.
    pub fn status(&self) -> watch::Receiver<Arc<TaskStatus>> {
        self.status.subscribe()
    }

    /// Counts of the whole process.
    pub fn counters(&self) -> Arc<Counters> {
        Arc::clone(&self.lasting.counters)
    }

    /// Runs until everything is settled, until `stop` is cancelled and nothing is being sent any more, or until a fault
    /// that no restart cures. Must run inside an actix system.
    ///
    /// # Errors
    /// The fault that ended the task.
    pub async fn run(&self, stop: CancellationToken) -> Result<RunEnd, Fault> {
        let end = self.run_to_an_end(stop).await;
        // Whoever has a turn does what was ordered; nobody gets another.
        self.turns.close();
        if tokio::time::timeout(self.config.limits.drain_timeout, self.turns.ended())
            .await
            .is_err()
        {
            tracing::warn!("what was ordered did not end within limits.drain_timeout");
        }
        let reason = match &end {
            Ok(end) => end.reason(self.config.migration_type),
            Err(fault) => StopReason::of_fault(fault),
        };
        let at_ms = self.backends.clock.now_ms();
        self.status.send_modify(|status| {
            let status = Arc::make_mut(status);
            status.outages.clear();
            (status.updated_ms, status.paused, status.api_address) = (at_ms, false, None);
            let life = &mut status.life;
            life.stop = Some(StopStatus { at_ms, reason });
            if let Err(fault) = &end {
                life.last_failure = Some(failure_text(fault));
            }
        });
        end
    }

    async fn run_to_an_end(&self, now: CancellationToken) -> Result<RunEnd, Fault> {
        let stop = Stop {
            now,
            drained: CancellationToken::new(),
            turns: self.turns.clone(),
        };
        let Some(at_ms) = self.config.stop.at_ms else {
            return self.lives(&stop).await;
        };
        if self.is_reached(at_ms) {
            return Ok(RunEnd::AtTime);
        }
        let end = tokio::select! {
            biased;
            end = self.lives(&stop) => end,
            () = self.stop_at(at_ms, &stop) => Err(Fault::new(FaultKind::Internal, "ended before its data path")),
        };
        match end {
            Ok(RunEnd::Stopped) if !stop.now.is_cancelled() => Ok(RunEnd::AtTime),
            end => end,
        }
    }

    fn is_reached(&self, at_ms: i64) -> bool {
        self.backends.clock.now_ms() >= at_ms
    }

    /// Asks for the end at a time by the clock, which may be set meanwhile; then waits for ever.
    async fn stop_at(&self, at_ms: i64, stop: &Stop) {
        while !self.is_reached(at_ms) {
            tokio::time::sleep(CLOCK_INTERVAL).await;
        }
        tracing::info!(at = moment_text(at_ms), "stopping at the configured time");
        stop.drained.cancel();
        std::future::pending::<()>().await;
    }

    async fn lives(&self, stop: &Stop) -> Result<RunEnd, Fault> {
        let mut policy = RestartPolicy::new(&self.config.limits);
        let epoch = Instant::now();
        let mut reshard_delays = RESHARD_DELAYS.start();
        for number in 1.. {
            let Some(turn) = self.own_turn(stop).await else {
                return Ok(RunEnd::Stopped);
            };
            let began = Instant::now();
            self.status.send_modify(|status| {
                let status = Arc::make_mut(status);
                (status.generation, status.paused) = (number, false);
            });
            let turn = LastTurn::new(&self.turns, turn);
            let fault = match self.live(number, stop).await {
                Ok(GenerationEnd::Finished) => return Ok(RunEnd::Finished),
                Ok(GenerationEnd::Stopped) => return Ok(RunEnd::Stopped),
                Ok(GenerationEnd::PastLoad(after)) => return Ok(RunEnd::PastLoad(after)),
                Ok(GenerationEnd::Resharded) => {
                    turn.give_away();
                    self.note_restart();
                    // Planned, so no restart of the kind that the policy counts. But what the service says of its
                    // shards may lag, and then the next generation ends as soon as it sends something.
                    if began.elapsed() > STEADY_MIN {
                        reshard_delays.reset();
                    }
                    self.pause(reshard_delays.next_backoff().unwrap_or_default(), stop)
                        .await;
                    continue;
                }
                Ok(GenerationEnd::Interrupted) => {
                    turn.give_away();
                    continue;
                }
                Err(fault) => fault,
            };
            if stop.is_requested() {
                return Err(fault);
            }
            match policy.decide(fault.clone(), epoch.elapsed()) {
                Decision::GiveUp(fault) => return Err(fault),
                Decision::Restart { after } => {
                    turn.give_away();
                    let delay_ms = saturate::to_u64(after.as_millis());
                    self.note_restart();
                    self.status.send_modify(|status| {
                        Arc::make_mut(status).life.last_failure = Some(failure_text(&fault));
                    });
                    tracing::error!(generation = number, error = %fault, delay_ms, "restarting from the checkpoint");
                    self.pause(after, stop).await;
                    if stop.is_requested() {
                        // What was in flight is not settled, so this is not a drain.
                        return Err(fault);
                    }
                }
            }
        }
        Err(Fault::new(FaultKind::Internal, "ran out of generation numbers"))
    }

    fn note_restart(&self) {
        self.status
            .send_modify(|status| Arc::make_mut(status).restarts += 1);
    }

    /// Waits for the turn of the data path; `None` if it is to stop instead.
    async fn own_turn(&self, stop: &Stop) -> Option<OwnedMutexGuard<()>> {
        tokio::select! {
            biased;
            turn = self.turns.own() => Some(turn),
            () = stop.requested() => None,
            () = self.show_pause() => None,
        }
    }

    /// Shows for ever that the task waits for somebody else.
    async fn show_pause(&self) {
        loop {
            let now_ms = self.backends.clock.now_ms();
            self.status.send_modify(|status| {
                let status = Arc::make_mut(status);
                (status.paused, status.updated_ms) = (self.turns.is_paused(), now_ms);
            });
            tokio::time::sleep(SHOW_INTERVAL).await;
        }
    }

    /// One generation, from the checkpoint to its end. Nothing of it is left when this returns.
    async fn live(&self, number: u32, stop: &Stop) -> Result<GenerationEnd, Fault> {
        let mut generation = match self.begin(stop).await? {
            Ok(generation) => generation,
            Err(end) => return Ok(end),
        };
        tracing::info!(generation = number, "started");
        let end = generation.watch(stop).await;
        let patience = if stop.is_requested() {
            TEAR_DOWN_MAX
        } else {
            self.config.limits.hang_timeout
        };
        let Remains {
            in_flight_bytes,
            has_threads,
        } = generation.tear_down(patience).await;
        self.status.send_modify(|status| {
            let status = Arc::make_mut(status);
            (status.has_data_path, status.in_flight_bytes) = (false, in_flight_bytes);
            for table in &mut status.tables {
                // They will be read again.
                table.in_flight_records = 0;
                table.read_records = table.statistics.settled_rows();
            }
        });
        match end {
            // Another generation must not meet what is left of this one.
            Err(fault) if has_threads => Err(Fault::new(
                FaultKind::Hang,
                format!("{fault}; a thread hangs, which only another process is rid of"),
            )),
            Ok(GenerationEnd::Resharded | GenerationEnd::Interrupted) if has_threads => Err(Fault::new(
                FaultKind::Hang,
                "a thread did not end with its data path; only another process is rid of it",
            )),
            end => end,
        }
    }

    /// Builds a data path, or says why there is none. A side that is away may be waited for without an end.
    async fn begin(&self, stop: &Stop) -> Result<Result<Generation, GenerationEnd>, Fault> {
        let (counters, asked) = (&self.lasting.counters, Instant::now());
        let stream = tokio::select! {
            biased;
            stream = self.backends.sink.describe() => stream.map_err(Fault::from)?,
            () = stop.requested() => return Ok(Err(GenerationEnd::Stopped)),
            () = due(counters, asked, stop) => return Ok(Err(GenerationEnd::Interrupted)),
            () = self.show_outages() => return Err(Fault::new(FaultKind::Internal, "the status ended early")),
        };
        // Until here nothing is written; from here on a turn would meet a state that is half begun.
        let built = Generation::build(
            &self.config,
            &self.backends,
            stream,
            self.mode,
            self.lasting.clone(),
            self.status.clone(),
        );
        tokio::select! {
            biased;
            built = built => built.map(Ok),
            // No actor has started yet, so nothing was sent.
            () = stop.requested() => Ok(Err(GenerationEnd::Stopped)),
            () = self.show_outages() => Err(Fault::new(FaultKind::Internal, "the status ended early")),
        }
    }

    /// Shows what is away while there is not data path to show it.
    async fn show_outages(&self) {
        loop {
            tokio::time::sleep(SHOW_INTERVAL).await;
            let outages = self.lasting.outages.current();
            self.status.send_if_modified(|status| {
                if outages.is_empty() && status.outages.is_empty() {
                    return false;
                }
                let status = Arc::make_mut(status);
                (status.outages, status.updated_ms) = (outages, self.backends.clock.now_ms());
                true
            });
        }
    }

    async fn pause(&self, time: Duration, stop: &Stop) {
        tokio::select! {
            () = tokio::time::sleep(time) => {}
            () = stop.requested() => {}
        }
    }
}
