//! Splits one record into its fields. Pure: no I/O, no clock.
//!
//! Follows the same rules as the framer, which lets no record through with a quote that does not close; it also reports
//! whether a field was quoted, which decides between an empty string and NULL. A record without quotes and escapes is
//! split without copying a byte.

use std::ops::Range;

use super::needle::Needle;
use crate::settings::CsvDialect;

/// One field of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field<'a> {
    /// Its text, quotes resolved.
    pub text: &'a [u8],
    /// Whether it was quoted.
    pub quoting: Quoting,
}

/// Whether a field was quoted: a bare empty field is NULL, a quoted one is an empty string. `\\N` is the text `\N` where `\N`
/// is NULL and `\` the escape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quoting {
    /// Without quotes, as it stands in the file.
    Bare,
    /// Without quotes, and an escape took the meaning of something in it.
    Escaped,
    /// In quotes.
    Quoted,
}

/// Splits records of one dialect; reuses its buffers.
#[derive(Debug, Clone)]
pub struct FieldSplitter {
    delimiter: Needle,
    quote: Option<u8>,
    escape: Option<Escape>,
    fields: Vec<FieldPlace>,
    /// Text of the fields that had to be changed.
    resolved: Vec<u8>,
    /// The fields in another order.
    arranged: Vec<FieldPlace>,
}

/// An escape, with the bytes whose meaning it takes.
#[derive(Debug, Clone)]
struct Escape {
    byte: u8,
    escapable: Box<[bool; 256]>,
}

#[derive(Debug, Clone)]
struct FieldPlace {
    text: FieldText,
    quoting: Quoting,
}

#[derive(Debug, Clone)]
enum FieldText {
    InRecord(Range<usize>),
    Resolved(Range<usize>),
}

/// The fields of one record.
#[derive(Debug, Clone, Copy)]
pub struct Fields<'a> {
    record: &'a [u8],
    resolved: &'a [u8],
    places: &'a [FieldPlace],
}

impl FieldSplitter {
    /// A splitter for the dialect.
    pub fn new(dialect: &CsvDialect) -> Self {
        Self {
            delimiter: Needle::new(&dialect.delimiter),
            quote: dialect.quote(),
            escape: dialect.escape.map(|byte| Escape::new(byte, dialect)),
            fields: Vec::new(),
            resolved: Vec::new(),
            arranged: Vec::new(),
        }
    }

    /// The fields of a record, which comes without its delimiter. There is always at least one.
    pub fn split<'a>(&'a mut self, record: &'a [u8]) -> Fields<'a> {
        self.fields.clear();
        self.resolved.clear();
        let has = |byte: Option<u8>| byte.is_some_and(|byte| memchr::memchr(byte, record).is_some());
        let is_bare = !has(self.quote) && !has(self.escape.as_ref().map(|escape| escape.byte));
        match self.delimiter {
            Needle::Byte(delimiter) if is_bare => self.split_bare(record, delimiter),
            Needle::Byte(_) | Needle::Bytes(_) => self.walk(record),
        }
        Fields {
            record,
            resolved: &self.resolved,
            places: &self.fields,
        }
    }

