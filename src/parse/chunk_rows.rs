//! What is kept of a row that is not sent. Pure: no I/O, no clock.

use super::row::FilteredRecord;
use super::target::Rejection;
use crate::checkpoint::tally::ChunkTally;
use crate::limits::DEAD_LETTER_ROW_BYTES_MAX;
use crate::model::{Chunk, RejectedRecord};

/// Bytes of a row.
pub(super) fn raw_length(chunk: &Chunk, ordinal: u64) -> u64 {
    let record = chunk.record(ordinal);
    record.map_or(0, |raw| u64::from(raw.range.end - raw.range.start))
}

/// Counts the rows before an end that are not to be sent.
pub(super) fn count_filtered(tally: &mut ChunkTally, chunk: &Chunk, filtered: &[FilteredRecord], end: u64) {
    for record in filtered.iter().filter(|record| record.ordinal < end) {
        tally.filter(record.table, raw_length(chunk, record.ordinal));
    }
}

/// A row that is rejected, with its place and its text, or the beginning of it.
pub(super) fn rejected(chunk: &Chunk, ordinal: u64, rejection: Rejection) -> RejectedRecord {
    let row = chunk.record(ordinal).map_or(&[][..], |raw| chunk.text(raw));
    let mark = chunk.mark_before(ordinal);
    RejectedRecord {
        ordinal,
        line: mark.line + 1,
        position: mark.position,
        table: rejection.table,
        column: rejection.column,
        code: rejection.problem.code,
        reason: rejection.problem.reason,
        row: row.get(..DEAD_LETTER_ROW_BYTES_MAX).unwrap_or(row).to_vec(),
        is_cut: row.len() > DEAD_LETTER_ROW_BYTES_MAX,
        message: None,
    }
}
