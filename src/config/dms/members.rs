//! Looks up the members of a DMS document's objects. DMS writes numbers and booleans as text; both forms are
//! taken. Pure: no I/O, no clock.

use super::super::suggest::closest;
use super::super::tree::{Entry, Node, Value};
use crate::settings::problems::{DocumentPlace, Report};

/// The members of one object.
pub(super) struct Members<'a> {
    /// What the object is, for messages: `Tables[0]`.
    pub(super) path: String,
    /// Where it starts.
    pub(super) place: DocumentPlace,
    entries: &'a [Entry],
}

impl<'a> Members<'a> {
    /// The members of an object, with a warning for each that is not known; `None` if it is none.
    pub(super) fn of(node: &'a Node, path: String, known: &[&str], report: &mut Report) -> Option<Self> {
        let members = Self::unchecked(node, path, report)?;
        members.warn_unknown(known, report);
        Some(members)
    }

    /// The members of an object, of which it is not known yet what they may be.
    pub(super) fn unchecked(node: &'a Node, path: String, report: &mut Report) -> Option<Self> {
        let Value::Map(entries) = &node.value else {
            let message = format!(
                "{path} is {}; it should be an object in braces",
                node.value.describe()
            );
            report.error(node.place, message);
            return None;
        };
        Some(Self {
            path,
            place: node.place,
            entries,
        })
    }

    /// Warns about each member that is not known.
    pub(super) fn warn_unknown(&self, known: &[&str], report: &mut Report) {
        let path = &self.path;
        for entry in self.entries {
            if !known.contains(&entry.key.as_str()) {
                let message = match closest(&entry.key, known.iter().copied()) {
                    Some(known) => format!(
                        "{path} has the unknown member `{}`; did you mean `{known}`?",
                        entry.key
                    ),
                    None => format!(
                        "{path} has the unknown member `{}`, which has no effect",
                        entry.key
                    ),
                };
                report.warning(entry.place, message);
            }
        }
    }

    /// The value of a member, if it is there and not null.
    pub(super) fn node(&self, name: &str) -> Option<&'a Node> {
        let entry = self.entries.iter().find(|entry| entry.key == name)?;
        (entry.node.value != Value::Null).then_some(&entry.node)
    }

    /// Where a member is, or else the object.
    pub(super) fn place_of(&self, name: &str) -> DocumentPlace {
        self.node(name).map_or(self.place, |node| node.place)
    }

    /// Text that must be there and not be empty.
    pub(super) fn text(&self, name: &str, report: &mut Report) -> Option<&'a str> {
        let Some(node) = self.node(name) else {
            let message = format!("{} has no `{name}`; add it", self.path);
            report.error(self.place, message);
            return None;
        };
        match &node.value {
            Value::Text(text) if !text.is_empty() => Some(text),
            Value::Text(_) => {
                let message = format!("{}.{name} is empty; fill it in", self.path);
                report.error(node.place, message);
                None
            }
            Value::Null | Value::Boolean(_) | Value::Number(_) | Value::List(_) | Value::Map(_) => {
                self.wrong(name, node, "text in quotes", report);
                None
            }
        }
    }

    /// A whole number, bare or as text, within a range.
    pub(super) fn number(&self, name: &str, minimum: u64, maximum: u64, report: &mut Report) -> Option<u64> {
        let node = self.node(name)?;
        let number = match &node.value {
            Value::Text(text) | Value::Number(text) if text.bytes().all(|byte| byte.is_ascii_digit()) => {
                text.parse::<u64>().ok()
            }
            Value::Null
            | Value::Boolean(_)
            | Value::Text(_)
            | Value::Number(_)
            | Value::List(_)
            | Value::Map(_) => None,
        };
        let number = number.filter(|number| (minimum..=maximum).contains(number));
        if number.is_none() {
            self.wrong(
                name,
                node,
                &format!("a whole number from {minimum} to {maximum}"),
                report,
            );
        }
        number
    }

    /// A value that must be there, as it is written: text, a number or a boolean.
    pub(super) fn scalar(&self, name: &str, report: &mut Report) -> Option<String> {
        let Some(node) = self.node(name) else {
            let message = format!("{} has no `{name}`; add it", self.path);
            report.error(self.place, message);
            return None;
        };
        match &node.value {
            Value::Text(text) | Value::Number(text) => Some(text.clone()),
            Value::Boolean(value) => Some(value.to_string()),
            Value::Null | Value::List(_) | Value::Map(_) => {
                self.wrong(name, node, "text in quotes, or a number", report);
                None
            }
        }
    }

    /// True or false, bare or as text; false if it is not there.
    pub(super) fn boolean(&self, name: &str, report: &mut Report) -> bool {
        let Some(node) = self.node(name) else {
            return false;
        };
        let value = match &node.value {
            Value::Boolean(value) => Some(*value),
            Value::Text(text) if text.eq_ignore_ascii_case("true") => Some(true),
            Value::Text(text) if text.eq_ignore_ascii_case("false") => Some(false),
            Value::Null | Value::Text(_) | Value::Number(_) | Value::List(_) | Value::Map(_) => None,
        };
        if value.is_none() {
            self.wrong(name, node, "\"true\" or \"false\"", report);
        }
        value.unwrap_or_default()
    }

    /// The elements of a list that must be there and not be empty.
    pub(super) fn list(&self, name: &str, report: &mut Report) -> Option<&'a [Node]> {
        match self.node(name).map(|node| (node, &node.value)) {
            Some((_, Value::List(nodes))) if !nodes.is_empty() => Some(nodes),
            Some((node, Value::List(_))) => {
                let message = format!("{}.{name} is empty; at least one is needed", self.path);
                report.error(node.place, message);
                None
            }
            Some((
                node,
                Value::Null | Value::Boolean(_) | Value::Number(_) | Value::Text(_) | Value::Map(_),
            )) => {
                self.wrong(name, node, "a list in brackets", report);
                None
            }
            None => {
                let message = format!("{} has no `{name}`; add it", self.path);
                report.error(self.place, message);
                None
            }
        }
    }

    /// The elements of a list that may be empty, or not be there.
    pub(super) fn list_or_none(&self, name: &str, report: &mut Report) -> Option<&'a [Node]> {
        match self.node(name).map(|node| &node.value) {
            None => Some(&[]),
            Some(Value::List(nodes)) if nodes.is_empty() => Some(&[]),
            Some(_) => self.list(name, report),
        }
    }

    fn wrong(&self, name: &str, node: &Node, allowed: &str, report: &mut Report) {
        let message = format!(
            "{}.{name} is {}; allowed: {allowed}",
            self.path,
            node.value.describe()
        );
        report.error(node.place, message);
    }
}
