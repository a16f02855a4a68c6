//! The checkpoint as entries of a database: what is read at the start, and one step after the other; see `staging` for
//! what each of them writes.
//!
//! **Invariants:** C2 (the caller gets `Ok` after a durable step only).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::database::{Changes, Database};
use super::folder::StateFolder;
use super::identity::{DatabaseContent, Identity};
use super::keys::{Namespace, ObjectPlace, QueueIndex, object_key_key};
use super::origin::Origin;
use super::planted;
use super::{
    Checkpoint, ObjectEntry, ObjectState, ShardCut, StoreError, TableStatistics, TaskLife, TaskState,
};
use crate::chain::ends::LaneEnds;
use crate::model::{ObjectId, ObjectVersion, QueueName};

/// A queue as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct StoredQueue {
    pub(super) name: QueueName,
    pub(super) index: QueueIndex,
    pub(super) next_number: u64,
    /// The greatest key that has a number.
    pub(super) greatest_key: Option<String>,
}

/// An object as it is stored; its number is in the key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct StoredObject {
    pub(super) version: ObjectVersion,
    pub(super) state: ObjectState,
}

/// An open database with what is always needed of it in memory.
#[derive(Debug)]
pub(super) struct State {
    pub(super) folder: StateFolder,
    pub(super) database: Database,
    pub(super) identity: Identity,
    pub(super) queues: BTreeMap<QueueName, StoredQueue>,
    /// Numbers of the first objects of queues that were restarted. What has a smaller number is forgotten.
    pub(super) firsts: BTreeMap<QueueName, u64>,
}

/// What the database says it is.
pub(super) fn content_of(database: &Database) -> Result<DatabaseContent, StoreError> {
    Ok(match database.value(&Namespace::Identity.prefix())? {
        Some(identity) => DatabaseContent::Named(identity),
        None if database.is_empty() => DatabaseContent::Empty,
        None => DatabaseContent::Nameless,
    })
}

impl State {
    /// The state in a database that is known to be the right one.
    pub(super) fn of(
        folder: StateFolder,
        database: Database,
        identity: Identity,
    ) -> Result<Self, StoreError> {
        let mut queues = BTreeMap::new();
        for entry in database.scan_prefix::<StoredQueue>(&Namespace::Queue.prefix()) {
            let (_, queue) = entry?;
            queues.insert(queue.name.clone(), queue);
        }
        let firsts = database.scan_prefix::<(QueueName, u64)>(&Namespace::First.prefix());
        let firsts = firsts.map(|entry| entry.map(|(_, first)| first));
        let firsts = firsts.collect::<Result<_, StoreError>>()?;
        Ok(Self {
            folder,
            database,
            identity,
            queues,
            firsts,
        })
    }

    /// The state in an empty database: writes the identity.
    pub(super) fn create(
        folder: StateFolder,
        mut database: Database,
        identity: Identity,
    ) -> Result<Self, StoreError> {
        let mut changes = Changes::default();
        changes.put(Namespace::Identity.prefix().to_vec(), identity.encode(&folder)?);
        if let Some(origin) = database.origin()? {
            changes.put(Namespace::Origin.prefix().to_vec(), database.encode(&origin)?);
        }
        database.apply(changes)?;
        Self::of(folder, database, identity)
    }

    /// Notices that the files are a copy of those that were written: what happened in the task after the copy was made
    /// is not in it. Such a state is put in doubt, whatever it says of its last stop.
    pub(super) fn recognise_copy(&mut self) -> Result<(), StoreError> {
        let Some(here) = self.database.origin()? else {
            return Ok(());
        };
        let key = Namespace::Origin.prefix();
        let known = self.database.value::<Origin>(&key)?;
        if known.is_some_and(|known| known.is_same(here)) {
            return Ok(());
        }
        let mut changes = Changes::default();
        changes.put(key.to_vec(), self.database.encode(&here)?);
        if self.identity.generation == 0 {
            // Nothing happened in it yet, so that nothing can be missing, and it stays unused.
            return self.database.apply(changes);
        }
        if known.is_some() {
            tracing::warn!(
                state = %self.folder,
                "the state folder is a copy or was put back, so the stream may hold rows that it does not know"
            );
            self.stage_put_back(&mut changes, self.task()?)?;
        }
        self.apply(changes)
    }

