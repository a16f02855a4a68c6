//! The durable backend: one sled database in a state folder, with a side file that says whether to trust it.
//!
//! **Invariants:** C1 and C2 (a step is applied whole and durable, or the store refuses to go on).

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, File, TryLockError};
use std::io;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use super::database::{Changes, Database};
use super::folder::StateFolder;
use super::identity::{Identity, agree};
use super::opening::when_unlocked;
use super::state::{State, content_of};
use super::upkeep::Upkeep;
use super::{Checkpoint, CheckpointDelta, CheckpointStore, ObjectEntry, ObjectState, StoreError};
use crate::durable::create::{self, sync_folder};
use crate::model::{ObjectId, ObjectVersion, QueueName};

/// Objects visited between two commits of others.
const VISIT_PAGE_OBJECTS: u64 = 1_000;

/// How to open a state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenOptions {
    /// The task; a state belongs to one task for good.
    pub task: String,
    /// How long to wait for another process that has the state open.
    pub lock_wait: Duration,
}

impl OpenOptions {
    /// Options for a task; waits five seconds, because a lock can outlive a killed process for a moment.
    pub fn new(task: impl Into<String>) -> Self {
        Self {
            task: task.into(),
            lock_wait: Duration::from_secs(5),
        }
    }
}

/// A checkpoint store in a folder.
pub struct SledStore {
    folder: StateFolder,
    guarded: Mutex<Guarded>,
}

/// What the lock protects.
#[derive(Debug)]
pub(super) struct Guarded {
    pub(super) state: State,
    /// Why nothing more is written, once writing failed: what is in memory may not be what is on the disk.
    failure: Option<String>,
    pub(super) upkeep: Upkeep,
}

impl fmt::Debug for SledStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SledStore({})", self.folder)
    }
}

impl fmt::Display for SledStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sled:{}", self.folder)
    }
}

impl SledStore {
    /// Opens the state of a task, or creates it if there is nothing.
    ///
    /// # Errors
    /// [`StoreError::Locked`], [`StoreError::Create`], [`StoreError::Io`], or [`StoreError::Damaged`] if the database
    /// does not agree with its side file, belongs to another task or was written by a newer program.
    pub fn open(folder: &Path, options: &OpenOptions) -> Result<Self, StoreError> {
        let folder = StateFolder::new(folder);
        create::folder(folder.path()).map_err(|error| folder.create(error))?;
        let side_file = Identity::read(&folder)?;
        if let Some(side_file) = &side_file {
            side_file.check(&folder, &options.task)?;
            if !folder.database_file().exists() {
                return Err(if folder.has_unfinished_import() {
                    folder.refused(
                        "an import was not finished; import again with `brigade checkpoint import FILE`, or start from \
                        scratch with `brigade checkpoint reset`",
                    )
                } else {
                    folder.damaged("IDENTITY is there, the database is not")
                });
            }
        }
        let database = Database::open(&folder, options.lock_wait)?;
        let content = content_of(&database)?;
        let mut state = match agree(&folder, &options.task, side_file.as_ref(), content)? {
            Some(identity) => State::of(folder.clone(), database, identity)?,
            None => State::create(folder.clone(), database, Identity::new(&options.task))?,
        };
        if side_file.is_none() {
            state.identity.write(&folder)?;
        }
        state.recognise_copy()?;
        let guarded = Guarded {
            state,
            failure: None,
            upkeep: Upkeep::default(),
        };
        Ok(Self {
            folder,
            guarded: Mutex::new(guarded),
        })
    }

    /// The state folder.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The queues that have objects, by name.
    ///
    /// # Errors
    /// [`StoreError::Io`] after a panic in another call.
    pub fn queues(&self) -> Result<Vec<QueueName>, StoreError> {
        Ok(self.lock()?.state.queues.keys().cloned().collect())
    }

    /// Visits every object of a queue, finished or not, in number order, until `visit` breaks. Commits may happen in
    /// between; each object is seen once.
    ///
    /// # Errors
    /// [`StoreError::Io`], [`StoreError::Damaged`].
    pub fn for_each_object(
        &self,
        queue: &QueueName,
        visit: &mut dyn FnMut(ObjectEntry) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        let mut start = 0;
        loop {
            let mut page = Vec::new();
            {
                let guarded = self.lock()?;
                start = start.max(guarded.state.first(queue));
                let Some(queue) = guarded.state.queues.get(queue) else {
                    return Ok(());
                };
                let end = queue.next_number.min(start + VISIT_PAGE_OBJECTS);
                let mut keep = |entry| {
                    page.push(entry);
                    Ok(())
                };
                guarded.state.visit_objects(queue, start..end, &mut keep)?;
                start = end;
            }
            if page.is_empty() || page.into_iter().try_for_each(&mut *visit).is_break() {
                return Ok(());
            }
        }
    }

