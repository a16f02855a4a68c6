//! One page of a listing: which objects are new, and their durable numbers.

use std::collections::HashMap;
use std::sync::Arc;

use super::catalog::{ListRequest, ListedPage, is_late};
use super::folders::{Belonging, FileRule};
use super::messages::{NotRead, SomeObjects};
use super::read_otherwise::Others;
use crate::checkpoint::store::{CheckpointStore, ObjectEntry, ObjectState, ObjectTotals, SetAside};
use crate::fault::{Fault, FaultKind};
use crate::model::name_order::{NameOrder, OutOfOrder};
use crate::model::start::StartPoint;
use crate::model::{Mark, ObjectVersion, QueueName};
use crate::observe::object_trace::listed;
use crate::printable::printable;
use crate::saturate;
use crate::settings::{LateFiles, LeftOut};
use crate::source::{ListPage, ObjectSource};

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
                is_in_doubt: false,
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
    let Some(mut page) = page_of(source.as_ref(), request).await? else {
        return Ok(ListedPage::default());
    };
    let left_out = left_out(&mut page, &request.rule);
    let out_of_order = out_of_order(&page, &left_out);
    let (queue, next, seen) = (request.name.clone(), page.next, page.objects.len());
    let (is_loaded, others) = (request.is_loaded, request.others.clone());
    let work = tokio::task::spawn_blocking(move || {
        let keys: Vec<&str> = page.objects.iter().map(|version| version.key.as_str()).collect();
        let found = store.lookup(&queue, &keys).map_err(Fault::from)?;
        let (mut new, mut again, mut replaced) = (Vec::new(), Vec::new(), Vec::new());
        let mut not_read = NotRead {
            out_of_order,
            ..NotRead::default()
        };
        for (index, (version, entry)) in page.objects.iter().zip(found).enumerate() {
            match entry {
                None => match left_out.get(&index) {
                    Some(why) => not_read.leave(*why, &version.key),
                    None => new.push(version.clone()),
                },
                Some(entry) => match entry.state.retried() {
                    Some(state) => again.push((version.clone(), state)),
                    None if is_replaced(version, &entry) => replaced.push(version.key.clone()),
                    None => {}
                },
            }
        }
        not_read.replaced = SomeObjects::of(replaced.into_iter());
        not_read.read_otherwise = remove_read_otherwise(store.as_ref(), &others, &mut new)?;
        if is_loaded {
            not_read.left_out = SomeObjects::of(new.into_iter().map(|version| version.key));
            return Ok((Vec::new(), not_read));
        }
        not_read.left_out.count = remove_before(store.as_ref(), &lateness.from, &mut new)?;
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
        Ok::<_, Fault>((entries.collect(), not_read))
    });
    let failed = |error| Fault::new(FaultKind::StateIo, format!("listing: {error}"));
    let (new, not_read): (Vec<ObjectEntry>, _) = work.await.map_err(failed)??;
    listed(seen, new.len());
    Ok(ListedPage { new, not_read, next })
}

/// Leaves what belongs to the folder of a queue in a page; says which of it is not read, by its place in the page. That is
/// for files without a number: one that has a number is read to its end, whatever the configuration says by now.
fn left_out(page: &mut ListPage, rule: &FileRule) -> HashMap<usize, LeftOut> {
    let judged = std::mem::take(&mut page.objects).into_iter();
    let judged = judged.map(|version| (rule.judge(&version.key), version));
    let own = judged.filter(|(belonging, _)| *belonging != Belonging::Elsewhere);
    let mut left_out = HashMap::new();
    for (index, (belonging, version)) in own.enumerate() {
        if let Belonging::LeftOut(why) = belonging {
            left_out.insert(index, why);
        }
        page.objects.push(version);
    }
    left_out
}

/// The first two files of a page that are read against the order of the numbers in their names.
fn out_of_order(page: &ListPage, left_out: &HashMap<usize, LeftOut>) -> Option<OutOfOrder> {
    let mut order = NameOrder::default();
    let data = page.objects.iter().enumerate();
    let data = data.filter(|(index, _)| !left_out.contains_key(index));
    data.for_each(|(_, version)| order.take(&version.key));
    order.found
}

