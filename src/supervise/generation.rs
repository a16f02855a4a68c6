//! One life of the data path: the wiring, the watch over it, and its end.
//!
//! [`Generation::build`] is the wiring diagram: whoever wants to know who talks to whom reads it top to bottom, and
//! `wiring` for the details.

use std::sync::Arc;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::pipeline::{Backends, RunMode};
use super::placement::Placement;
use super::policy::fault_of;
use super::spawn::Nursery;
use super::wiring::Wiring;
use crate::checkpoint::actor::Checkpointer;
use crate::checkpoint::messages::CommitNow;
use crate::checkpoint::store::{Checkpoint, CheckpointDelta, ObjectEntry, ObjectState};
use crate::config::Config;
use crate::discover::actor::Discoverer;
use crate::discover::catalog::Catalog;
use crate::discover::messages::StopAssigning;
use crate::discover::queues::plan_queues;
use crate::fault::{Fault, FaultKind};
use crate::flow::budget::{Budget, Credit};
use crate::flow::edge::{Downstream, Upstream};
use crate::model::ObjectId;
use crate::observe::counters::Counters;
use crate::observe::status::TaskStatus;
use crate::sink::StreamDescription;

/// How a generation ended without a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GenerationEnd {
    /// Everything present is settled and committed.
    Finished,
    /// It was asked to stop; everything in flight is settled and committed.
    Drained,
}

/// A running data path.
#[derive(Debug)]
pub struct Generation {
    nursery: Nursery,
    placement: Placement,
    budget: Budget,
    readers_stop: CancellationToken,
    finished: CancellationToken,
    stop_assigning: Upstream<StopAssigning>,
    commit: Downstream<CommitNow>,
    drain_timeout: std::time::Duration,
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
        let checkpoint = begin(config, backends, &stream).await?;
        let queues = plan_queues(config, &checkpoint, mode, &backends.store).await?;
        let mut wiring = Wiring {
            config,
            backends,
            budget: Budget::new(config.limits.in_flight_bytes),
            placement: Placement::new(config.limits.files_in_parallel, stream.shards.shards().len()),
            nursery: Nursery::default(),
            stream,
            checkpoint,
            counters,
        };
        let (checkpointer, checkpointer_berth) = Nursery::berth::<Checkpointer>();
        let (discoverer, discoverer_berth) = Nursery::berth::<Discoverer>();
        let (readers_stop, finished) = (CancellationToken::new(), CancellationToken::new());

