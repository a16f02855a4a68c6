//! `Checkpointer`: keeps the ledger, commits it once per interval, and reports to the discoverer which objects are
//! done.
//!
//! It awaits no other actor, so asking it cannot close a cycle.
//!
//! **Invariants:** C1 (what is committed was settled), C2 (`ObjectDone` leaves only after a durable commit).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use opentelemetry::trace::SpanContext;
use tokio::sync::{Mutex, OwnedMutexGuard, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tracing::Span;

use super::done_objects::DoneObjects;
use super::ledger::{Ledger, LedgerError};
use super::messages::ObjectsDone;
use super::status::TaskStatus;
use super::status_board::StatusBoard;
use super::store::{CheckpointDelta, CheckpointStore, StoreError};
use super::suspended::refuse_suspended;
use super::traced::span_of;
use crate::clock::Clock;
use crate::fault::{Fault, FaultKind};
use crate::flow::budget::Budget;
use crate::flow::edge::Upstream;
use crate::flow::fuse::Fuse;
use crate::flow::halt::Halt;
use crate::flow::outage::Outages;
use crate::model::ObjectId;
use crate::observe::counters::Counters;

/// Time between two statuses; what a person sees as steady.
const STATUS_INTERVAL: Duration = Duration::from_millis(200);

/// What a checkpointer is made of.
#[derive(Debug)]
pub struct CheckpointerParts {
    /// The ledger of this generation.
    pub ledger: Ledger,
    /// Where commits go.
    pub store: Arc<dyn CheckpointStore>,
    /// Who wants to know of finished objects.
    pub discoverer: Upstream<ObjectsDone>,
    /// The same for objects that rows in doubt can belong to.
    pub done: DoneObjects,
    /// Time between two commits.
    pub interval: Duration,
    /// The in-flight budget, for the status.
    pub budget: Budget,
    /// What is away, for the status.
    pub outages: Outages,
    /// What the shards are doing, for the status, and how long commits take.
    pub counters: Arc<Counters>,
    /// Time of day.
    pub clock: Arc<dyn Clock>,
    /// Where the status is published.
    pub status: watch::Sender<Arc<TaskStatus>>,
    /// Ends the task when too many tables are suspended.
    pub halt: Halt,
    /// How many are too many; 0 tolerates any number.
    pub suspended_max: u64,
    /// Ends the actor with a fault.
    pub fuse: Fuse,
}

/// The actor.
#[derive(Debug)]
pub struct Checkpointer {
    pub(super) parts: CheckpointerParts,
    pub(super) board: StatusBoard,
    /// Objects that are committed as soon as they are settled.
    pub(super) urgent: BTreeSet<ObjectId>,
    /// Whether nothing is read until a commit says what is done.
    pub(super) is_waited_for: bool,
    /// Traces of the open objects, if they are traced.
    pub(super) traces: BTreeMap<ObjectId, SpanContext>,
    /// Held by the commit that is under way, so that commits reach the store in the order they were taken.
    pub(super) turn: Arc<Mutex<()>>,
}

impl Checkpointer {
    /// A checkpointer with an empty in-flight ledger.
    pub fn new(parts: CheckpointerParts) -> Self {
        let board = StatusBoard::new(&parts.status.borrow());
        Self {
            parts,
            board,
            urgent: BTreeSet::new(),
            is_waited_for: false,
            traces: BTreeMap::new(),
            turn: Arc::default(),
        }
    }

    pub(super) fn check(&self, result: Result<(), LedgerError>, context: &mut Context<Self>) {
        if let Err(error) = result {
            self.fail(
                Fault::new(FaultKind::Internal, format!("checkpoint ledger: {error}")),
                context,
            );
        }
    }

    fn fail(&self, fault: Fault, context: &mut Context<Self>) {
        self.parts.fuse.blow(fault);
        context.stop();
    }

    pub(super) fn publish_status(&mut self) {
        let now_ms = self.parts.clock.now_ms();
        let in_flight_bytes = self.parts.budget.in_flight_bytes();
        let mut status = self.board.render(
            &self.parts.ledger,
            self.parts.counters.shards(),
            in_flight_bytes,
            now_ms,
        );
        status.outages = self.parts.outages.current();
        for (shard, stall) in self.parts.counters.shards().take_untold_stalls() {
            let seconds = stall.lasted_ms / 1000;
            tracing::warn!(shard, cause = %stall.waits_for, "nothing was stored for {seconds} s");
        }
        self.parts.status.send_replace(Arc::new(status));
        self.note_ages();
    }

    /// Commits in the background; a second commit waits for the next tick.
    fn commit_soon(&mut self, context: &mut Context<Self>) {
        let Ok(turn) = Arc::clone(&self.turn).try_lock_owned() else {
            return;
        };
        let (delta, finished) = self.parts.ledger.take_delta(self.parts.clock.now_ms());
        if delta.is_empty() {
            return;
        }
        let span = self.commit_span(&delta, &finished);
        let commit = self.commits().start(delta, span, turn);
        let commit = outcome(commit).into_actor(self);
        context.spawn(commit.map(move |result, actor, context| match result {
            Ok(()) => {
                actor.announce(finished);
                actor.stop_if_suspended();
                actor.commit_if_waited_for(context);
            }
            Err(fault) => actor.fail(fault, context),
        }));
    }

    pub(super) fn commits(&self) -> Commits {
        Commits {
            store: Arc::clone(&self.parts.store),
            counters: Arc::clone(&self.parts.counters),
        }
    }

    pub(super) fn commit_span(&mut self, delta: &CheckpointDelta, finished: &[ObjectId]) -> Span {
        let traces = finished.iter().filter_map(|id| self.traces.remove(id));
        span_of(delta, traces.collect())
    }

    pub(super) fn announce(&mut self, finished: Vec<ObjectId>) {
        self.note_fresh(&finished);
        if !finished.is_empty() {
            self.parts.done.add(&finished);
            self.parts.discoverer.notify(ObjectsDone { ids: finished });
        }
    }

    /// Not while rows are in doubt: a stop that leaves doubt behind is not clean, and a table is resumed after a
    /// clean one.
    pub(super) fn stop_if_suspended(&self) {
        if self.parts.ledger.is_in_doubt() {
            return;
        }
        let tables = self.parts.ledger.tables();
        if let Err(fault) = refuse_suspended(tables, self.parts.suspended_max) {
            self.parts.halt.request(fault);
        }
    }

    /// Commits an object that others wait for, whatever the interval is.
    pub(super) fn commit_if_urgent(&mut self, id: &ObjectId, context: &mut Context<Self>) {
        let is_urgent = self.is_waited_for || self.urgent.contains(id);
        if is_urgent && self.parts.ledger.is_settled(id) {
            self.commit_soon(context);
        }
    }

    /// Commits what is settled to its end if nothing else is left to do.
    pub(super) fn commit_if_waited_for(&mut self, context: &mut Context<Self>) {
        if self.is_waited_for && self.parts.ledger.has_settled() {
            self.commit_soon(context);
        }
    }
}

/// What commits go through; clones share it.
#[derive(Debug, Clone)]
pub(super) struct Commits {
    store: Arc<dyn CheckpointStore>,
    counters: Arc<Counters>,
}

impl Commits {
    /// Starts at once, polled or not: the turn must come back even while the actor waits for something else.
    pub(super) fn start(
        self,
        delta: CheckpointDelta,
        span: Span,
        turn: OwnedMutexGuard<()>,
    ) -> JoinHandle<Result<(), StoreError>> {
        tokio::task::spawn_blocking(move || {
            let begun = Instant::now();
            let result = span.in_scope(|| self.store.commit(&delta));
            if result.is_ok() {
                self.counters.committed(begun.elapsed());
            }
            drop(turn);
            result
        })
    }
}

pub(super) async fn outcome(commit: JoinHandle<Result<(), StoreError>>) -> Result<(), Fault> {
    match commit.await {
        Ok(result) => result.map_err(Fault::from),
        Err(error) => Err(Fault::new(
            FaultKind::StateIo,
            format!("the checkpoint store panicked: {error}"),
        )),
    }
}

impl Actor for Checkpointer {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Context<Self>) {
        self.publish_status();
        context.run_interval(STATUS_INTERVAL, |actor, _context| actor.publish_status());
        context.run_interval(self.parts.interval, Self::commit_soon);
    }
}
