//! Renders a chunk and routes it: which messages go to which shard, which rows are rejected, which are known to be
//! settled, and what it all adds up to. Pure: no I/O, no clock.
//!
//! **Invariants:** D3 (a record is skipped only with a proof), Q1 (every record of the chunk is counted once).

use std::ops::Range;

use bytes::Bytes;

use super::row::{RenderedChunk, RowRenderer, RowSource};
use crate::chain::ends::LaneEnds;
use crate::chain::lane::LaneIndex;
use crate::chain::writer::{ChainStart, ChainWriter};
use crate::checkpoint::cut::SkipPlan;
use crate::checkpoint::tally::ChunkTally;
use crate::config::{Config, MessageConfig};
use crate::discover::control::{ControlPlan, ControlRecord};
use crate::encode::control::{ControlOperation, encode_control, exceptions_table};
use crate::encode::timestamp::MessageTimestamp;
use crate::limits::DEAD_LETTER_ROW_BYTES_MAX;
use crate::model::batch::{Link, LinkKind};
use crate::model::{BatchRecord, Chunk, Mark, ObjectVersion, RejectedRecord, Span, Table, TableIndex};
use crate::route::shard_map::{HashKey, ShardIndex};
use crate::sink::StreamDescription;

/// A chunk, rendered and routed.
#[derive(Debug)]
pub struct RoutedChunk {
    /// The messages to send, by shard, each in file order, none empty.
    pub slices: Vec<(ShardIndex, Vec<BatchRecord>)>,
    /// The rows to dead-letter, in file order.
    pub rejected: Vec<RejectedRecord>,
    /// What the chunk contributes once it is settled.
    pub tally: ChunkTally,
    /// Records that the checkpoint proves to be settled.
    pub skipped: u64,
}

/// Renders and routes the chunks of every table of a task.
#[derive(Debug)]
pub struct ChunkRouter {
    rows: RowRenderer,
    task: String,
    /// As their messages show them.
    tables: Vec<Table>,
    message: MessageConfig,
    stream: StreamDescription,
    /// Where each record of the current chunk stands in the buffer, by shard; kept to reuse its memory.
    places: Vec<Vec<Place>>,
    last_key: LastKey,
    /// Makes messages links, if the task has a chain.
    chain: Option<ChainWriter>,
}

/// The partition key that was hashed last: changes of a table share one by default.
#[derive(Debug, Default)]
struct LastKey {
    key: Vec<u8>,
    hash_key: Option<HashKey>,
}

impl LastKey {
    fn hash(&mut self, key: &[u8]) -> HashKey {
        match self.hash_key {
            Some(hash_key) if self.key == key => hash_key,
            Some(_) | None => {
                self.key.clear();
                self.key.extend_from_slice(key);
                *self.hash_key.insert(HashKey::of_partition_key(key))
            }
        }
    }
}

#[derive(Debug)]
struct Place {
    ordinal: u64,
    payload: Range<usize>,
    /// Right behind the payload.
    key: Range<usize>,
    /// Where it is sent to.
    hash_key: HashKey,
    link: Option<Link>,
}

impl Place {
    fn bytes_count(&self) -> usize {
        self.payload.len() + self.key.len()
    }
}

impl ChunkRouter {
    /// A router for the tables of a task and the shards of a stream.
    pub fn new(config: &Config, stream: StreamDescription) -> Self {
        Self {
            rows: RowRenderer::new(
                &config.tables,
                &config.mappings,
                &config.source.csv,
                &config.message,
            ),
            task: config.task.clone(),
            tables: config.mappings.outputs(&config.tables),
            message: config.message.clone(),
            places: stream.shards.shards().iter().map(|_| Vec::new()).collect(),
            last_key: LastKey::default(),
            stream,
            chain: None,
        }
    }

    /// The same router for a task with a chain of this number.
    #[must_use]
    pub fn with_chain(mut self, config: &Config, chain: Option<u64>) -> Self {
        self.chain = chain.map(|chain| ChainWriter::new(&config.task, chain, config.message.format));
        self
    }

    /// Tells where the chain goes on in the object whose chunks come next.
    pub fn enter(&mut self, start: Option<&ChainStart>) {
        if let (Some(chain), Some(start)) = (&mut self.chain, start) {
            chain.enter(start);
        }
    }

