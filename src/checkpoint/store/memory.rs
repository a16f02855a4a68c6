//! A store in memory, for tests: fails on demand, and shows every step it was asked to make durable.
//!
//! **Invariants:** W1 (the same rules as the durable backend); the history is what tests check C1 and C2 against.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};

use super::{
    Checkpoint, CheckpointDelta, CheckpointStore, ObjectEntry, ObjectState, ShardCut, StoreError,
    TableStatistics, TaskLife, TaskState,
};
use crate::chain::ends::LaneEnds;
use crate::model::{ObjectId, ObjectVersion, QueueName};
use crate::saturate;

const LOCATION: &str = "memory";

/// A store in memory. Clones share what is stored, as two openings of one folder would.
#[derive(Debug, Clone, Default)]
pub struct MemoryStore {
    shared: Arc<Mutex<Shared>>,
}

/// A step that became durable.
#[expect(
    clippy::large_enum_variant,
    reason = "tests look into it, and a history is short"
)]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DurableStep {
    /// Objects got numbers.
    Registered(Vec<ObjectEntry>),
    /// A delta was applied.
    Committed(CheckpointDelta),
}

/// What becomes of a commit that is made to fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommitFault {
    /// Nothing is applied: the disk was full.
    NotApplied,
    /// All is applied and the caller does not learn it: the flush failed late, or the process died.
    Applied,
}

#[derive(Debug, Default)]
struct Shared {
    queues: BTreeMap<QueueName, Vec<ObjectEntry>>,
    numbers: BTreeMap<(QueueName, String), u64>,
    cuts: BTreeMap<String, ShardCut>,
    tables: BTreeMap<(String, String), TableStatistics>,
    lanes: BTreeMap<QueueName, LaneEnds>,
    task: TaskState,
    life: TaskLife,
    /// Numbers of the first objects of queues that were restarted.
    firsts: BTreeMap<QueueName, u64>,
    history: Vec<DurableStep>,
    /// How many commits still succeed, and what happens to the next.
    fault: Option<(u64, CommitFault)>,
    has_failed: bool,
}

impl fmt::Display for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(LOCATION)
    }
}

fn io(detail: &str) -> StoreError {
    StoreError::Io {
        location: LOCATION.to_owned(),
        detail: detail.to_owned(),
    }
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets `commits_before` more commits succeed and the next one fail. After it every call fails, as after a real
    /// failure, until [`MemoryStore::reopen`].
    ///
    /// # Errors
    /// [`StoreError::Io`] after a panic in another call.
    pub fn fail_commit_after(&self, commits_before: u64, fault: CommitFault) -> Result<(), StoreError> {
        self.lock()?.fault = Some((commits_before, fault));
        Ok(())
    }

    /// Forgets a failure: what a new process would find.
    ///
    /// # Errors
    /// [`StoreError::Io`] after a panic in another call.
    pub fn reopen(&self) -> Result<Self, StoreError> {
        self.lock()?.has_failed = false;
        Ok(self.clone())
    }

    /// Every step that became durable, oldest first.
    ///
    /// # Errors
    /// [`StoreError::Io`] after a panic in another call.
    pub fn history(&self) -> Result<Vec<DurableStep>, StoreError> {
        Ok(self.lock()?.history.clone())
    }

    fn lock(&self) -> Result<MutexGuard<'_, Shared>, StoreError> {
        self.shared.lock().map_err(|_| io("an earlier call panicked"))
    }

    fn usable(&self) -> Result<MutexGuard<'_, Shared>, StoreError> {
        let shared = self.lock()?;
        if shared.has_failed {
            return Err(io("nothing more is written after an earlier failure"));
        }
        Ok(shared)
    }
}

