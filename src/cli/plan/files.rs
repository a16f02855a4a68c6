//! The files of a folder and what the checkpoint says of each.

use std::path::PathBuf;

use super::KnownState;
use super::report::{FileCounts, Stray};
use crate::checkpoint::store::{CheckpointStore, Decision, ObjectEntry, ObjectState};
use crate::cli::task_files::list;
use crate::config::Config;
use crate::discover::catalog::is_late;
use crate::discover::folders::{Belonging, ObjectFolder};
use crate::discover::read_otherwise::Others;
use crate::fault::Fault;
use crate::model::name_order::NameOrder;
use crate::model::start::StartPoint;
use crate::model::{ObjectVersion, QueueName};
use crate::settings::{LeftOut, SourceLocation, TargetConfig, is_side_file};
use crate::source::ObjectSource;
use crate::supervise::beginning::decided;

/// Files of which rows may be sampled.
const SAMPLES_MAX: usize = 10;
/// Keys of files of no table that are named.
const STRAYS_SHOWN_MAX: usize = 10;
/// Keys that are looked through for files of no table: a bucket may hold millions of others.
const STRAY_KEYS_MAX: usize = 20_000;

/// A folder as it is listed.
#[derive(Debug, Default)]
pub(super) struct Listed {
    pub(super) files: FileCounts,
    pub(super) bytes: u64,
    pub(super) bytes_left: u64,
    pub(super) first_key: Option<String>,
    pub(super) last_key: Option<String>,
    /// Whether their names sort as the numbers in them.
    pub(super) order: NameOrder,
    /// The first file of the folder that is not data.
    pub(super) not_data_first: Option<String>,
    /// The first file that is named as change files are.
    pub(super) unread_changes_first: Option<String>,
    /// The first files that are to be read, and without any the first there are.
    pub(super) samples: Vec<ObjectVersion>,
}

/// Lists a folder to its end.
///
/// # Errors
/// If it cannot be listed, or the checkpoint cannot be read.
pub(super) async fn list_folder(
    config: &Config,
    source: &dyn ObjectSource,
    state: &KnownState,
    folder: &ObjectFolder,
) -> Result<Listed, Fault> {
    let mut listing = Listing {
        greatest_key: greatest_key(state, folder),
        is_loaded: is_loaded(config, state, folder),
        from: changes_start(config, state, folder),
        others_have: Others::of(config, &state.checkpoint, &folder.queue),
        ..Listing::default()
    };
    let mut failure = None;
    let mut take = |objects: Vec<ObjectVersion>| {
        let taken = listing.take(state, folder, objects);
        failure = taken.err();
        failure.is_none()
    };
    list(source, &folder.rule.prefix, &mut take).await?;
    if let Some(fault) = failure {
        return Err(fault);
    }
    let Listing {
        mut listed, others, ..
    } = listing;
    if listed.samples.is_empty() {
        listed.samples = others;
    }
    Ok(listed)
}

impl Listed {
    /// Counts a file of the folder that is not read.
    fn leave(&mut self, why: LeftOut, key: &str) {
        match why {
            LeftOut::SideFile | LeftOut::Below | LeftOut::Pattern => {
                self.files.not_data += 1;
                self.not_data_first.get_or_insert_with(|| key.to_owned());
            }
            LeftOut::NamedAsChanges => {
                self.files.unread_changes += 1;
                self.unread_changes_first.get_or_insert_with(|| key.to_owned());
            }
        }
    }

    /// Counts a file that was set aside; gives the bytes that are to be read of it, if it is to be read again.
    fn take_set_aside(&mut self, entry: &ObjectEntry, object: &ObjectVersion) -> Option<u64> {
        let decision = entry.state.set_aside().and_then(|aside| aside.decision);
        match decision {
            None => {
                self.files.set_aside += 1;
                None
            }
            Some(Decision::Skip) => {
                self.files.skipped += 1;
                None
            }
            Some(Decision::RetryAtMark | Decision::RetryFromBeginning) => {
                self.files.new += 1;
                let state = entry.state.retried()?;
                let again = ObjectEntry {
                    version: object.clone(),
                    state,
                    ..entry.clone()
                };
                Some(again.unsettled_bytes())
            }
        }
    }
}

