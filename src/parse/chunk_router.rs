//! Renders a chunk and routes it: which messages go to which shard, which rows are rejected, which are known to be
//! settled, and what it all adds up to. Pure: no I/O, no clock.
//!
//! **Invariants:** D3 (a record is skipped only with a proof), Q1 (every record of the chunk is counted once).

use std::collections::HashMap;
use std::ops::Range;

use bytes::Bytes;

use super::chunk_rows::{count_filtered, raw_length, rejected};
use super::places::{LastKey, MessagePlace};
use super::routing::Routing;
pub use super::routing::{ChunkEnd, RoutedChunk};
use super::row::{RenderedChunk, RenderedRecord, RowRenderer};
use super::row_judge::{BadRowAction, RowJudge, TABLE_SUSPENDED};
use super::target::{Rejection, change_queues};
use crate::chain::ends::{ChainStart, LaneEnds};
use crate::checkpoint::cut::SkipPlan;
use crate::checkpoint::tally::ChunkTally;
use crate::config::Config;
use crate::encode::chain_writer::ChainWriter;
use crate::encode::control::{ControlOperation, encode_control, exceptions_table};
use crate::fault::{Fault, FaultKind};
use crate::model::RowSource;
use crate::model::batch::{Link, LinkKind};
use crate::model::control::{ControlPlan, ControlRecord};
use crate::model::trouble::Troubles;
use crate::model::{
    BatchRecord, Chunk, Mark, ObjectId, ObjectVersion, QueueName, RejectedRecord, Span, Table, TableIndex,
};
use crate::route::lane::LaneIndex;
use crate::route::shard_map::ShardIndex;
use crate::saturate;
use crate::settings::MessageConfig;
use crate::sink::StreamDescription;
use crate::value::convert::{ValueProblem, Written};
use crate::value::timestamp::MessageTimestamp;

/// Renders and routes the chunks of every table of a task.
#[derive(Debug)]
pub struct ChunkRouter {
    rows: RowRenderer,
    judge: RowJudge,
    task: String,
    /// As their messages show them.
    tables: Vec<Table>,
    message: MessageConfig,
    /// The tables whose change files lie in their folders, by queue.
    changes_of: HashMap<QueueName, TableIndex>,
    /// What the change files of the object entered last hold.
    changes: RowSource,
    stream: StreamDescription,
    /// Where each record of the current chunk stands in the buffer, by shard; kept to reuse its memory.
    places: Vec<Vec<MessagePlace>>,
    last_key: LastKey,
    /// Makes messages links, if the task has a chain.
    chain: Option<ChainWriter>,
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
            judge: RowJudge::new(config.errors.rows, &config.tables),
            task: config.task.clone(),
            tables: config.mappings.outputs(&config.tables),
            message: config.message.clone(),
            changes_of: change_queues(&config.tables),
            changes: RowSource::Changes,
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
    pub fn enter_chain(&mut self, start: Option<&ChainStart>) {
        if let (Some(chain), Some(start)) = (&mut self.chain, start) {
            chain.enter(start);
        }
    }

    /// Says which object the next chunks are of, and what was wrong before them.
    pub fn enter_object(&mut self, id: &ObjectId, key: &str, location: &str, troubles: &Troubles) {
        let own = self.changes_of.get(&id.queue).copied();
        self.changes = own.map_or(RowSource::Changes, RowSource::ChangesOf);
        self.rows.enter_object(id.number);
        self.judge.enter(id, key, location, troubles);
    }

    /// From here on, a chunk ends behind the record with which its messages reach this size; the span says where.
    pub fn set_bytes_max(&mut self, bytes_max: usize) {
        self.rows.set_bytes_max(bytes_max);
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
        let source = table.map_or(self.changes, RowSource::Load);
        let RenderedChunk {
            buffer,
            records,
            rejected,
            filtered,
            rest,
        } = self
            .rows
            .render_chunk(source, object, chunk, &MessageTimestamp::from_unix_us(now_us));
        let part = rest.map(|ordinal| chunk.up_to(ordinal));
        let chunk = part.as_ref().unwrap_or(chunk);
        let before = self.chain.as_ref().map(ChainWriter::ends);
        let linked = Vec::with_capacity(before.as_ref().map_or(0, |_| buffer.capacity()));
        let mut routing = Routing::new(chunk, table.is_some(), skip, linked);
        let header = self.rows.skipped_row(source, object, chunk);
        routing.tally.skip_header(header);
        let (mut records, mut bad) = (records.into_iter().peekable(), rejected.into_iter().peekable());
        while routing.end == ChunkEnd::Whole {
            let next = records.peek().map_or(u64::MAX, |record| record.ordinal);
            if let Some(row) = bad.next_if(|row| row.ordinal < next) {
                self.reject(row, &mut routing);
            } else if let Some(record) = records.next() {
                self.route_message(&buffer, record, &mut routing);
            } else {
                break;
            }
        }
        let Routing {
            linked,
            mut tally,
            mut skipped,
            mut rejected,
            end,
            span,
            ..
        } = routing;
        (tally.bytes, tally.troubles) = (span.bytes_count(), self.judge.take_changed());
        let buffer = self.finish_links(buffer, linked, before, span.start.ordinal, &tally, now_us);
        count_filtered(&mut tally, chunk, &filtered, span.end.ordinal);
        let known = rejected.extract_if(.., |record| skip.is_dead_lettered(record.ordinal));
        skipped += saturate::to_u64(known.count());
        RoutedChunk {
            buffer_bytes: buffer.len(),
            slices: self.cut(buffer),
            rejected,
            tally,
            skipped,
            span,
            end,
        }
    }

