//! One life of the data path: the wiring, the watch over it, and its end.
//!
//! [`Generation::build`] is the wiring diagram: whoever wants to know who talks to whom reads it top to bottom, and
//! `wiring` for the details.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{oneshot, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::past_load::PastLoad;
use super::pipeline::Backends;
use super::placement::Placement;
use super::policy::fault_of;
use super::pulse::Pulse;
use super::recovery::{begin, ensure_writable, possible_delivery};
use super::spawn::ActorSet;
use super::turns::Turns;
use super::wiring::Wiring;
use crate::checkpoint::actor::Checkpointer;
use crate::checkpoint::done_objects::DoneObjects;
use crate::checkpoint::messages::CommitNow;
use crate::checkpoint::status::TaskStatus;
use crate::config::Config;
use crate::discover::actor::Discoverer;
use crate::discover::catalog::Catalog;
use crate::discover::messages::StopAssigning;
use crate::discover::queues::plan_queues;
use crate::fault::{Fault, FaultKind};
use crate::flow::budget::{Budget, Credit};
use crate::flow::edge::{Downstream, Upstream};
use crate::flow::halt::Halt;
use crate::flow::outage::Outages;
use crate::flow::wind_down::WindDown;
use crate::observe::counters::Counters;
use crate::parse::panic_book::PanicBook;
use crate::settings::{RunMode, StopAfter};
use crate::sink::StreamDescription;

/// A data path that nobody pauses lives this long, or to its first commit.
const LIFE_MIN: Duration = Duration::from_millis(500);
/// How often it is looked whether it has.
const DUE_INTERVAL: Duration = Duration::from_millis(5);

/// How a generation ended without a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GenerationEnd {
    /// Everything present is settled and committed.
    Finished,
    /// The full load is settled and committed, and the task was to stop after it.
    PastLoad(StopAfter),
    /// It was asked to stop; everything that was sent is settled and committed, or in doubt.
    Stopped,
    /// The stream has other shards now; everything that was sent is settled and committed, or in doubt.
    Resharded,
    /// Somebody wants the state for a turn; everything that was sent is settled and committed, or in doubt.
    Interrupted,
}

impl GenerationEnd {
    /// Whether another data path follows.
    fn goes_on(self) -> bool {
        match self {
            Self::Resharded | Self::Interrupted => true,
            Self::Finished | Self::PastLoad(_) | Self::Stopped => false,
        }
    }
}

/// Requests to stop, for good or for a turn.
#[derive(Debug, Clone, Default)]
pub struct Stop {
    /// As soon as nothing is being sent.
    pub now: CancellationToken,
    /// Once everything that was read is sent, so that not even another configuration would send any of it again.
    pub drained: CancellationToken,
    /// For as long as somebody else wants the state.
    pub turns: Turns,
}

impl Stop {
    /// Waits for a request to stop for good.
    pub async fn requested(&self) {
        tokio::select! {
            () = self.now.cancelled() => {}
            () = self.drained.cancelled() => {}
        }
    }

    /// Whether there is one.
    pub fn is_requested(&self) -> bool {
        self.now.is_cancelled() || self.drained.is_cancelled()
    }
}

/// Waits until the data path is to end for somebody else. A pause comes at once; who asks for a turn lets it get on first, so
/// that orders that come all the time do not stop it.
pub(super) async fn due(counters: &Counters, born: Instant, stop: &Stop) {
    loop {
        stop.turns.wanted().await;
        let age = born.elapsed();
        if stop.turns.is_paused() || age >= LIFE_MIN || counters.since_commit() < age {
            return;
        }
        tokio::time::sleep(DUE_INTERVAL).await;
    }
}

/// What is known from one generation to the next. Clones share it.
#[derive(Debug, Clone)]
pub struct Lasting {
    /// Which side is away.
    pub outages: Outages,
    /// Process-wide counts.
    pub counters: Arc<Counters>,
    /// What has panicked.
    pub panics: PanicBook,
}

impl Lasting {
    /// Nothing is known yet but what is away; the data path may be built again so often.
    pub fn new(outages: Outages, restarts_max: u32) -> Self {
        Self {
            outages,
            counters: Arc::default(),
            panics: PanicBook::new(restarts_max),
        }
    }

    /// So many bytes for a data path; who waits for a credit is counted.
    fn budget(&self, total_bytes: u64) -> Budget {
        Budget::new(total_bytes).with_waiters(&self.counters.reader_waits().credit)
    }
}

