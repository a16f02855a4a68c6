//! Finds the end of one CSV row in a growing buffer. Pure: no I/O, no clock. Called by the framer only.
//!
//! **Advice for changing this file.** A row without quotes costs two SIMD searches. The searches run ahead over
//! everything that is buffered and remember what they found ([`Searches`]), so that no byte is searched twice
//! however small the pieces are in which the input arrives. Yet a decision may rest only on the *window* of
//! a row (its first `row_bytes_max` bytes and a delimiter): otherwise the outcome would depend on how much
//! happened to be buffered.
//!
//! The row delimiter wins over the field delimiter wherever both could start. Only a field that starts with a quote is
//! quoted, and its quote closes before a delimiter or the end of the input only. One with anything else after it does
//! not close: text that has quotes in the middle may have delimiters there too, and nothing says what they are.

use std::collections::VecDeque;
use std::ops::Range;

use super::lookahead::{OpenQuote, Searches, Window, shift_places};
use crate::model::RawRecordKind;
use crate::settings::CsvDialect;
use crate::value::needle::Needle;

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

/// Finds row after row.
#[derive(Debug)]
pub(super) struct RowScanner {
    row_delimiter: Needle,
    field_delimiter: Needle,
    quote: Option<Needle>,
    escape: Option<Needle>,
    row_bytes_max: usize,
    start: usize,
    at: usize,
    place: ScanPosition,
    has_quotes: bool,
    searches: Searches,
    /// Row delimiters in this row that an escape made text outside of quotes.
    escaped: VecDeque<usize>,
    /// The last row with an unclosed quote.
    open: OpenQuote,
}