    /// Marks the state as one of an earlier time: more may have been sent than it knows, also of files that it does not
    /// know.
    pub(super) fn stage_put_back(&self, changes: &mut Changes, task: TaskState) -> Result<(), StoreError> {
        let task = TaskState {
            clean_stop: false,
            ..task
        };
        changes.put(Namespace::Task.prefix().to_vec(), self.database.encode(&task)?);
        changes.put(Namespace::PutBack.prefix().to_vec(), self.database.encode(&())?);
        Ok(())
    }

    pub(super) fn load(&self) -> Result<Checkpoint, StoreError> {
        let mut unfinished = Vec::new();
        for queue in self.queues.values() {
            let first = ObjectPlace {
                queue: queue.index,
                number: self.first(&queue.name),
            };
            let end = ObjectPlace {
                queue: queue.index,
                number: queue.next_number,
            };
            for entry in self
                .database
                .scan::<()>(first.unfinished_key()..end.unfinished_key())
            {
                let (key, ()) = entry?;
                unfinished.push(self.indexed(queue, ObjectPlace::of_key(&key))?);
            }
        }
        Ok(Checkpoint {
            unfinished,
            greatest_keys: self.greatest_keys(),
            lanes: self.lanes()?,
            cuts: self.cuts()?,
            tables: self.tables()?,
            task: self.task()?,
            life: self.life()?,
            reloaded: self.firsts.keys().cloned().collect(),
            is_put_back: self.database.value::<()>(&Namespace::PutBack.prefix())?.is_some(),
        })
    }

    fn greatest_keys(&self) -> Vec<(QueueName, String)> {
        let queues = self.queues.values();
        queues
            .filter_map(|queue| Some((queue.name.clone(), queue.greatest_key.clone()?)))
            .collect()
    }

    pub(super) fn task(&self) -> Result<TaskState, StoreError> {
        Ok(self
            .database
            .value(&Namespace::Task.prefix())?
            .unwrap_or_default())
    }

    pub(super) fn life(&self) -> Result<TaskLife, StoreError> {
        Ok(self
            .database
            .value(&Namespace::Life.prefix())?
            .unwrap_or_default())
    }

    /// The number of the first object of a queue.
    pub(super) fn first(&self, queue: &QueueName) -> u64 {
        self.firsts.get(queue).copied().unwrap_or(0)
    }

    /// All cuts, by shard id.
    pub(super) fn cuts(&self) -> Result<Vec<ShardCut>, StoreError> {
        let mut cuts: Vec<ShardCut> = self.values(Namespace::Cut)?;
        cuts.sort_by(|left, right| left.shard_id.cmp(&right.shard_id));
        Ok(cuts)
    }

    /// All statistics, by schema and table name.
    pub(super) fn tables(&self) -> Result<Vec<TableStatistics>, StoreError> {
        let name = |table: &TableStatistics| (table.schema_name.clone(), table.table_name.clone());
        let mut tables: Vec<TableStatistics> = self.values(Namespace::Table)?;
        tables.sort_by_cached_key(name);
        Ok(tables)
    }

    /// Where the lanes of each queue end, by queue name.
    pub(super) fn lanes(&self) -> Result<Vec<(QueueName, LaneEnds)>, StoreError> {
        let mut lanes: Vec<(QueueName, LaneEnds)> = self.values(Namespace::Lanes)?;
        lanes.sort_by(|(left, _), (right, _)| left.cmp(right));
        Ok(lanes)
    }

    fn values<T: serde::de::DeserializeOwned>(&self, namespace: Namespace) -> Result<Vec<T>, StoreError> {
        self.database
            .scan_prefix(&namespace.prefix())
            .map(|entry| entry.map(|(_, value)| value))
            .collect()
    }

    pub(super) fn lookup(&self, queue: &QueueName, key: &str) -> Result<Option<ObjectEntry>, StoreError> {
        let Some(queue) = self.queues.get(queue) else {
            return Ok(None);
        };
        let number = self.database.value::<u64>(&object_key_key(queue.index, key))?;
        let Some(number) = number.filter(|number| *number >= self.first(&queue.name)) else {
            return Ok(None);
        };
        let entry = self.indexed(
            queue,
            Some(ObjectPlace {
                queue: queue.index,
                number,
            }),
        )?;
        if entry.version.key == key {
            return Ok(Some(entry));
        }
        Err(self.folder.damaged(format!(
            "key {key} leads to object {} with key {}",
            entry.id, entry.version.key
        )))
    }

