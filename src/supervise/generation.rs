//! One life of the data path: the wiring, the watch over it, and its end.
//!
//! [`Generation::build`] is the wiring diagram: whoever wants to know who talks to whom reads it top to bottom.

use std::sync::Arc;

use actix::prelude::*;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::pipeline::{Backends, RunMode};
use super::placement::Placement;
use super::policy::fault_of;
use super::spawn::{Berth, Nursery};
use crate::batch::actor::ShardBatcher;
use crate::checkpoint::actor::{Checkpointer, CheckpointerParts};
use crate::checkpoint::ledger::Ledger;
use crate::checkpoint::messages::CommitNow;
use crate::checkpoint::store::{Checkpoint, CheckpointDelta};
use crate::config::Config;
use crate::deadletter::actor::{DeadLetterWriter, DeadLetterWriterParts};
use crate::deadletter::files::DeadLetterFiles;
use crate::discover::actor::{Discoverer, DiscovererParts};
use crate::discover::catalog::Catalog;
use crate::discover::messages::StopAssigning;
use crate::discover::queues::plan_queues;
use crate::fault::{Fault, FaultKind};
use crate::flow::budget::{Budget, Credit};
use crate::flow::edge::{Downstream, Upstream};
use crate::limits::CHUNK_BYTES_MAX;
use crate::observe::counters::Counters;
use crate::observe::object_trace::Destination;
use crate::observe::status::TaskStatus;
use crate::parse::actor::{Parser, ParserParts};
use crate::parse::cost::CostEstimate;
use crate::publish::actor::{ShardPublisher, ShardPublisherParts};
use crate::read::actor::{FileReader, FileReaderParts};
use crate::read::framer::FramerConfig;
use crate::route::shard_map::ShardIndex;
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
    closing_credit: Option<Credit>,
}

/// What all wiring needs.
struct Wiring<'a> {
    config: &'a Arc<Config>,
    backends: &'a Backends,
    stream: StreamDescription,
    checkpoint: Checkpoint,
    counters: Arc<Counters>,
    budget: Budget,
    placement: Placement,
    nursery: Nursery,
}

impl Generation {
    /// Loads the checkpoint, asks the stream for its shards, and starts every actor, last stage first.
    ///
    /// # Errors
    /// If the state or the stream cannot be used.
    pub async fn build(
        config: &Arc<Config>,
        backends: &Backends,
        mode: RunMode,
        counters: Arc<Counters>,
        status: watch::Sender<Arc<TaskStatus>>,
    ) -> Result<Self, Fault> {
        let stream = backends.sink.describe().await.map_err(Fault::from)?;
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
            closing_credit: None,
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
        self.closing_credit = loop {
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
        let task = &mut checkpoint.task;
        let is_fresh = task.fresh_start_ms.is_none();
        if !is_fresh && task.configuration_fingerprint != fingerprint {
            tracing::warn!(
                "the configuration changed since the last run; rows not yet settled are sent in the new form"
            );
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
        let delta = CheckpointDelta {
            task: Some(task.clone()),
            ..CheckpointDelta::default()
        };
        store.commit(&delta)?;
        Ok(checkpoint)
    });
    let result = work
        .await
        .map_err(|error| Fault::new(FaultKind::StateIo, format!("checkpoint: {error}")))?;
    result.map_err(|error: crate::checkpoint::store::StoreError| Fault::from(error))
}

impl Wiring<'_> {
    /// A publisher and a batcher per shard.
    fn start_shards(&mut self, checkpointer: &Addr<Checkpointer>) -> Vec<Addr<ShardBatcher>> {
        let mut batchers = Vec::new();
        for (index, shard) in self.stream.shards.shards().iter().cloned().enumerate() {
            let arbiter = self.placement.sink(index);
            let (publisher, publisher_berth) = Nursery::berth::<ShardPublisher>();
            let (batcher, batcher_berth) = Nursery::berth::<ShardBatcher>();
            let name = shard.id.clone();
            let (sink, counters) = (Arc::clone(&self.backends.sink), Arc::clone(&self.counters));
            let destination = Destination::from(&self.config.target);
            let (delivery, checkpointer) = (self.config.delivery, Upstream::to(checkpointer.clone()));
            self.nursery.spawn(
                &arbiter,
                format!("publisher {name}"),
                publisher_berth,
                move |fuse| {
                    ShardPublisher::new(ShardPublisherParts {
                        shard,
                        sink,
                        delivery,
                        destination,
                        checkpointer,
                        counters,
                        fuse,
                    })
                },
            );
            let (linger, publisher) = (self.config.delivery.linger, Downstream::to("publish", publisher));
            self.nursery
                .spawn(&arbiter, format!("batcher {name}"), batcher_berth, move |_fuse| {
                    ShardBatcher::new(ShardIndex(index), linger, publisher)
                });
            batchers.push(batcher);
        }
        batchers
    }