    /// The fields of the record that was split last, in another order. Where one is missing, a bare field with the text
    /// `absent` stands in for it.
    pub fn arrange<'a>(
        &'a mut self,
        record: &'a [u8],
        places: &[Option<usize>],
        absent: &[u8],
    ) -> Fields<'a> {
        let start = self.resolved.len();
        self.resolved.extend_from_slice(absent);
        let absent = FieldPlace {
            text: FieldText::Resolved(start..self.resolved.len()),
            quoting: Quoting::Bare,
        };
        let fields = &self.fields;
        let field = |place: &Option<usize>| {
            place
                .and_then(|place| fields.get(place))
                .unwrap_or(&absent)
                .clone()
        };
        self.arranged.clear();
        self.arranged.extend(places.iter().map(field));
        Fields {
            record,
            resolved: &self.resolved,
            places: &self.arranged,
        }
    }

    /// The fast path: no quotes, one byte between fields.
    fn split_bare(&mut self, record: &[u8], delimiter: u8) {
        let mut start = 0;
        for end in memchr::memchr_iter(delimiter, record) {
            self.add_bare(start..end);
            start = end + 1;
        }
        self.add_bare(start..record.len());
    }

    fn add_bare(&mut self, range: Range<usize>) {
        self.fields.push(FieldPlace {
            text: FieldText::InRecord(range),
            quoting: Quoting::Bare,
        });
    }

    fn walk(&mut self, record: &[u8]) {
        let mut start = 0;
        loop {
            let first = record.get(start);
            let end = if first.is_some() && first == self.quote.as_ref() {
                self.quoted(record, start)
            } else {
                self.bare(record, start)
            };
            if end >= record.len() {
                return;
            }
            start = end + self.delimiter.bytes_count();
        }
    }

    /// Adds the field without quotes that starts here; gives its end.
    fn bare(&mut self, record: &[u8], start: usize) -> usize {
        let resolved_start = self.resolved.len();
        let mut from = start;
        let mut rest_from = start;
        loop {
            let end = self.field_end(record, rest_from);
            let Some((escape, after)) = self.next_escaped(record, rest_from, end) else {
                if from == start {
                    self.add_bare(start..end);
                } else {
                    self.resolve(record, from..end);
                    self.add_resolved(resolved_start, Quoting::Escaped);
                }
                return end;
            };
            if let Some(escape) = escape {
                self.resolve(record, from..escape);
                from = escape + 1;
            }
            rest_from = after;
        }
    }

    /// The first escape between these places: where it stands, if it takes a meaning and so is not text, and where to go on.
    fn next_escaped(&self, record: &[u8], from: usize, end: usize) -> Option<(Option<usize>, usize)> {
        let escape = self.escape.as_ref()?;
        let at = from + memchr::memchr(escape.byte, record.get(from..end)?)?;
        let next = record.get(at + 1).copied();
        let takes_meaning = next.is_some_and(|next| escape.takes_meaning_of(next));
        Some((takes_meaning.then_some(at), (at + 2).min(record.len())))
    }

    fn resolve(&mut self, record: &[u8], range: Range<usize>) {
        self.resolved
            .extend_from_slice(record.get(range).unwrap_or_default());
    }

    fn add_resolved(&mut self, start: usize, quoting: Quoting) {
        self.fields.push(FieldPlace {
            text: FieldText::Resolved(start..self.resolved.len()),
            quoting,
        });
    }

    /// Adds the field whose opening quote is at `start`; gives its end.
    fn quoted(&mut self, record: &[u8], start: usize) -> usize {
        let resolved_start = self.resolved.len();
        let Some(quote) = self.quote else {
            return self.bare(record, start);
        };
        let (mut from, mut rest_from) = (start + 1, start + 1);
        loop {
            // The framer lets no record through whose quote does not close.
            let rest = record.get(rest_from..).unwrap_or_default();
            let close = memchr::memchr(quote, rest).map_or(record.len(), |offset| rest_from + offset);
            if let Some((escape, after)) = self.next_escaped(record, rest_from, close) {
                if let Some(escape) = escape {
                    self.resolve(record, from..escape);
                    from = escape + 1;
                }
                rest_from = after;
                continue;
            }
            let after = (close + 1).min(record.len());
            if record.get(after) == Some(&quote) {
                // Doubled: keep the text with one of the two.
                self.resolve(record, from..after);
                (from, rest_from) = (after + 1, after + 1);
                continue;
            }
            if from == start + 1 {
                self.fields.push(FieldPlace {
                    text: FieldText::InRecord(from..close),
                    quoting: Quoting::Quoted,
                });
            } else {
                self.resolve(record, from..close);
                self.add_resolved(resolved_start, Quoting::Quoted);
            }
            return self.field_end(record, after);
        }
    }

    fn field_end(&self, record: &[u8], from: usize) -> usize {
        let rest = record.get(from..).unwrap_or_default();
        self.delimiter
            .find(rest)
            .map_or(record.len(), |offset| from + offset)
    }
}

impl Escape {
    fn new(byte: u8, dialect: &CsvDialect) -> Self {
        let mut escapable = Box::new([false; 256]);
        for (next, is_escapable) in (0..=u8::MAX).zip(escapable.iter_mut()) {
            *is_escapable = dialect.is_escapable(next);
        }
        Self { byte, escapable }
    }

    /// Before any other byte it is text.
    fn takes_meaning_of(&self, next: u8) -> bool {
        self.escapable
            .get(usize::from(next))
            .is_some_and(|is_escapable| *is_escapable)
    }
}

impl<'a> Fields<'a> {
    /// How many there are, at least one.
    pub fn count(&self) -> usize {
        self.places.len()
    }

    /// The field at an index.
    pub fn field(&self, index: usize) -> Option<Field<'a>> {
        let place = self.places.get(index)?;
        let text = match &place.text {
            FieldText::InRecord(range) => self.record.get(range.clone())?,
            FieldText::Resolved(range) => self.resolved.get(range.clone())?,
        };
        Some(Field {
            text,
            quoting: place.quoting,
        })
    }

    /// The fields from an index on.
    #[must_use]
    pub fn skip(self, fields_count: usize) -> Self {
        Self {
            places: self.places.get(fields_count..).unwrap_or_default(),
            ..self
        }
    }

    /// One after the other.
    pub fn iter(self) -> impl Iterator<Item = Field<'a>> {
        (0..self.count()).map_while(move |index| self.field(index))
    }
}

#[cfg(test)]
#[path = "csv_tests.rs"]
mod tests;
