//! `Discoverer`: lists, gives new objects their durable numbers, and hands them to readers that ask.
//!
//! It awaits no other actor, so asking it cannot close a cycle.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use futures_util::FutureExt;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use super::catalog::{Catalog, ListRequest, ListedPage, is_late};
use super::messages::{Assignment, NextObject, StopAssigning};
use crate::checkpoint::messages::{ObjectsDone, TaskNotice};
use crate::checkpoint::store::{CheckpointStore, ObjectEntry, ObjectState, ObjectTotals, Phase};
use crate::clock::Clock;
use crate::fault::{Fault, FaultKind};
use crate::flow::edge::Upstream;
use crate::flow::fuse::Fuse;
use crate::model::start::StartPoint;
use crate::model::{Mark, ObjectVersion, QueueName};
use crate::saturate;
use crate::settings::LateFiles;
use crate::source::ObjectSource;

/// How often the catalogue is asked whether a listing is due.
const HEARTBEAT: Duration = Duration::from_millis(100);

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
    /// Time of day.
    pub clock: Arc<dyn Clock>,
    /// Cancelled when everything present is settled and no more is expected.
    pub finished: CancellationToken,
    /// Ends the actor with a fault.
    pub fuse: Fuse,
}

/// The actor.
#[derive(Debug)]
pub struct Discoverer {
    parts: DiscovererParts,
    waiting: VecDeque<(usize, oneshot::Sender<Option<Assignment>>)>,
    is_listing: bool,
    is_stopping: bool,
}

impl Discoverer {
    /// A discoverer with nobody waiting.
    pub fn new(parts: DiscovererParts) -> Self {
        Self {
            parts,
            waiting: VecDeque::new(),
            is_listing: false,
            is_stopping: false,
        }
    }

