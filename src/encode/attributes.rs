//! Attributes of object mapping: members that are made of columns. Pure: no I/O, no clock.

use std::ops::Range;

use super::layout::{MemberName, ObjectWriter};
use crate::map::object_mapping::{Attribute, AttributeValue, TextPart};
use crate::value::convert::ValueProblem;
use crate::value::json_text::write_json_string;

/// An attribute, taken apart into what is the same for all rows and the texts between.
#[derive(Debug)]
pub(super) struct AttributeTemplate {
    pub(super) name: MemberName,
    segments: Vec<Segment>,
}

#[derive(Debug)]
enum Segment {
    Fixed(Vec<u8>),
    /// A text: what it is made of.
    Text(Vec<Part>),
}

#[derive(Debug)]
enum Part {
    Fixed(Vec<u8>),
    /// The text with this number.
    Captured(usize),
}

/// Texts of the columns of one row.
#[derive(Debug, Default)]
pub(super) struct Captured {
    bytes: Vec<u8>,
    /// By number; `None` is NULL.
    places: Vec<Option<Range<usize>>>,
    /// The text that is being put together.
    text: Vec<u8>,
}

impl Captured {
    /// Forgets the texts of the last row.
    pub(super) fn clear(&mut self, count: usize) {
        self.bytes.clear();
        self.places.clear();
        self.places.resize(count, None);
    }

    /// Keeps the text of a column.
    pub(super) fn keep(&mut self, number: usize, text: &[u8]) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(text);
        if let Some(place) = self.places.get_mut(number) {
            *place = Some(start..self.bytes.len());
        }
    }

    fn get(&self, number: usize) -> Option<&[u8]> {
        self.bytes.get(self.places.get(number)?.clone()?)
    }

    /// Puts a text together; `None` if it is nothing but a column that is NULL.
    fn put_together(&mut self, parts: &[Part]) -> Option<&[u8]> {
        if let [Part::Captured(number)] = parts {
            return self.get(*number);
        }
        let mut text = std::mem::take(&mut self.text);
        text.clear();
        for part in parts {
            match part {
                Part::Fixed(fixed) => text.extend_from_slice(fixed),
                Part::Captured(number) => text.extend_from_slice(self.get(*number).unwrap_or_default()),
            }
        }
        self.text = text;
        Some(&self.text)
    }
}

impl AttributeTemplate {
    /// The template of an attribute in `data`; `captures` are the columns by the number of their texts.
    pub(super) fn new(attribute: &Attribute, data: &ObjectWriter, captures: &[usize]) -> Self {
        let mut builder = Builder {
            writer: data.clone(),
            captures,
            segments: Vec::new(),
        };
        builder.writer.take();
        builder.value(&attribute.value);
        builder.flush();
        Self {
            name: MemberName::new(data, &attribute.name),
            segments: builder.segments,
        }
    }

    /// Appends the value, from after the name.
    ///
    /// # Errors
    /// If a text in it is not UTF-8.
    pub(super) fn write(&self, out: &mut Vec<u8>, captured: &mut Captured) -> Result<(), ValueProblem> {
        for segment in &self.segments {
            match segment {
                Segment::Fixed(bytes) => out.extend_from_slice(bytes),
                Segment::Text(parts) => match captured.put_together(parts) {
                    None => out.extend_from_slice(b"null"),
                    Some(text) => {
                        let text = std::str::from_utf8(text)
                            .map_err(|_| ValueProblem::new("invalid_utf8", "an attribute is not UTF-8"))?;
                        write_json_string(out, text);
                    }
                },
            }
        }
        Ok(())
    }

    /// Its text, if it is one that is not NULL.
    pub(super) fn text<'a>(&self, captured: &'a mut Captured) -> Option<&'a [u8]> {
        match self.segments.as_slice() {
            [Segment::Text(parts)] => captured.put_together(parts),
            _ => None,
        }
    }
}

/// Takes a value apart.
struct Builder<'a> {
    writer: ObjectWriter,
    captures: &'a [usize],
    segments: Vec<Segment>,
}

impl Builder<'_> {
    fn value(&mut self, value: &AttributeValue) {
        match value {
            AttributeValue::Text(parts) => {
                self.flush();
                let parts = parts.iter().map(|part| match part {
                    TextPart::Fixed(text) => Part::Fixed(text.clone().into_bytes()),
                    TextPart::Column(index) => {
                        let number = self.captures.iter().position(|captured| captured == index);
                        number.map_or(Part::Fixed(Vec::new()), Part::Captured)
                    }
                });
                let parts = parts.collect();
                self.segments.push(Segment::Text(parts));
            }
            AttributeValue::Literal(text) => self.writer.raw(text.as_bytes()),
            AttributeValue::Object(members) => {
                self.writer.open_object();
                for member in members {
                    self.writer.name(&member.name);
                    self.value(&member.value);
                }
                self.writer.end();
            }
            AttributeValue::List(values) => {
                self.writer.raw(b"[");
                for (index, value) in values.iter().enumerate() {
                    if index > 0 {
                        self.writer.element_separator();
                    }
                    self.value(value);
                }
                self.writer.raw(b"]");
            }
        }
    }

    fn flush(&mut self) {
        let bytes = self.writer.take();
        if !bytes.is_empty() {
            self.segments.push(Segment::Fixed(bytes));
        }
    }
}