        let batchers = wiring.start_shards(&checkpointer);
        let dead_letters = wiring.start_dead_letters(&checkpointer);
        wiring.start_checkpointer(checkpointer_berth, &discoverer, status);
        wiring.start_discoverer(
            discoverer_berth,
            Catalog::new(queues),
            &checkpointer,
            finished.clone(),
        );
        for lane in 0..config.limits.files_in_parallel {
            let parser = wiring.start_parser(lane, &batchers, &dead_letters, &checkpointer);
            wiring.start_reader(lane, &parser, &discoverer, &checkpointer, readers_stop.clone());
        }
        Ok(Self {
            nursery: wiring.nursery,
            placement: wiring.placement,
            budget: wiring.budget,
            readers_stop,
            finished,
            stop_assigning: Upstream::to(discoverer),
            commit: Downstream::to("checkpoint", checkpointer),
            drain_timeout: config.limits.drain_timeout,
            all_home: None,
        })
    }

    /// Waits for the end: everything settled, a wish to stop, or an actor's failure.
    ///
    /// # Errors
    /// The fault that ended the generation.
    pub async fn watch(&mut self, stop: &CancellationToken) -> Result<GenerationEnd, Fault> {
        loop {
            tokio::select! {
                exit = self.nursery.next_exit() => {
                    if let Some(fault) = exit.and_then(fault_of) {
                        return Err(fault);
                    }
                }
                () = self.finished.cancelled() => {
                    return self.drain().await.map(|()| GenerationEnd::Finished);
                }
                () = stop.cancelled() => {
                    tracing::info!(in_flight_bytes = self.budget.in_flight_bytes(), "draining");
                    return self.drain().await.map(|()| GenerationEnd::Drained);
                }
            }
        }
    }

    /// Stops the readers, lets every credit come home (F2), and commits.
    async fn drain(&mut self) -> Result<(), Fault> {
        self.readers_stop.cancel();
        self.stop_assigning.notify(StopAssigning);
        let budget = self.budget.clone();
        let all_home = tokio::time::timeout(self.drain_timeout, budget.all_home());
        tokio::pin!(all_home);
        // Held until the actors are gone, so that no reader takes another chunk into flight behind the commit.
        self.all_home = loop {
            tokio::select! {
                result = &mut all_home => break Some(result.map_err(|_elapsed| self.drain_timed_out())?),
                exit = self.nursery.next_exit() => {
                    if let Some(fault) = exit.and_then(fault_of) {
                        return Err(fault);
                    }
                }
            }
        };
        let committed = self.commit.push(CommitNow { is_clean_stop: true }).await;
        committed.map_err(|closed| Fault::new(FaultKind::Internal, closed.to_string()))?
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
        self.nursery.abort_all().await;
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

/// Loads the checkpoint and marks the task as running, durably, before anything is sent.
async fn begin(
    config: &Arc<Config>,
    backends: &Backends,
    stream: &StreamDescription,
) -> Result<Checkpoint, Fault> {
    let (store, now_ms) = (Arc::clone(&backends.store), backends.clock.now_ms());
    let (fingerprint, identity) = (config.fingerprint(), stream.identity.clone());
    let work = tokio::task::spawn_blocking(move || {
        let mut checkpoint = store.load()?;
        let mut delta = CheckpointDelta::default();
        let Checkpoint { task, unfinished, .. } = &mut checkpoint;
        let is_fresh = task.fresh_start_ms.is_none();
        if !is_fresh && task.configuration_fingerprint != fingerprint {
            tracing::warn!(
                "the configuration changed since the last run; rows behind the watermark are sent in the new form"
            );
            delta.objects = forget_cuts(unfinished);
        }
        if !is_fresh && task.stream_identity != identity {
            tracing::warn!(
                was = task.stream_identity,
                is = identity,
                "the stream is not the one of the last run"
            );
        }
        task.fresh_start_ms.get_or_insert(now_ms);
        task.configuration_fingerprint = fingerprint;
        task.stream_identity = identity;
        task.clean_stop = false;
        delta.task = Some(task.clone());
        store.commit(&delta)?;
        Ok(checkpoint)
    });
    let result = work
        .await
        .map_err(|error| Fault::new(FaultKind::StateIo, format!("checkpoint: {error}")))?;
    result.map_err(|error: crate::checkpoint::store::StoreError| Fault::from(error))
}

/// A cut speaks of keys and rejections as the old configuration made them: under another one it proves nothing (D3),
/// so what is ahead of the watermarks is sent again.
fn forget_cuts(unfinished: &mut [ObjectEntry]) -> Vec<(ObjectId, ObjectState)> {
    let mut changed = Vec::new();
    for entry in unfinished {
        if let ObjectState::Open(progress) = &mut entry.state {
            progress.through.clear();
            progress.dead_letters_through = progress.watermark.ordinal;
            changed.push((entry.id.clone(), entry.state.clone()));
        }
    }
    changed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::store::{ObjectProgress, RangeThrough};
    use crate::model::{Mark, ObjectVersion, QueueName};
    use crate::route::shard_map::HashRange;

    /// D3.
    #[test]
    fn a_cut_of_another_configuration_proves_nothing() {
        let watermark = Mark {
            position: 90,
            ordinal: 9,
            line: 9,
        };
        let progress = ObjectProgress {
            watermark,
            through: vec![RangeThrough {
                range: HashRange::ALL,
                through: 50,
            }],
            dead_letters_through: 40,
            ..ObjectProgress::default()
        };
        let version = ObjectVersion {
            key: "k".into(),
            etag: "e".into(),
            size_bytes: 1,
            modified_ms: 0,
        };
        let id = ObjectId {
            queue: QueueName::changes(),
            number: 3,
        };
        let mut unfinished = [ObjectEntry {
            id: id.clone(),
            version,
            state: ObjectState::Open(progress),
        }];
        let changed = forget_cuts(&mut unfinished);
        let expected = ObjectState::Open(ObjectProgress {
            watermark,
            dead_letters_through: 9,
            ..ObjectProgress::default()
        });
        assert_eq!(changed, [(id, expected.clone())]);
        assert_eq!(unfinished.map(|entry| entry.state), [expected]);
    }
}
