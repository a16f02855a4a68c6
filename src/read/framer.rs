//! Cuts the bytes of an object into chunks of whole records: push bytes in, take chunks out.
//! Pure: no I/O, no clock. Called by the file reader.
//!
//! What a chunk holds depends on the bytes of the object alone and never on the pieces in which they were
//! pushed, and a framer that starts at the mark at which a chunk ended goes on exactly as the first one did.
//!
//! **Invariants:** W3 (the spans of an object tile it: each starts where the one before ended, the last one
//! ends at the end of the object).

use std::ops::Range;

use bytes::{Bytes, BytesMut};

use super::row_scanner::{RowScanner, Scan, ScannedRow};
use crate::model::{Chunk, Mark, RawRecord, RawRecordKind, Span};
use crate::saturate;
use crate::settings::CsvDialect;
use crate::value::needle::Needle;

/// Marks a file as UTF-8; not part of the first row.
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";
/// Larger limits are taken as this one; it keeps every range inside a chunk within 32 bits.
pub const FRAME_BYTES_CEILING: usize = 1024 * 1024 * 1024;

/// How to cut.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FramerConfig {
    /// Delimiters, quoting and header rows.
    pub dialect: CsvDialect,
    /// Longest row without its delimiter (but with a `\r` before it), at most [`FRAME_BYTES_CEILING`].
    pub row_bytes_max: usize,
    /// Bytes of a chunk, unless a single row is larger; at most [`FRAME_BYTES_CEILING`].
    pub chunk_bytes_max: usize,
}

/// Cuts one object. Holds at most a chunk, a row and the last piece pushed.
///
/// After each [`push`](Self::push), and after [`finish`](Self::finish), take chunks until there is none.
#[derive(Debug)]
pub struct Framer {
    chunk_bytes_max: usize,
    scanner: RowScanner,
    byte_order_mark: ByteOrderMark,
    header: Header,
    /// The bytes from `chunk_start` on that were not given out yet.
    buffer: BytesMut,
    /// Where in the object the next byte to be pushed stands.
    pushed_to: u64,
    finished: bool,
    chunk_start: Mark,
    rows_in_chunk: usize,
    lines_in_chunk: usize,
    records: Vec<RawRecord>,
    /// Where the row stands that was skipped as the header, until its chunk is given out.
    header_range: Option<Range<u32>>,
    discarding: Option<Discarding>,
    /// Whether blank lines are rows.
    has_blank_rows: bool,
}

/// Whether a byte-order mark may stand at the front of the buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ByteOrderMark {
    Possible,
    Settled,
}

/// Whether the next row is the header. It is the very first row even if that is blank: a header further down
/// could fall into a later chunk, and a mark could not tell whether it was skipped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Header {
    Next,
    Past,
}

/// A row beyond the limit of which only the beginning is kept.
#[derive(Debug)]
struct Discarding {
    beginning: Bytes,
    discarded_bytes: u64,
}

impl Framer {
    /// A framer for the bytes of an object from `start` on, which is [`Mark::START`] or the end of a span
    /// that a framer with the same dialect gave.
    pub fn new(config: &FramerConfig, start: Mark) -> Self {
        let is_beginning = start == Mark::START;
        let dialect = &config.dialect;
        Self {
            chunk_bytes_max: config.chunk_bytes_max.clamp(1, FRAME_BYTES_CEILING),
            scanner: RowScanner::new(dialect, config.row_bytes_max.clamp(1, FRAME_BYTES_CEILING)),
            byte_order_mark: if is_beginning {
                ByteOrderMark::Possible
            } else {
                ByteOrderMark::Settled
            },
            header: if is_beginning && dialect.has_header() {
                Header::Next
            } else {
                Header::Past
            },
            buffer: BytesMut::new(),
            pushed_to: start.position,
            finished: false,
            chunk_start: start,
            rows_in_chunk: 0,
            lines_in_chunk: 0,
            records: Vec::new(),
            header_range: None,
            discarding: None,
            has_blank_rows: false,
        }
    }

