//! Renders a chunk: which messages go to which shard, which rows are rejected, which are known to be settled, and
//! what it all adds up to. Pure: no I/O, no clock.
//!
//! **Invariants:** D3 (a record is skipped only with a proof), Q1 (every record of the chunk is counted once).

use std::ops::Range;

use bytes::Bytes;

use super::row::{RawRow, RowRenderer};
use crate::checkpoint::cut::SkipPlan;
use crate::checkpoint::tally::ChunkTally;
use crate::config::Config;
use crate::discover::control::{ControlPlan, ControlRecord};
use crate::encode::control::ControlEncoder;
use crate::encode::timestamp::TimestampText;
use crate::model::{BatchRecord, Chunk, Mark, RawRecord, RawRecordKind, RejectedRecord, Span, TableIndex};
use crate::route::shard_map::{HashKey, ShardIndex};
use crate::sink::StreamDescription;

/// A chunk, rendered.
#[derive(Debug)]
pub struct RenderedChunk {
    /// The messages to send, by shard, each in file order, none empty.
    pub slices: Vec<(ShardIndex, Vec<BatchRecord>)>,
    /// The rows to dead-letter, in file order.
    pub rejected: Vec<RejectedRecord>,
    /// What the chunk contributes once it is settled.
    pub tally: ChunkTally,
    /// Records that the checkpoint proves to be settled.
    pub skipped: u64,
}

/// Renders chunks of every table of a task.
#[derive(Debug)]
pub struct ChunkRenderer {
    rows: RowRenderer,
    control: ControlEncoder,
    stream: StreamDescription,
    /// Where each record of the current chunk stands in the buffers, by shard; kept to reuse its memory.
    places: Vec<Vec<Place>>,
}

#[derive(Debug)]
struct Place {
    ordinal: u64,
    payload: Range<usize>,
    partition_key: Range<usize>,
}

/// What became of one record.
enum Outcome {
    Deliver { shard: ShardIndex, place: Place },
    Known,
    Reject(RejectedRecord),
    KnownReject,
}

#[derive(Default)]
struct Buffers {
    payloads: Vec<u8>,
    partition_keys: Vec<u8>,
}

impl ChunkRenderer {
    /// A renderer for the tables of a task and the shards of a stream.
    pub fn new(config: &Config, stream: StreamDescription) -> Self {
        let places = stream.shards.shards().iter().map(|_| Vec::new()).collect();
        Self { rows: RowRenderer::new(config), control: ControlEncoder::new(config), stream, places }
    }

    /// Renders the records of a chunk at a time given in microseconds since the Unix epoch. `table` is `None` for
    /// change files, whose rows name theirs.
    pub fn render(
        &mut self,
        chunk: &Chunk,
        table: Option<TableIndex>,
        skip: &SkipPlan,
        now_us: i64,
    ) -> RenderedChunk {
        let timestamp = TimestampText::new(now_us);
        let mut buffers = Buffers::default();
        buffers.payloads.reserve(chunk.bytes.len().saturating_mul(4));
        let mut rejected = Vec::new();
        let mut tally = ChunkTally { bytes: chunk.span.bytes_count(), ..ChunkTally::default() };
        let mut skipped = 0;
        for (raw, ordinal) in chunk.records.iter().zip(chunk.span.start.ordinal..) {
            let row = locate(chunk, raw, ordinal);
            match self.render_record(row, raw.kind, table, skip, &timestamp, &mut buffers, &mut tally) {
                Outcome::Deliver { shard, place } => {
                    if let Some(places) = self.places.get_mut(shard.0) {
                        places.push(place);
                    }
                }
                Outcome::Known | Outcome::KnownReject => skipped += 1,
                Outcome::Reject(record) => rejected.push(record),
            }
        }
        RenderedChunk { slices: self.cut(buffers), rejected, tally, skipped }
    }

    /// Renders control records, from the one at `resume_at` on; gives their span in the stand-in object.
    pub fn render_control(
        &mut self,
        plan: &ControlPlan,
        resume_at: Mark,
        skip: &SkipPlan,
        now_us: i64,
    ) -> (Span, RenderedChunk) {
        let timestamp = TimestampText::new(now_us);
        let mut buffers = Buffers::default();
        let mut tally = ChunkTally::default();
        let (mut end, mut skipped) = (Mark::START, 0);
        for (record, ordinal) in plan.0.iter().zip(0..) {
            end = Mark { position: ordinal + 1, ordinal: ordinal + 1, line: ordinal + 1 };
            if ordinal < resume_at.ordinal {
                continue;
            }
            let (payload_start, key_start) = (buffers.payloads.len(), buffers.partition_keys.len());
            self.control.encode(*record, &timestamp, &mut buffers.payloads, &mut buffers.partition_keys);
            tally.control(table_of(*record));
            let partition_key = key_start..buffers.partition_keys.len();
            let hash_key = HashKey::of_partition_key(buffers.partition_keys.get(partition_key.clone()).unwrap_or(&[]));
            if skip.is_delivered(ordinal, hash_key) {
                skipped += 1;
                continue;
            }
            let place = Place { ordinal, payload: payload_start..buffers.payloads.len(), partition_key };
            let shard = self.stream.shards.locate(hash_key);
            if let Some(places) = self.places.get_mut(shard.0) {
                places.push(place);
            }
        }
        let chunk = RenderedChunk { slices: self.cut(buffers), rejected: Vec::new(), tally, skipped };
        (Span { start: resume_at, end: end.max(resume_at) }, chunk)
    }

