//! Makes the messages of a queue links of its chain, record by record in reading order. Pure: no I/O, no clock.
//!
//! Where a lane ends is given from outside when an object begins and kept from there on, so nothing here has to
//! outlive a generation.

use std::collections::HashMap;
use std::ops::Range;

use crate::chain::ends::{ChainStart, LaneEnds};
use crate::chain::position::ChainPosition;
use crate::encode::chain::ChainMembers;
use crate::model::{ObjectId, QueueName};
use crate::route::lane::LaneIndex;
use crate::settings::MessageFormat;
use crate::value::timestamp::MessageTimestamp;

/// Time between two `sync` records of a lane that is in use, in microseconds.
const SYNC_INTERVAL_US: i64 = 60_000_000;

/// Writes the links of one object after another.
#[derive(Debug)]
pub struct ChainWriter {
    task: String,
    chain: u64,
    format: MessageFormat,
    queues: HashMap<QueueName, QueueLinks>,
    object: Option<OpenLinks>,
}

/// What is kept of a queue.
#[derive(Debug)]
struct QueueLinks {
    members: ChainMembers,
    /// When each lane last had a `sync` record.
    synced_us: HashMap<LaneIndex, i64>,
}

/// The object whose records are being linked.
#[derive(Debug)]
struct OpenLinks {
    id: ObjectId,
    /// The object's part of positions.
    number: u64,
    ends: LaneEnds,
}

/// A `sync` record that is due, in the buffer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyncPlace {
    /// Its lane.
    pub lane: LaneIndex,
    /// The message.
    pub payload: Range<usize>,
    /// The partition key.
    pub key: Range<usize>,
}

impl ChainWriter {
    /// A writer for a task.
    pub fn new(task: &str, chain: u64, format: MessageFormat) -> Self {
        Self {
            task: task.to_owned(),
            chain,
            format,
            queues: HashMap::new(),
            object: None,
        }
    }

    /// Goes on with an object; nothing happens if it is the one that is being written.
    pub fn enter(&mut self, start: &ChainStart) {
        if self.object.as_ref().is_some_and(|object| object.id == start.id) {
            return;
        }
        let queue = &start.id.queue;
        let (task, chain, format) = (&self.task, self.chain, self.format);
        self.queues.entry(queue.clone()).or_insert_with(|| QueueLinks {
            members: ChainMembers::new(task, queue.as_str(), chain, format),
            synced_us: HashMap::new(),
        });
        // Those of a queue that was restarted stand after what was sent of it before.
        let is_before = start.is_control && start.ends.are_before_files();
        self.object = Some(OpenLinks {
            number: if is_before { 0 } else { start.id.number + 1 },
            id: start.id.clone(),
            ends: start.ends.clone(),
        });
    }

    /// Where the lanes end now.
    pub fn ends(&self) -> LaneEnds {
        self.object
            .as_ref()
            .map(|object| object.ends.clone())
            .unwrap_or_default()
    }

    /// Appends a message as the next link of a lane, without making it one yet; gives its place.
    pub fn append(&self, out: &mut Vec<u8>, message: &[u8], lane: LaneIndex, ordinal: u64) -> Range<usize> {
        let start = out.len();
        let Some((object, queue)) = self.open() else {
            out.extend_from_slice(message);
            return start..out.len();
        };
        let (position, previous) = (object.position(ordinal), object.ends.end(lane));
        queue.members.append(out, message, lane, position, previous)
    }

    /// Makes the record the last one of its lane; gives its position.
    pub fn advance(&mut self, lane: LaneIndex, ordinal: u64) -> ChainPosition {
        let Some(object) = self.object.as_mut() else {
            return ChainPosition::START;
        };
        let position = object.position(ordinal);
        object.ends.reach(lane, position);
        position
    }

    /// Appends a `sync` record for each of these lanes for which one is due: about once a minute, and where a chain
    /// goes on after an object that was set aside. `before` is where the lanes ended before the records of
    /// the chunk.
    pub fn append_syncs(
        &mut self,
        out: &mut Vec<u8>,
        used: impl Iterator<Item = LaneIndex>,
        before: &LaneEnds,
        now_us: i64,
    ) -> Vec<SyncPlace> {
        let Some(object) = &self.object else {
            return Vec::new();
        };
        let Some(queue) = self.queues.get_mut(&object.id.queue) else {
            return Vec::new();
        };
        let timestamp = MessageTimestamp::from_unix_us(now_us);
        let mut syncs = Vec::new();
        // Before the first record there is nothing a consumer would have to know.
        for lane in used.filter(|lane| before.end(*lane) != ChainPosition::START) {
            let last = queue.synced_us.get(&lane);
            let is_due = last.is_none_or(|last| now_us.saturating_sub(*last) >= SYNC_INTERVAL_US);
            if is_due || before.is_broken(lane) {
                queue.synced_us.insert(lane, now_us);
                let (payload, key) = queue.members.append_sync(out, lane, before.end(lane), &timestamp);
                syncs.push(SyncPlace { lane, payload, key });
            }
        }
        syncs
    }

    fn open(&self) -> Option<(&OpenLinks, &QueueLinks)> {
        let object = self.object.as_ref()?;
        Some((object, self.queues.get(&object.id.queue)?))
    }
}

impl OpenLinks {
    fn position(&self, ordinal: u64) -> ChainPosition {
        ChainPosition {
            object: self.number,
            record: ordinal + 1,
        }
    }
}