    /// An object that an index speaks of.
    fn indexed(&self, queue: &StoredQueue, place: Option<ObjectPlace>) -> Result<ObjectEntry, StoreError> {
        let missing = || {
            self.folder.damaged(format!(
                "queue {} has an index entry without an object",
                queue.name
            ))
        };
        let place = place.ok_or_else(missing)?;
        let object = self
            .database
            .value::<StoredObject>(&place.object_key())?
            .ok_or_else(missing)?;
        Ok(entry_of(queue, place.number, object))
    }

    /// Visits the objects of a queue with these numbers, all of which must be there unless they are forgotten.
    pub(super) fn visit_objects(
        &self,
        queue: &StoredQueue,
        numbers: std::ops::Range<u64>,
        visit: &mut dyn FnMut(ObjectEntry) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let key = |number| {
            ObjectPlace {
                queue: queue.index,
                number,
            }
            .object_key()
        };
        let start = numbers.start.max(self.first(&queue.name));
        let mut expected = start;
        for entry in self
            .database
            .scan::<StoredObject>(key(start)..key(numbers.end.max(start)))
        {
            let (key, object) = entry?;
            let number = ObjectPlace::of_key(&key).map(|place| place.number);
            if number != Some(expected) {
                return Err(self
                    .folder
                    .damaged(format!("object {}#{expected} is missing", queue.name)));
            }
            visit(entry_of(queue, expected, object))?;
            expected += 1;
        }
        if expected < numbers.end {
            return Err(self
                .folder
                .damaged(format!("object {}#{expected} is missing", queue.name)));
        }
        Ok(())
    }

    /// Applies staged changes as one generation, durably: first the database, then the side file. So the database is
    /// never older than the side file, unless something of it was lost (C2).
    pub(super) fn apply(&mut self, mut changes: Changes) -> Result<(), StoreError> {
        let mut identity = self.identity.clone();
        identity.generation += 1;
        changes.put(
            Namespace::Identity.prefix().to_vec(),
            identity.encode(&self.folder)?,
        );
        self.database.apply(changes)?;
        if !planted::leaves_side_file_behind() {
            identity.write(&self.folder)?;
        }
        self.identity = identity;
        Ok(())
    }
}

fn entry_of(queue: &StoredQueue, number: u64, object: StoredObject) -> ObjectEntry {
    ObjectEntry {
        id: ObjectId {
            queue: queue.name.clone(),
            number,
        },
        version: object.version,
        state: object.state,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// A state as an earlier version of the program left it does not say where it was made.
    #[test]
    fn a_state_without_an_origin_is_not_taken_for_a_copy() {
        let path = tempfile::tempdir().unwrap();
        let folder = StateFolder::new(path.path());
        let database = Database::open(&folder, Duration::ZERO).unwrap();
        let mut state = State::create(folder, database, Identity::new("orders")).unwrap();
        let mut changes = Changes::default();
        changes.remove(Namespace::Origin.prefix().to_vec());
        state.apply(changes).unwrap();
        for opening in ["first", "second"] {
            state.recognise_copy().unwrap();
            assert!(!state.load().unwrap().is_put_back, "{opening} opening");
            assert_eq!(
                state.identity.generation, 2,
                "it is noted once, {opening} opening"
            );
        }
    }

    #[test]
    fn a_copy_of_a_state_in_which_nothing_happened_is_one_in_which_nothing_happened() {
        let path = tempfile::tempdir().unwrap();
        let folder = StateFolder::new(path.path());
        let database = Database::open(&folder, Duration::ZERO).unwrap();
        let other = tempfile::tempfile().unwrap().metadata().unwrap();
        let mut changes = Changes::default();
        let origin = database.encode(&Origin::of(&other).unwrap()).unwrap();
        changes.put(Namespace::Origin.prefix().to_vec(), origin);
        let mut state = State::create(folder, database, Identity::new("orders")).unwrap();
        state.database.apply(changes).unwrap();
        for generation in [0, 1] {
            state.recognise_copy().unwrap();
            assert_eq!(state.identity.generation, generation);
            assert!(!state.load().unwrap().is_put_back, "generation {generation}");
            state.apply(Changes::default()).unwrap();
        }
    }
}
