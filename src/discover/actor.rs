//! `Discoverer`: lists, gives new objects their durable numbers, and hands them to readers that ask.
//!
//! It awaits no other actor, so asking it cannot close a cycle.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use futures_util::FutureExt;
use tokio::sync::oneshot;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use super::catalog::{Catalog, ListRequest};
use super::listing::{Lateness, list_page, report_not_read};
use super::listings::Listings;
use super::messages::{Assignment, NextObject, StopAssigning};
use super::timing::Timing;
use crate::checkpoint::messages::{ObjectsDone, TaskNotice};
use crate::checkpoint::store::{CheckpointStore, Phase};
use crate::flow::edge::Upstream;
use crate::flow::fuse::Fuse;
use crate::observe::counters::Counters;
use crate::observe::object_trace::{context_of, failed, list_span};
use crate::saturate;
use crate::source::ObjectSource;

/// How often the catalogue is asked whether a listing is due.
const HEARTBEAT: Duration = Duration::from_millis(100);
/// How often it says how old is what waits.
const AGE_INTERVAL: Duration = Duration::from_secs(1);

/// What a discoverer is made of.
#[derive(Debug)]
pub struct DiscovererParts {
    /// The catalogue of this generation.
    pub catalog: Catalog,
    /// Where objects are.
    pub source: Arc<dyn ObjectSource>,
    /// Which keys are known.
    pub store: Arc<dyn CheckpointStore>,
    /// Who keeps the task's state.
    pub checkpointer: Upstream<TaskNotice>,
    /// How many readers there are.
    pub readers_count: usize,
    /// Told of listings, and of how old is what waits.
    pub counters: Arc<Counters>,
    /// Cancelled when everything present is settled and no more is expected.
    pub finished: CancellationToken,
    /// Ends the actor with a fault.
    pub fuse: Fuse,
}

/// The actor.
#[derive(Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is told, asked and changed for itself"
)]
pub struct Discoverer {
    parts: DiscovererParts,
    /// From when on times count. The time of day is not asked: nothing waits longer because somebody set the clock.
    epoch: Instant,
    waiting: VecDeque<(usize, oneshot::Sender<Option<Assignment>>)>,
    listings: Listings,
    /// Whether all readers wait, as the checkpointer was told.
    is_waiting: bool,
    /// Whether the checkpointer knows that nothing is left to load.
    is_past_load: bool,
    is_listing: bool,
    is_stopping: bool,
    timing: Timing,
}

impl Discoverer {
    /// A discoverer with nobody waiting.
    pub fn new(parts: DiscovererParts) -> Self {
        Self {
            timing: Timing::new(Arc::clone(&parts.counters)),
            parts,
            epoch: Instant::now(),
            waiting: VecDeque::new(),
            listings: Listings::default(),
            is_waiting: false,
            is_past_load: false,
            is_listing: false,
            is_stopping: false,
        }
    }

    fn now_ms(&self) -> i64 {
        saturate::to_i64(self.epoch.elapsed().as_millis())
    }

    /// Does whatever can be done now: announce, hand out, list.
    fn drive(&mut self, context: &mut Context<Self>) {
        for table in self.parts.catalog.newly_loaded() {
            self.parts.checkpointer.notify(TaskNotice::LoadCompleted(table));
        }
        for (queue, name, prefix) in self.parts.catalog.loads_without_files() {
            tracing::warn!(
                table = name.table_name(),
                prefix,
                "the load of a table is complete without a file; if there should be one, correct TablePath or \
                 bucket_folder, then `brigade reload --table`"
            );
            if let Some(notice) = self.parts.catalog.notice(queue) {
                self.parts.checkpointer.notify(notice);
            }
        }
        // A task without a load is past it from its start.
        if !self.parts.catalog.is_loading() && !std::mem::replace(&mut self.is_past_load, true) {
            self.parts.checkpointer.notify(TaskNotice::Phase(Phase::Changes));
        }
        self.hand_out();
        let is_waiting = self.waiting.len() >= self.parts.readers_count;
        if std::mem::replace(&mut self.is_waiting, is_waiting) != is_waiting {
            // Before the others hear of it: it may be the last that is said of what waits.
            self.timing.tell_ages(&self.parts.catalog);
            self.parts.checkpointer.notify(TaskNotice::Waiting(is_waiting));
        }
        if self.parts.catalog.is_finished() {
            self.parts.finished.cancel();
        } else if !self.is_listing && !self.is_stopping {
            let now_ms = self.now_ms();
            if let Some(request) = self.parts.catalog.next_listing(now_ms) {
                self.list(request, context);
            }
        }
    }