impl Shared {
    fn greatest_keys(&self) -> Vec<(QueueName, String)> {
        let mut greatest: BTreeMap<&QueueName, &String> = BTreeMap::new();
        let current = self
            .numbers
            .iter()
            .filter(|((queue, _), number)| **number >= self.first(queue));
        for ((queue, key), _) in current {
            let known = greatest.entry(queue).or_insert(key);
            *known = (*known).max(key);
        }
        greatest
            .into_iter()
            .map(|(queue, key)| (queue.clone(), key.clone()))
            .collect()
    }

    fn first(&self, queue: &QueueName) -> u64 {
        self.firsts.get(queue).copied().unwrap_or(0)
    }

    fn object(&self, id: &ObjectId) -> Option<&ObjectEntry> {
        if id.number < self.first(&id.queue) {
            return None;
        }
        self.queues.get(&id.queue)?.get(usize::try_from(id.number).ok()?)
    }

    fn object_mut(&mut self, id: &ObjectId) -> Option<&mut ObjectEntry> {
        self.queues
            .get_mut(&id.queue)?
            .get_mut(usize::try_from(id.number).ok()?)
    }

    fn check(&self, delta: &CheckpointDelta) -> Result<(), StoreError> {
        let mut changed: BTreeMap<&ObjectId, &ObjectState> = BTreeMap::new();
        for (id, state) in &delta.objects {
            let stored = self
                .object(id)
                .ok_or_else(|| StoreError::Unregistered { id: id.clone() })?;
            delta.check()(id, changed.get(id).copied().unwrap_or(&stored.state), state)?;
            changed.insert(id, state);
        }
        Ok(())
    }

    fn apply(&mut self, delta: &CheckpointDelta) {
        for (id, state) in &delta.objects {
            if let Some(object) = self.object_mut(id) {
                object.state = state.clone();
            }
        }
        for cut in &delta.cuts {
            self.cuts.insert(cut.shard_id.clone(), cut.clone());
        }
        for table in &delta.tables {
            let name = (table.schema_name.clone(), table.table_name.clone());
            self.tables.insert(name, table.clone());
        }
        self.lanes.extend(delta.lanes.iter().cloned());
        if let Some(task) = &delta.task {
            self.task = task.clone();
        }
        if let Some(life) = &delta.life {
            self.life = life.clone();
        }
        for queue in &delta.reload {
            if let Some(objects) = self.queues.get(queue) {
                let first = saturate::to_u64(objects.len());
                self.firsts.insert(queue.clone(), first);
            }
        }
        self.history.push(DurableStep::Committed(delta.clone()));
    }

    /// The fault of this commit, if it is the one to fail.
    fn next_fault(&mut self) -> Option<CommitFault> {
        match self.fault.take() {
            Some((0, fault)) => Some(fault),
            later => {
                self.fault = later.map(|(commits_before, fault)| (commits_before.saturating_sub(1), fault));
                None
            }
        }
    }
}

impl CheckpointStore for MemoryStore {
    fn load(&self) -> Result<Checkpoint, StoreError> {
        let shared = self.usable()?;
        let objects = shared.queues.values().flatten();
        Ok(Checkpoint {
            unfinished: objects
                .filter(|object| {
                    !object.state.is_finished() && object.id.number >= shared.first(&object.id.queue)
                })
                .cloned()
                .collect(),
            greatest_keys: shared.greatest_keys(),
            lanes: shared
                .lanes
                .iter()
                .map(|(queue, ends)| (queue.clone(), ends.clone()))
                .collect(),
            cuts: shared.cuts.values().cloned().collect(),
            tables: shared.tables.values().cloned().collect(),
            task: shared.task.clone(),
            life: shared.life.clone(),
            reloaded: shared.firsts.keys().cloned().collect(),
            is_put_back: false,
        })
    }

    fn lookup(&self, queue: &QueueName, keys: &[&str]) -> Result<Vec<Option<ObjectEntry>>, StoreError> {
        let shared = self.usable()?;
        let found = keys.iter().map(|key| {
            let number = *shared.numbers.get(&(queue.clone(), (*key).to_owned()))?;
            shared
                .object(&ObjectId {
                    queue: queue.clone(),
                    number,
                })
                .cloned()
        });
        Ok(found.collect())
    }

