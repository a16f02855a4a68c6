//! Finds the end of one CSV row in a growing buffer. Pure: no I/O, no clock. Called by the framer only.
//!
//! **Advice for changing this file.** A row without quotes costs two SIMD searches. The searches run ahead over
//! everything that is buffered and remember what they found ([`Lookahead`]), so that no byte is searched twice
//! however small the pieces are in which the input arrives. Yet a decision may rest only on the *window* of
//! a row (its first `row_bytes_max` bytes and a delimiter): otherwise the outcome would depend on how much
//! happened to be buffered.
//!
//! The row delimiter wins over the field delimiter wherever both could start. Quoting follows `csv-core`
//! with doubled quotes: only a field that starts with a quote is quoted, and what follows the closing quote
//! is taken as it is.

use std::ops::Range;

use crate::model::RawRecordKind;
use crate::value::needle::Needle;

/// The one quote character of RFC 4180.
const QUOTE: u8 = b'"';

/// What the scanner found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Scan {
    /// The row does not end in the bytes at hand.
    NeedMore,
    /// There is no further row and no further input.
    EndOfInput,
    /// A row, blank or not.
    Row(ScannedRow),
    /// The row exceeds the limit. The scanner stays before it until it is moved.
    TooLong,
}

/// A row as ranges of the buffer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ScannedRow {
    /// The row without its delimiter.
    pub(super) content: Range<usize>,
    /// Where the next row starts.
    pub(super) next: usize,
    /// Row delimiters in the row, its own included.
    pub(super) lines: usize,
    /// Whether it was cut properly; never `TooLong`.
    pub(super) kind: RawRecordKind,
}

/// Where in a row the scanner stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ScanPosition {
    FieldStart,
    InField,
    InQuotes,
}

/// Whether a step of the scan decided something.
enum ScanStep {
    Again,
    Done(Scan),
}

/// The bytes a row may be decided on.
struct Window<'a> {
    buffer: &'a [u8],
    /// End of the window in the buffer.
    end: usize,
    /// Whether the row fills the window, so that more input would not change the outcome.
    full: bool,
    /// Whether there is no more input.
    finished: bool,
}

impl Window<'_> {
    fn is_settled(&self) -> bool {
        self.full || self.finished
    }
}

/// A search that remembers how far it got.
#[derive(Debug, Clone, Default)]
struct Lookahead {
    hit: Option<usize>,
    searched_to: usize,
}

impl Lookahead {
    /// The first occurrence at or after `from`. `from` never goes back before an earlier one.
    fn next(&mut self, needle: &Needle, buffer: &[u8], from: usize) -> Option<usize> {
        if let Some(hit) = self.hit
            && hit >= from
        {
            return Some(hit);
        }
        let start = from.max(self.searched_to);
        self.hit = buffer
            .get(start..)
            .and_then(|rest| needle.find(rest))
            .map(|offset| start + offset);
        self.searched_to = match self.hit {
            Some(hit) => hit + 1,
            // The last bytes may be the beginning of an occurrence.
            None => (buffer.len() + 1).saturating_sub(needle.bytes_count()).max(start),
        };
        self.hit
    }

    fn shift(&mut self, bytes_count: usize) {
        self.hit = self.hit.and_then(|hit| hit.checked_sub(bytes_count));
        self.searched_to = self.searched_to.saturating_sub(bytes_count);
    }
}

/// Finds row after row.
#[derive(Debug)]
pub(super) struct RowScanner {
    row_delimiter: Needle,
    field_delimiter: Needle,
    quote: Needle,
    quoting: bool,
    row_bytes_max: usize,
    start: usize,
    at: usize,
    place: ScanPosition,
    has_quotes: bool,
    row_delimiters: Lookahead,
    quotes: Lookahead,
    /// How far the last row with an unclosed quote was followed.
    open: OpenQuote,
}

/// Up to `until` an earlier row was inside one open quote, its row delimiters included. A later row that is
/// inside quotes at one of those delimiters is in the same state there, so it may jump to `until`; without
/// the jump, a file full of stray quotes would take quadratic time.
#[derive(Debug, Clone, Default)]
struct OpenQuote {
    until: usize,
    /// The searches as they stood at `until`.
    row_delimiters: Lookahead,
    quotes: Lookahead,
}

