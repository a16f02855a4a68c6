//! The dialect of a text from its beginning: how it would be cut by each of the usual ones, and which of them makes a table
//! of it. Pure: no I/O, no clock.

use std::collections::HashMap;

use super::shape::{Shape, shape_of};
use crate::model::{Mark, RawRecordKind};
use crate::printable::printable;
use crate::read::framer::{Framer, FramerConfig};
use crate::settings::CsvDialect;
use crate::value::csv::{FieldSplitter, Fields, Quoting};

/// Delimiters that are tried, the one that wins where two fit equally well first: a mark that stands in each row as often
/// is a delimiter sooner than a part of numbers and sentences, as the comma is.
const DELIMITERS: [&[u8]; 9] = [b"\x01", b"\t", b"||", b"|", b";", b"~|~", b"^", b"~", b","];
/// Rows that are looked at.
const ROWS_MAX: usize = 1_000;
/// Longest row that is looked at.
const ROW_BYTES_MAX: usize = 256 * 1024;
/// What Hive, Spark and `MySQL` write for NULL.
const HADOOP_NULL: &str = "\\N";

/// What was found, and what a person should look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DialectSeen {
    /// The dialect.
    pub dialect: CsvDialect,
    /// What the first field of every row is.
    pub first_field: FirstField,
    /// Rows that were looked at.
    pub rows: usize,
    /// What is not certain.
    pub notes: Vec<String>,
}

/// What the first field of the rows is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FirstField {
    /// A value.
    Value,
    /// The operation of a load, `I` in every row.
    Insert,
    /// The operation of a change, before its values.
    Operation,
    /// The operation of a change, before the table and its schema.
    Change,
}

/// How well a dialect fits; the greatest is the best.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Score {
    /// 2 if every row has as many fields, 1 if nearly every one has.
    regularity: u8,
    /// Columns of numbers, dates and the like.
    typed: usize,
    /// Columns that are not empty.
    filled: usize,
    /// Columns that are empty, or that stand in quotes which are not taken for quotes: the fewer the better.
    odd: std::cmp::Reverse<usize>,
}

/// A text, cut by a dialect.
#[derive(Debug)]
struct Trial {
    dialect: CsvDialect,
    score: Score,
    fields: usize,
    regular_rows: usize,
    rows: usize,
    has_hadoop_null: bool,
    first_field: FirstField,
}

impl DialectSeen {
    /// The dialect of the beginning of a text. `is_whole` says that nothing comes after it; `delimiter` is one that is known.
    pub fn of(text: &[u8], is_whole: bool, delimiter: Option<&[u8]>) -> Self {
        let row_delimiter = row_delimiter(text);
        let delimiters = delimiter.map_or_else(|| DELIMITERS.to_vec(), |known| vec![known]);
        let trials: Vec<Trial> = delimiters
            .iter()
            .flat_map(|delimiter| quotings(text, delimiter, row_delimiter))
            .map(|dialect| Trial::of(text, is_whole, dialect))
            .collect();
        // Of equals the first one; `max_by_key` gives the last.
        let best = trials.iter().rev().max_by_key(|trial| trial.score);
        let fallback = || CsvDialect {
            delimiter: delimiter.map_or_else(|| b",".to_vec(), <[u8]>::to_vec),
            row_delimiter: row_delimiter.to_vec(),
            ..CsvDialect::default()
        };
        let Some(best) = best.filter(|best| best.rows > 0 && (best.fields > 1 || delimiter.is_some())) else {
            return Self {
                dialect: fallback(),
                first_field: FirstField::Value,
                rows: best.map_or(0, |best| best.rows),
                notes: Vec::new(),
            };
        };
        let mut dialect = best.dialect.clone();
        if best.has_hadoop_null {
            HADOOP_NULL.clone_into(&mut dialect.null_value);
        }
        Self {
            notes: notes(best, &trials, delimiter.is_some()),
            dialect,
            first_field: best.first_field,
            rows: best.rows,
        }
    }
}