    /// Puts a message with its shard, unless it cannot be sent.
    fn route_message(&mut self, buffer: &[u8], record: RenderedRecord, routing: &mut Routing<'_>) {
        let (chunk, ordinal, table) = (routing.chunk, record.ordinal, record.table);
        if let Some(reason) = self.judge.suspended(table) {
            let problem = ValueProblem::new(TABLE_SUSPENDED, reason);
            return self.reject(
                rejected(chunk, ordinal, Rejection::of(Some(table), problem)),
                routing,
            );
        }
        let place = self.link(buffer, ordinal, record.payload, record.key, &mut routing.linked);
        let row = Some((table, record.operation));
        let place = MessagePlace { row, ..place };
        let (size, limit) = (place.bytes_count(), self.stream.record_bytes_max);
        if size > limit {
            routing.linked.truncate(place.payload.start);
            let reason =
                format!("the message has {size} bytes with its partition key; the stream takes {limit}");
            let problem = ValueProblem::new("record_too_large", reason);
            return self.reject(
                rejected(chunk, ordinal, Rejection::of(Some(table), problem)),
                routing,
            );
        }
        routing
            .tally
            .deliver(table, record.operation, raw_length(chunk, ordinal));
        if record.written == Written::Truncated {
            routing.tally.truncate(table);
        }
        routing.skipped += self.place(place, routing.skip, &mut routing.tally);
    }

    /// Makes a row a dead letter, or ends the chunk before it; where its table is suspended, after it, if all rows
    /// of the object are of that table.
    fn reject(&mut self, row: RejectedRecord, routing: &mut Routing<'_>) {
        let end = match self.judge.judge(&row) {
            BadRowAction::Stop(message) => {
                routing.span.end = routing.chunk.mark_before(row.ordinal);
                routing.end = ChunkEnd::TaskStopped(Fault::new(FaultKind::Data, message));
                return;
            }
            BadRowAction::Suspend if routing.is_load => ChunkEnd::TableSuspended,
            BadRowAction::Suspend | BadRowAction::Keep => ChunkEnd::Whole,
        };
        if end == ChunkEnd::TableSuspended {
            routing.span.end = routing.chunk.mark_before(row.ordinal + 1);
        }
        routing.end = end;
        let bytes = raw_length(routing.chunk, row.ordinal);
        routing.tally.reject(row.table, routing.is_load, bytes);
        routing.rejected.push(row);
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
        let (buffer_bytes, slices) = (buffer.len(), self.cut(buffer));
        let span = Span {
            start: resume_at,
            end,
        };
        (
            span,
            RoutedChunk {
                slices,
                rejected: Vec::new(),
                tally,
                skipped,
                span,
                end: ChunkEnd::Whole,
                buffer_bytes,
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
    ) -> MessagePlace {
        let key_bytes = buffer.get(key.clone()).unwrap_or_default();
        let hash_key = self.last_key.hash(key_bytes);
        let Some(chain) = &self.chain else {
            return MessagePlace {
                ordinal,
                payload,
                key,
                hash_key,
                link: None,
                row: None,
            };
        };
        let lane = LaneIndex::of(hash_key);
        let message = buffer.get(payload).unwrap_or_default();
        let payload = chain.append(linked, message, lane, ordinal);
        linked.extend_from_slice(key_bytes);
        MessagePlace {
            ordinal,
            key: payload.end..linked.len(),
            payload,
            hash_key: lane.point(),
            link: Some(Link {
                lane,
                kind: LinkKind::Record,
            }),
            row: None,
        }
    }

    /// Puts the `sync` records that are due before the records of their shards; gives the buffer that all places
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
            let place = MessagePlace {
                ordinal,
                payload: sync.payload,
                key: sync.key,
                hash_key,
                link: Some(Link {
                    lane: sync.lane,
                    kind: LinkKind::Sync,
                }),
                row: None,
            };
            if let Some(places) = self.places.get_mut(self.stream.shards.locate(hash_key).0) {
                places.insert(0, place);
            }
        }
        linked
    }

    /// Puts a record with its shard, unless it is known to be stored there; gives the number of records skipped.
    fn place(&mut self, place: MessagePlace, skip: &SkipPlan, tally: &mut ChunkTally) -> u64 {
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
                BatchRecord::of_slice(place.ordinal, bytes, place.payload.len())
                    .with_link(place.link)
                    .with_row(place.row)
            });
            (ShardIndex(index), records.collect())
        });
        slices.collect()
    }
}