    /// The same framer for a table with one column, of which a blank line is a row like any other.
    #[must_use]
    pub fn with_blank_rows(mut self) -> Self {
        self.has_blank_rows = true;
        self
    }

    /// Takes the next bytes of the object.
    pub fn push(&mut self, bytes: &[u8]) {
        debug_assert!(!self.finished, "no bytes may follow the end of the input");
        let spare = self.buffer.capacity() - self.buffer.len();
        if spare < bytes.len() {
            self.buffer.reserve(bytes.len().max(self.chunk_bytes_max));
        }
        self.buffer.extend_from_slice(bytes);
        self.pushed_to += saturate::to_u64(bytes.len());
    }

    /// Says that the object ends here. The last row may lack its delimiter.
    pub fn finish(&mut self) {
        self.finished = true;
    }

    /// Where in the object the next byte to be pushed stands.
    pub fn bytes_needed_from(&self) -> u64 {
        self.pushed_to
    }

    /// Bytes held that were not given out in a chunk yet.
    pub fn buffered(&self) -> usize {
        let beginning = self.discarding.as_ref().map_or(0, |row| row.beginning.len());
        self.buffer.len() + beginning
    }

    /// The end of the last chunk given out, or the start.
    pub fn mark(&self) -> Mark {
        self.chunk_start
    }

    /// The next chunk, if the bytes at hand make one up.
    ///
    /// A chunk is cut before the row that would take it over `chunk_bytes_max`; after [`finish`](Self::finish)
    /// the rest follows. A chunk can have no records at all (only header rows or blank lines). A row beyond
    /// the limit gets a chunk of its own that holds only the row's beginning: its `span.bytes_count()` exceeds
    /// `bytes.len()` by what was thrown away.
    pub fn next_chunk(&mut self) -> Option<Chunk> {
        if self.discarding.is_some() {
            return self.discard();
        }
        if self.byte_order_mark == ByteOrderMark::Possible && !self.skip_byte_order_mark() {
            return None;
        }
        loop {
            if self.rows_in_chunk > 0 && self.scanner.row_start() >= self.chunk_bytes_max {
                return Some(self.cut(self.scanner.row_start()));
            }
            match self.scanner.scan(&self.buffer, self.finished) {
                Scan::NeedMore => return None,
                Scan::EndOfInput => return (!self.buffer.is_empty()).then(|| self.cut(self.buffer.len())),
                Scan::Row(row) => {
                    if let Some(chunk) = self.add(row) {
                        return Some(chunk);
                    }
                }
                Scan::TooLong if self.rows_in_chunk > 0 => return Some(self.cut(self.scanner.row_start())),
                Scan::TooLong => return self.start_discarding(),
            }
        }
    }

    /// The whole rows that were not given out, although there is room for more: nothing more can come. A row without
    /// its delimiter is not among them.
    pub fn close_chunk(&mut self) -> Option<Chunk> {
        (self.rows_in_chunk > 0).then(|| self.cut(self.scanner.row_start()))
    }

    /// False while it is not known yet whether there is one.
    fn skip_byte_order_mark(&mut self) -> bool {
        let is_undecided =
            self.buffer.len() < BYTE_ORDER_MARK.len() && BYTE_ORDER_MARK.starts_with(&self.buffer);
        if is_undecided && !self.finished {
            return false;
        }
        self.byte_order_mark = ByteOrderMark::Settled;
        if self.buffer.starts_with(BYTE_ORDER_MARK) {
            self.scanner.move_to(BYTE_ORDER_MARK.len());
        }
        true
    }