#[derive(Default)]
struct Listing {
    listed: Listed,
    /// Files that are not to be read any more.
    others: Vec<ObjectVersion>,
    greatest_key: Option<String>,
    is_loaded: bool,
    others_have: Others,
    /// Where the changes begin; `None` after everything that is there now.
    from: Option<StartPoint>,
}

impl Listing {
    fn take(
        &mut self,
        state: &KnownState,
        folder: &ObjectFolder,
        objects: Vec<ObjectVersion>,
    ) -> Result<(), Fault> {
        let judged = objects
            .into_iter()
            .map(|object| (folder.rule.judge(&object.key), object));
        let own = judged.filter(|(belonging, _)| *belonging != Belonging::Elsewhere);
        let (belongings, objects): (Vec<_>, Vec<_>) = own.unzip();
        let keys: Vec<_> = objects.iter().map(|object| object.key.as_str()).collect();
        let (known, read_otherwise) = match &state.store {
            Some(store) => (
                store.lookup(&folder.queue, &keys).map_err(Fault::from)?,
                self.others_have.have(store, &keys).map_err(Fault::from)?,
            ),
            None => (vec![None; keys.len()], vec![false; keys.len()]),
        };
        let in_front = self.in_front(state, &objects)?;
        let states = belongings
            .into_iter()
            .zip(known)
            .zip(in_front)
            .zip(read_otherwise);
        for (object, (((belonging, known), is_before), is_read_otherwise)) in objects.into_iter().zip(states)
        {
            let listed = &mut self.listed;
            // One that has a number is read, whatever the configuration says by now.
            if let (Belonging::LeftOut(why), None) = (belonging, &known) {
                listed.leave(why, &object.key);
                continue;
            }
            if is_read_otherwise && known.is_none() {
                listed.files.all += 1;
                listed.files.read_otherwise += 1;
                continue;
            }
            listed.order.take(&object.key);
            listed.bytes += object.size_bytes;
            let left = self.bytes_left(folder, &object, known.as_ref(), is_before);
            let listed = &mut self.listed;
            listed.first_key.get_or_insert_with(|| object.key.clone());
            listed.last_key = Some(object.key.clone());
            listed.bytes_left += left.unwrap_or(0);
            let samples = match left {
                Some(_) => &mut listed.samples,
                None => &mut self.others,
            };
            if samples.len() < SAMPLES_MAX && object.size_bytes > 0 {
                samples.push(object);
            }
        }
        Ok(())
    }

    /// Counts a file by what the checkpoint says of it; gives the bytes that are to be read of it, if it is to be read.
    fn bytes_left(
        &mut self,
        folder: &ObjectFolder,
        object: &ObjectVersion,
        known: Option<&ObjectEntry>,
        is_before: bool,
    ) -> Option<u64> {
        let files = &mut self.listed.files;
        files.all += 1;
        match known.map(|entry| (&entry.state, entry)) {
            Some((ObjectState::Registered | ObjectState::Open(_), entry)) => {
                files.open += 1;
                Some(entry.unsettled_bytes())
            }
            Some((ObjectState::Done(_), entry)) => {
                files.done += 1;
                files.replaced += u64::from(entry.version.etag != object.etag);
                None
            }
            Some((ObjectState::Quarantined { .. } | ObjectState::Decided { .. }, entry)) => {
                self.listed.take_set_aside(entry, object)
            }
            None if self.is_loaded || is_before => {
                files.not_read += 1;
                None
            }
            None => {
                files.new += 1;
                let is_change = folder.table.is_none();
                files.late += u64::from(is_change && is_late(&object.key, self.greatest_key.as_deref()));
                Some(object.size_bytes)
            }
        }
    }

