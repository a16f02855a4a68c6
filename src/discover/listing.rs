//! One page of a listing: which objects are new, and their durable numbers.

use std::sync::Arc;

use super::catalog::{ListRequest, ListedPage, is_late};
use super::messages::{LeftOut, UNREAD_SHOWN_MAX};
use crate::checkpoint::store::{CheckpointStore, ObjectEntry, ObjectState, ObjectTotals, SetAside};
use crate::fault::{Fault, FaultKind};
use crate::model::start::StartPoint;
use crate::model::{Mark, ObjectVersion, QueueName};
use crate::saturate;
use crate::settings::LateFiles;
use crate::source::{ObjectSource, printable};

/// Files that a warning names.
const NAMED_MAX: usize = 5;

/// What becomes of the new objects of a queue.
pub(super) struct Lateness {
    /// The greatest key that has a number.
    pub(super) greatest_key: Option<String>,
    /// What becomes of files below it.
    pub(super) policy: LateFiles,
    /// Where the changes begin.
    pub(super) from: StartPoint,
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
pub(super) async fn list_page(
    source: Arc<dyn ObjectSource>,
    store: Arc<dyn CheckpointStore>,
    request: &ListRequest,
    lateness: Lateness,
) -> Result<ListedPage, Fault> {
    let page = source.list(&request.prefix, request.after.as_ref()).await;
    let mut page = page.map_err(Fault::from)?;
    page.objects.retain(|version| request.takes.takes(&version.key));
    let (queue, next, seen) = (request.name.clone(), page.next, page.objects.len());
    let is_loaded = request.is_loaded;
    let work = tokio::task::spawn_blocking(move || {
        let keys: Vec<&str> = page.objects.iter().map(|version| version.key.as_str()).collect();
        let found = store.lookup(&queue, &keys).map_err(Fault::from)?;
        let (mut new, mut again) = (Vec::new(), Vec::new());
        for (version, entry) in page.objects.iter().zip(found) {
            match entry {
                None => new.push(version.clone()),
                Some(entry) => match entry.state.retried() {
                    Some(state) => again.push((version.clone(), state)),
                    None => report_replaced(version, &entry),
                },
            }
        }
        if is_loaded {
            return Ok((Vec::new(), after_load(new)));
        }
        let in_front = remove_before(store.as_ref(), &lateness.from, &mut new)?;
        report_late(&new, &lateness)?;
        let new = new.into_iter().map(|version| {
            let state = lateness.state_of(&version.key);
            (version, state)
        });
        // What a person wants read again is neither late nor before the start.
        let objects: Vec<_> = new.chain(again).collect();
        let ids = store.register_as(&queue, &objects).map_err(Fault::from)?;
        let entries = ids.into_iter().zip(objects);
        let entries = entries.map(|(id, (version, state))| ObjectEntry { id, version, state });
        let left_out = LeftOut {
            count: in_front,
            first_keys: Vec::new(),
        };
        Ok::<_, Fault>((entries.collect(), left_out))
    });
    let (new, left_out): (Vec<ObjectEntry>, _) = work
        .await
        .map_err(|error| Fault::new(FaultKind::StateIo, format!("listing: {error}")))??;
    tracing::Span::current()
        .record("seen", seen)
        .record("new", new.len());
    Ok(ListedPage { new, left_out, next })
}

/// Reports a version that is not read although it is another one than the one that was.
fn report_replaced(version: &ObjectVersion, known: &ObjectEntry) {
    if !known.state.is_finished() || known.version.etag == version.etag {
        return;
    }
    let key = &version.key;
    match known.state.set_aside() {
        Some(SetAside { decision: None, .. }) => {
            tracing::warn!(
                key,
                "a file that was set aside was replaced; `brigade files retry` reads it"
            );
        }
        Some(_) | None => tracing::warn!(key, "a finished object was replaced; it is not read again"),
    }
}

/// Load files that are new although the load is complete.
fn after_load(new: Vec<ObjectVersion>) -> LeftOut {
    let count = saturate::to_u64(new.len());
    let first = new.into_iter().take(UNREAD_SHOWN_MAX);
    LeftOut {
        count,
        first_keys: first.map(|version| version.key).collect(),
    }
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

/// Reports what a full listing found and nobody reads.
pub(super) fn report_left_out(request: &ListRequest, before: u64, now: &LeftOut) {
    let files = now.count;
    if before >= files {
        return;
    }
    if request.is_loaded {
        let first: Vec<_> = now
            .first_keys
            .iter()
            .take(NAMED_MAX)
            .map(|key| printable(key))
            .collect();
        tracing::warn!(
            table = request.name.table_name(),
            files,
            first = first.join(", "),
            "load files came after the load of their table was complete; they are not read; `brigade reload --table` \
             loads the table again"
        );
    } else if before == 0 {
        tracing::info!(files, "change files before the start are not read");
    } else {
        tracing::warn!(
            more = files - before,
            files,
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