    fn start_dead_letters(&mut self, checkpointer: &Addr<Checkpointer>) -> Addr<DeadLetterWriter> {
        let (address, berth) = Nursery::berth();
        let files = DeadLetterFiles::new(self.config.errors.dead_letters.clone());
        let task = self.config.task.clone();
        let table_names = self
            .config
            .tables
            .iter()
            .map(crate::model::Table::full_name)
            .collect();
        let (clock, checkpointer) = (
            Arc::clone(&self.backends.clock),
            Upstream::to(checkpointer.clone()),
        );
        self.nursery.spawn(
            &self.placement.control(),
            "dead-letter writer",
            berth,
            move |fuse| {
                DeadLetterWriter::new(
                    DeadLetterWriterParts {
                        task,
                        table_names,
                        clock,
                        checkpointer,
                        fuse,
                    },
                    files,
                )
            },
        );
        address
    }

    fn start_checkpointer(
        &mut self,
        berth: Berth<Checkpointer>,
        discoverer: &Addr<Discoverer>,
        status: watch::Sender<Arc<TaskStatus>>,
    ) {
        let names: Vec<_> = self
            .config
            .tables
            .iter()
            .map(|table| (table.owner.clone(), table.name.clone()))
            .collect();
        let ledger = Ledger::new(&self.checkpoint, &names, self.stream.shards.clone());
        let (store, clock) = (Arc::clone(&self.backends.store), Arc::clone(&self.backends.clock));
        let (interval, budget) = (self.config.state.commit_interval, self.budget.clone());
        let discoverer = Upstream::to(discoverer.clone());
        self.nursery
            .spawn(&self.placement.control(), "checkpointer", berth, move |fuse| {
                let parts = CheckpointerParts {
                    ledger,
                    store,
                    discoverer,
                    interval,
                    budget,
                    clock,
                    status,
                    fuse,
                };
                Checkpointer::new(parts)
            });
    }

    fn start_discoverer(
        &mut self,
        berth: Berth<Discoverer>,
        catalog: Catalog,
        checkpointer: &Addr<Checkpointer>,
        finished: CancellationToken,
    ) {
        let (source, store) = (
            Arc::clone(&self.backends.source),
            Arc::clone(&self.backends.store),
        );
        let (clock, checkpointer) = (
            Arc::clone(&self.backends.clock),
            Upstream::to(checkpointer.clone()),
        );
        self.nursery
            .spawn(&self.placement.control(), "discoverer", berth, move |fuse| {
                Discoverer::new(DiscovererParts {
                    catalog,
                    source,
                    store,
                    checkpointer,
                    clock,
                    finished,
                    fuse,
                })
            });
    }

    fn start_parser(
        &mut self,
        lane: usize,
        batchers: &[Addr<ShardBatcher>],
        dead_letters: &Addr<DeadLetterWriter>,
        checkpointer: &Addr<Checkpointer>,
    ) -> Addr<Parser> {
        let (address, berth) = Nursery::berth();
        let parts = ParserParts {
            config: Arc::clone(self.config),
            stream: self.stream.clone(),
            batchers: batchers
                .iter()
                .cloned()
                .map(|batcher| Downstream::to("batch", batcher))
                .collect(),
            dead_letters: Downstream::to("dead-letter", dead_letters.clone()),
            checkpointer: Upstream::to(checkpointer.clone()),
            counters: Arc::clone(&self.counters),
            clock: Arc::clone(&self.backends.clock),
        };
        let arbiter = self.placement.lane(lane);
        self.nursery
            .spawn(&arbiter, format!("parser {lane}"), berth, move |_fuse| {
                Parser::new(parts)
            });
        address
    }

    fn start_reader(
        &mut self,
        lane: usize,
        parser: &Addr<Parser>,
        discoverer: &Addr<Discoverer>,
        checkpointer: &Addr<Checkpointer>,
        stop: CancellationToken,
    ) {
        let framing = FramerConfig {
            dialect: self.config.source.csv.clone(),
            row_bytes_max: self.config.limits.row_bytes_max,
            chunk_bytes_max: CHUNK_BYTES_MAX,
        };
        let (source, budget) = (Arc::clone(&self.backends.source), self.budget.clone());
        let changed_objects = self.config.source.changed_objects;
        let cost = CostEstimate::new(&self.config.tables, &self.config.message);
        let discoverer = Downstream::to("discover", discoverer.clone());
        let (open, ended) = (
            Downstream::to("checkpoint", checkpointer.clone()),
            Upstream::to(checkpointer.clone()),
        );
        let (chunks, control) = (
            Downstream::to("parse", parser.clone()),
            Downstream::to("parse", parser.clone()),
        );
        let arbiter = self.placement.lane(lane);
        let (_, berth) = Nursery::berth::<FileReader>();
        self.nursery
            .spawn(&arbiter, format!("reader {lane}"), berth, move |fuse| {
                FileReader::new(FileReaderParts {
                    lane,
                    source,
                    framing,
                    changed_objects,
                    discoverer,
                    open,
                    ended,
                    chunks,
                    control,
                    budget,
                    cost,
                    stop,
                    fuse,
                })
            });
    }
}