    /// Renders the records of a chunk of an object at a time given in microseconds since the Unix epoch. `table` is
    /// `None` for change files, whose rows name theirs.
    pub fn route(
        &mut self,
        object: &ObjectVersion,
        chunk: &Chunk,
        table: Option<TableIndex>,
        skip: &SkipPlan,
        now_us: i64,
    ) -> RoutedChunk {
        let source = table.map_or(RowSource::Changes, RowSource::Load);
        let rendered = self
            .rows
            .render_chunk(source, object, chunk, &MessageTimestamp::from_unix_us(now_us));
        let RenderedChunk {
            buffer,
            records,
            rejected,
            filtered,
        } = rendered;
        let mut tally = ChunkTally {
            bytes: chunk.span.bytes_count(),
            ..ChunkTally::default()
        };
        let (mut skipped, mut too_large) = (0, Vec::new());
        let before = self.chain.as_ref().map(ChainWriter::ends);
        let mut linked = Vec::with_capacity(before.as_ref().map_or(0, |_| buffer.capacity()));
        for record in records {
            let place = self.link(&buffer, record.ordinal, record.payload, record.key, &mut linked);
            let size = place.bytes_count();
            if size > self.stream.record_bytes_max {
                linked.truncate(linked.len().min(place.payload.start));
                too_large.push(self.reject_too_large(chunk, record.ordinal, record.table, size));
                continue;
            }
            tally.deliver(record.table, record.operation, raw_length(chunk, record.ordinal));
            skipped += self.place(place, skip, &mut tally);
        }
        let buffer = self.finish_links(buffer, linked, before, chunk.span.start.ordinal, &tally, now_us);
        let mut rejected = rejected;
        if !too_large.is_empty() {
            rejected.append(&mut too_large);
            rejected.sort_by_key(|record| record.ordinal);
        }
        for record in &rejected {
            tally.reject(record.table, table.is_some(), raw_length(chunk, record.ordinal));
        }
        for record in &filtered {
            tally.filter(record.table, raw_length(chunk, record.ordinal));
        }
        let rejected_count = rejected.len();
        rejected.retain(|record| !skip.is_dead_lettered(record.ordinal));
        skipped += count(rejected_count - rejected.len());
        RoutedChunk {
            slices: self.cut(buffer),
            rejected,
            tally,
            skipped,
        }
    }

    /// Renders control records, from the one at `resume_at` on; gives their span in the stand-in object.
    pub fn route_control(
        &mut self,
        plan: &ControlPlan,
        resume_at: Mark,
        skip: &SkipPlan,
        now_us: i64,
    ) -> (Span, RoutedChunk) {
        let timestamp = MessageTimestamp::from_unix_us(now_us);
        let (mut buffer, mut linked) = (Vec::new(), Vec::new());
        let before = self.chain.as_ref().map(ChainWriter::ends);
        let (mut tally, mut skipped, mut end) = (ChunkTally::default(), 0, resume_at);
        for (record, ordinal) in plan
            .0
            .iter()
            .zip(0..)
            .filter(|(_, ordinal)| *ordinal >= resume_at.ordinal)
        {
            end = Mark {
                position: ordinal + 1,
                ordinal: ordinal + 1,
                line: ordinal + 1,
            };
            let exceptions = exceptions_table();
            let (table, operation) = match record {
                ControlRecord::DropTable(table) => (Some(*table), ControlOperation::DropTable),
                ControlRecord::CreateTable(table) => (Some(*table), ControlOperation::CreateTable),
                ControlRecord::CreateExceptionsTable => (None, ControlOperation::CreateTable),
            };
            let definition = table
                .and_then(|table| self.tables.get(table.0))
                .unwrap_or(&exceptions);
            let message = encode_control(&self.task, definition, operation, &self.message, &timestamp);
            let start = buffer.len();
            buffer.extend_from_slice(&message.payload);
            let payload_end = buffer.len();
            buffer.extend_from_slice(&message.partition_key);
            tally.control(table);
            let key = payload_end..buffer.len();
            let place = self.link(&buffer, ordinal, start..payload_end, key, &mut linked);
            skipped += self.place(place, skip, &mut tally);
        }
        let buffer = self.finish_links(buffer, linked, before, resume_at.ordinal, &tally, now_us);
        let slices = self.cut(buffer);
        (
            Span {
                start: resume_at,
                end,
            },
            RoutedChunk {
                slices,
                rejected: Vec::new(),
                tally,
                skipped,
            },
        )
    }