    /// Adds a row; gives the chunk that had to be closed before it, if there is one.
    fn add(&mut self, mut row: ScannedRow) -> Option<Chunk> {
        let row_start = row.content.start;
        let overflows = self.rows_in_chunk > 0 && row.next > self.chunk_bytes_max;
        let closed = overflows.then(|| self.cut(row_start));
        if overflows {
            row.content = 0..row.content.end - row_start;
        }
        let content = self.buffer.get(row.content.clone()).unwrap_or_default();
        let is_header = std::mem::replace(&mut self.header, Header::Past) == Header::Next;
        if is_header {
            self.header_range = Some(saturate::to_u32(row.content.start)..saturate::to_u32(row.content.end));
        } else if self.has_blank_rows || !is_blank(content, self.scanner.field_delimiter()) {
            self.records.push(RawRecord {
                range: saturate::to_u32(row.content.start)..saturate::to_u32(row.content.end),
                line_delta: saturate::to_u32(self.lines_in_chunk),
                kind: row.kind,
            });
        }
        self.rows_in_chunk += 1;
        self.lines_in_chunk += row.lines;
        closed
    }

    /// Gives out the first `bytes_count` bytes with all records added so far.
    fn cut(&mut self, bytes_count: usize) -> Chunk {
        let bytes = self.buffer.split_to(bytes_count).freeze();
        self.scanner.shift(bytes_count);
        self.chunk(bytes, 0)
    }

    fn chunk(&mut self, bytes: Bytes, discarded_bytes: u64) -> Chunk {
        let capacity = self.records.len();
        let records = std::mem::replace(&mut self.records, Vec::with_capacity(capacity));
        let start = self.chunk_start;
        let end = Mark {
            position: start.position + saturate::to_u64(bytes.len()) + discarded_bytes,
            ordinal: start.ordinal + saturate::to_u64(records.len()),
            line: start.line + saturate::to_u64(self.lines_in_chunk),
        };
        self.chunk_start = end;
        self.rows_in_chunk = 0;
        self.lines_in_chunk = 0;
        Chunk {
            span: Span { start, end },
            bytes,
            records,
            header: self.header_range.take(),
            columns: None,
            has_operation: None,
        }
    }

    /// Keeps the beginning of the row that exceeds the limit and drops the rest up to the next delimiter.
    fn start_discarding(&mut self) -> Option<Chunk> {
        let start = self.scanner.row_start();
        let kept_to = start + self.scanner.row_bytes_max();
        let beginning = self.buffer.split_to(kept_to).freeze();
        let content = beginning.get(start..).unwrap_or_default();
        self.lines_in_chunk += self.scanner.row_delimiter().count(content);
        let is_header = std::mem::replace(&mut self.header, Header::Past) == Header::Next;
        if !is_header {
            self.records.push(RawRecord {
                range: saturate::to_u32(start)..saturate::to_u32(kept_to),
                line_delta: 0,
                kind: RawRecordKind::TooLong,
            });
        }
        self.discarding = Some(Discarding {
            beginning,
            discarded_bytes: 0,
        });
        self.discard()
    }

    fn discard(&mut self) -> Option<Chunk> {
        let delimiter = self.scanner.row_delimiter();
        let row_end = delimiter.find(&self.buffer);
        let drop_to = match row_end {
            Some(end) => end + delimiter.bytes_count(),
            None if self.finished => self.buffer.len(),
            // The last bytes may be the beginning of the delimiter.
            None => (self.buffer.len() + 1).saturating_sub(delimiter.bytes_count()),
        };
        let dropped = self.buffer.split_to(drop_to);
        let mut row = self.discarding.take()?;
        row.discarded_bytes += saturate::to_u64(dropped.len());
        if row_end.is_none() && !self.finished {
            self.discarding = Some(row);
            return None;
        }
        self.scanner.reset();
        self.lines_in_chunk += usize::from(row_end.is_some());
        Some(self.chunk(row.beginning, row.discarded_bytes))
    }
}

/// Whether a row is empty or white space only. White space that delimits fields makes a row of empty fields.
fn is_blank(content: &[u8], field_delimiter: &Needle) -> bool {
    content.first().is_none_or(u8::is_ascii_whitespace)
        && content.iter().all(u8::is_ascii_whitespace)
        && field_delimiter.find(content).is_none()
}
