//! Builds chunks of rows of text, field by field, in the dialect of a task. Pure: no I/O, no clock.
//!
//! The chunks are like those of the framer: whole rows with their delimiters, spans that tile, and at the same places
//! whether the rows are built from the first one or from the end of any chunk.
//!
//! **Invariants:** W3 (the spans of an object tile it).

use bytes::Bytes;

use crate::model::{Chunk, Mark, RawRecord, RawRecordKind, Span};
use crate::read::framer::{FRAME_BYTES_CEILING, FramerConfig};
use crate::saturate;
use crate::settings::CsvDialect;

/// Builds the chunks of one object.
#[derive(Debug)]
pub struct RowChunks {
    delimiter: Vec<u8>,
    row_delimiter: Vec<u8>,
    /// Bytes that put a value in quotes: quotes, ends of lines, and what delimiters are made of. Of a delimiter of
    /// several bytes each is enough, because a value could end in the beginning of it.
    special: [bool; 256],
    quote: u8,
    escape: Option<u8>,
    null: Vec<u8>,
    row_bytes_max: usize,
    chunk_bytes_max: usize,
    start: Mark,
    bytes: Vec<u8>,
    records: Vec<RawRecord>,
    row_start: usize,
    is_row_empty: bool,
    /// Whether a value of the row has no form as text.
    pub(super) is_unsayable: bool,
}

impl RowChunks {
    /// A builder for the rows of an object from a mark on.
    ///
    /// # Errors
    /// If the dialect has no way to protect a delimiter in a value, or to say NULL.
    pub fn new(config: &FramerConfig, start: Mark) -> Result<Self, String> {
        let CsvDialect {
            delimiter,
            row_delimiter,
            null_value,
            escape,
            ..
        } = &config.dialect;
        let quote = config.dialect.quote();
        let Some(quote) = quote.filter(|quote| !null_value.as_bytes().contains(quote)) else {
            return Err(
                "rows of Parquet are handed on as rows of CSV, and a delimiter in a value cannot be protected where \
                 source.csv.rfc4180 is false, nor can NULL be said where source.csv.null_value has a quote; change it, or \
                 read Parquet in a task of its own"
                    .to_owned(),
            );
        };
        let mut special = [false; 256];
        let quotes = std::iter::once(&quote).chain(escape);
        for byte in delimiter.iter().chain(row_delimiter).chain(b"\n\r").chain(quotes) {
            if let Some(special) = special.get_mut(usize::from(*byte)) {
                *special = true;
            }
        }
        Ok(Self {
            special,
            quote,
            escape: *escape,
            delimiter: delimiter.clone(),
            row_delimiter: row_delimiter.clone(),
            null: null_value.clone().into_bytes(),
            row_bytes_max: config.row_bytes_max.clamp(1, FRAME_BYTES_CEILING),
            chunk_bytes_max: config.chunk_bytes_max.clamp(1, FRAME_BYTES_CEILING),
            start,
            bytes: Vec::new(),
            records: Vec::new(),
            row_start: 0,
            is_row_empty: true,
            is_unsayable: false,
        })
    }

    /// Adds a field that is NULL.
    pub fn null(&mut self) {
        self.separate();
        self.bytes.extend_from_slice(&self.null);
    }

    /// Adds a field with a value, in quotes if it could be taken for something else.
    pub fn value(&mut self, text: &[u8]) {
        self.separate();
        let is_plain =
            !text.is_empty() && text != self.null && !text.iter().any(|byte| self.is_special(*byte));
        if is_plain {
            self.bytes.extend_from_slice(text);
            return;
        }
        self.bytes.push(self.quote);
        let mut rest = text;
        let escape = self.escape.unwrap_or(self.quote);
        while let Some(at) = memchr::memchr2(self.quote, escape, rest) {
            let (before, after) = rest.split_at_checked(at + 1).unwrap_or((rest, &[]));
            self.bytes.extend_from_slice(before);
            // Doubled, either of them is one.
            self.bytes.extend(before.last());
            rest = after;
        }
        self.bytes.extend_from_slice(rest);
        self.bytes.push(self.quote);
    }

    fn is_special(&self, byte: u8) -> bool {
        self.special
            .get(usize::from(byte))
            .is_some_and(|special| *special)
    }

    fn separate(&mut self) {
        if !self.is_row_empty {
            self.bytes.extend_from_slice(&self.delimiter);
        }
        self.is_row_empty = false;
    }

    /// Ends the row; gives a chunk if it is full. Of a row beyond the limit its beginning is kept.
    pub fn end_row(&mut self) -> Option<Chunk> {
        let row_bytes = self.bytes.len() - self.row_start;
        let is_too_long = row_bytes > self.row_bytes_max;
        let end = self.row_start + row_bytes.min(self.row_bytes_max);
        self.records.push(RawRecord {
            range: saturate::to_u32(self.row_start)..saturate::to_u32(end),
            line_delta: saturate::to_u32(self.records.len()),
            kind: match (is_too_long, std::mem::take(&mut self.is_unsayable)) {
                (true, _) => RawRecordKind::TooLong,
                (false, true) => RawRecordKind::Unsayable,
                (false, false) => RawRecordKind::Whole,
            },
        });
        self.bytes.extend_from_slice(&self.row_delimiter);
        let whole = self.bytes.len();
        self.row_start = whole;
        self.is_row_empty = true;
        if is_too_long {
            self.bytes.truncate(end);
        }
        (is_too_long || whole >= self.chunk_bytes_max).then(|| self.cut(whole))
    }

    /// The rows that are not in a chunk yet.
    pub fn finish(&mut self) -> Option<Chunk> {
        (!self.records.is_empty()).then(|| self.cut(self.bytes.len()))
    }

    fn cut(&mut self, whole: usize) -> Chunk {
        let capacity = self.bytes.capacity().min(2 * self.chunk_bytes_max);
        let bytes = std::mem::replace(&mut self.bytes, Vec::with_capacity(capacity));
        let records = std::mem::take(&mut self.records);
        let rows = saturate::to_u64(records.len());
        let start = self.start;
        let end = Mark {
            position: start.position + saturate::to_u64(whole),
            ordinal: start.ordinal + rows,
            line: start.line + rows,
        };
        self.start = end;
        self.row_start = 0;
        Chunk {
            span: Span { start, end },
            bytes: Bytes::from(bytes),
            records,
            header: None,
            columns: None,
            has_operation: None,
        }
    }
}

#[cfg(test)]
#[path = "row_chunks_tests.rs"]
mod tests;
