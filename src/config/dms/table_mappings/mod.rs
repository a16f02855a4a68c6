//! The table mappings of DMS, taken as they are: selection, transformation and object-mapping rules. Pure: no I/O, no
//! clock.
//!
//! Where DMS has a text of its own for a mistake, the problem begins with it, so that whoever looks for it finds both.
//! What would be applied in part, or not at all, is an error; what has no meaning for these sources and targets, and
//! does no harm by that, is a warning.

mod object_mapping;
mod selection;
mod transformation;

use std::collections::HashMap;

use super::super::suggest::closest;
use super::super::tree::{Node, Value, quoted};
use super::json;
use super::members::Members;
use super::table_definition::DOCUMENT_BYTES_MAX;
use crate::map::pattern::Pattern;
use crate::map::rules::{Locator, RuleHead, Rules};
use crate::settings::problems::{DocumentPlace, Report};

const NOT_JSON: &str = "Invalid Table Mappings document. Invalid json";
const NO_RULES: &str = "Valid Table mappings is required";
const INVALID: &str = "Invalid table mappings document.";

const RULE_TYPES: &[&str] = &[
    "selection",
    "transformation",
    "object-mapping",
    "table-settings",
    "validation",
    "post-processing",
];

/// Reads the rules of a document; `None` if the report has an error about it.
pub fn parse(document: &str, report: &mut Report) -> Option<Rules> {
    if document.len() > DOCUMENT_BYTES_MAX {
        let message = format!(
            "has {} bytes, more than the {DOCUMENT_BYTES_MAX} that are allowed",
            document.len()
        );
        report.error(None, message);
        return None;
    }
    let mut of_json = Report::new(String::new());
    let root = json::read(document, &mut of_json);
    for problem in of_json.into_problems() {
        report.error(problem.place, as_dms(NOT_JSON, &problem.message));
    }
    let root = root?;
    let nodes = rule_nodes(&root, report)?;
    let mut rules = Rules::default();
    let mut seen: HashMap<u64, DocumentPlace> = HashMap::new();
    for (index, node) in nodes.iter().enumerate() {
        rule(node, index, &mut seen, &mut rules, report);
    }
    if !report.has_errors() && rules.selections.is_empty() {
        let message = "there is no selection rule, so nothing would be read; add one, for example one that includes schema % \
                       and table %";
        report.error(root.place, message);
    }
    rules.selections.sort_by_key(|rule| rule.head.id);
    rules.transformations.sort_by_key(|rule| rule.head.id);
    rules.object_mappings.sort_by_key(|rule| rule.head.id);
    (!report.has_errors()).then_some(rules)
}

/// A problem that begins with DMS's own text for it.
fn as_dms(text: &str, message: &str) -> String {
    format!("{text}\n    {message}")
}

fn rule_nodes<'a>(root: &'a Node, report: &mut Report) -> Option<&'a [Node]> {
    let problem = match &root.value {
        Value::Map(entries) => match entries.iter().find(|entry| entry.key == "rules") {
            Some(entry) => match &entry.node.value {
                Value::List(nodes) if !nodes.is_empty() => {
                    // For its warnings about other members.
                    let _members = Members::of(root, "the document".to_owned(), &["rules"], report);
                    return Some(nodes);
                }
                Value::List(_) => "`rules` is empty; add at least a selection rule".to_owned(),
                other @ (Value::Null
                | Value::Boolean(_)
                | Value::Number(_)
                | Value::Text(_)
                | Value::Map(_)) => {
                    format!("`rules` is {}; it should be a list in brackets", other.describe())
                }
            },
            None => "the document has no member `rules`; it should be {\"rules\": [ … ]}".to_owned(),
        },
        other @ (Value::Null | Value::Boolean(_) | Value::Number(_) | Value::Text(_) | Value::List(_)) => {
            format!(
                "the document is {}; it should be {{\"rules\": [ … ]}}",
                other.describe()
            )
        }
    };
    report.error(root.place, as_dms(NO_RULES, &problem));
    None
}