    #[expect(clippy::too_many_arguments, reason = "the loop body of `render`, which owns all of it")]
    fn render_record(
        &mut self,
        row: RawRow<'_>,
        kind: RawRecordKind,
        table: Option<TableIndex>,
        skip: &SkipPlan,
        timestamp: &TimestampText,
        buffers: &mut Buffers,
        tally: &mut ChunkTally,
    ) -> Outcome {
        let bytes = u64::try_from(row.bytes.len()).unwrap_or(u64::MAX);
        let (payload_start, key_start) = (buffers.payloads.len(), buffers.partition_keys.len());
        let rendered = match kind {
            RawRecordKind::Whole => {
                self.rows.render(row, table, timestamp, &mut buffers.payloads, &mut buffers.partition_keys)
            }
            RawRecordKind::UnclosedQuote => Err(row.reject(
                table,
                "unclosed_quote",
                "a quoted field is not closed within the row limit; reading went on at the next line",
            )),
            RawRecordKind::TooLong => Err(row.reject(table, "row_too_long", "the row is longer than limits.row")),
        };
        let rendered = rendered.and_then(|rendered| {
            let size = buffers.payloads.len() - payload_start + buffers.partition_keys.len() - key_start;
            if size <= self.stream.record_bytes_max {
                return Ok(rendered);
            }
            let limit = self.stream.record_bytes_max;
            let reason = format!("the message has {size} bytes with its partition key, the stream takes {limit}");
            Err(row.reject(Some(rendered.table), "record_too_large", &reason))
        });
        let ordinal = row.ordinal;
        match rendered {
            Ok(rendered) => {
                tally.deliver(rendered.table, rendered.operation, bytes);
                let partition_key = key_start..buffers.partition_keys.len();
                let key = buffers.partition_keys.get(partition_key.clone()).unwrap_or(&[]);
                let hash_key = HashKey::of_partition_key(key);
                if skip.is_delivered(ordinal, hash_key) {
                    buffers.truncate(payload_start, key_start);
                    return Outcome::Known;
                }
                let place = Place { ordinal, payload: payload_start..buffers.payloads.len(), partition_key };
                Outcome::Deliver { shard: self.stream.shards.locate(hash_key), place }
            }
            Err(record) => {
                buffers.truncate(payload_start, key_start);
                tally.reject(record.table, table.is_some(), bytes);
                if skip.is_dead_lettered(ordinal) { Outcome::KnownReject } else { Outcome::Reject(record) }
            }
        }
    }

    /// Cuts the buffers into records by shard.
    fn cut(&mut self, buffers: Buffers) -> Vec<(ShardIndex, Vec<BatchRecord>)> {
        let (payloads, keys) = (Bytes::from(buffers.payloads), Bytes::from(buffers.partition_keys));
        let shards = self.places.iter_mut().enumerate().filter(|(_, places)| !places.is_empty());
        let slices = shards.map(|(index, places)| {
            let records = places.drain(..).map(|place| BatchRecord {
                ordinal: place.ordinal,
                partition_key: keys.slice(place.partition_key),
                payload: payloads.slice(place.payload),
            });
            (ShardIndex(index), records.collect())
        });
        slices.collect()
    }
}

impl Buffers {
    fn truncate(&mut self, payloads: usize, partition_keys: usize) {
        self.payloads.truncate(payloads);
        self.partition_keys.truncate(partition_keys);
    }
}

fn locate<'a>(chunk: &'a Chunk, raw: &RawRecord, ordinal: u64) -> RawRow<'a> {
    let range = usize::try_from(raw.range.start).unwrap_or(usize::MAX)
        ..usize::try_from(raw.range.end).unwrap_or(usize::MAX);
    RawRow {
        bytes: chunk.bytes.get(range).unwrap_or(&[]),
        ordinal,
        line: chunk.span.start.line + u64::from(raw.line_delta) + 1,
        position: chunk.span.start.position + u64::from(raw.range.start),
    }
}

fn table_of(record: ControlRecord) -> Option<TableIndex> {
    match record {
        ControlRecord::DropTable(table) | ControlRecord::CreateTable(table) => Some(table),
        ControlRecord::CreateExceptionsTable => None,
    }
}