/// A running data path.
#[derive(Debug)]
pub struct Generation {
    actors: ActorSet,
    placement: Placement,
    budget: Budget,
    readers_stop: CancellationToken,
    finished: CancellationToken,
    reshard: CancellationToken,
    halt: Halt,
    wind_down: WindDown,
    stop_assigning: Upstream<StopAssigning>,
    commit: Downstream<CommitNow>,
    drain_timeout: Duration,
    past_load: PastLoad,
    hang_timeout: Duration,
    born: Instant,
    lasting: Lasting,
    all_home: Option<Credit>,
}

/// What is left of a generation.
#[derive(Debug, Clone, Copy)]
pub struct Remains {
    /// Bytes in flight: none, or a credit did not come home (F2).
    pub in_flight_bytes: u64,
    /// Whether a thread did not end.
    pub has_threads: bool,
}

impl Generation {
    /// Loads the checkpoint and starts every actor for the stream as it is now, last stage first.
    ///
    /// # Errors
    /// If the state cannot be used.
    pub async fn build(
        config: &Arc<Config>,
        backends: &Backends,
        stream: StreamDescription,
        mode: RunMode,
        lasting: Lasting,
        status: watch::Sender<Arc<TaskStatus>>,
    ) -> Result<Self, Fault> {
        ensure_writable(backends).await?;
        let delivery = possible_delivery(config, backends, &stream).await?;
        let (checkpoint, recovery) = begin(config, backends, &stream, delivery).await?;
        let queues = Catalog::new(plan_queues(config, &checkpoint, mode, &backends.store).await?);
        let past_load = PastLoad::new(config, &checkpoint, &backends.store, &status);
        let mut wiring = Wiring {
            config,
            backends,
            budget: lasting.budget(config.limits.in_flight_bytes),
            done: DoneObjects::of(&recovery.start.candidates),
            placement: Placement::new(config.limits.files_in_parallel, stream.shards.shards().len()),
            actors: ActorSet::default(),
            stream,
            checkpoint,
            recovery,
            delivery,
            reshard: CancellationToken::new(),
            halt: Halt::default(),
            wind_down: WindDown::default(),
            lasting,
        };
        let (checkpointer, checkpointer_mailbox) = ActorSet::mailbox::<Checkpointer>();
        let (discoverer, discoverer_mailbox) = ActorSet::mailbox::<Discoverer>();
        let (readers_stop, finished) = <(CancellationToken, CancellationToken)>::default();
        let dead_letters = wiring.start_dead_letters(&checkpointer);
        let batchers = wiring.start_shards(&checkpointer, &dead_letters);
        wiring.start_checkpointer(checkpointer_mailbox, &discoverer, status);
        wiring.start_discoverer(discoverer_mailbox, queues, &checkpointer, finished.clone());
        for lane in 0..config.limits.files_in_parallel {
            let parser = wiring.start_parser(lane, &batchers, &dead_letters, &checkpointer);
            wiring.start_reader(lane, &parser, &discoverer, &checkpointer, readers_stop.clone());
        }
        wiring.start_watcher();
        Ok(Self {
            hang_timeout: config.limits.hang_timeout,
            born: Instant::now(),
            lasting: wiring.lasting,
            reshard: wiring.reshard,
            halt: wiring.halt,
            wind_down: wiring.wind_down,
            actors: wiring.actors,
            placement: wiring.placement,
            budget: wiring.budget,
            readers_stop,
            finished,
            stop_assigning: Upstream::to(discoverer),
            commit: Downstream::to("checkpoint", checkpointer),
            drain_timeout: config.limits.drain_timeout,
            past_load,
            all_home: None,
        })
    }

    /// Waits for the end: everything settled, a request to stop, other shards, an actor's failure, or something that hangs.
    ///
    /// # Errors
    /// The fault that ended the generation.
    pub async fn watch(&mut self, stop: &Stop) -> Result<GenerationEnd, Fault> {
        let (budget, lasting) = (self.budget.clone(), self.lasting.clone());
        let mut pulse = Pulse::new(self.hang_timeout);
        self.placement.watch(&mut pulse);
        tokio::select! {
            end = self.see_end(stop) => end,
            fault = pulse.lost(&budget, &lasting) => Err(fault),
        }
    }

    async fn see_end(&mut self, stop: &Stop) -> Result<GenerationEnd, Fault> {
        loop {
            tokio::select! {
                exit = self.actors.next_exit() => {
                    if let Some(fault) = exit.and_then(fault_of) {
                        return Err(fault);
                    }
                }
                () = self.finished.cancelled() => {
                    return self.drain(GenerationEnd::Finished, stop).await;
                }
                () = self.halt.requested() => {
                    tracing::error!("stopping: everything before the place that stops the task is sent first");
                    return self.drain(GenerationEnd::Stopped, stop).await;
                }
                () = self.reshard.cancelled() => return self.end(GenerationEnd::Resharded).await,
                () = stop.now.cancelled() => return self.end(GenerationEnd::Stopped).await,
                () = stop.drained.cancelled() => return self.drain(GenerationEnd::Stopped, stop).await,
                () = due(&self.lasting.counters, self.born, stop) => return self.end(GenerationEnd::Interrupted).await,
            }
        }
    }

