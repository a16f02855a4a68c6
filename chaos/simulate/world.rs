//! What is to be delivered: few keys, few contents, so that equal rows meet.

use std::collections::HashMap;

use bucket_brigade::model::{BatchRecord, QueueName};
use bucket_brigade::publish::fingerprint::Fingerprint;
use bucket_brigade::route::shard_map::HashKey;
use bytes::Bytes;
use rand::Rng;
use rand::rngs::SmallRng;

/// Schema of every table.
pub(crate) const SCHEMA: &str = "public";
/// Queues at most.
pub(crate) const QUEUES_MAX: usize = 2;
/// Keys at most.
const KEYS_MAX: usize = 6;
/// Different rows of one key and queue at most.
const VARIANTS_MAX: usize = 24;
/// Partition keys. The second pair and the third share a lane each.
const KEYS: [&str; KEYS_MAX] = ["key-0", "key-1", "key-3", "key-16", "key-4", "key-15"];

/// What a row says, as an index of [`Contents`]. Rows of one queue and key follow one another there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ContentIndex(pub(crate) usize);

impl ContentIndex {
    /// Queue and partition key as one number: what has an order.
    pub(crate) fn lane(self) -> usize {
        self.0 / VARIANTS_MAX
    }

    /// Which of the rows of its key and queue it is.
    pub(crate) fn variant(self) -> usize {
        self.0 % VARIANTS_MAX
    }

    /// What a row of this key says, if there is such a row.
    pub(crate) fn find(queue: usize, key: &str, variant: usize) -> Option<Self> {
        let key = KEYS.iter().position(|known| *known == key)?;
        (queue < QUEUES_MAX && variant < VARIANTS_MAX).then(|| Self::of(queue, key, variant))
    }

    fn of(queue: usize, key: usize, variant: usize) -> Self {
        Self((queue * KEYS_MAX + key) * VARIANTS_MAX + variant)
    }
}

/// One content with all that is expensive to find out about it.
#[derive(Debug)]
pub(crate) struct Content {
    pub(crate) name: String,
    pub(crate) key: &'static str,
    pub(crate) hash_key: HashKey,
    pub(crate) fingerprint: Fingerprint,
    bytes: Bytes,
    payload_bytes: usize,
}

impl Content {
    pub(crate) fn record(&self, ordinal: u64) -> BatchRecord {
        BatchRecord::of_slice(ordinal, self.bytes.clone(), self.payload_bytes)
    }
}

/// Every content there can be, made once for all histories.
#[derive(Debug)]
pub(crate) struct Contents {
    all: Vec<Content>,
    by_payload: HashMap<Bytes, ContentIndex>,
    queues: Vec<QueueName>,
}

/// Name of the table whose rows are in a queue.
pub(crate) fn table_name(queue: usize) -> String {
    format!("t{queue}")
}

impl Contents {
    pub(crate) fn new() -> Self {
        let mut all = Vec::with_capacity(QUEUES_MAX * KEYS_MAX * VARIANTS_MAX);
        for queue in 0..QUEUES_MAX {
            for key in 0..KEYS_MAX {
                for variant in 0..VARIANTS_MAX {
                    all.push(content(queue, key, variant));
                }
            }
        }
        let queues = (0..QUEUES_MAX).map(|queue| QueueName::load(&format!("{SCHEMA}.{}", table_name(queue))));
        let payload = |content: &Content| content.record(0).payload_bytes();
        let by_payload = all
            .iter()
            .enumerate()
            .map(|(index, content)| (payload(content), ContentIndex(index)));
        Self {
            by_payload: by_payload.collect(),
            all,
            queues: queues.collect(),
        }
    }

    pub(crate) fn of(&self, index: ContentIndex) -> &Content {
        &self.all[index.0]
    }

    /// What to call a record in a trace.
    pub(crate) fn name(&self, content: Option<ContentIndex>) -> &str {
        content.map_or("sync", |content| &self.of(content).name)
    }

    /// What a message of [`Content::record`] says.
    pub(crate) fn of_payload(&self, payload: &Bytes) -> Option<ContentIndex> {
        self.by_payload.get(payload).copied()
    }

    pub(crate) fn count(&self) -> usize {
        self.all.len()
    }

    pub(crate) fn queue(&self, queue: usize) -> &QueueName {
        &self.queues[queue]
    }

    pub(crate) fn queue_index(&self, name: &QueueName) -> Option<usize> {
        self.queues.iter().position(|queue| queue == name)
    }
}

fn content(queue: usize, key: usize, variant: usize) -> Content {
    let key_text = KEYS[key];
    let name = format!("t{queue}.{}{variant}", ["a", "b", "c", "d", "e", "f"][key]);
    let payload = format!("{{\"row\":\"{name}\"}}");
    Content {
        hash_key: HashKey::of_partition_key(key_text.as_bytes()),
        fingerprint: Fingerprint::of(key_text.as_bytes(), payload.as_bytes()),
        bytes: [payload.as_bytes(), key_text.as_bytes()].concat().into(),
        payload_bytes: payload.len(),
        key: key_text,
        name,
    }
}

/// The objects: rows by queue and number.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) queues: Vec<Vec<Vec<ContentIndex>>>,
}

impl Source {
    pub(crate) fn draw(rng: &mut SmallRng) -> Self {
        let keys = rng.random_range(1..=KEYS_MAX);
        let variants = [2, 3, VARIANTS_MAX][rng.random_range(0..3)];
        let rows_max = [3, 8, 16][rng.random_range(0..3)];
        let queues = (0..rng.random_range(1..=QUEUES_MAX)).map(|queue| {
            let objects = (0..rng.random_range(1..=3)).map(|_| {
                let rows = (0..rng.random_range(0..=rows_max)).map(|_| {
                    let (key, variant) = (rng.random_range(0..keys), rng.random_range(0..variants));
                    ContentIndex::of(queue, key, variant)
                });
                rows.collect()
            });
            objects.collect()
        });
        Self {
            queues: queues.collect(),
        }
    }
}
