//! What the framer has to find, byte by byte: slow, and plain to see.

#![expect(clippy::as_conversions, reason = "test inputs are small")]

use crate::model::RawRecordKind;
use crate::settings::CsvDialect;

/// A record with everything that must not depend on chunk borders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) text: Vec<u8>,
    pub(super) position: u64,
    pub(super) line: u64,
    pub(super) kind: RawRecordKind,
}

/// Whether a return at the end of the input is the beginning of the end of a line.
fn ends_in_feed(dialect: &CsvDialect) -> bool {
    matches!(&dialect.row_delimiter[..], b"\n" | b"\r\n")
}

/// The content of a row that a delimiter ends, or the input.
fn content(dialect: &CsvDialect, row: &[u8], is_last: bool) -> Vec<u8> {
    let may_end = if is_last {
        ends_in_feed(dialect)
    } else {
        dialect.row_delimiter[..] == *b"\n"
    };
    let ends_in_return = may_end && row.ends_with(b"\r") && !is_last_escaped(dialect, row);
    row[..row.len() - usize::from(ends_in_return)].to_vec()
}

/// Whether the last byte of some text has its meaning taken.
fn is_last_escaped(dialect: &CsvDialect, text: &[u8]) -> bool {
    let (mut at, mut is_escaped) = (0, false);
    while at < text.len() {
        is_escaped = dialect.escape == Some(text[at]) && at + 2 == text.len();
        at += if dialect.escape == Some(text[at]) { 2 } else { 1 };
    }
    is_escaped
}

/// Whether a quote closes before this.
fn closes(dialect: &CsvDialect, rest: &[u8], is_over: bool) -> bool {
    let with_return: &[u8] = if dialect.row_delimiter == b"\n" {
        b"\r\n"
    } else {
        b"\n"
    };
    let ends = [&dialect.delimiter[..], &dialect.row_delimiter, with_return];
    let count = if with_return == b"\r\n" { 3 } else { 2 };
    let may_come = ends[..count].iter().any(|end| end.starts_with(rest));
    let is_cut = !is_over && rest == b"\r" && ends_in_feed(dialect);
    let comes = ends[..count].iter().any(|end| rest.starts_with(end));
    rest.is_empty() || is_cut || comes || (is_over && may_come)
}

/// Finds the rows byte by byte: slow, and plain to see. Gives a row as content, start of the next row, kind.
fn slow_row(
    dialect: &CsvDialect,
    row_max: usize,
    input: &[u8],
    start: usize,
) -> (Vec<u8>, usize, RawRecordKind) {
    let delimiter = &dialect.row_delimiter[..];
    let limit = start + row_max + delimiter.len();
    let is_over = input.len() >= limit;
    let window = &input[..limit.min(input.len())];
    let (mut at, mut at_field_start, mut in_quotes) = (start, true, false);
    let quote = dialect.quote();
    let is_quote = |at: usize| quote.is_some() && window.get(at).copied() == quote;
    while at < window.len() {
        let rest = &window[at..];
        let (step, starts_field) = match (in_quotes, rest) {
            (_, [byte, ..]) if dialect.escape == Some(*byte) => (2, false),
            (true, _) if is_quote(at) && is_quote(at + 1) => (2, false),
            (true, _) if is_quote(at) && !closes(dialect, &rest[1..], is_over) => break,
            (true, _) => {
                in_quotes = !is_quote(at);
                (1, false)
            }
            (false, _) if rest.starts_with(delimiter) => {
                let next = at + delimiter.len();
                let row = content(dialect, &window[start..at], false);
                return (row, next, RawRecordKind::Whole);
            }
            (false, _) if is_quote(at) && at_field_start => {
                in_quotes = true;
                (1, false)
            }
            (false, _) if rest.starts_with(&dialect.delimiter) => (dialect.delimiter.len(), true),
            (false, _) => (1, false),
        };
        at += step;
        at_field_start = starts_field;
    }
    unended_row(dialect, row_max, input, start, in_quotes)
}

/// A row that does not end in its window.
fn unended_row(
    dialect: &CsvDialect,
    row_max: usize,
    input: &[u8],
    start: usize,
    in_quotes: bool,
) -> (Vec<u8>, usize, RawRecordKind) {
    let delimiter = &dialect.row_delimiter[..];
    let limit = start + row_max + delimiter.len();
    let is_over = input.len() >= limit;
    let window = &input[..limit.min(input.len())];
    let next_line =
        |from: usize, until: &[u8]| (from..until.len()).find(|at| until[*at..].starts_with(delimiter));
    let line_end = next_line(start, window).filter(|_| in_quotes);
    match line_end {
        Some(end) => {
            let text = content(dialect, &window[start..end], false);
            (text, end + delimiter.len(), RawRecordKind::UnclosedQuote)
        }
        None if is_over || window.len() - start > row_max => {
            let next = next_line(start + row_max, input).map_or(input.len(), |end| end + delimiter.len());
            let kept = input[start..start + row_max].to_vec();
            (kept, next, RawRecordKind::TooLong)
        }
        None if in_quotes => (
            content(dialect, &window[start..], true),
            input.len(),
            RawRecordKind::UnclosedQuote,
        ),
        None => {
            let row = content(dialect, &window[start..], true);
            (row, input.len(), RawRecordKind::Whole)
        }
    }
}

pub(super) fn slow_records(dialect: &CsvDialect, row_max: usize, input: &[u8]) -> Vec<Seen> {
    let (mut start, mut is_header) = (0, dialect.ignore_header_rows > 0);
    let mut records = Vec::new();
    while start < input.len() {
        let (text, next, kind) = slow_row(dialect, row_max, input, start);
        let delimits = text
            .windows(dialect.delimiter.len())
            .any(|window| window == dialect.delimiter);
        let is_blank = text.iter().all(u8::is_ascii_whitespace) && !delimits && kind == RawRecordKind::Whole;
        if !is_header && !is_blank {
            records.push((text, start, kind));
        }
        is_header = false;
        start = next;
    }
    let seen = records.into_iter().map(|(text, start, kind)| Seen {
        text,
        position: start as u64,
        line: 0,
        kind,
    });
    seen.collect()
}
