//! The rows of a chunk by their number: where each stands, and what is kept of one that is not sent. Pure: no I/O, no
//! clock.

use crate::limits::DEAD_LETTER_ROW_BYTES_MAX;
use crate::model::{Chunk, Mark, RawRecord, RejectedRecord, TableIndex};

/// A row as the framer cut it.
fn raw_record(chunk: &Chunk, ordinal: u64) -> Option<&RawRecord> {
    let index = usize::try_from(ordinal.checked_sub(chunk.span.start.ordinal)?).ok()?;
    chunk.records.get(index)
}

/// Bytes of a row.
pub(super) fn raw_length(chunk: &Chunk, ordinal: u64) -> u64 {
    raw_record(chunk, ordinal).map_or(0, |raw| u64::from(raw.range.end - raw.range.start))
}

/// The border in front of a row; behind the last one, the end of the chunk.
pub(super) fn mark_in_front_of(chunk: &Chunk, ordinal: u64) -> Mark {
    let start = chunk.span.start;
    raw_record(chunk, ordinal).map_or(chunk.span.end, |raw| Mark {
        position: start.position + u64::from(raw.range.start),
        ordinal,
        line: start.line + u64::from(raw.line_delta),
    })
}

/// A row that is rejected for another reason than what stands in it.
pub(super) fn rejected(
    chunk: &Chunk,
    ordinal: u64,
    table: TableIndex,
    code: &'static str,
    reason: String,
) -> RejectedRecord {
    let range = raw_record(chunk, ordinal).map_or(0..0, |raw| raw.range.clone());
    let index = |offset| usize::try_from(offset).unwrap_or(usize::MAX);
    let row = chunk.bytes.get(index(range.start)..index(range.end));
    let row = row.unwrap_or_default();
    let mark = mark_in_front_of(chunk, ordinal);
    RejectedRecord {
        ordinal,
        line: mark.line + 1,
        position: mark.position,
        table: Some(table),
        column: None,
        code,
        reason,
        row: row.get(..DEAD_LETTER_ROW_BYTES_MAX).unwrap_or(row).to_vec(),
    }
}