    /// Which of these lie before the start.
    fn in_front(&self, state: &KnownState, objects: &[ObjectVersion]) -> Result<Vec<bool>, Fault> {
        let Some(from) = &self.from else {
            return Ok(vec![true; objects.len()]);
        };
        if let (StartPoint::Registered { .. }, Some(store)) = (from, &state.store) {
            let keys: Vec<_> = objects.iter().map(|object| object.key.as_str()).collect();
            let known = store.lookup(&QueueName::in_front(), &keys).map_err(Fault::from)?;
            return Ok(known.iter().map(Option::is_some).collect());
        }
        Ok(objects.iter().map(|object| from.is_before(object)).collect())
    }
}

/// Where the change files begin that are read: as it was decided, or as it would be now.
fn changes_start(config: &Config, state: &KnownState, folder: &ObjectFolder) -> Option<StartPoint> {
    if folder.table.is_some() {
        return Some(StartPoint::Beginning);
    }
    let decided = decided(&state.checkpoint).map(|start| start.point);
    let decided = decided.filter(StartPoint::is_decided);
    decided.or_else(|| StartPoint::of(&config.source.changes_from))
}

fn greatest_key(state: &KnownState, folder: &ObjectFolder) -> Option<String> {
    let queue = folder.queue.clone();
    let mut greatest = state.checkpoint.greatest_keys.iter();
    let of_queue = greatest.find(|(name, _)| *name == queue);
    of_queue.map(|(_, key)| key.clone())
}

/// Whether the full load of the folder's table is complete.
fn is_loaded(config: &Config, state: &KnownState, folder: &ObjectFolder) -> bool {
    let table = folder.table.and_then(|table| config.tables.get(table.0));
    table.is_some_and(|table| {
        let mut known = state.checkpoint.tables.iter();
        known.any(|known| {
            let is_same = known.schema_name == table.owner && known.table_name == table.name;
            is_same && known.full_load_end_ms.is_some()
        })
    })
}

/// Where the task writes itself, if it reads a folder of this machine.
struct OwnFolders {
    source: Option<PathBuf>,
    folders: Vec<PathBuf>,
}

impl OwnFolders {
    fn of(config: &Config) -> Self {
        let source = match &config.source.location {
            SourceLocation::Local { directory } => std::path::absolute(directory).ok(),
            SourceLocation::S3 { .. } => None,
        };
        let target = match &config.target {
            TargetConfig::Ndjson { path, .. } => Some(path),
            TargetConfig::Kinesis { .. } => None,
        };
        let own = [&config.state.path, &config.errors.dead_letters];
        let own = own.into_iter().chain(target);
        Self {
            source,
            folders: own.filter_map(|path| std::path::absolute(path).ok()).collect(),
        }
    }

    /// Whether a file with this key is one of the task's own.
    fn have(&self, key: &str) -> bool {
        self.source.as_ref().is_some_and(|source| {
            let path = source.join(key);
            self.folders.iter().any(|folder| path.starts_with(folder))
        })
    }
}

/// Files below the bucket folder that belong to no table and are not change files.
///
/// # Errors
/// If the bucket folder cannot be listed.
pub(super) async fn strays(
    config: &Config,
    source: &dyn ObjectSource,
    folders: &[ObjectFolder],
) -> Result<Stray, Fault> {
    let own = OwnFolders::of(config);
    let (mut strays, mut seen) = (Stray::default(), 0);
    let mut take = |objects: Vec<ObjectVersion>| {
        seen += objects.len();
        for object in objects {
            let lies_in = |folder: &ObjectFolder| folder.rule.judge(&object.key) != Belonging::Elsewhere;
            let below = object
                .key
                .strip_prefix(&config.source.bucket_folder)
                .unwrap_or_default();
            let is_told = folders.iter().any(lies_in) || own.have(&object.key) || is_side_file(below);
            if !is_told {
                strays.count += 1;
                if strays.keys.len() < STRAYS_SHOWN_MAX {
                    strays.keys.push(object.key);
                }
            }
        }
        seen < STRAY_KEYS_MAX
    };
    let is_complete = list(source, &config.source.bucket_folder, &mut take).await?;
    strays.is_complete = is_complete;
    Ok(strays)
}