/// The page as the source has it; `None` if it cannot be listed and the task needs nothing more of the folder.
async fn page_of(source: &dyn ObjectSource, request: &ListRequest) -> Result<Option<ListPage>, Fault> {
    match source.list(&request.rule.prefix, request.after.as_ref()).await {
        Ok(page) => Ok(Some(page)),
        Err(error) if request.is_loaded => {
            tracing::warn!(queue = %request.name, %error, "cannot look for load files that came after the load");
            Ok(None)
        }
        Err(error) => Err(Fault::from(error)),
    }
}

/// Whether a finished object is another version now than the one that was read; a file that was set aside waits for a
/// person, who is told what to do.
fn is_replaced(version: &ObjectVersion, known: &ObjectEntry) -> bool {
    if !known.state.is_finished() || known.version.etag == version.etag {
        return false;
    }
    if known.state.set_aside().is_none() {
        return true;
    }
    if matches!(known.state.set_aside(), Some(SetAside { decision: None, .. })) {
        let key = &version.key;
        tracing::warn!(
            key,
            "a file that was set aside was replaced; `brigade files retry` reads it"
        );
    }
    false
}

/// Takes out what has a number in another queue of the table: it was a load file and would be a change file now, or the
/// other way about.
fn remove_read_otherwise(
    store: &dyn CheckpointStore,
    others: &Others,
    new: &mut Vec<ObjectVersion>,
) -> Result<SomeObjects, Fault> {
    let keys: Vec<_> = new.iter().map(|version| version.key.as_str()).collect();
    let mut have = others.have(store, &keys).map_err(Fault::from)?.into_iter();
    let mut removed = SomeObjects::default();
    new.retain(|version| {
        let is_read_otherwise = have.next().unwrap_or(false);
        if is_read_otherwise {
            removed.push(&version.key);
        }
        !is_read_otherwise
    });
    Ok(removed)
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

/// Reports what a full listing found more of that nobody reads.
pub(super) fn report_not_read(request: &ListRequest, before: &NotRead, now: &NotRead) {
    let first = |objects: &SomeObjects| {
        let keys = objects.first_keys.iter().take(NAMED_MAX);
        let keys: Vec<_> = keys.map(|key| printable(key)).collect();
        keys.join(", ")
    };
    let (queue, replaced) = (&request.name, &now.replaced);
    if replaced.count > before.replaced.count {
        tracing::warn!(
            %queue,
            files = replaced.count,
            first = first(replaced),
            "finished objects were replaced, or lie in another bucket than those that were read; they are not read again"
        );
    }
    report_left_out(request, before, now, &first);
    let (files, known) = (now.left_out.count, before.left_out.count);
    if known >= files {
        return;
    }
    if request.is_loaded {
        tracing::warn!(
            %queue,
            files,
            first = first(&now.left_out),
            "load files came after the load of their table was complete; they are not read; `brigade reload --table` \
             loads the table again"
        );
    } else if known == 0 {
        tracing::info!(files, "change files before the start are not read");
    } else {
        let more = files - known;
        tracing::warn!(
            more,
            files,
            "change files appeared before the start; they are not read"
        );
    }
}

/// Reports, once, that files of a folder are not data, or changes that nobody reads, or read in an order that surprises.
fn report_left_out(
    request: &ListRequest,
    before: &NotRead,
    now: &NotRead,
    first: &dyn Fn(&SomeObjects) -> String,
) {
    let queue = &request.name;
    if before.not_data.count == 0 && now.not_data.count > 0 {
        tracing::info!(
            %queue,
            files = now.not_data.count,
            first = first(&now.not_data),
            "files that are not data are not read: side files by their names (`_*`, `.*`), and what `source.files` leaves \
             out"
        );
    }
    if let (None, Some(OutOfOrder { first, then })) = (&before.out_of_order, &now.out_of_order) {
        tracing::warn!(
            %queue,
            first,
            then,
            "names sort as text and not by their numbers, and files are read in that order; write numbers with leading \
             zeros"
        );
    }
    if before.read_otherwise.count == 0 && now.read_otherwise.count > 0 {
        tracing::warn!(
            %queue,
            files = now.read_otherwise.count,
            first = first(&now.read_otherwise),
            "files were read as files of another kind, load or changes, before the configuration changed; they are not \
             read again"
        );
    }
    if before.changes.count == 0 && now.changes.count > 0 {
        tracing::warn!(
            %queue,
            files = now.changes.count,
            first = first(&now.changes),
            "files that are named as DMS names change files are not read as load files; where they are load files, set \
             `source.files.named_by_time` to load"
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
