//! Keys that a document gives twice. In what describes a task or an endpoint that is a mistake. Elsewhere it matters only
//! as far as the task needs the value, which is not known then. Pure: no I/O, no clock.

use super::super::super::suggest::normalized;
use super::super::super::tree::{Entry, Node, Value, given_twice};
use super::document::is_kind;
use super::resolve::{Reference, marked};
use crate::settings::problems::Report;

/// Members that tell what the API answers, where nothing else does.
const BARE: &[&str] = &["enginename", "migrationtype", "replicationtype"];

/// Whose part of the document something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Owner {
    /// A task's or an endpoint's.
    Task,
    /// A resource's of another kind, whose members may have the same names.
    Other,
    Nobody,
}

/// The document with each key once; the report has what may not be given twice.
pub(super) fn settled(node: Node, report: &mut Report) -> Node {
    settle(node, Owner::Nobody, report)
}

fn settle(node: Node, owner: Owner, report: &mut Report) -> Node {
    let value = match node.value {
        Value::List(nodes) => {
            let nodes = nodes.into_iter().map(|node| settle(node, owner, report));
            Value::List(nodes.collect())
        }
        Value::Map(entries) => {
            let owner = owner_of(&entries, owner);
            Value::Map(settle_entries(entries, owner, report))
        }
        same @ (Value::Null | Value::Boolean(_) | Value::Number(_) | Value::Text(_)) => same,
    };
    Node { value, ..node }
}

fn settle_entries(entries: Vec<Entry>, owner: Owner, report: &mut Report) -> Vec<Entry> {
    let mut settled: Vec<Entry> = Vec::with_capacity(entries.len());
    for entry in entries {
        let first = settled.iter_mut().find(|first| first.key == entry.key);
        let Some(first) = first else {
            let of_value = if is_kind(&entry.key) { Owner::Task } else { owner };
            let node = settle(entry.node, of_value, report);
            settled.push(Entry { node, ..entry });
            continue;
        };
        if owner == Owner::Task || is_kind(&entry.key) || has_task(&first.node) || has_task(&entry.node) {
            report.error(entry.place, given_twice(first));
        } else {
            first.node.value = marked(vec![Reference {
                name: entry.key,
                reason: format!("given twice, at {} and at {}", first.place, entry.place),
            }]);
        }
    }
    settled
}

fn owner_of(entries: &[Entry], around: Owner) -> Owner {
    let mut types = entries.iter().filter(|entry| normalized(&entry.key) == "type");
    let is_bare = |entry: &Entry| BARE.contains(&normalized(&entry.key).as_str());
    let has_properties = || entries.iter().any(|entry| entry.key == "Properties");
    let is_task = |entry: &Entry| entry.node.value.scalar_text().is_some_and(is_kind);
    if around == Owner::Task || types.clone().any(is_task) {
        Owner::Task
    } else if around == Owner::Other || (types.next().is_some() && has_properties()) {
        Owner::Other
    } else if entries.iter().any(is_bare) {
        Owner::Task
    } else {
        around
    }
}

/// Whether a task or an endpoint is in it.
fn has_task(node: &Node) -> bool {
    match &node.value {
        Value::List(nodes) => nodes.iter().any(has_task),
        Value::Map(entries) => {
            let owner = owner_of(entries, Owner::Nobody);
            let in_entry = |entry: &Entry| is_kind(&entry.key) || has_task(&entry.node);
            owner == Owner::Task || (owner == Owner::Nobody && entries.iter().any(in_entry))
        }
        Value::Null | Value::Boolean(_) | Value::Number(_) | Value::Text(_) => false,
    }
}