impl RowScanner {
    pub(super) fn new(
        row_delimiter: &[u8],
        field_delimiter: &[u8],
        quoting: bool,
        row_bytes_max: usize,
    ) -> Self {
        Self {
            row_delimiter: Needle::new(row_delimiter),
            field_delimiter: Needle::new(field_delimiter),
            quote: Needle::Byte(QUOTE),
            quoting,
            row_bytes_max,
            start: 0,
            at: 0,
            place: ScanPosition::FieldStart,
            has_quotes: false,
            row_delimiters: Lookahead::default(),
            quotes: Lookahead::default(),
            open: OpenQuote::default(),
        }
    }

    /// Where the current row starts.
    pub(super) fn row_start(&self) -> usize {
        self.start
    }

    /// The longest row.
    pub(super) fn row_bytes_max(&self) -> usize {
        self.row_bytes_max
    }

    /// The delimiter between rows.
    pub(super) fn row_delimiter(&self) -> &Needle {
        &self.row_delimiter
    }

    /// The delimiter between fields.
    pub(super) fn field_delimiter(&self) -> &Needle {
        &self.field_delimiter
    }

    /// Starts a row at this place of the buffer.
    pub(super) fn move_to(&mut self, start: usize) {
        self.start = start;
        self.at = start;
        self.place = ScanPosition::FieldStart;
        self.has_quotes = false;
    }

    /// Starts over at the beginning of another buffer.
    pub(super) fn reset(&mut self) {
        self.move_to(0);
        self.row_delimiters = Lookahead::default();
        self.quotes = Lookahead::default();
        self.open = OpenQuote::default();
    }

    /// Follows the buffer, which lost this many bytes at its front, none of them of the current row.
    pub(super) fn shift(&mut self, bytes_count: usize) {
        self.start = self.start.saturating_sub(bytes_count);
        self.at = self.at.saturating_sub(bytes_count);
        self.row_delimiters.shift(bytes_count);
        self.quotes.shift(bytes_count);
        self.open.until = self.open.until.saturating_sub(bytes_count);
        self.open.row_delimiters.shift(bytes_count);
        self.open.quotes.shift(bytes_count);
    }

    /// The end of the current row; moves to the next one if there is an end.
    pub(super) fn scan(&mut self, buffer: &[u8], finished: bool) -> Scan {
        if self.start >= buffer.len() {
            return if finished {
                Scan::EndOfInput
            } else {
                Scan::NeedMore
            };
        }
        let limit = self.start + self.row_bytes_max + self.row_delimiter.bytes_count();
        let window = Window {
            buffer,
            end: limit.min(buffer.len()),
            full: limit <= buffer.len(),
            finished,
        };
        loop {
            let step = match self.place {
                ScanPosition::FieldStart | ScanPosition::InField => self.cross_line(&window),
                ScanPosition::InQuotes => self.leave_quotes(&window),
            };
            match step {
                ScanStep::Again => {}
                ScanStep::Done(Scan::Row(row)) => {
                    self.move_to(row.next);
                    return Scan::Row(row);
                }
                ScanStep::Done(other) => return other,
            }
        }
    }

    /// Outside quotes: the row ends at the next row delimiter, unless a quote opens before.
    fn cross_line(&mut self, window: &Window<'_>) -> ScanStep {
        let delimiter_bytes = self.row_delimiter.bytes_count();
        let line_end = self
            .row_delimiters
            .next(&self.row_delimiter, window.buffer, self.at)
            .filter(|end| end + delimiter_bytes <= window.end);
        if line_end.is_none() && !window.is_settled() {
            return ScanStep::Done(Scan::NeedMore);
        }
        let segment_end = line_end.unwrap_or(window.end);
        if let Some(quote) = self.opening_quote(window.buffer, segment_end) {
            self.at = quote + 1;
            self.place = ScanPosition::InQuotes;
            self.has_quotes = true;
            return ScanStep::Again;
        }
        if let Some(end) = line_end {
            return self.row(window, end, end + delimiter_bytes, RawRecordKind::Whole);
        }
        self.at = segment_end;
        self.place = ScanPosition::InField;
        if window.full || segment_end - self.start > self.row_bytes_max {
            ScanStep::Done(Scan::TooLong)
        } else {
            self.row(window, segment_end, segment_end, RawRecordKind::Whole)
        }
    }

