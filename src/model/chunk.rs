//! A chunk: a span of whole records of one object, as cut by the framer. Pure: no I/O, no clock.

use crate::saturate;

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

use super::{FileColumns, Mark, Span};

/// A span of whole records. `records` has exactly `span.records_count()` entries, in file order; there may be
/// none, if the span holds header rows and blank lines only.
#[derive(Clone, PartialEq, Eq)]
pub struct Chunk {
    /// Where the records stand in the object. Spans of an object tile it (W3).
    pub span: Span,
    /// The bytes of the span, header rows, blank lines and row delimiters included. They end early only
    /// after a row longer than the limit, which is always the last of its chunk: its rest was thrown away.
    pub bytes: Bytes,
    /// One entry per record.
    pub records: Vec<RawRecord>,
    /// Where the row stands that was skipped as the header, without its delimiter; in the first chunk only.
    pub header: Option<Range<u32>>,
    /// Which field is which column, where the object says so itself; otherwise by position.
    pub columns: Option<Arc<FileColumns>>,
    /// Whether its rows begin with an operation, where the first row of the object says so for all of them.
    pub has_operation: Option<bool>,
}

impl Chunk {
    /// A record by its number in the object.
    pub fn record(&self, ordinal: u64) -> Option<&RawRecord> {
        let index = ordinal.checked_sub(self.span.start.ordinal)?;
        self.records.get(usize::try_from(index).ok()?)
    }

    /// The text of a record, without the row delimiter.
    pub fn text(&self, record: &RawRecord) -> &[u8] {
        self.text_at(&record.range)
    }

    /// The text of the row that was skipped as the header.
    pub fn header_text(&self) -> Option<&[u8]> {
        self.header.as_ref().map(|range| self.text_at(range))
    }

    fn text_at(&self, range: &Range<u32>) -> &[u8] {
        let range = saturate::to_usize(range.start)..saturate::to_usize(range.end);
        self.bytes.get(range).unwrap_or_default()
    }

    /// The chunk up to this record, by its number in the object.
    #[must_use]
    pub fn up_to(&self, ordinal: u64) -> Self {
        let count = saturate::to_usize(ordinal.saturating_sub(self.span.start.ordinal));
        let Some(next) = self.records.get(count) else {
            return self.clone();
        };
        Self {
            span: Span {
                end: self.mark_before(ordinal),
                ..self.span
            },
            bytes: self
                .bytes
                .slice(..saturate::to_usize(next.range.start).min(self.bytes.len())),
            records: self.records.get(..count).unwrap_or_default().to_vec(),
            header: self.header.clone(),
            columns: self.columns.clone(),
            has_operation: self.has_operation,
        }
    }

    /// The chunk from this record on; `None` if it is not in it.
    pub fn starting_at(&self, ordinal: u64) -> Option<Self> {
        let first = self.record(ordinal)?;
        let (start, line_delta) = (first.range.start, first.line_delta);
        let count = saturate::to_usize(ordinal - self.span.start.ordinal);
        let rest = self.records.get(count..).unwrap_or_default().iter();
        let records = rest.map(|record| RawRecord {
            range: record.range.start.saturating_sub(start)..record.range.end.saturating_sub(start),
            line_delta: record.line_delta.saturating_sub(line_delta),
            kind: record.kind,
        });
        Some(Self {
            span: Span {
                start: self.mark_before(ordinal),
                ..self.span
            },
            bytes: self
                .bytes
                .slice(saturate::to_usize(start).min(self.bytes.len())..),
            records: records.collect(),
            header: None,
            columns: self.columns.clone(),
            has_operation: self.has_operation,
        })
    }

    /// The border before a record; after the last one, the end of the chunk.
    pub fn mark_before(&self, ordinal: u64) -> Mark {
        let start = self.span.start;
        self.record(ordinal).map_or(self.span.end, |record| Mark {
            position: start.position + u64::from(record.range.start),
            ordinal,
            line: start.line + u64::from(record.line_delta),
        })
    }
}

/// One record as a range of its chunk's bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawRecord {
    /// Range in the chunk's bytes, without the row delimiter.
    pub range: Range<u32>,
    /// Lines between the start of the chunk and the start of this record.
    pub line_delta: u32,
    /// Whether the framer could cut it properly.
    pub kind: RawRecordKind,
}

/// How the framer came to a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RawRecordKind {
    /// A well-framed record.
    Whole,
    /// A quote was opened and not closed within the row limit (or the object): only the first line of it
    /// is this record, reading goes on at the next line. To be dead-lettered.
    UnclosedQuote,
    /// Longer than the row limit; the range holds its beginning only. To be dead-lettered.
    TooLong,
    /// A row of Parquet with a value that has no form as text, for a column of text. To be dead-lettered.
    Unsayable,
}

impl fmt::Debug for Chunk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Chunk({:?}, {} bytes, {} records)",
            self.span,
            self.bytes.len(),
            self.records.len()
        )
    }
}
