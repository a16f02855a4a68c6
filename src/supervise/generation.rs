//! One life of the data path: the wiring, the watch over it, and its end.
//!
//! [`Generation::build`] is the wiring diagram: whoever wants to know who talks to whom reads it top to bottom, and
//! `wiring` for the details.

use std::sync::Arc;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::past_load::PastLoad;
use super::pipeline::Backends;
use super::placement::Placement;
use super::policy::fault_of;
use super::recovery::{begin, possible_delivery};
use super::spawn::ActorSet;
use super::wiring::Wiring;
use crate::checkpoint::actor::Checkpointer;
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
use crate::observe::counters::Counters;
use crate::settings::{RunMode, StopAfter};
use crate::sink::StreamDescription;

/// How a generation ended without a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GenerationEnd {
    /// Everything present is settled and committed.
    Finished,
    /// The full load is settled and committed, and the task was to stop after it.
    PastLoad(StopAfter),
    /// It was asked to stop; everything in flight is settled and committed.
    Drained,
    /// The stream has other shards now; everything in flight is settled and committed.
    Resharded,
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
    stop_assigning: Upstream<StopAssigning>,
    commit: Downstream<CommitNow>,
    drain_timeout: std::time::Duration,
    past_load: PastLoad,
    all_home: Option<Credit>,
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
        counters: Arc<Counters>,
        status: watch::Sender<Arc<TaskStatus>>,
    ) -> Result<Self, Fault> {
        let delivery = possible_delivery(config, backends, &stream).await?;
        let (checkpoint, recovery) = begin(config, backends, &stream).await?;
        let queues = plan_queues(config, &checkpoint, mode, &backends.store).await?;
        let past_load = PastLoad::new(config, &checkpoint, &backends.store, &status);
        let mut wiring = Wiring {
            config,
            backends,
            budget: Budget::new(config.limits.in_flight_bytes),
            placement: Placement::new(config.limits.files_in_parallel, stream.shards.shards().len()),
            actors: ActorSet::default(),
            stream,
            checkpoint,
            recovery,
            delivery,
            reshard: CancellationToken::new(),
            halt: Halt::default(),
            counters,
        };
        let (checkpointer, checkpointer_mailbox) = ActorSet::mailbox::<Checkpointer>();
        let (discoverer, discoverer_mailbox) = ActorSet::mailbox::<Discoverer>();
        let (readers_stop, finished) = (CancellationToken::new(), CancellationToken::new());

        let batchers = wiring.start_shards(&checkpointer);
        let dead_letters = wiring.start_dead_letters(&checkpointer);
        wiring.start_checkpointer(checkpointer_mailbox, &discoverer, status);
        wiring.start_discoverer(
            discoverer_mailbox,
            Catalog::new(queues),
            &checkpointer,
            finished.clone(),
        );
        for lane in 0..config.limits.files_in_parallel {
            let parser = wiring.start_parser(lane, &batchers, &dead_letters, &checkpointer);
            wiring.start_reader(lane, &parser, &discoverer, &checkpointer, readers_stop.clone());
        }
        wiring.start_watcher();
        Ok(Self {
            reshard: wiring.reshard,
            halt: wiring.halt,
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

    /// Waits for the end: everything settled, a request to stop, other shards, or an actor's failure.
    ///
    /// # Errors
    /// The fault that ended the generation.
    pub async fn watch(&mut self, stop: &CancellationToken) -> Result<GenerationEnd, Fault> {
        loop {
            tokio::select! {
                exit = self.actors.next_exit() => {
                    if let Some(fault) = exit.and_then(fault_of) {
                        return Err(fault);
                    }
                }
                () = self.finished.cancelled() => {
                    return self.end(GenerationEnd::Finished).await;
                }
                () = self.halt.requested() => {
                    tracing::error!("stopping: everything before the place that stops the task is sent first");
                    return self.drain().await.map(|()| GenerationEnd::Drained);
                }
                () = self.reshard.cancelled() => {
                    tracing::info!("draining, to continue with the shards that the stream has now");
                    return self.end(GenerationEnd::Resharded).await;
                }
                () = stop.cancelled() => {
                    tracing::info!(in_flight_bytes = self.budget.in_flight_bytes(), "draining");
                    return self.end(GenerationEnd::Drained).await;
                }
            }
        }
    }

    async fn end(&mut self, end: GenerationEnd) -> Result<GenerationEnd, Fault> {
        self.drain().await?;
        self.past_load.drained(end).await
    }

    /// Stops the readers, lets every credit come home (F2), and commits. If something stops the task, it fails with
    /// that.
    async fn drain(&mut self) -> Result<(), Fault> {
        self.readers_stop.cancel();
        self.stop_assigning.notify(StopAssigning);
        let budget = self.budget.clone();
        let all_home = tokio::time::timeout(self.drain_timeout, budget.all_home());
        tokio::pin!(all_home);
        // Held until the actors are gone, so that no reader takes another chunk into flight after the commit.
        self.all_home = loop {
            tokio::select! {
                result = &mut all_home => break Some(result.map_err(|_elapsed| self.drain_timed_out())?),
                exit = self.actors.next_exit() => {
                    if let Some(fault) = exit.and_then(fault_of) {
                        return Err(fault);
                    }
                }
            }
        };
        let committed = self.commit.push(CommitNow { is_clean_stop: true }).await;
        committed.map_err(|closed| Fault::new(FaultKind::Internal, closed.to_string()))??;
        // Also if it was requested only now, or something else ended the generation first.
        self.halt.reason().map_or(Ok(()), Err)
    }

    fn drain_timed_out(&self) -> Fault {
        let (bytes, seconds) = (self.budget.in_flight_bytes(), self.drain_timeout.as_secs());
        let message = format!(
            "{bytes} bytes still in flight after {seconds} s of draining are sent again at the next start"
        );
        Fault::new(FaultKind::DrainTimeout, message)
    }

    /// Ends every actor and every thread of the generation.
    pub async fn tear_down(mut self) {
        self.readers_stop.cancel();
        self.actors.abort_all().await;
        // Joining threads blocks, and the actors are gone: nothing is left that could be waited for.
        let placement = self.placement;
        if tokio::task::spawn_blocking(move || placement.stop())
            .await
            .is_err()
        {
            tracing::error!("a thread of the generation panicked while it ended");
        }
    }
}