    /// Finds the place of a message; in a chain that is in `linked`, with the members of a link, in its lane.
    fn link(
        &mut self,
        buffer: &[u8],
        ordinal: u64,
        payload: Range<usize>,
        key: Range<usize>,
        linked: &mut Vec<u8>,
    ) -> Place {
        let key_bytes = buffer.get(key.clone()).unwrap_or_default();
        let hash_key = self.last_key.hash(key_bytes);
        let Some(chain) = &self.chain else {
            return Place {
                ordinal,
                payload,
                key,
                hash_key,
                link: None,
            };
        };
        let lane = LaneIndex::of(hash_key);
        let message = buffer.get(payload).unwrap_or_default();
        let payload = chain.append(linked, message, lane, ordinal);
        linked.extend_from_slice(key_bytes);
        Place {
            ordinal,
            key: payload.end..linked.len(),
            payload,
            hash_key: lane.point(),
            link: Some(Link {
                lane,
                kind: LinkKind::Record,
            }),
        }
    }

    /// Puts the `sync` records that are due in front of the records of their shards; gives the buffer that all places
    /// are in.
    fn finish_links(
        &mut self,
        rendered: Vec<u8>,
        mut linked: Vec<u8>,
        before: Option<LaneEnds>,
        ordinal: u64,
        tally: &ChunkTally,
        now_us: i64,
    ) -> Vec<u8> {
        let (Some(chain), Some(before)) = (&mut self.chain, before) else {
            return rendered;
        };
        for sync in chain.append_syncs(&mut linked, tally.ends.lanes(), &before, now_us) {
            let hash_key = sync.lane.point();
            let place = Place {
                ordinal,
                payload: sync.payload,
                key: sync.key,
                hash_key,
                link: Some(Link {
                    lane: sync.lane,
                    kind: LinkKind::Sync,
                }),
            };
            if let Some(places) = self.places.get_mut(self.stream.shards.locate(hash_key).0) {
                places.insert(0, place);
            }
        }
        linked
    }

    /// Puts a record with its shard, unless it is known to be stored there; gives the number of records skipped.
    fn place(&mut self, place: Place, skip: &SkipPlan, tally: &mut ChunkTally) -> u64 {
        if let (Some(chain), Some(link)) = (&mut self.chain, place.link) {
            let position = chain.advance(link.lane, place.ordinal);
            tally.ends.reach(link.lane, position);
        }
        if skip.is_delivered(place.ordinal, place.hash_key) {
            return 1;
        }
        let shard = self.stream.shards.locate(place.hash_key);
        if let Some(places) = self.places.get_mut(shard.0) {
            places.push(place);
        }
        0
    }

    fn reject_too_large(
        &self,
        chunk: &Chunk,
        ordinal: u64,
        table: TableIndex,
        size: usize,
    ) -> RejectedRecord {
        let limit = self.stream.record_bytes_max;
        let raw = raw_record(chunk, ordinal);
        let (line_delta, range) = raw.map_or((0, 0..0), |raw| (raw.line_delta, raw.range.clone()));
        let row = chunk
            .bytes
            .get(index(range.start)..index(range.end))
            .unwrap_or_default();
        RejectedRecord {
            ordinal,
            line: chunk.span.start.line + u64::from(line_delta) + 1,
            position: chunk.span.start.position + u64::from(range.start),
            table: Some(table),
            column: None,
            code: "record_too_large",
            reason: format!("the message has {size} bytes with its partition key; the stream takes {limit}"),
            row: row.get(..DEAD_LETTER_ROW_BYTES_MAX).unwrap_or(row).to_vec(),
        }
    }

    /// Cuts the buffer into records by shard.
    fn cut(&mut self, buffer: Vec<u8>) -> Vec<(ShardIndex, Vec<BatchRecord>)> {
        let buffer = Bytes::from(buffer);
        let shards = self
            .places
            .iter_mut()
            .enumerate()
            .filter(|(_, places)| !places.is_empty());
        let slices = shards.map(|(index, places)| {
            let records = places.drain(..).map(|place| {
                let bytes = buffer.slice(place.payload.start..place.key.end);
                BatchRecord::of_slice(place.ordinal, bytes, place.payload.len()).with_link(place.link)
            });
            (ShardIndex(index), records.collect())
        });
        slices.collect()
    }
}

fn raw_record(chunk: &Chunk, ordinal: u64) -> Option<&crate::model::RawRecord> {
    let index = usize::try_from(ordinal.checked_sub(chunk.span.start.ordinal)?).ok()?;
    chunk.records.get(index)
}

fn raw_length(chunk: &Chunk, ordinal: u64) -> u64 {
    raw_record(chunk, ordinal).map_or(0, |raw| u64::from(raw.range.end - raw.range.start))
}

fn index(offset: u32) -> usize {
    usize::try_from(offset).unwrap_or(usize::MAX)
}

fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}