    /// Stops the readers, lets every credit come home (F2), and commits: everything before the end is sent. Without a
    /// time limit, because a stop and other shards end it.
    async fn drain(&mut self, end: GenerationEnd, stop: &Stop) -> Result<GenerationEnd, Fault> {
        self.stop_reading();
        let budget = self.budget.clone();
        let all_home = budget.all_home();
        tokio::pin!(all_home);
        // Held until the actors are gone, so that no reader takes another chunk into flight after the commit.
        self.all_home = loop {
            tokio::select! {
                all_home = &mut all_home => break Some(all_home),
                exit = self.actors.next_exit() => {
                    if let Some(fault) = exit.and_then(fault_of) {
                        return Err(fault);
                    }
                }
                () = self.reshard.cancelled() => return self.end(GenerationEnd::Resharded).await,
                () = stop.now.cancelled() => return self.end(GenerationEnd::Stopped).await,
                // The next one comes to the same place.
                () = stop.turns.wanted() => return self.end(GenerationEnd::Interrupted).await,
            }
        };
        self.commit(end, true).await
    }

    /// Stops everything that nobody outside has seen yet, waits for the rest, and commits: the checkpoint says where
    /// the next generation goes on.
    async fn end(&mut self, end: GenerationEnd) -> Result<GenerationEnd, Fault> {
        let in_flight_bytes = self.budget.in_flight_bytes();
        tracing::info!(in_flight_bytes, ?end, "finishing the requests in flight");
        self.stop_reading();
        self.wind_down.request();
        let wind_down = self.wind_down.clone();
        let finished = tokio::time::timeout(self.drain_timeout, wind_down.finished());
        tokio::pin!(finished);
        let is_in_time = loop {
            tokio::select! {
                finished = &mut finished => break finished.is_ok(),
                exit = self.actors.next_exit() => {
                    if let Some(fault) = exit.and_then(fault_of) {
                        return Err(fault);
                    }
                }
            }
        };
        if !is_in_time {
            let seconds = self.drain_timeout.as_secs_f64();
            tracing::warn!(
                seconds,
                "a request did not end within limits.drain_timeout: its records are in doubt at the next start"
            );
        }
        let is_clean = is_in_time && !wind_down.has_left_doubt();
        self.commit(end, is_clean).await
    }

    fn stop_reading(&self) {
        self.readers_stop.cancel();
        self.stop_assigning.notify(StopAssigning);
    }

    /// The last commit. If something stops the task, it fails with that, unless another data path follows and gets to that
    /// place again.
    async fn commit(&mut self, end: GenerationEnd, is_clean_stop: bool) -> Result<GenerationEnd, Fault> {
        // Who failed has let go of its work, and its end may not be reported yet.
        if let Some(fault) = self.wind_down.fault() {
            return Err(fault);
        }
        let committed = self.commit.push(CommitNow { is_clean_stop }).await;
        committed.map_err(|closed| Fault::new(FaultKind::Internal, closed.to_string()))??;
        // Also if it was requested only now, or something else ended the generation first.
        if let (false, Some(reason)) = (end.goes_on(), self.halt.reason()) {
            return Err(reason);
        }
        self.past_load.ended(end).await
    }

    /// Ends every actor and every thread of the generation. A thread in a call that does not return, such as a write to a
    /// dead network disk, is left after the patience.
    pub async fn tear_down(self, patience: Duration) -> Remains {
        self.readers_stop.cancel();
        let (placement, mut actors) = (self.placement, self.actors);
        let ended = async {
            actors.abort_all().await;
            // Joining threads blocks; on a thread of its own, so that nothing has to wait for it.
            let (done, ended) = oneshot::channel();
            std::thread::spawn(move || {
                placement.stop();
                if done.send(()).is_err() {
                    tracing::debug!("a thread that was left has ended");
                }
            });
            if ended.await.is_err() {
                tracing::error!("a thread of the generation panicked while it ended");
            }
        };
        let has_threads = tokio::time::timeout(patience, ended).await.is_err();
        if has_threads {
            tracing::warn!(
                "a thread does not end, because a file or disk does not answer or for a defect; it is left"
            );
        }
        Remains {
            in_flight_bytes: self.budget.in_flight_bytes(),
            has_threads,
        }
    }
}