/// The dialects with this delimiter that make a difference to the text, the most usual first.
fn quotings(text: &[u8], delimiter: &[u8], row_delimiter: &[u8]) -> Vec<CsvDialect> {
    let with = |quote: Option<u8>, escape: Option<u8>| CsvDialect {
        delimiter: delimiter.to_vec(),
        row_delimiter: row_delimiter.to_vec(),
        rfc4180: quote.is_some(),
        quote: quote.unwrap_or(b'"'),
        escape,
        ..CsvDialect::default()
    };
    let quotes = [Some(b'"'), Some(b'\''), None];
    let pairs = quotes
        .into_iter()
        .flat_map(|quote| [(quote, None), (quote, Some(b'\\'))]);
    let is_there = |byte: Option<u8>| byte.is_none_or(|byte| byte == b'"' || text.contains(&byte));
    let pairs = pairs.filter(|(quote, escape)| is_there(*quote) && is_there(*escape));
    pairs.map(|(quote, escape)| with(quote, escape)).collect()
}

/// A line feed, unless only returns end the rows.
fn row_delimiter(text: &[u8]) -> &'static [u8] {
    if text.contains(&b'\r') && !text.contains(&b'\n') {
        b"\r"
    } else {
        b"\n"
    }
}

/// What was seen of a column.
#[derive(Debug, Clone, Copy, Default)]
struct ColumnTrial {
    values: usize,
    typed: usize,
    in_foreign_quotes: usize,
}

impl ColumnTrial {
    fn take(&mut self, text: &[u8], quoting: Quoting, counts: bool) {
        if text.is_empty() || text == HADOOP_NULL.as_bytes() {
            return;
        }
        self.values += 1;
        self.typed += usize::from(counts && (shape_of(text) != Shape::Text || is_comma_decimal(text)));
        let ends = [b'"', b'\'']
            .map(|quote| text.len() > 1 && text.starts_with(&[quote]) && text.ends_with(&[quote]));
        self.in_foreign_quotes += usize::from(quoting != Quoting::Quoted && ends.contains(&true));
    }
}

impl Trial {
    fn of(text: &[u8], is_whole: bool, dialect: CsvDialect) -> Self {
        let mut splitter = FieldSplitter::new(&dialect);
        let rows = rows_of(text, is_whole, &dialect);
        let broken = rows.iter().filter(|row| row.is_none()).count();
        let mut counts: HashMap<usize, usize> = HashMap::new();
        for row in rows.iter().flatten() {
            *counts.entry(splitter.split(row).count()).or_default() += 1;
        }
        let usual = counts.into_iter().max_by_key(|(fields, rows)| (*rows, *fields));
        let (fields, regular_rows) = usual.unwrap_or((0, 0));
        let mut columns = vec![ColumnTrial::default(); fields];
        let (mut has_hadoop_null, mut first) = (false, FirstFields::default());
        for (index, row) in rows.iter().flatten().enumerate() {
            let split = splitter.split(row);
            if split.count() != fields {
                continue;
            }
            first.take(split);
            for (column, field) in columns.iter_mut().zip(split.iter()) {
                has_hadoop_null |= field.text == HADOOP_NULL.as_bytes();
                // The first row may be a header.
                column.take(field.text, field.quoting, index > 0 || rows.len() == 1);
            }
        }
        let header = usize::from(rows.len() > 1);
        let is_typed = |column: &&ColumnTrial| {
            column.typed > 0 && column.typed * 10 >= column.values.saturating_sub(header) * 9
        };
        let filled = columns.iter().filter(|column| column.values > 0).count();
        let enclosed = |column: &&ColumnTrial| column.values > 0 && column.in_foreign_quotes == column.values;
        let irregular = rows.len() - regular_rows;
        Self {
            score: Score {
                regularity: match (broken, irregular) {
                    (0, 0) => 2,
                    (0, few) if few * 20 <= rows.len() => 1,
                    _ => 0,
                },
                typed: columns.iter().filter(is_typed).count(),
                filled,
                odd: std::cmp::Reverse(fields - filled + columns.iter().filter(enclosed).count()),
            },
            dialect,
            fields,
            regular_rows,
            rows: rows.len(),
            has_hadoop_null,
            first_field: first.verdict(),
        }
    }
}

/// The rows of the text; `None` is one that cannot be cut.
fn rows_of<'a>(text: &'a [u8], is_whole: bool, dialect: &CsvDialect) -> Vec<Option<&'a [u8]>> {
    let config = FramerConfig {
        dialect: dialect.clone(),
        row_bytes_max: ROW_BYTES_MAX,
        chunk_bytes_max: text.len().max(1),
    };
    let mut framer = Framer::new(&config, Mark::START);
    framer.push(text);
    framer.finish();
    let (mut rows, mut start) = (Vec::new(), 0);
    while let Some(chunk) = framer.next_chunk() {
        for record in &chunk.records {
            let place = |offset: u32| start + crate::saturate::to_usize(offset);
            let row = text.get(place(record.range.start)..place(record.range.end));
            rows.push(row.filter(|_| record.kind == RawRecordKind::Whole));
        }
        start += crate::saturate::to_usize(chunk.span.bytes_count());
        if rows.len() > ROWS_MAX {
            break;
        }
    }
    // The last row of a beginning is cut off.
    if !is_whole && rows.len() > 1 {
        rows.pop();
    }
    rows.truncate(ROWS_MAX);
    rows
}

