//! What a document leaves open: references and functions are worked out as far as the document and the parameters say
//! enough, and the rest is marked in the tree with the names of what is missing. Pure: no I/O, no clock.

mod conditions;
mod functions;
pub(super) mod parameters;
pub(super) mod template;
pub(super) mod terraform;
pub(super) mod text;

use serde::Serialize;

use super::super::super::tree::{Entry, Node, Value};
use crate::settings::problems::DocumentPlace;

/// The key of what is not known, in place of a value.
const UNRESOLVED: &str = "\u{0}unresolved";
/// The key of what is to be left out, in place of a value.
const LEFT_OUT: &str = "\u{0}left out";
/// A place in no document.
const NOWHERE: DocumentPlace = DocumentPlace { line: 1, column: 1 };

/// Something that the documents do not say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reference {
    /// The name by which `--parameter NAME=VALUE` gives it.
    pub name: String,
    /// Why it is not known.
    pub reason: String,
}

/// A value, or what it would take to know it.
pub(super) type Resolved<T = Value> = Result<T, Vec<Reference>>;

/// A single thing that is missing.
pub(super) fn missing<T>(name: impl Into<String>, reason: impl Into<String>) -> Resolved<T> {
    Err(vec![Reference {
        name: name.into(),
        reason: reason.into(),
    }])
}

/// The mark of a value that is not known.
pub(super) fn marked(references: Vec<Reference>) -> Value {
    let entries = references
        .into_iter()
        .map(|one| entry(one.name, Value::Text(one.reason)));
    Value::Map(vec![entry(UNRESOLVED.to_owned(), Value::Map(entries.collect()))])
}

/// The value itself, or the mark of what is not known.
pub(super) fn or_marked(value: Resolved) -> Value {
    value.unwrap_or_else(marked)
}

/// What is to be left out, as `AWS::NoValue` says.
pub(super) fn left_out() -> Value {
    Value::Map(vec![entry(LEFT_OUT.to_owned(), Value::Null)])
}

pub(super) fn is_left_out(value: &Value) -> bool {
    matches!(value, Value::Map(entries) if entries.iter().any(|entry| entry.key == LEFT_OUT))
}

/// Everything that is not known in a tree, each once.
pub(super) fn unresolved(value: &Value) -> Vec<Reference> {
    let mut found = Vec::new();
    gather(value, &mut found);
    found
}

fn gather(value: &Value, found: &mut Vec<Reference>) {
    match value {
        Value::List(nodes) => nodes.iter().for_each(|node| gather(&node.value, found)),
        Value::Map(entries) => {
            for entry in entries {
                if let (UNRESOLVED, Value::Map(marks)) = (entry.key.as_str(), &entry.node.value) {
                    for mark in marks {
                        add(found, reference(mark));
                    }
                } else {
                    gather(&entry.node.value, found);
                }
            }
        }
        Value::Null | Value::Boolean(_) | Value::Number(_) | Value::Text(_) => {}
    }
}

fn reference(mark: &Entry) -> Reference {
    let reason = match &mark.node.value {
        Value::Text(reason) => reason.clone(),
        Value::Null | Value::Boolean(_) | Value::Number(_) | Value::List(_) | Value::Map(_) => String::new(),
    };
    Reference {
        name: mark.key.clone(),
        reason,
    }
}

fn add(found: &mut Vec<Reference>, reference: Reference) {
    if !found.iter().any(|one| one.name == reference.name) {
        found.push(reference);
    }
}

/// Whether a value as a whole is a mark.
pub(super) fn is_marked(value: &Value) -> bool {
    matches!(value, Value::Map(entries) if entries.iter().any(|entry| entry.key == UNRESOLVED))
}

/// A value that is known all the way down.
fn whole(value: Value) -> Resolved {
    let found = unresolved(&value);
    if found.is_empty() { Ok(value) } else { Err(found) }
}

/// All of them, or everything that is missing from any of them.
fn all<T>(values: impl IntoIterator<Item = Resolved<T>>) -> Resolved<Vec<T>> {
    let mut known = Vec::new();
    let mut found = Vec::new();
    for value in values {
        match value {
            Ok(value) => known.push(value),
            Err(missing) => missing.into_iter().for_each(|one| add(&mut found, one)),
        }
    }
    if found.is_empty() { Ok(known) } else { Err(found) }
}

fn entry(key: String, value: Value) -> Entry {
    Entry {
        key,
        place: NOWHERE,
        node: node(value),
    }
}

fn node(value: Value) -> Node {
    Node {
        place: NOWHERE,
        value,
    }
}

/// Whether texts below this member are documents of DMS, which have a `${…}` of their own.
fn is_document_member(name: &str) -> bool {
    let name = super::super::super::suggest::normalized(name);
    [
        "tablemappings",
        "replicationtasksettings",
        "replicationsettings",
        "externaltabledefinition",
    ]
    .contains(&name.as_str())
}

/// A tree of a document without functions: only its texts can have references.
pub(super) fn plain_tree(node: &Node, is_document: bool, text_of: &dyn Fn(&str, bool) -> Resolved) -> Node {
    let value = match &node.value {
        Value::Text(text) => or_marked(text_of(text, is_document)),
        Value::List(nodes) => {
            let nodes = nodes.iter().map(|node| plain_tree(node, is_document, text_of));
            Value::List(nodes.collect())
        }
        Value::Map(entries) => Value::Map(plain_entries(entries, is_document, text_of)),
        same @ (Value::Null | Value::Boolean(_) | Value::Number(_)) => same.clone(),
    };
    Node {
        place: node.place,
        value,
    }
}

/// The members of such a tree.
pub(super) fn plain_entries(
    entries: &[Entry],
    is_document: bool,
    text_of: &dyn Fn(&str, bool) -> Resolved,
) -> Vec<Entry> {
    let entries = entries.iter().map(|entry| Entry {
        key: entry.key.clone(),
        place: entry.place,
        node: plain_tree(
            &entry.node,
            is_document || is_document_member(&entry.key),
            text_of,
        ),
    });
    entries.collect()
}

#[cfg(test)]
mod tests;