    pub(super) fn lock(&self) -> Result<MutexGuard<'_, Guarded>, StoreError> {
        self.guarded
            .lock()
            .map_err(|_| self.folder.io("an earlier call panicked; restart the task"))
    }
}

impl Guarded {
    /// Applies a step. A failure is final: see [`Guarded::failure`].
    fn apply(&mut self, changes: Changes) -> Result<(), StoreError> {
        let applied = self.state.apply(changes);
        if let Err(error) = &applied {
            self.failure = Some(error.to_string());
        }
        applied
    }

    /// Refuses to go on after a failure.
    pub(super) fn check_usable(&self) -> Result<(), StoreError> {
        match &self.failure {
            None => Ok(()),
            Some(failure) => Err(self.state.folder.io(format!(
                "nothing more is written after an earlier failure: {failure}"
            ))),
        }
    }
}

impl CheckpointStore for SledStore {
    fn load(&self) -> Result<Checkpoint, StoreError> {
        let guarded = self.lock()?;
        guarded.check_usable()?;
        guarded.state.load()
    }

    fn lookup(&self, queue: &QueueName, keys: &[&str]) -> Result<Vec<Option<ObjectEntry>>, StoreError> {
        let guarded = self.lock()?;
        guarded.check_usable()?;
        keys.iter().map(|key| guarded.state.lookup(queue, key)).collect()
    }

    fn set_aside(&self) -> Result<Vec<ObjectEntry>, StoreError> {
        let mut objects = Vec::new();
        for queue in self.queues()? {
            let mut of_queue: BTreeMap<String, ObjectEntry> = BTreeMap::new();
            self.for_each_object(&queue, &mut |entry| {
                // Whatever was decided of the key before, this number is the one that counts.
                of_queue.remove(&entry.version.key);
                if entry.state.set_aside().is_some() {
                    of_queue.insert(entry.version.key.clone(), entry);
                }
                ControlFlow::Continue(())
            })?;
            objects.extend(of_queue.into_values());
        }
        Ok(objects)
    }

    fn register_as(
        &self,
        queue: &QueueName,
        objects: &[(ObjectVersion, ObjectState)],
    ) -> Result<Vec<ObjectId>, StoreError> {
        let mut guarded = self.lock()?;
        guarded.check_usable()?;
        if objects.is_empty() {
            return Ok(Vec::new());
        }
        let first = guarded
            .state
            .queues
            .get(queue)
            .map_or(0, |queue| queue.next_number);
        let mut changes = Changes::default();
        let registered = guarded.state.stage_registration(&mut changes, queue, objects)?;
        let numbers = first..registered.next_number;
        guarded.apply(changes)?;
        guarded.state.queues.insert(queue.clone(), registered);
        Ok(numbers
            .map(|number| ObjectId {
                queue: queue.clone(),
                number,
            })
            .collect())
    }

    fn commit(&self, delta: &CheckpointDelta) -> Result<(), StoreError> {
        let mut guarded = self.lock()?;
        guarded.check_usable()?;
        if delta.is_empty() {
            return Ok(());
        }
        let mut changes = Changes::default();
        guarded.state.stage_delta(&mut changes, delta)?;
        guarded.apply(changes)?;
        guarded.state.reloaded(&delta.reload);
        Ok(())
    }
}

/// Removes the state of a folder for good. Exports stay: they are the way back.
///
/// # Errors
/// [`StoreError::Locked`] if a process has the state open for longer than `lock_wait`, [`StoreError::Io`].
pub fn reset(folder: &Path, lock_wait: Duration) -> Result<(), StoreError> {
    let folder = StateFolder::new(folder);
    let failed = |error: io::Error| folder.io(format!("cannot remove the state: {error}"));
    let _lock = when_unlocked(lock_wait, || match File::open(folder.database_file()) {
        Ok(file) => match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(TryLockError::WouldBlock) => Err(StoreError::Locked {
                location: folder.to_string(),
            }),
            Err(TryLockError::Error(error)) => Err(failed(error)),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed(error)),
    })?;
    // The side file goes last: whatever is left after a crash in between is refused, not taken for a fresh state.
    for removed in [
        remove_folder(&folder.import_folder()),
        remove_folder(&folder.database_folder()),
        fs::remove_file(folder.identity_file()),
    ] {
        match removed {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
            Ok(()) | Err(_) => {}
        }
    }
    if folder.path().exists() {
        sync_folder(folder.path()).map_err(failed)
    } else {
        Ok(())
    }
}

pub(super) fn remove_folder(path: &Path) -> io::Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}
