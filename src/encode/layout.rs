//! The white space of a message, as the C library cJSON prints it. Pure: no I/O, no clock.
//!
//! `json`: a tab per level, a tab after the colon, arrays on one line, no newline at the end.
//! `json-unformatted`: no white space, one newline at the end.

use crate::settings::MessageFormat;
use crate::value::json_text::write_json_string;

/// Writes nested objects member by member. For what is written once per table, not once per row.
#[derive(Debug, Clone)]
pub(super) struct ObjectWriter {
    format: MessageFormat,
    out: Vec<u8>,
    /// Per open object, whether it has members.
    open: Vec<bool>,
}

impl ObjectWriter {
    /// A writer inside the outermost object.
    pub(super) fn new(format: MessageFormat) -> Self {
        let mut writer = Self {
            format,
            out: Vec::new(),
            open: Vec::new(),
        };
        writer.open_object();
        writer
    }

    /// What was written since the last time; the nesting stays.
    pub(super) fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.out)
    }

    /// Makes the object count as one with members.
    pub(super) fn set_has_members(&mut self) {
        if let Some(has_members) = self.open.last_mut() {
            *has_members = true;
        }
    }

    /// Starts a member: everything up to its value.
    pub(super) fn name(&mut self, name: &str) {
        let has_members = self.open.last().is_some_and(|has_members| *has_members);
        if has_members {
            self.out.push(b',');
            self.newline();
        }
        self.set_has_members();
        self.tabs(self.open.len());
        write_json_string(&mut self.out, name);
        self.out.push(b':');
        self.tabs(1);
    }

    pub(super) fn text(&mut self, name: &str, value: &str) {
        self.name(name);
        write_json_string(&mut self.out, value);
    }

    pub(super) fn number(&mut self, name: &str, value: impl itoa::Integer) {
        self.name(name);
        self.out
            .extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
    }

    pub(super) fn boolean(&mut self, name: &str, value: bool) {
        self.name(name);
        self.out.extend_from_slice(if value { b"true" } else { b"false" });
    }

    pub(super) fn texts<'a>(&mut self, name: &str, values: impl Iterator<Item = &'a str>) {
        self.name(name);
        self.out.push(b'[');
        for (index, value) in values.enumerate() {
            if index > 0 {
                self.element_separator();
            }
            write_json_string(&mut self.out, value);
        }
        self.out.push(b']');
    }

    /// What stands between two elements of an array.
    pub(super) fn element_separator(&mut self) {
        self.out.push(b',');
        if self.format == MessageFormat::Json {
            self.out.push(b' ');
        }
    }

    /// Bytes as they are.
    pub(super) fn raw(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    /// Starts a member that is an object.
    pub(super) fn object(&mut self, name: &str) {
        self.name(name);
        self.open_object();
    }

    /// Ends the innermost object.
    pub(super) fn end(&mut self) {
        if self.open.pop() == Some(true) {
            self.newline();
        }
        self.tabs(self.open.len());
        self.out.push(b'}');
    }

    /// Ends the outermost object and the message.
    pub(super) fn finish(mut self) -> Vec<u8> {
        self.end();
        if self.format == MessageFormat::JsonUnformatted {
            self.out.push(b'\n');
        }
        self.out
    }

    /// Starts an object as a value.
    pub(super) fn open_object(&mut self) {
        self.open.push(false);
        self.out.push(b'{');
        self.newline();
    }

    fn newline(&mut self) {
        if self.format == MessageFormat::Json {
            self.out.push(b'\n');
        }
    }

    fn tabs(&mut self, count: usize) {
        if self.format == MessageFormat::Json {
            self.out.resize(self.out.len() + count, b'\t');
        }
    }
}

/// The name of a member, with all that stands before its value.
#[derive(Debug)]
pub(super) struct MemberName {
    first: Vec<u8>,
    next: Vec<u8>,
}

impl MemberName {
    /// A name in the innermost object of a writer from which everything was taken.
    pub(super) fn new(object: &ObjectWriter, name: &str) -> Self {
        let mut first = object.clone();
        first.name(name);
        let mut next = object.clone();
        next.set_has_members();
        next.name(name);
        Self {
            first: first.take(),
            next: next.take(),
        }
    }

    /// As the first member of its object, or after another one.
    pub(super) fn bytes(&self, is_first: bool) -> &[u8] {
        if is_first { &self.first } else { &self.next }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(format: MessageFormat) -> String {
        let mut writer = ObjectWriter::new(format);
        writer.object("empty");
        writer.end();
        writer.object("full");
        writer.text("t", "a\"");
        writer.number("n", 5);
        writer.boolean("b", false);
        writer.texts("l", ["x", "y"].into_iter());
        writer.end();
        String::from_utf8(writer.finish()).unwrap()
    }

    #[test]
    fn both_forms_differ_in_white_space_only() {
        assert_eq!(
            sample(MessageFormat::Json),
            "{\n\t\"empty\":\t{\n\t},\n\t\"full\":\t{\n\t\t\"t\":\t\"a\\\"\",\n\t\t\"n\":\t5,\n\t\t\"b\":\tfalse,\
             \n\t\t\"l\":\t[\"x\", \"y\"]\n\t}\n}"
        );
        assert_eq!(
            sample(MessageFormat::JsonUnformatted),
            "{\"empty\":{},\"full\":{\"t\":\"a\\\"\",\"n\":5,\"b\":false,\"l\":[\"x\",\"y\"]}}\n"
        );
    }
}