impl RowScanner {
    pub(super) fn new(dialect: &CsvDialect, row_bytes_max: usize) -> Self {
        Self {
            row_delimiter: Needle::new(&dialect.row_delimiter),
            field_delimiter: Needle::new(&dialect.delimiter),
            quote: dialect.quote().map(Needle::Byte),
            escape: dialect.escape.map(Needle::Byte),
            row_bytes_max,
            start: 0,
            at: 0,
            place: ScanPosition::FieldStart,
            has_quotes: false,
            searches: Searches::default(),
            escaped: VecDeque::new(),
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
        self.escaped.clear();
    }

    /// Starts over at the beginning of another buffer.
    pub(super) fn reset(&mut self) {
        self.move_to(0);
        self.searches = Searches::default();
        self.open = OpenQuote::default();
    }

    /// Follows the buffer, which lost this many bytes at its front, none of them of the current row.
    pub(super) fn shift(&mut self, bytes_count: usize) {
        self.start = self.start.saturating_sub(bytes_count);
        self.at = self.at.saturating_sub(bytes_count);
        self.searches.shift(bytes_count);
        shift_places(&mut self.escaped, bytes_count);
        self.open.shift(bytes_count);
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
            .searches
            .row_delimiters
            .next(&self.row_delimiter, window.buffer, self.at)
            .filter(|end| end + delimiter_bytes <= window.end);
        if line_end.is_none() && !window.is_settled() {
            return ScanStep::Done(Scan::NeedMore);
        }
        let segment_end = line_end.unwrap_or(window.end);
        let escape = self.next_escape(window.buffer, segment_end);
        if let Some(quote) = self.opening_quote(window.buffer, escape.unwrap_or(segment_end)) {
            self.at = quote + 1;
            self.place = ScanPosition::InQuotes;
            self.has_quotes = true;
            return ScanStep::Again;
        }
        if let Some(escape) = escape {
            self.place = ScanPosition::InField;
            // An end of a line may be part of the field.
            self.has_quotes = true;
            if line_end == Some(escape + 1) {
                self.escaped.extend(line_end);
            }
            return self.skip_escaped(window, escape);
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

    /// The first escape between here and `segment_end`.
    fn next_escape(&mut self, buffer: &[u8], segment_end: usize) -> Option<usize> {
        let escape = self
            .searches
            .escapes
            .next(self.escape.as_ref()?, buffer, self.at)?;
        (escape < segment_end).then_some(escape)
    }

    /// Goes on after the byte that is escaped.
    fn skip_escaped(&mut self, window: &Window<'_>, escape: usize) -> ScanStep {
        if escape + 1 < window.end {
            self.at = escape + 2;
            return ScanStep::Again;
        }
        if !window.is_settled() {
            self.at = escape;
            return ScanStep::Done(Scan::NeedMore);
        }
        // There is nothing to escape.
        self.at = window.end;
        ScanStep::Again
    }

    /// The first quote at the start of a field between here and `segment_end`.
    fn opening_quote(&mut self, buffer: &[u8], segment_end: usize) -> Option<usize> {
        let needle = self.quote.as_ref()?;
        let mut from = self.at;
        let mut at_field_start = self.place == ScanPosition::FieldStart;
        loop {
            let quote = self.searches.quotes.next(needle, buffer, from)?;
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

    /// Inside quotes: only a quote that is neither doubled nor escaped leads out.
    fn leave_quotes(&mut self, window: &Window<'_>) -> ScanStep {
        let Some(needle) = &self.quote else {
            self.place = ScanPosition::InField;
            return ScanStep::Again;
        };
        let quote = self
            .searches
            .quotes
            .next(needle, window.buffer, self.at)
            .filter(|quote| *quote < window.end);
        if self.at < self.open.until {
            let seen_to = quote.unwrap_or(window.end).min(self.open.until);
            let line_end = self
                .searches
                .row_delimiters
                .next(&self.row_delimiter, window.buffer, self.at);
            let line_end = line_end.filter(|end| *end < seen_to && self.open.is_inside_at(*end));
            if let Some(end) = line_end {
                self.open.join(end, &mut self.escaped);
                self.at = self.open.until;
                self.searches = self.open.searches.clone();
                return ScanStep::Again;
            }
        }
        if let Some(escape) = self.next_escape(window.buffer, quote.unwrap_or(window.end)) {
            return self.skip_escaped(window, escape);
        }
        let Some(quote) = quote else {
            self.at = window.end;
            return self.unclosed(window, window.is_settled());
        };
        self.at = quote;
        let after = quote + 1;
        if let Some(next) = window.buffer.get(after).filter(|_| after < window.end)
            && self.quote.as_ref().is_some_and(|quote| quote.is_byte(*next))
        {
            self.at = quote + 2;
            return ScanStep::Again;
        }
        match self.closes(window, after) {
            None => ScanStep::Done(Scan::NeedMore),
            Some(true) => {
                self.place = ScanPosition::InField;
                self.at = after;
                ScanStep::Again
            }
            Some(false) => self.unclosed(window, true),
        }
    }

    /// Whether what comes after a quote ends its field; `None` if that is not known yet. Of a row that fills the window it
    /// does not matter.
    fn closes(&self, window: &Window<'_>, after: usize) -> Option<bool> {
        let with_return: &[u8] = if self.row_delimiter.is_byte(b'\n') {
            b"\r\n"
        } else {
            b""
        };
        let delimiters = [&self.field_delimiter, &self.row_delimiter].map(Needle::bytes);
        let comes = window.comes(after, delimiters.into_iter().chain([with_return]));
        let is_cut = || window.buffer.get(after..) == Some(b"\r") && self.ends_in_feed();
        comes.map(|comes| comes || (window.finished && is_cut()))
    }

    /// A quote does not close, which is known by the place where the scan stands: the first line alone is the row, and rows
    /// go on after it.
    fn unclosed(&mut self, window: &Window<'_>, is_known: bool) -> ScanStep {
        if !is_known {
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
                    until: self.at,
                    searches: std::mem::take(&mut self.searches),
                    escaped: std::mem::take(&mut self.escaped),
                };
                let next = end + self.row_delimiter.bytes_count();
                self.row(window, end, next, RawRecordKind::UnclosedQuote)
            }
            None if !window.is_settled() => {
                self.has_quotes = true;
                ScanStep::Done(Scan::NeedMore)
            }
            None if window.full || window.end - self.start > self.row_bytes_max => {
                ScanStep::Done(Scan::TooLong)
            }
            None => self.row(window, window.end, window.end, RawRecordKind::UnclosedQuote),
        }
    }

    /// Whether a `\r` at the end of the input is what is left of the end of a line.
    fn ends_in_feed(&self) -> bool {
        matches!(self.row_delimiter.bytes(), b"\n" | b"\r\n")
    }

    /// Whether the byte after this text is escaped.
    fn escapes_next(&self, text: &[u8]) -> bool {
        let Some(escape) = &self.escape else {
            return false;
        };
        let escapes = text.iter().rev().take_while(|byte| escape.is_byte(**byte));
        !escapes.count().is_multiple_of(2)
    }

    fn row(&self, window: &Window<'_>, end: usize, next: usize, kind: RawRecordKind) -> ScanStep {
        let content = window.buffer.get(self.start..end).unwrap_or_default();
        let lines_inside = if self.has_quotes {
            self.row_delimiter.count(content)
        } else {
            0
        };
        let is_terminated = next > end;
        let may_drop = self.row_delimiter.is_byte(b'\n') || (!is_terminated && self.ends_in_feed());
        let drops_carriage_return = may_drop
            && content
                .strip_suffix(b"\r")
                .is_some_and(|before| !self.escapes_next(before));
        ScanStep::Done(Scan::Row(ScannedRow {
            content: self.start..end - usize::from(drops_carriage_return),
            next,
            lines: lines_inside + usize::from(is_terminated),
            kind,
        }))
    }
}
