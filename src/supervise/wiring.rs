//! The details of the wiring: what each actor of a generation is made of, and on which thread it lives.

use std::sync::Arc;

use actix::prelude::*;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::generation::Lasting;
use super::pipeline::Backends;
use super::placement::Placement;
use super::recovery::Recovery;
use super::shard_watcher::ShardWatcher;
use super::spawn::{ActorSet, Mailbox};
use crate::batch::actor::ShardBatcher;
use crate::batch::packer::BatchLimits;
use crate::checkpoint::actor::{Checkpointer, CheckpointerParts};
use crate::checkpoint::done_objects::DoneObjects;
use crate::checkpoint::ledger::Ledger;
use crate::checkpoint::status::TaskStatus;
use crate::checkpoint::store::Checkpoint;
use crate::config::Config;
use crate::deadletter::actor::{DeadLetterWriter, DeadLetterWriterParts};
use crate::deadletter::files::DeadLetterFiles;
use crate::discover::actor::{Discoverer, DiscovererParts};
use crate::discover::catalog::Catalog;
use crate::flow::budget::Budget;
use crate::flow::edge::{Downstream, Upstream};
use crate::flow::halt::Halt;
use crate::flow::wind_down::WindDown;
use crate::observe::request_span::Destination;
use crate::parse::actor::{Parser, ParserParts};
use crate::parse::cost::CostEstimate;
use crate::publish::actor::{ShardPublisher, ShardPublisherParts};
use crate::publish::look_plan::Start;
use crate::publish::refusals::Refusals;
use crate::read::actor::{FileReader, FileReaderParts};
use crate::read::object_chunks::ReadSettings;
use crate::route::shard_map::{Shard, ShardIndex};
use crate::settings::{DeliveryConfig, Guarantee};
use crate::sink::StreamDescription;
use crate::sink::pages::PagePermits;
use crate::source::ObjectPolicies;

/// What all wiring needs.
pub(super) struct Wiring<'a> {
    pub(super) config: &'a Arc<Config>,
    pub(super) backends: &'a Backends,
    pub(super) stream: StreamDescription,
    pub(super) checkpoint: Checkpoint,
    pub(super) recovery: Recovery,
    pub(super) delivery: DeliveryConfig,
    pub(super) reshard: CancellationToken,
    pub(super) halt: Halt,
    pub(super) wind_down: WindDown,
    pub(super) lasting: Lasting,
    pub(super) budget: Budget,
    pub(super) done: DoneObjects,
    pub(super) placement: Placement,
    pub(super) actors: ActorSet,
}

