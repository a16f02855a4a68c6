//! The checkpoint as entries of a database: what is read at the start, and what each step writes.
//!
//! **Invariants:** W1 (checked before anything is written), C2 (the caller gets `Ok` after a durable step only).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::database::{Changes, Database};
use super::folder::StateFolder;
use super::identity::{DatabaseContent, Identity};
use super::keys::{
    Namespace, ObjectPlace, QueueIndex, cut_key, lanes_key, object_key_key, queue_key, table_key,
};
use super::rules::check_transition;
use super::{
    Checkpoint, CheckpointDelta, ObjectEntry, ObjectState, ShardCut, StoreError, TableStatistics, TaskState,
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
struct StoredObject {
    version: ObjectVersion,
    state: ObjectState,
}

/// An open database with what is always needed of it in memory.
#[derive(Debug)]
pub(super) struct State {
    pub(super) folder: StateFolder,
    pub(super) database: Database,
    pub(super) identity: Identity,
    pub(super) queues: BTreeMap<QueueName, StoredQueue>,
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
        Ok(Self {
            folder,
            database,
            identity,
            queues,
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
        database.apply(changes)?;
        Self::of(folder, database, identity)
    }

    pub(super) fn load(&self) -> Result<Checkpoint, StoreError> {
        let mut unfinished = Vec::new();
        for queue in self.queues.values() {
            let first = ObjectPlace {
                queue: queue.index,
                number: 0,
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
        let Some(number) = self.database.value::<u64>(&object_key_key(queue.index, key))? else {
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

    /// Visits the objects of a queue with these numbers, all of which must be there.
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
        let mut expected = numbers.start;
        for entry in self
            .database
            .scan::<StoredObject>(key(numbers.start)..key(numbers.end))
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

    /// Writes new objects to `changes`; returns the queue as it will be.
    pub(super) fn stage_registration(
        &self,
        changes: &mut Changes,
        queue_name: &QueueName,
        objects: &[(ObjectVersion, ObjectState)],
    ) -> Result<StoredQueue, StoreError> {
        let mut queue = match self.queues.get(queue_name) {
            Some(queue) => queue.clone(),
            None => self.new_queue(queue_name)?,
        };
        for (version, state) in objects {
            self.stage_new_object(changes, &mut queue, version.clone(), state.clone())?;
        }
        changes.put(queue_key(queue_name.as_str()), self.database.encode(&queue)?);
        Ok(queue)
    }

    /// Gives an object the next number of a queue; the queue itself is not written.
    pub(super) fn stage_new_object(
        &self,
        changes: &mut Changes,
        queue: &mut StoredQueue,
        version: ObjectVersion,
        state: ObjectState,
    ) -> Result<(), StoreError> {
        let key = object_key_key(queue.index, &version.key);
        if changes.mentions(&key) || self.database.value::<u64>(&key)?.is_some() {
            return Err(StoreError::AlreadyRegistered {
                queue: queue.name.clone(),
                key: version.key,
            });
        }
        let place = ObjectPlace {
            queue: queue.index,
            number: queue.next_number,
        };
        changes.put(key, self.database.encode(&place.number)?);
        queue.next_number += 1;
        if queue
            .greatest_key
            .as_deref()
            .is_none_or(|greatest| greatest < version.key.as_str())
        {
            queue.greatest_key = Some(version.key.clone());
        }
        self.stage_object(changes, place, version, state)
    }

    pub(super) fn new_queue(&self, name: &QueueName) -> Result<StoredQueue, StoreError> {
        let index =
            u32::try_from(self.queues.len()).map_err(|_| self.folder.io("there are too many queues"))?;
        Ok(StoredQueue {
            name: name.clone(),
            index: QueueIndex(index),
            next_number: 0,
            greatest_key: None,
        })
    }

    /// Writes a delta to `changes`, or finds it wrong.
    pub(super) fn stage_delta(
        &self,
        changes: &mut Changes,
        delta: &CheckpointDelta,
    ) -> Result<(), StoreError> {
        let mut objects: BTreeMap<ObjectPlace, StoredObject> = BTreeMap::new();
        for (id, state) in &delta.objects {
            let place = self.place_of(id)?;
            let mut object = match objects.remove(&place) {
                Some(object) => object,
                None => self.stored(id, place)?,
            };
            check_transition(id, &object.state, state)?;
            object.state = state.clone();
            objects.insert(place, object);
        }
        for (place, object) in objects {
            self.stage_object(changes, place, object.version, object.state)?;
        }
        for cut in &delta.cuts {
            changes.put(cut_key(&cut.shard_id), self.database.encode(cut)?);
        }
        for table in &delta.tables {
            let key = table_key(&table.schema_name, &table.table_name);
            changes.put(key, self.database.encode(table)?);
        }
        for lanes in &delta.lanes {
            changes.put(lanes_key(lanes.0.as_str()), self.database.encode(lanes)?);
        }
        if let Some(task) = &delta.task {
            changes.put(Namespace::Task.prefix().to_vec(), self.database.encode(task)?);
        }
        Ok(())
    }

    fn place_of(&self, id: &ObjectId) -> Result<ObjectPlace, StoreError> {
        match self.queues.get(&id.queue) {
            Some(queue) if id.number < queue.next_number => Ok(ObjectPlace {
                queue: queue.index,
                number: id.number,
            }),
            Some(_) | None => Err(StoreError::Unregistered { id: id.clone() }),
        }
    }

    fn stored(&self, id: &ObjectId, place: ObjectPlace) -> Result<StoredObject, StoreError> {
        let object = self.database.value(&place.object_key())?;
        object.ok_or_else(|| self.folder.damaged(format!("object {id} is missing")))
    }

    fn stage_object(
        &self,
        changes: &mut Changes,
        place: ObjectPlace,
        version: ObjectVersion,
        state: ObjectState,
    ) -> Result<(), StoreError> {
        if state.is_finished() {
            changes.remove(place.unfinished_key());
        } else {
            changes.put(place.unfinished_key(), self.database.encode(&())?);
        }
        changes.put(
            place.object_key(),
            self.database.encode(&StoredObject { version, state })?,
        );
        Ok(())
    }

    /// Applies staged changes as one generation, durably.
    pub(super) fn apply(&mut self, mut changes: Changes) -> Result<(), StoreError> {
        let mut identity = self.identity.clone();
        identity.generation += 1;
        changes.put(
            Namespace::Identity.prefix().to_vec(),
            identity.encode(&self.folder)?,
        );
        self.database.apply(changes)?;
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