    /// The first quote at the start of a field between here and `segment_end`.
    fn opening_quote(&mut self, buffer: &[u8], segment_end: usize) -> Option<usize> {
        if !self.quoting {
            return None;
        }
        let mut from = self.at;
        let mut at_field_start = self.place == ScanPosition::FieldStart;
        loop {
            let quote = self.quotes.next(&self.quote, buffer, from)?;
            if quote >= segment_end {
                return None;
            }
            if quote == from && at_field_start {
                return Some(quote);
            }
            if let Needle::Byte(delimiter) = self.field_delimiter {
                if quote > from && buffer.get(quote - 1) == Some(&delimiter) {
                    return Some(quote);
                }
                from = quote + 1;
                at_field_start = false;
            } else {
                // Delimiters are matched from the left, without overlaps, as the field splitter does.
                from += self.field_delimiter.find(buffer.get(from..segment_end)?)?;
                from += self.field_delimiter.bytes_count();
                at_field_start = true;
            }
        }
    }

    /// Inside quotes: only a quote that is not doubled leads out.
    fn leave_quotes(&mut self, window: &Window<'_>) -> ScanStep {
        let quote = self
            .quotes
            .next(&self.quote, window.buffer, self.at)
            .filter(|quote| *quote < window.end);
        if self.at < self.open.until {
            let seen_to = quote.unwrap_or(window.end).min(self.open.until);
            let line_end = self
                .row_delimiters
                .next(&self.row_delimiter, window.buffer, self.at);
            if line_end.is_some_and(|end| end < seen_to) {
                self.at = self.open.until;
                self.row_delimiters = self.open.row_delimiters.clone();
                self.quotes = self.open.quotes.clone();
                return ScanStep::Again;
            }
        }
        let Some(quote) = quote else {
            self.at = window.end;
            return self.unclosed(window);
        };
        self.at = match window.buffer.get(quote + 1..window.end) {
            Some([QUOTE, ..]) => quote + 2,
            Some([]) | None if !window.is_settled() => {
                self.at = quote;
                return ScanStep::Done(Scan::NeedMore);
            }
            Some(_) | None => {
                self.place = ScanPosition::InField;
                quote + 1
            }
        };
        ScanStep::Again
    }

    /// The window ends inside quotes: the first line alone is the row, and rows go on after it.
    fn unclosed(&mut self, window: &Window<'_>) -> ScanStep {
        if !window.is_settled() {
            return ScanStep::Done(Scan::NeedMore);
        }
        let line_end = window
            .buffer
            .get(self.start..window.end)
            .and_then(|line| self.row_delimiter.find(line))
            .map(|offset| self.start + offset);
        self.has_quotes = false;
        match line_end {
            Some(end) => {
                // The searches went on after this line; the next row needs them from its own start.
                self.open = OpenQuote {
                    until: window.end,
                    row_delimiters: std::mem::take(&mut self.row_delimiters),
                    quotes: std::mem::take(&mut self.quotes),
                };
                let next = end + self.row_delimiter.bytes_count();
                self.row(window, end, next, RawRecordKind::UnclosedQuote)
            }
            None if window.full || window.end - self.start > self.row_bytes_max => {
                ScanStep::Done(Scan::TooLong)
            }
            None => self.row(window, window.end, window.end, RawRecordKind::UnclosedQuote),
        }
    }

    fn row(&self, window: &Window<'_>, end: usize, next: usize, kind: RawRecordKind) -> ScanStep {
        let content = window.buffer.get(self.start..end).unwrap_or_default();
        let lines_inside = if self.has_quotes {
            self.row_delimiter.count(content)
        } else {
            0
        };
        let is_terminated = next > end;
        let drops_carriage_return =
            is_terminated && self.row_delimiter.is_byte(b'\n') && content.ends_with(b"\r");
        ScanStep::Done(Scan::Row(ScannedRow {
            content: self.start..end - usize::from(drops_carriage_return),
            next,
            lines: lines_inside + usize::from(is_terminated),
            kind,
        }))
    }
}
