//! The durable checkpoint as plain values: what the last commit held.

use bucket_brigade::chain::ends::LaneEnds;
use bucket_brigade::checkpoint::store::rules::check_transition;
use bucket_brigade::checkpoint::store::{
    Checkpoint, CheckpointDelta, ObjectEntry, ObjectState, ShardCut, TableStatistics, TaskLife, TaskState,
};
use bucket_brigade::model::{ObjectId, ObjectVersion, QueueName};
use bucket_brigade::saturate;

/// What survives a process.
#[derive(Debug, Default)]
pub(crate) struct Store {
    pub(crate) objects: Vec<ObjectEntry>,
    pub(crate) cuts: Vec<ShardCut>,
    tables: Vec<TableStatistics>,
    lanes: Vec<(QueueName, LaneEnds)>,
    task: TaskState,
}

impl Store {
    /// Gives the next object of a queue its number.
    pub(crate) fn register(&mut self, queue: &QueueName) -> ObjectEntry {
        let number = self.registered(queue);
        let entry = ObjectEntry {
            id: ObjectId {
                queue: queue.clone(),
                number,
            },
            version: ObjectVersion {
                key: number.to_string(),
                etag: String::new(),
                size_bytes: 0,
                modified_ms: 0,
            },
            state: ObjectState::Registered,
        };
        self.objects.push(entry.clone());
        entry
    }

    /// How many objects of a queue have a number.
    pub(crate) fn registered(&self, queue: &QueueName) -> u64 {
        let own = self.objects.iter().filter(|entry| entry.id.queue == *queue);
        saturate::to_u64(own.count())
    }

    pub(crate) fn load(&self) -> Checkpoint {
        let unfinished = self.objects.iter().filter(|entry| !entry.state.is_finished());
        let mut unfinished: Vec<_> = unfinished.cloned().collect();
        unfinished.sort_by(|left, right| left.id.cmp(&right.id));
        Checkpoint {
            lanes: self.lanes.clone(),
            unfinished,
            cuts: self.cuts.clone(),
            tables: self.tables.clone(),
            greatest_keys: Vec::new(),
            task: self.task.clone(),
            life: TaskLife::default(),
            reloaded: Vec::new(),
            is_put_back: false,
        }
    }

    /// Applies a delta as a whole.
    pub(crate) fn commit(&mut self, delta: CheckpointDelta) -> Result<(), String> {
        for (id, state) in delta.objects {
            let entry = self.objects.iter_mut().find(|entry| entry.id == id);
            let entry = entry.ok_or_else(|| format!("{id} was never registered"))?;
            check_transition(&id, &entry.state, &state).map_err(|error| error.to_string())?;
            entry.state = state;
        }
        for cut in delta.cuts {
            put(&mut self.cuts, cut, |left, right| left.shard_id == right.shard_id);
        }
        for table in delta.tables {
            put(&mut self.tables, table, |left, right| {
                left.table_name == right.table_name
            });
        }
        for lanes in delta.lanes {
            put(&mut self.lanes, lanes, |left, right| left.0 == right.0);
        }
        if let Some(task) = delta.task {
            self.task = task;
        }
        Ok(())
    }
}

fn put<T>(values: &mut Vec<T>, value: T, is_same: impl Fn(&T, &T) -> bool) {
    match values.iter_mut().find(|other| is_same(other, &value)) {
        Some(other) => *other = value,
        None => values.push(value),
    }
}
