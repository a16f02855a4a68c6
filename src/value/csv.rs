//! Splits one record into its fields. Pure: no I/O, no clock.
//!
//! Follows the same rules as the framer, and so `csv-core` with doubled quotes, against which it is tested;
//! it also reports whether a field was quoted, which decides between an empty string and NULL. A record
//! without quotes is split without copying a byte.

use std::ops::Range;

use super::needle::Needle;
use crate::settings::CsvDialect;

const QUOTE: u8 = b'"';

/// One field of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field<'a> {
    /// Its text, quotes resolved.
    pub text: &'a [u8],
    /// Whether it was quoted.
    pub quoting: Quoting,
}

/// Whether a field was quoted: a bare empty field is NULL, a quoted one is an empty string.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quoting {
    /// Without quotes.
    Bare,
    /// In quotes.
    Quoted,
}

/// Splits records of one dialect; reuses its buffers.
#[derive(Debug, Clone)]
pub struct FieldSplitter {
    delimiter: Needle,
    quoting: bool,
    fields: Vec<FieldPlace>,
    /// Text of the fields that had to be changed.
    resolved: Vec<u8>,
    /// The fields in another order.
    arranged: Vec<FieldPlace>,
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
            quoting: dialect.rfc4180,
            fields: Vec::new(),
            resolved: Vec::new(),
            arranged: Vec::new(),
        }
    }

    /// The fields of a record, which comes without its delimiter. There is always at least one.
    pub fn split<'a>(&'a mut self, record: &'a [u8]) -> Fields<'a> {
        self.fields.clear();
        self.resolved.clear();
        let has_quotes = self.quoting && memchr::memchr(QUOTE, record).is_some();
        match self.delimiter {
            Needle::Byte(delimiter) if !has_quotes => self.split_bare(record, delimiter),
            Needle::Byte(_) | Needle::Bytes(_) => self.walk(record, has_quotes),
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

    fn walk(&mut self, record: &[u8], has_quotes: bool) {
        let mut start = 0;
        loop {
            let rest = record.get(start..).unwrap_or_default();
            let end = if has_quotes && rest.first() == Some(&QUOTE) {
                self.quoted(record, start)
            } else {
                let end = self.field_end(record, start);
                self.add_bare(start..end);
                end
            };
            if end >= record.len() {
                return;
            }
            start = end + self.delimiter.bytes_count();
        }
    }

    /// Adds the field whose opening quote is at `start`; gives its end.
    fn quoted(&mut self, record: &[u8], start: usize) -> usize {
        let resolved_start = self.resolved.len();
        let mut from = start + 1;
        loop {
            let rest = record.get(from..).unwrap_or_default();
            // The framer lets no record through whose quote does not close.
            let close = memchr::memchr(QUOTE, rest).map_or(record.len(), |offset| from + offset);
            let after = (close + 1).min(record.len());
            if record.get(after) == Some(&QUOTE) {
                // Doubled: keep the text with one of the two.
                self.resolved
                    .extend_from_slice(record.get(from..after).unwrap_or_default());
                from = after + 1;
                continue;
            }
            let end = self.field_end(record, after);
            let text = if end == after && self.resolved.len() == resolved_start {
                FieldText::InRecord(from..close)
            } else {
                self.resolved
                    .extend_from_slice(record.get(from..close).unwrap_or_default());
                self.resolved
                    .extend_from_slice(record.get(after..end).unwrap_or_default());
                FieldText::Resolved(resolved_start..self.resolved.len())
            };
            self.fields.push(FieldPlace {
                text,
                quoting: Quoting::Quoted,
            });
            return end;
        }
    }

    fn field_end(&self, record: &[u8], from: usize) -> usize {
        let rest = record.get(from..).unwrap_or_default();
        self.delimiter
            .find(rest)
            .map_or(record.len(), |offset| from + offset)
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
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;

    fn split(dialect: &CsvDialect, record: &[u8]) -> Vec<(Vec<u8>, Quoting)> {
        let mut splitter = FieldSplitter::new(dialect);
        let fields = splitter.split(record);
        fields
            .iter()
            .map(|field| (field.text.to_vec(), field.quoting))
            .collect()
    }

    fn dialect(delimiter: &str, rfc4180: bool) -> CsvDialect {
        CsvDialect {
            delimiter: delimiter.into(),
            rfc4180,
            ..CsvDialect::default()
        }
    }

    /// The fields by `csv-core`, field by field, so that the start of each raw field is known.
    fn by_csv_core(record: &[u8]) -> Vec<(Vec<u8>, Quoting)> {
        // Neither terminator nor byte-order mark may have a meaning inside a record.
        let mut reader = csv_core::ReaderBuilder::new()
            .terminator(csv_core::Terminator::Any(0xFF))
            .build();
        let mut fields = Vec::new();
        let mut rest = record;
        loop {
            let mut output = vec![0; record.len() + 1];
            let is_quoted = rest.first() == Some(&QUOTE);
            let (mut result, read, mut written) = reader.read_field(rest, &mut output);
            rest = &rest[read..];
            if result == csv_core::ReadFieldResult::InputEmpty {
                let (last, _, more) = reader.read_field(&[], &mut output[written..]);
                result = last;
                written += more;
            }
            let quoting = if is_quoted { Quoting::Quoted } else { Quoting::Bare };
            fields.push((output[..written].to_vec(), quoting));
            match result {
                csv_core::ReadFieldResult::Field { record_end: false } => {}
                csv_core::ReadFieldResult::Field { record_end: true } => return fields,
                csv_core::ReadFieldResult::InputEmpty
                | csv_core::ReadFieldResult::OutputFull
                | csv_core::ReadFieldResult::End => panic!("{result:?} in the middle of a record"),
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(3_000))]

        #[test]
        fn fields_are_those_of_csv_core(tokens in vec(select(vec!["a", "\"", "\"", ",", "\n", " ", "é"]), 1..20)) {
            let record = tokens.concat().into_bytes();
            prop_assert_eq!(split(&dialect(",", true), &record), by_csv_core(&record));
        }

        #[test]
        fn several_bytes_between_fields_mean_the_same_as_one(
            tokens in vec(select(vec!["a", "\"", "\"", ",", "\n", " "]), 1..20), rfc4180: bool,
        ) {
            let record = tokens.concat();
            let translated = record.replace(',', "<>");
            let mut expected = split(&dialect(",", rfc4180), record.as_bytes());
            for (text, _) in &mut expected {
                *text = String::from_utf8(text.clone()).unwrap().replace(',', "<>").into_bytes();
            }
            prop_assert_eq!(split(&dialect("<>", rfc4180), translated.as_bytes()), expected);
        }
    }

    #[test]
    fn quotes_decide_between_empty_and_null_and_are_plain_without_rfc4180() {
        use Quoting::{Bare, Quoted};
        let check = |rfc4180, record: &str, expected: &[(&str, Quoting)]| {
            let expected: Vec<_> = expected
                .iter()
                .map(|(text, quoting)| (text.as_bytes().to_vec(), *quoting))
                .collect();
            assert_eq!(
                split(&dialect(",", rfc4180), record.as_bytes()),
                expected,
                "{record}"
            );
        };
        check(true, ",\"\",", &[("", Bare), ("", Quoted), ("", Bare)]);
        check(
            true,
            "\"a\"\"b\",\"c\"d,e\"f",
            &[("a\"b", Quoted), ("cd", Quoted), ("e\"f", Bare)],
        );
        check(false, "\"a,b\"", &[("\"a", Bare), ("b\"", Bare)]);
        check(true, "", &[("", Bare)]);
    }
}