    fn set_aside(&self) -> Result<Vec<ObjectEntry>, StoreError> {
        let shared = self.usable()?;
        let newest = shared.numbers.iter().filter_map(|((queue, _), number)| {
            let queue = queue.clone();
            shared.object(&ObjectId {
                queue,
                number: *number,
            })
        });
        let set_aside = newest.filter(|entry| entry.state.set_aside().is_some());
        Ok(set_aside.cloned().collect())
    }

    fn register_as(
        &self,
        queue: &QueueName,
        objects: &[(ObjectVersion, ObjectState)],
    ) -> Result<Vec<ObjectId>, StoreError> {
        let mut shared = self.usable()?;
        if objects.is_empty() {
            return Ok(Vec::new());
        }
        let mut keys = BTreeSet::new();
        for (version, _) in objects {
            let number = shared.numbers.get(&(queue.clone(), version.key.clone()));
            let known = number.and_then(|number| {
                let (queue, number) = (queue.clone(), *number);
                shared.object(&ObjectId { queue, number })
            });
            let is_taken = known.is_some_and(|object| object.state.retried().is_none());
            if is_taken || !keys.insert(&version.key) {
                return Err(StoreError::AlreadyRegistered {
                    queue: queue.clone(),
                    key: version.key.clone(),
                });
            }
        }
        let first = shared.queues.get(queue).map_or(0, Vec::len);
        let first = u64::try_from(first).map_err(|_| io("too many objects"))?;
        let new: Vec<ObjectEntry> = (first..)
            .zip(objects)
            .map(|(number, (version, state))| ObjectEntry {
                id: ObjectId {
                    queue: queue.clone(),
                    number,
                },
                version: version.clone(),
                state: state.clone(),
            })
            .collect();
        for object in &new {
            shared
                .numbers
                .insert((queue.clone(), object.version.key.clone()), object.id.number);
        }
        shared
            .queues
            .entry(queue.clone())
            .or_default()
            .extend(new.iter().cloned());
        let ids = new.iter().map(|object| object.id.clone()).collect();
        shared.history.push(DurableStep::Registered(new));
        Ok(ids)
    }

    fn commit(&self, delta: &CheckpointDelta) -> Result<(), StoreError> {
        let mut shared = self.usable()?;
        if delta.is_empty() {
            return Ok(());
        }
        shared.check(delta)?;
        let fault = shared.next_fault();
        if fault != Some(CommitFault::NotApplied) {
            shared.apply(delta);
        }
        if fault.is_some() {
            shared.has_failed = true;
            return Err(io("this commit was made to fail"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(fingerprint: &str) -> CheckpointDelta {
        let configuration_fingerprint = fingerprint.to_owned();
        let task = Some(TaskState {
            configuration_fingerprint,
            ..TaskState::default()
        });
        CheckpointDelta {
            task,
            ..CheckpointDelta::default()
        }
    }

    #[test]
    fn a_fault_hits_the_chosen_commit_and_stops_the_store_until_it_is_reopened() {
        for (fault, expected) in [(CommitFault::NotApplied, "one"), (CommitFault::Applied, "two")] {
            let store = MemoryStore::new();
            store.fail_commit_after(1, fault).unwrap();
            store.commit(&task("one")).unwrap();
            assert!(store.commit(&task("two")).is_err(), "the second commit must fail");
            assert!(
                store.commit(&task("three")).is_err(),
                "a failed store must stay failed"
            );
            let reopened = store.reopen().unwrap();
            let found = reopened.load().unwrap().task.configuration_fingerprint;
            assert_eq!(found, expected, "after {fault:?}");
            assert_eq!(
                reopened.history().unwrap().last(),
                Some(&DurableStep::Committed(task(expected))),
                "after {fault:?}"
            );
        }
    }
}
