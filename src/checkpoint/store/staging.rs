//! What each step writes into the database: new objects, a delta, queues that are restarted.
//!
//! **Invariants:** W1 (checked before anything is written).

use std::collections::BTreeMap;

use super::database::Changes;
use super::keys::{
    Namespace, ObjectPlace, QueueIndex, cut_key, first_key, lanes_key, object_key_key, queue_key, table_key,
};
use super::state::{State, StoredObject, StoredQueue};
use super::{CheckpointDelta, ObjectState, StoreError};
use crate::model::{ObjectId, ObjectVersion, QueueName};

impl State {
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
        let known = self.database.value::<u64>(&key)?;
        let known = known.filter(|number| *number >= self.first(&queue.name));
        if changes.mentions(&key) || self.is_taken(queue, known)? {
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

    /// Whether a key with this number cannot get another one: it is to be read again only if a person said so.
    fn is_taken(&self, queue: &StoredQueue, number: Option<u64>) -> Result<bool, StoreError> {
        let Some(number) = number else {
            return Ok(false);
        };
        let place = ObjectPlace {
            queue: queue.index,
            number,
        };
        let id = ObjectId {
            queue: queue.name.clone(),
            number,
        };
        Ok(self.stored(&id, place)?.state.retried().is_none())
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
        let check = delta.check();
        for (id, state) in &delta.objects {
            let place = self.place_of(id)?;
            let mut object = match objects.remove(&place) {
                Some(object) => object,
                None => self.stored(id, place)?,
            };
            check(id, &object.state, state)?;
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
        if let Some(life) = &delta.life {
            changes.put(Namespace::Life.prefix().to_vec(), self.database.encode(life)?);
        }
        if delta.is_taken_up {
            changes.remove(Namespace::PutBack.prefix().to_vec());
        }
        self.stage_reload(changes, &delta.reload)
    }

    /// Restarts queues: what they have is forgotten by one number, however much it is.
    fn stage_reload(&self, changes: &mut Changes, queues: &[QueueName]) -> Result<(), StoreError> {
        for queue in queues.iter().filter_map(|name| self.queues.get(name)) {
            let first = (&queue.name, queue.next_number);
            changes.put(first_key(queue.name.as_str()), self.database.encode(&first)?);
            let queue = StoredQueue {
                greatest_key: None,
                ..queue.clone()
            };
            changes.put(queue_key(queue.name.as_str()), self.database.encode(&queue)?);
        }
        Ok(())
    }

    /// Takes over what [`State::stage_delta`] staged of queues, now that it is durable.
    pub(super) fn reloaded(&mut self, queues: &[QueueName]) {
        for name in queues {
            if let Some(queue) = self.queues.get_mut(name) {
                queue.greatest_key = None;
                self.firsts.insert(name.clone(), queue.next_number);
            }
        }
    }

    fn place_of(&self, id: &ObjectId) -> Result<ObjectPlace, StoreError> {
        match self.queues.get(&id.queue) {
            Some(queue) if (self.first(&id.queue)..queue.next_number).contains(&id.number) => {
                Ok(ObjectPlace {
                    queue: queue.index,
                    number: id.number,
                })
            }
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
}
