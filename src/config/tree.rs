//! A document as a tree that knows the place of every node; YAML and JSON both become this.
//! Pure: no I/O, no clock.

use crate::settings::problems::{DocumentPlace, Report};

/// Collections may be nested this deep; real documents need a handful.
pub(super) const NESTING_MAX: usize = 64;

/// A value and where it starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Node {
    /// Where it starts.
    pub place: DocumentPlace,
    /// What it is.
    pub value: Value,
}

/// What a node holds. Numbers keep their spelling, so nothing is lost and nothing is rounded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    /// `null`, `~` or nothing at all.
    Null,
    /// `true` or `false`.
    Boolean(bool),
    /// A number as it was written.
    Number(String),
    /// Text.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// A mapping, in document order; without repeated keys, unless these were to be kept.
    Map(Vec<Entry>),
}

/// One key of a mapping with its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    /// The key.
    pub key: String,
    /// Where the key starts.
    pub place: DocumentPlace,
    /// Its value.
    pub node: Node,
}

impl Value {
    /// A scalar as its text; `None` of nothing, a list or a group.
    pub(super) fn scalar_text(&self) -> Option<&str> {
        match self {
            Self::Boolean(true) => Some("true"),
            Self::Boolean(false) => Some("false"),
            Self::Number(text) | Self::Text(text) => Some(text),
            Self::Null | Self::List(_) | Self::Map(_) => None,
        }
    }

    /// What it is and, for a scalar, how it was written: for messages.
    pub(super) fn describe(&self) -> String {
        match self {
            Self::Null => "nothing (null)".to_owned(),
            Self::Boolean(value) => format!("`{value}`"),
            Self::Number(text) => format!("the number `{text}`"),
            Self::Text(text) => format!("the text {}", quoted(text)),
            Self::List(_) => "a list".to_owned(),
            Self::Map(_) => "a group of keys".to_owned(),
        }
    }
}

/// Text as it is shown to people: in double quotes, escaped, and not endless.
pub(super) fn quoted(text: &str) -> String {
    const SHOWN_MAX: usize = 80;
    let shown: String = text.chars().take(SHOWN_MAX).collect();
    let rest = if shown.len() < text.len() { "…" } else { "" };
    format!("{shown:?}{rest}")
}

/// What becomes of a key that is given twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Repeats {
    /// It is a mistake.
    Refused,
    /// Both stay, for somebody who knows which of them matter.
    Kept,
}

/// Adds an entry to a mapping.
pub(super) fn push_entry(entries: &mut Vec<Entry>, entry: Entry, repeats: Repeats, report: &mut Report) {
    let first = entries.iter().find(|other| other.key == entry.key);
    match first.filter(|_| repeats == Repeats::Refused) {
        Some(first) => report.error(entry.place, given_twice(first)),
        None => entries.push(entry),
    }
}

/// What is wrong with a key that is given once more.
pub(super) fn given_twice(first: &Entry) -> String {
    format!(
        "`{}` is given twice, first at line {}; remove one of them",
        first.key, first.place.line
    )
}