/// What the first fields are.
#[derive(Debug, Default)]
struct FirstFields {
    rows: usize,
    inserts: usize,
    operations: usize,
    changes: usize,
    /// Whether one of them has no names of a table and a schema after the first field.
    has_no_table: bool,
}

impl FirstFields {
    fn take(&mut self, fields: Fields<'_>) {
        self.rows += 1;
        let text = |index| fields.field(index).map_or(&[][..], |field| field.text);
        let operation = text(0);
        let is = |word: &str| operation.eq_ignore_ascii_case(word.as_bytes());
        self.inserts += usize::from(is("I"));
        self.operations += usize::from(["I", "U", "D"].into_iter().any(is));
        let words = ["I", "U", "D", "INSERT", "UPDATE", "DELETE"];
        self.changes += usize::from(words.into_iter().any(is) && fields.count() > 3);
        let is_name = |text: &[u8]| shape_of(text) == Shape::Text && !text.is_empty();
        self.has_no_table |= !is_name(text(1)) || !is_name(text(2));
    }

    fn verdict(&self) -> FirstField {
        // One row says nothing.
        if self.rows < 2 {
            return FirstField::Value;
        }
        if self.inserts == self.rows {
            return FirstField::Insert;
        }
        if self.changes == self.rows && !self.has_no_table {
            return FirstField::Change;
        }
        if self.operations == self.rows {
            return FirstField::Operation;
        }
        FirstField::Value
    }
}

/// `10,5`, as large parts of the world write numbers.
fn is_comma_decimal(text: &[u8]) -> bool {
    let unsigned = text.strip_prefix(b"-").unwrap_or(text);
    let mut parts = unsigned.split(|byte| *byte == b',');
    let is_digits = |part: Option<&[u8]>| {
        part.is_some_and(|part| !part.is_empty() && part.iter().all(u8::is_ascii_digit))
    };
    is_digits(parts.next()) && is_digits(parts.next()) && parts.next().is_none()
}

/// What a person should look at.
fn notes(best: &Trial, trials: &[Trial], is_known: bool) -> Vec<String> {
    let shown =
        |dialect: &CsvDialect| format!("{:?}", printable(&String::from_utf8_lossy(&dialect.delimiter)));
    let Trial {
        dialect,
        fields,
        regular_rows,
        rows,
        ..
    } = best;
    let mut notes = Vec::new();
    if !is_known && dialect.delimiter != b"," {
        notes.push(format!(
            "the delimiter is a guess: {} gives {fields} fields in {regular_rows} of {rows} rows; another one: --delimiter",
            shown(dialect)
        ));
    }
    let rival = trials.iter().find(|trial| {
        trial.dialect.delimiter != dialect.delimiter
            && trial.fields > 1
            && trial.score.regularity >= best.score.regularity
    });
    if let Some(rival) = rival {
        notes.push(format!(
            "{} as the delimiter would give {} fields in every row; {} was taken",
            shown(&rival.dialect),
            rival.fields,
            shown(dialect)
        ));
    }
    if dialect.quote().is_none() {
        notes.push(
            "quotes are taken for text, because they do not close before delimiters (source.csv.rfc4180)"
                .to_owned(),
        );
    } else if dialect.quote != b'"' {
        notes.push("single quotes are taken for quotes (source.csv.quote)".to_owned());
    }
    if dialect.escape.is_some() {
        notes.push("backslashes are taken for escapes (source.csv.escape)".to_owned());
    }
    if dialect.row_delimiter == b"\r" {
        notes.push("rows end with a carriage return alone (source.csv.row_delimiter)".to_owned());
    }
    if best.has_hadoop_null {
        notes.push(
            "\\N is taken for NULL (source.csv.null_value); an empty field of a text is the empty text"
                .to_owned(),
        );
    }
    notes
}

#[cfg(test)]
#[path = "dialect_tests.rs"]
mod tests;