    /// Does whatever can be done now: announce, hand out, list.
    fn drive(&mut self, context: &mut Context<Self>) {
        let was_loading = self.parts.catalog.is_loading();
        for table in self.parts.catalog.newly_loaded() {
            self.parts.checkpointer.notify(TaskNotice::LoadCompleted(table));
        }
        if was_loading && !self.parts.catalog.is_loading() {
            self.parts.checkpointer.notify(TaskNotice::Phase(Phase::Changes));
        }
        self.hand_out();
        if self.parts.catalog.is_finished() {
            self.parts.finished.cancel();
        } else if !self.is_listing && !self.is_stopping {
            let now_ms = self.parts.clock.now_ms();
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
            let Some(assignment) = self.parts.catalog.assign(lane) else {
                self.waiting.push_front((lane, reply));
                return;
            };
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
        let span = tracing::info_span!(
            parent: None,
            "discover.list",
            queue = %request.name,
            prefix = request.prefix,
            seen = tracing::field::Empty,
            new = tracing::field::Empty,
        );
        let (queue, asked) = (request.queue, request);
        let work = async move { list_page(source, store, &asked, lateness).await }.instrument(span);
        context.spawn(work.into_actor(self).map(move |result, actor, context| {
            actor.is_listing = false;
            match result {
                Ok(page) => {
                    let now_ms = actor.parts.clock.now_ms();
                    let in_front = actor.parts.catalog.in_front(queue);
                    actor.parts.catalog.listed(queue, page, now_ms);
                    report_before_start(in_front, actor.parts.catalog.in_front(queue));
                    if let Some(notice) = actor.parts.catalog.notice(queue) {
                        actor.parts.checkpointer.notify(notice);
                    }
                    actor.drive(context);
                }
                Err(fault) => {
                    actor.parts.fuse.blow(fault);
                    context.stop();
                }
            }
        }));
    }
}

/// What becomes of the new objects of a queue.
struct Lateness {
    greatest_key: Option<String>,
    policy: LateFiles,
    from: StartPoint,
}

impl Lateness {
    /// What a new key starts as: a late file is set aside before anybody can find it to read.
    fn state_of(&self, key: &str) -> ObjectState {
        if self.policy == LateFiles::Quarantine && is_late(key, self.greatest_key.as_deref()) {
            return ObjectState::Quarantined {
                reason: format!(
                    "{key} arrived late: it sorts before the last file read (late_files: quarantine)"
                ),
                watermark: Mark::START,
                totals: ObjectTotals::default(),
            };
        }
        ObjectState::Registered
    }
}

/// Lists one page, separates new keys from known ones, and gives the new ones their numbers, durably.
async fn list_page(
    source: Arc<dyn ObjectSource>,
    store: Arc<dyn CheckpointStore>,
    request: &ListRequest,
    lateness: Lateness,
) -> Result<ListedPage, Fault> {
    let page = source.list(&request.prefix, request.after.as_ref()).await;
    let mut page = page.map_err(Fault::from)?;
    page.objects.retain(|version| request.takes.takes(&version.key));
    let (queue, next, seen) = (request.name.clone(), page.next, page.objects.len());
    let work = tokio::task::spawn_blocking(move || {
        let keys: Vec<&str> = page.objects.iter().map(|version| version.key.as_str()).collect();
        let found = store.lookup(&queue, &keys).map_err(Fault::from)?;
        let mut new: Vec<ObjectVersion> = Vec::new();
        for (version, entry) in page.objects.iter().zip(found) {
            match entry {
                None => new.push(version.clone()),
                Some(entry) if entry.state.is_finished() && entry.version.etag != version.etag => {
                    tracing::warn!(
                        key = version.key,
                        "a finished object was replaced; it is not read again"
                    );
                }
                Some(_) => {}
            }
        }
        let in_front = remove_before(store.as_ref(), &lateness.from, &mut new)?;
        report_late(&new, &lateness)?;
        let objects: Vec<_> = new
            .into_iter()
            .map(|version| {
                let state = lateness.state_of(&version.key);
                (version, state)
            })
            .collect();
        let ids = store.register_as(&queue, &objects).map_err(Fault::from)?;
        let entries = ids.into_iter().zip(objects);
        let entries = entries.map(|(id, (version, state))| ObjectEntry { id, version, state });
        Ok::<(Vec<_>, u64), Fault>((entries.collect(), in_front))
    });
    let (new, in_front) = work
        .await
        .map_err(|error| Fault::new(FaultKind::StateIo, format!("listing: {error}")))??;
    tracing::Span::current()
        .record("seen", seen)
        .record("new", new.len());
    Ok(ListedPage { new, in_front, next })
}

/// Takes out what lies before the start; says how many that were.
fn remove_before(
    store: &dyn CheckpointStore,
    from: &StartPoint,
    new: &mut Vec<ObjectVersion>,
) -> Result<u64, Fault> {
    let all = new.len();
    if let StartPoint::Registered { .. } = from {
        let keys: Vec<_> = new.iter().map(|version| version.key.as_str()).collect();
        let found = store.lookup(&QueueName::in_front(), &keys).map_err(Fault::from)?;
        let mut is_registered = found.iter().map(Option::is_some);
        new.retain(|_| !is_registered.next().unwrap_or(false));
    } else {
        new.retain(|version| !from.is_before(version));
    }
    Ok(saturate::to_u64(all - new.len()))
}

fn report_before_start(before: u64, now: u64) {
    if before == 0 && now > 0 {
        tracing::info!(files = now, "change files before the start are not read");
    } else if before < now {
        tracing::warn!(
            more = now - before,
            files = now,
            "change files appeared before the start; they are not read"
        );
    }
}

fn report_late(new: &[ObjectVersion], lateness: &Lateness) -> Result<(), Fault> {
    let late = new
        .iter()
        .filter(|version| is_late(&version.key, lateness.greatest_key.as_deref()));
    for version in late {
        tracing::warn!(key = version.key, policy = ?lateness.policy, "a file arrived late: it sorts before the last \
            one read");
        if lateness.policy == LateFiles::Stop {
            let message = format!(
                "{} arrived late: it sorts before {}, the last file read, and late_files is stop; read it with \
                late_files: process",
                version.key,
                lateness.greatest_key.as_deref().unwrap_or_default(),
            );
            return Err(Fault::new(FaultKind::Data, message));
        }
    }
    Ok(())
}

impl Actor for Discoverer {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Context<Self>) {
        context.run_interval(HEARTBEAT, Self::drive);
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
