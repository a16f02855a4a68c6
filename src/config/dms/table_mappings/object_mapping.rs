//! Object-mapping rules. Pure: no I/O, no clock.

use super::super::super::tree::{Node, Value, quoted};
use super::super::members::Members;
use super::{INVALID, locator, locator_members};
use crate::map::object_mapping::RecordShape;
use crate::map::rules::{AttributeRule, ObjectMappingRule, PartitionKeyChoice, RuleHead, ValueTemplate};
use crate::settings::problems::{DocumentPlace, Report};

const MEMBERS: &[&str] = &[
    "rule-type",
    "rule-id",
    "rule-name",
    "rule-action",
    "object-locator",
    "target-table-name",
    "mapping-parameters",
    "partition-key-type",
    "partition-key-name",
    "partition-key",
];
const PARAMETERS: &[&str] = &[
    "partition-key-type",
    "partition-key-name",
    "partition-key",
    "exclude-columns",
    "attribute-mappings",
];
const ATTRIBUTE: &[&str] = &[
    "target-attribute-name",
    "attribute-name",
    "attribute-type",
    "attribute-sub-type",
    "value",
];
const ACTIONS: &[&str] = &["map-record-to-record", "map-record-to-document"];
const KEY_TYPES: &[&str] = &[
    "schema-table",
    "transaction-id",
    "primary-key",
    "constant",
    "attribute-name",
];
/// The partition key of `constant`: the word itself, as in DMS.
const CONSTANT: &str = "constant";

/// Reads an object-mapping rule.
pub(super) fn read(members: &Members<'_>, head: RuleHead, report: &mut Report) -> Option<ObjectMappingRule> {
    members.warn_unknown(MEMBERS, report);
    let shape = members
        .word("rule-action", ACTIONS, INVALID, report)
        .map(|action| match action {
            "map-record-to-document" => RecordShape::Document,
            _ => RecordShape::Record,
        });
    let object_locator = locator_members(members, head, &["schema-name", "table-name"], report);
    let locator = object_locator.as_ref().and_then(|found| locator(found, report));
    let target_table_name = match members.node("target-table-name") {
        None => None,
        Some(_) => Some(members.text("target-table-name", report)?.to_owned()),
    };
    let parameters = match members.node("mapping-parameters") {
        None => None,
        Some(node) => {
            let path = format!("{}.mapping-parameters", members.path);
            Some(Members::of(node, path, PARAMETERS, report)?)
        }
    };
    let attributes = parameters
        .as_ref()
        .map_or(Some(Vec::new()), |parameters| attributes(parameters, report));
    let excluded_columns = parameters.as_ref().map_or(Some(Vec::new()), |parameters| {
        let nodes = parameters.list_or_none("exclude-columns", report)?;
        parameters.texts_of("exclude-columns", nodes, report)
    });
    let partition_key = partition_key(members, parameters.as_ref(), report);
    let locator = locator?;
    if locator.has_wildcard() {
        let message = format!(
            "rule {} maps names with `%`, which DMS refuses; here it counts for every table that fits and has no rule of \
             its own",
            head.id
        );
        report.warning(head.place, message);
    }
    Some(ObjectMappingRule {
        head,
        locator,
        shape: shape?,
        target_table_name,
        partition_key: partition_key.ok()?,
        excluded_columns: excluded_columns?,
        attributes: attributes?,
    })
}

/// A mistake that is in the report.
struct Reported;

/// What the partition key is made of, if the rule says so: in the parameters, or directly in the rule as the examples
/// for Kafka have it.
fn partition_key(
    members: &Members<'_>,
    parameters: Option<&Members<'_>>,
    report: &mut Report,
) -> Result<Option<PartitionKeyChoice>, Reported> {
    let holders = || parameters.into_iter().chain([members]);
    let holder_of = |name: &str| holders().find(|holder| holder.node(name).is_some());
    if let Some(holder) = holder_of("partition-key") {
        return old_key(holder, report).map(Some).ok_or(Reported);
    }
    let Some(holder) = holder_of("partition-key-type") else {
        let Some(holder) = holder_of("partition-key-name") else {
            return Ok(None);
        };
        let message = format!(
            "{}.partition-key-name stands there without `partition-key-type`, and is taken as with attribute-name",
            holder.path
        );
        report.warning(holder.place_of("partition-key-name"), message);
        return named_key(holder, report).map(Some);
    };
    let key_type = holder
        .word("partition-key-type", KEY_TYPES, INVALID, report)
        .ok_or(Reported)?;
    Ok(Some(match key_type {
        "schema-table" => PartitionKeyChoice::SchemaTable,
        "primary-key" => PartitionKeyChoice::PrimaryKey,
        "constant" => PartitionKeyChoice::Constant(CONSTANT.to_owned()),
        "attribute-name" => named_key(holder_of("partition-key-name").unwrap_or(holder), report)?,
        _ => {
            let message = format!(
                "{}.partition-key-type is transaction-id, and files have no transactions; use primary-key, schema-table or \
                 attribute-name",
                holder.path
            );
            report.error(holder.place_of("partition-key-type"), message);
            return Err(Reported);
        }
    }))
}