    fn hand_out(&mut self) {
        while let Some((lane, reply)) = self.waiting.pop_front() {
            if self.is_stopping {
                drop(reply.send(None));
                continue;
            }
            let Some(mut assignment) = self.parts.catalog.assign(lane) else {
                self.waiting.push_front((lane, reply));
                return;
            };
            assignment.listing = self.listings.of(&assignment.entry.id);
            if reply.send(Some(assignment)).is_err() {
                // The reader died with its generation; this catalogue dies with it.
                return;
            }
        }
    }

    fn list(&mut self, request: ListRequest, context: &mut Context<Self>) {
        self.is_listing = true;
        let lateness = Lateness {
            greatest_key: self
                .parts
                .catalog
                .greatest_key(request.queue)
                .map(ToOwned::to_owned),
            policy: request.late_files,
            from: request.from.clone(),
        };
        let (source, store) = (Arc::clone(&self.parts.source), Arc::clone(&self.parts.store));
        let location = source.locate(&request.rule.prefix);
        let span = list_span(&request.name.to_string(), &location);
        let listing = context_of(&span);
        let (queue, asked, begun) = (request.queue, request.clone(), Instant::now());
        let work = async move {
            let listed = list_page(source, store, &asked, lateness).await;
            listed.inspect_err(|fault| failed(&tracing::Span::current(), &fault.to_string()))
        };
        let work = work.instrument(span);
        context.spawn(work.into_actor(self).map(move |result, actor, context| {
            actor.is_listing = false;
            match result {
                Ok(page) => {
                    let (catalog, is_last) = (&actor.parts.catalog, page.next.is_none());
                    actor.timing.page(catalog, queue, begun.elapsed(), is_last);
                    actor.listings.found(&page.new, listing.as_ref());
                    let now_ms = actor.now_ms();
                    let before = actor.parts.catalog.not_read(queue);
                    actor.parts.catalog.listed(queue, page, now_ms);
                    report_not_read(&request, &before, &actor.parts.catalog.not_read(queue));
                    if let Some(notice) = actor.parts.catalog.notice(queue) {
                        actor.parts.checkpointer.notify(notice);
                    }
                    actor.drive(context);
                    actor.timing.tell_ages(&actor.parts.catalog);
                }
                Err(fault) => {
                    actor.parts.fuse.blow(fault);
                    context.stop();
                }
            }
        }));
    }
}

impl Actor for Discoverer {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Context<Self>) {
        context.run_interval(HEARTBEAT, Self::drive);
        context.run_interval(AGE_INTERVAL, |actor, _context| {
            actor.timing.tell_ages(&actor.parts.catalog);
        });
        self.drive(context);
    }
}

impl Handler<NextObject> for Discoverer {
    type Result = ResponseFuture<Option<Assignment>>;

    fn handle(&mut self, message: NextObject, context: &mut Context<Self>) -> Self::Result {
        if let Some(read) = message.read {
            let suspended = self.parts.catalog.released(message.lane, read);
            if let Some(notice) = suspended.and_then(|queue| self.parts.catalog.notice(queue)) {
                self.parts.checkpointer.notify(notice);
            }
        }
        let (reply, answer) = oneshot::channel();
        self.waiting.push_back((message.lane, reply));
        self.drive(context);
        Box::pin(answer.map(Result::unwrap_or_default))
    }
}

impl Handler<ObjectsDone> for Discoverer {
    type Result = ();

    fn handle(&mut self, message: ObjectsDone, context: &mut Context<Self>) {
        self.parts.catalog.done(&message.ids);
        self.drive(context);
    }
}

impl Handler<StopAssigning> for Discoverer {
    type Result = ();

    fn handle(&mut self, _message: StopAssigning, _context: &mut Context<Self>) {
        self.is_stopping = true;
        self.hand_out();
    }
}