/// Reads one rule into the rules of its kind.
fn rule(
    node: &Node,
    index: usize,
    seen: &mut HashMap<u64, DocumentPlace>,
    rules: &mut Rules,
    report: &mut Report,
) {
    let path = format!("rules[{index}]");
    let Some(members) = Members::unchecked(node, path, report) else {
        return;
    };
    let id = rule_id(&members, seen, report);
    let Some(rule_type) = members.word("rule-type", RULE_TYPES, INVALID, report) else {
        return;
    };
    let Some(id) = id else { return };
    let head = RuleHead {
        id,
        place: node.place,
    };
    match rule_type {
        "selection" => rules.selections.extend(selection::read(&members, head, report)),
        "transformation" => rules
            .transformations
            .extend(transformation::read(&members, head, report)),
        "object-mapping" => rules
            .object_mappings
            .extend(object_mapping::read(&members, head, report)),
        other => {
            let why = match other {
                "table-settings" => {
                    "it is about parallel load and large objects of databases; files of a table are read one after another, \
                     and large values are sent whole"
                }
                "validation" => {
                    "neither S3 nor a stream is validated, in DMS either; `brigade verify` reads the stream back"
                }
                _ => "it is about S3 as a target",
            };
            report.warning(
                node.place,
                format!("rule {id} ({other}) has no effect here: {why}"),
            );
        }
    }
}

fn rule_id(
    members: &Members<'_>,
    seen: &mut HashMap<u64, DocumentPlace>,
    report: &mut Report,
) -> Option<u64> {
    if members.node("rule-id").is_none() {
        let message = format!(
            "{} has no `rule-id`; add a number that no other rule has",
            members.path
        );
        report.error(members.place, message);
        return None;
    }
    let id = members.number("rule-id", 0, u64::MAX, report)?;
    if let Some(first) = seen.insert(id, members.place_of("rule-id")) {
        let dms = format!("Error in mapping rules. Duplicate ruleid {id}");
        let message = format!(
            "the first rule with it stands at line {}; give this one another",
            first.line
        );
        report.error(members.place_of("rule-id"), as_dms(&dms, &message));
        return None;
    }
    Some(id)
}

/// The `object-locator` of a rule with its names, as far as they are there.
fn locator_members<'a>(
    members: &Members<'a>,
    head: RuleHead,
    known: &[&str],
    report: &mut Report,
) -> Option<Members<'a>> {
    let Some(node) = members.node("object-locator") else {
        let dms = format!(
            "Error in mapping rules. Rule with ruleId = {} failed validation. object locator cannot be null",
            head.id
        );
        let cure = "add an `object-locator` with `schema-name` and `table-name`";
        report.error(head.place, as_dms(&dms, cure));
        return None;
    };
    Members::of(node, format!("{}.object-locator", members.path), known, report)
}

/// The tables of a rule. A name that is not there is an error: what it would fit is not documented.
fn locator(object_locator: &Members<'_>, report: &mut Report) -> Option<Locator> {
    let schema = object_locator.text("schema-name", report).map(Pattern::new);
    let table = object_locator.text("table-name", report).map(Pattern::new);
    Some(Locator {
        schema: schema?,
        table: table?,
    })
}

impl Members<'_> {
    /// One of some words; anything else is a mistake for which DMS has a text.
    fn word(
        &self,
        name: &str,
        words: &[&'static str],
        dms: &str,
        report: &mut Report,
    ) -> Option<&'static str> {
        let given = self.text(name, report)?;
        let found = words.iter().find(|word| **word == given);
        if found.is_none() {
            let hint = closest(given, words.iter().copied())
                .map(|word| format!("; did you mean {word}?"))
                .unwrap_or_default();
            let message = format!(
                "{}.{name} is {}{hint}; allowed, in lower case: {}",
                self.path,
                quoted(given),
                words.join(" | ")
            );
            report.error(self.place_of(name), as_dms(dms, &message));
        }
        found.copied()
    }
}

#[cfg(test)]
mod tests;