/// The attribute or column that `partition-key-name` names.
fn named_key(holder: &Members<'_>, report: &mut Report) -> Result<PartitionKeyChoice, Reported> {
    let name = holder.text("partition-key-name", report).ok_or(Reported)?;
    let place = holder.place_of("partition-key-name");
    Ok(PartitionKeyChoice::Attribute(name.to_owned(), place))
}

/// `"partition-key": {"value": "…"}` of older documents, with or without the name of an attribute; `None` is a mistake.
fn old_key(holder: &Members<'_>, report: &mut Report) -> Option<PartitionKeyChoice> {
    let node = holder.node("partition-key")?;
    let path = format!("{}.partition-key", holder.path);
    let members = Members::of(node, path, &["attribute-name", "value"], report)?;
    if members.node("attribute-name").is_some() {
        let name = members.text("attribute-name", report)?;
        let place = members.place_of("attribute-name");
        return Some(PartitionKeyChoice::Attribute(name.to_owned(), place));
    }
    let text = members.text("value", report)?;
    if text.contains("${") {
        let message = format!(
            "{}.value has a column in it, and without `attribute-name` it is a constant; make it an attribute, and name that \
             in `partition-key-name`",
            members.path
        );
        report.error(members.place_of("value"), message);
        return None;
    }
    Some(PartitionKeyChoice::Constant(text.to_owned()))
}

/// The attribute mappings; `None` if one of them cannot be read.
fn attributes(parameters: &Members<'_>, report: &mut Report) -> Option<Vec<AttributeRule>> {
    let nodes = parameters.list_or_none("attribute-mappings", report)?;
    let attributes: Vec<_> = nodes
        .iter()
        .enumerate()
        .map(|(index, node)| {
            attribute(
                node,
                format!("{}.attribute-mappings[{index}]", parameters.path),
                report,
            )
        })
        .collect();
    attributes.into_iter().collect()
}

fn attribute(node: &Node, path: String, report: &mut Report) -> Option<AttributeRule> {
    let members = Members::of(node, path, ATTRIBUTE, report)?;
    let has = |name| members.node(name).is_some();
    let name = if has("attribute-name") && !has("target-attribute-name") {
        // The name that older examples use.
        "attribute-name"
    } else {
        "target-attribute-name"
    };
    let name = members.text(name, report);
    let is_document = match members.node("attribute-type") {
        None => None,
        Some(_) => {
            Some(members.word("attribute-type", &["scalar", "document"], INVALID, report)? == "document")
        }
    };
    if members.node("attribute-sub-type").is_some() {
        members.word("attribute-sub-type", &["string", "json"], INVALID, report)?;
    }
    let Some(value) = members.node("value") else {
        let message = format!(
            "{} has no `value`; add a text, with ${{column}} in it",
            members.path
        );
        report.error(node.place, message);
        return None;
    };
    if is_document == Some(false) && matches!(value.value, Value::Map(_) | Value::List(_)) {
        // The guide's own example of a constant key has one.
        let message = format!(
            "{}.value is {}, and is sent as the document that it is, though its attribute-type is scalar",
            members.path,
            value.value.describe()
        );
        report.warning(value.place, message);
    }
    Some(AttributeRule {
        name: name?.to_owned(),
        place: node.place,
        value: template(value),
    })
}

fn template(node: &Node) -> ValueTemplate {
    match &node.value {
        Value::Null => ValueTemplate::Literal("null".to_owned()),
        Value::Boolean(value) => ValueTemplate::Literal(value.to_string()),
        Value::Number(text) => ValueTemplate::Literal(text.clone()),
        Value::Text(text) => ValueTemplate::Text(text.clone(), node.place),
        Value::List(nodes) => ValueTemplate::List(nodes.iter().map(template).collect()),
        Value::Map(entries) => ValueTemplate::Object(
            entries
                .iter()
                .map(|entry| (entry.key.clone(), template(&entry.node)))
                .collect(),
        ),
    }
}

impl Members<'_> {
    /// The texts of a list that must be there and not be empty, each with its place.
    pub(super) fn texts(&self, name: &str, report: &mut Report) -> Option<Vec<(String, DocumentPlace)>> {
        let nodes = self.list(name, report)?;
        self.texts_of(name, nodes, report)
    }

    fn texts_of(
        &self,
        name: &str,
        nodes: &[Node],
        report: &mut Report,
    ) -> Option<Vec<(String, DocumentPlace)>> {
        let mut texts = Vec::with_capacity(nodes.len());
        for node in nodes {
            match &node.value {
                Value::Text(text) if !text.is_empty() => texts.push((text.clone(), node.place)),
                other @ (Value::Null
                | Value::Boolean(_)
                | Value::Number(_)
                | Value::Text(_)
                | Value::List(_)
                | Value::Map(_)) => {
                    let message = format!(
                        "{}.{name} has {} among its names; names are text in quotes, such as {}",
                        self.path,
                        other.describe(),
                        quoted("id")
                    );
                    report.error(node.place, message);
                }
            }
        }
        (texts.len() == nodes.len()).then_some(texts)
    }
}