impl Wiring<'_> {
    /// A publisher and a batcher per shard.
    pub(super) fn start_shards(
        &mut self,
        checkpointer: &Addr<Checkpointer>,
        dead_letters: &Addr<DeadLetterWriter>,
    ) -> Vec<Addr<ShardBatcher>> {
        let mut batchers = Vec::new();
        let limits = BatchLimits::new(self.config.delivery.aggregation, self.stream.record_bytes_max);
        let linger = self.config.delivery.linger;
        let look_permits = PagePermits::of(self.config.limits.in_flight_bytes);
        for (index, shard) in self.stream.shards.shards().iter().cloned().enumerate() {
            let arbiter = self.placement.sink(index);
            let (publisher, publisher_mailbox) = ActorSet::mailbox::<ShardPublisher>();
            let (batcher, batcher_mailbox) = ActorSet::mailbox::<ShardBatcher>();
            let name = shard.id.clone();
            let parts = self.publisher_parts(shard, look_permits.clone(), checkpointer, dead_letters);
            self.actors.spawn(
                &arbiter,
                format!("publisher {name}"),
                publisher_mailbox,
                move |fuse| ShardPublisher::new(parts, fuse),
            );
            let publisher = Downstream::to("publish", publisher);
            self.actors.spawn(
                &arbiter,
                format!("batcher {name}"),
                batcher_mailbox,
                move |_fuse| ShardBatcher::new(ShardIndex(index), limits, linger, publisher),
            );
            batchers.push(batcher);
        }
        batchers
    }

    fn publisher_parts(
        &self,
        shard: Shard,
        look_permits: PagePermits,
        checkpointer: &Addr<Checkpointer>,
        dead_letters: &Addr<DeadLetterWriter>,
    ) -> ShardPublisherParts {
        ShardPublisherParts {
            shard,
            sink: Arc::clone(&self.backends.sink),
            delivery: self.delivery,
            start: self.recovery.start.clone(),
            since_ms: self.recovery.since_ms,
            look_permits,
            done: self.done.clone(),
            outages: self.lasting.outages.clone(),
            reshard: self.reshard.clone(),
            wind_down: self.wind_down.clone(),
            drain_timeout: self.config.limits.drain_timeout,
            destination: Destination::from(&self.config.target),
            checkpointer: Upstream::to(checkpointer.clone()),
            note_copies: Downstream::to("checkpoint", checkpointer.clone()),
            refusals: Refusals {
                dead_letters: Downstream::to("dead-letter", dead_letters.clone()),
                checkpointer: Upstream::to(checkpointer.clone()),
                policy: self.config.errors.rows.data,
            },
            is_chained: self.checkpoint.task.chain.is_some(),
            counters: Arc::clone(&self.lasting.counters),
            clock: Arc::clone(&self.backends.clock),
        }
    }

    pub(super) fn start_watcher(&mut self) {
        let (_, mailbox) = ActorSet::mailbox::<ShardWatcher>();
        let sink = Arc::clone(&self.backends.sink);
        let (shards, reshard) = (self.stream.shards.clone(), self.reshard.clone());
        self.actors.spawn(
            &self.placement.control(),
            "shard watcher",
            mailbox,
            move |_fuse| ShardWatcher::new(sink, shards, reshard),
        );
    }

    pub(super) fn start_dead_letters(&mut self, checkpointer: &Addr<Checkpointer>) -> Addr<DeadLetterWriter> {
        let (address, mailbox) = ActorSet::mailbox();
        let files = DeadLetterFiles::new(self.config.errors.dead_letters.clone());
        let task = self.config.task.clone();
        let bytes_max = self.config.errors.dead_letters_max;
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
        let (wind_down, counters) = (self.wind_down.clone(), Arc::clone(&self.lasting.counters));
        self.actors.spawn(
            &self.placement.control(),
            "dead-letter writer",
            mailbox,
            move |fuse| {
                DeadLetterWriter::new(
                    DeadLetterWriterParts {
                        task,
                        table_names,
                        bytes_max,
                        clock,
                        counters,
                        checkpointer,
                        wind_down,
                        fuse,
                    },
                    files,
                )
            },
        );
        address
    }

    pub(super) fn start_checkpointer(
        &mut self,
        mailbox: Mailbox<Checkpointer>,
        discoverer: &Addr<Discoverer>,
        status: watch::Sender<Arc<TaskStatus>>,
    ) {
        let names: Vec<_> = self
            .config
            .tables
            .iter()
            .map(|table| (table.owner.clone(), table.name.clone()))
            .collect();
        let mut ledger = Ledger::new(&self.checkpoint, &names, self.stream.shards.clone());
        if self.recovery.was_in_doubt {
            let Start {
                is_in_doubt,
                candidates,
                ..
            } = &self.recovery.start;
            let is_looked_for = *is_in_doubt && self.delivery.guarantee == Guarantee::Dedupe;
            ledger.start_in_doubt(candidates, is_looked_for);
        }
        let (store, clock) = (Arc::clone(&self.backends.store), Arc::clone(&self.backends.clock));
        let (interval, budget) = (self.config.state.commit_interval, self.budget.clone());
        let (outages, counters) = (self.lasting.outages.clone(), Arc::clone(&self.lasting.counters));
        let (halt, suspended_max) = (self.halt.clone(), self.config.errors.suspended_tables_max);
        let (discoverer, done) = (Upstream::to(discoverer.clone()), self.done.clone());
        self.actors
            .spawn(&self.placement.control(), "checkpointer", mailbox, move |fuse| {
                let parts = CheckpointerParts {
                    ledger,
                    store,
                    discoverer,
                    done,
                    interval,
                    budget,
                    outages,
                    counters,
                    clock,
                    status,
                    halt,
                    suspended_max,
                    fuse,
                };
                Checkpointer::new(parts)
            });
    }

    pub(super) fn start_discoverer(
        &mut self,
        mailbox: Mailbox<Discoverer>,
        catalog: Catalog,
        checkpointer: &Addr<Checkpointer>,
        finished: CancellationToken,
    ) {
        let (source, store) = (
            Arc::clone(&self.backends.source),
            Arc::clone(&self.backends.store),
        );
        let checkpointer = Upstream::to(checkpointer.clone());
        let readers_count = self.config.limits.files_in_parallel;
        let counters = Arc::clone(&self.lasting.counters);
        self.actors
            .spawn(&self.placement.control(), "discoverer", mailbox, move |fuse| {
                Discoverer::new(DiscovererParts {
                    catalog,
                    source,
                    store,
                    checkpointer,
                    readers_count,
                    counters,
                    finished,
                    fuse,
                })
            });
    }

    pub(super) fn start_parser(
        &mut self,
        lane: usize,
        batchers: &[Addr<ShardBatcher>],
        dead_letters: &Addr<DeadLetterWriter>,
        checkpointer: &Addr<Checkpointer>,
    ) -> Addr<Parser> {
        let (address, mailbox) = ActorSet::mailbox();
        let parts = ParserParts {
            config: Arc::clone(self.config),
            stream: self.stream.clone(),
            chain: self.checkpoint.task.chain,
            batchers: batchers
                .iter()
                .cloned()
                .map(|batcher| Downstream::to("batch", batcher))
                .collect(),
            dead_letters: Downstream::to("dead-letter", dead_letters.clone()),
            checkpointer: Upstream::to(checkpointer.clone()),
            counters: Arc::clone(&self.lasting.counters),
            clock: Arc::clone(&self.backends.clock),
            panics: self.lasting.panics.clone(),
            budget: self.budget.clone(),
        };
        let arbiter = self.placement.lane(lane);
        self.actors
            .spawn(&arbiter, format!("parser {lane}"), mailbox, move |fuse| {
                Parser::new(parts, fuse)
            });
        address
    }

    pub(super) fn start_reader(
        &mut self,
        lane: usize,
        parser: &Addr<Parser>,
        discoverer: &Addr<Discoverer>,
        checkpointer: &Addr<Checkpointer>,
        stop: CancellationToken,
    ) {
        let settings = ReadSettings::new(self.config);
        let (source, budget) = (Arc::clone(&self.backends.source), self.budget.clone());
        let policies = ObjectPolicies {
            changed: self.config.source.changed_objects,
            archived: self.config.source.archived_objects,
        };
        let (halt, panics) = (self.halt.clone(), self.lasting.panics.clone());
        let cost = CostEstimate::new(&self.config.tables, &self.config.mappings, &self.config.message);
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
        let (_, mailbox) = ActorSet::mailbox::<FileReader>();
        self.actors
            .spawn(&arbiter, format!("reader {lane}"), mailbox, move |fuse| {
                FileReader::new(FileReaderParts {
                    lane,
                    source,
                    settings,
                    policies,
                    discoverer,
                    open,
                    ended,
                    chunks,
                    control,
                    budget,
                    cost,
                    stop,
                    halt,
                    panics,
                    fuse,
                })
            });
    }
}
