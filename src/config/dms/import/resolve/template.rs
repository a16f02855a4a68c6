//! A template of `CloudFormation`, as people write it or as the CDK does: its parameters, what it knows of its resources,
//! and its properties with everything worked out that can be. Pure: no I/O, no clock.

use crate::aws::partition_of;
use std::cell::Cell;

use super::super::super::super::tree::{Entry, Node, Value};
use super::parameters::Parameters;
use super::{
    Resolved, is_document_member, is_left_out, is_marked, left_out, missing, node, or_marked, text, whole,
};

/// References may lead to others this often.
const DEPTH_MAX: usize = 32;
/// Functions that are worked out for one document; references that multiply end here.
const STEPS_MAX: usize = 100_000;
/// What all functions of a document make together, in bytes.
const BYTES_MAX: usize = 64 << 20;

/// A resource of a template, with its properties worked out.
#[derive(Debug)]
pub(in super::super) struct TemplateResource {
    pub(in super::super) kind: String,
    pub(in super::super) label: String,
    pub(in super::super) entries: Vec<Entry>,
}

/// A template.
#[derive(Debug)]
pub(in super::super) struct Template<'a> {
    root: &'a [Entry],
    pub(super) parameters: &'a Parameters,
    depth: Cell<usize>,
    steps: Cell<usize>,
    bytes: Cell<usize>,
}

/// The value of a member by its exact name, as templates have them.
pub(super) fn member<'a>(entries: &'a [Entry], name: &str) -> Option<&'a Node> {
    entries
        .iter()
        .find(|entry| entry.key == name)
        .map(|entry| &entry.node)
}

fn members(node: Option<&Node>) -> &[Entry] {
    match node.map(|node| &node.value) {
        Some(Value::Map(entries)) => entries,
        Some(Value::Null | Value::Boolean(_) | Value::Number(_) | Value::Text(_) | Value::List(_)) | None => {
            &[]
        }
    }
}

impl<'a> Template<'a> {
    pub(in super::super) fn new(root: &'a [Entry], parameters: &'a Parameters) -> Self {
        for entry in members(member(root, "Parameters")) {
            parameters.declare(&entry.key);
        }
        Self {
            root,
            parameters,
            depth: Cell::new(0),
            steps: Cell::new(0),
            bytes: Cell::new(0),
        }
    }

    /// What stands in a section under a name.
    pub(super) fn section(&self, section: &str, name: &str) -> Option<&'a Node> {
        member(members(member(self.root, section)), name)
    }

    /// The resources of some kinds, without those whose condition does not hold.
    pub(in super::super) fn resources(&self, is_wanted: impl Fn(&str) -> bool) -> Vec<TemplateResource> {
        let all = members(member(self.root, "Resources")).iter();
        all.filter_map(|entry| {
            let Value::Map(body) = &entry.node.value else {
                return None;
            };
            let kind = member(body, "Type").and_then(|kind| kind.value.scalar_text())?;
            if !is_wanted(kind) || !self.exists(body) {
                return None;
            }
            let properties = member(body, "Properties").map(|properties| self.tree(properties, false).value);
            let entries = match properties {
                Some(value) if is_marked(&value) => vec![super::entry("Properties".to_owned(), value)],
                Some(Value::Map(entries)) => entries,
                Some(_) | None => Vec::new(),
            };
            Some(TemplateResource {
                kind: kind.to_owned(),
                label: entry.key.clone(),
                entries,
            })
        })
        .collect()
    }

    /// One whose condition is not known is there: somebody asks for it.
    fn exists(&self, body: &[Entry]) -> bool {
        let condition = member(body, "Condition").and_then(|name| name.value.scalar_text());
        condition.is_none_or(|name| self.condition(name) != Ok(false))
    }

    /// A tree with everything worked out; what cannot be is marked.
    pub(super) fn tree(&self, node: &Node, is_document: bool) -> Node {
        let value = match &node.value {
            Value::Text(text) => or_marked(text::plain(text, is_document, self.parameters).map(Value::Text)),
            Value::List(nodes) => {
                let nodes = nodes.iter().map(|node| self.tree(node, is_document));
                Value::List(nodes.filter(|node| !is_left_out(&node.value)).collect())
            }
            Value::Map(entries) => match entries.as_slice() {
                [one] if is_function(&one.key) => or_marked(self.call(&one.key, &one.node)),
                _ => Value::Map(self.members_of(entries, is_document)),
            },
            same @ (Value::Null | Value::Boolean(_) | Value::Number(_)) => same.clone(),
        };
        Node {
            place: node.place,
            value,
        }
    }

    /// The members of what stands outside of a template: it can have references all the same.
    pub(in super::super) fn map_entries(&self, entries: &[Entry]) -> Vec<Entry> {
        self.members_of(entries, false)
    }

    fn members_of(&self, entries: &[Entry], is_document: bool) -> Vec<Entry> {
        let entries = entries.iter().filter_map(|entry| {
            let node = if is_function(&entry.key) && entry.key != "Ref" {
                node(or_marked(unknown(&entry.key)))
            } else {
                self.tree(&entry.node, is_document || is_document_member(&entry.key))
            };
            (!is_left_out(&node.value)).then(|| Entry {
                key: entry.key.clone(),
                place: entry.place,
                node,
            })
        });
        entries.collect()
    }

    /// A value that is known all the way down. Texts within functions are taken as documents: what stands in them is
    /// literal to `CloudFormation` as well.
    pub(super) fn value(&self, node: &Node) -> Resolved {
        whole(self.tree(node, true).value)
    }

    /// A value that is text, a number or a boolean.
    pub(super) fn text(&self, node: &Node) -> Resolved<String> {
        let value = self.value(node)?;
        match value.scalar_text() {
            Some(text) => Ok(text.to_owned()),
            None => missing("text", "a function has something else than text as an argument"),
        }
    }

    /// Works out a function.
    fn call(&self, name: &str, argument: &Node) -> Resolved {
        let value = self.guarded(name, || self.function(name, argument))?;
        let value = self.counted(name, value)?;
        let Value::Text(text) = value else {
            return Ok(value);
        };
        text::dynamic(&text, self.parameters).map(Value::Text)
    }

    /// A value that is within what may be made in all.
    pub(super) fn counted(&self, name: &str, value: Value) -> Resolved {
        let made = match &value {
            Value::Text(text) => text.len(),
            Value::List(nodes) => nodes.len().saturating_mul(size_of::<Node>()),
            Value::Null | Value::Boolean(_) | Value::Number(_) | Value::Map(_) => 0,
        };
        let bytes = self.bytes.get().saturating_add(made);
        self.bytes.set(bytes);
        if bytes > BYTES_MAX {
            return missing(name, "makes more than any document of DMS can be");
        }
        Ok(value)
    }

    /// Goes one step further, unless references lead in a circle.
    pub(super) fn guarded<T>(&self, name: &str, work: impl FnOnce() -> Resolved<T>) -> Resolved<T> {
        let steps = self.steps.get() + 1;
        let depth = self.depth.get() + 1;
        if depth > DEPTH_MAX || steps > STEPS_MAX {
            return missing(name, "references lead in a circle, or too far");
        }
        self.steps.set(steps);
        self.depth.set(depth);
        let value = work();
        self.depth.set(depth - 1);
        value
    }

    /// `Ref`.
    pub(super) fn reference(&self, name: &str) -> Resolved {
        if name == "AWS::NoValue" {
            return Ok(left_out());
        }
        let parameter = self.section("Parameters", name);
        let is_known = parameter.is_none_or(|node| !is_marked(&node.value));
        let parameter = parameter.map(|node| members(Some(node)));
        if let Some(given) = self.parameters.get(name) {
            return given_value(name, given, parameter.unwrap_or_default());
        }
        if let Some(parameter) = parameter {
            if !is_known {
                return missing(name, "a parameter that is given twice");
            }
            return default_value(name, parameter);
        }
        if name.starts_with("AWS::") {
            return self.pseudo(name).map(Value::Text);
        }
        let Some((kind, body)) = self.resource(name) else {
            return missing(name, "neither a parameter nor a resource of the template");
        };
        match kind {
            "AWS::DMS::Endpoint" => Ok(Value::Text(name.to_owned())),
            "AWS::S3::Bucket" => self.name_of(name, body, "BucketName", kind),
            "AWS::Kinesis::Stream" | "AWS::SSM::Parameter" => self.name_of(name, body, "Name", kind),
            _ => missing(name, format!("known only once the {kind} was created")),
        }
    }

    /// `Fn::GetAtt`.
    pub(super) fn attribute(&self, resource: &str, attribute: &str) -> Resolved {
        let full = format!("{resource}.{attribute}");
        if let Some(given) = self.parameters.get(&full) {
            return Ok(Value::Text(given.to_owned()));
        }
        let Some((kind, body)) = self.resource(resource) else {
            return missing(full, "an attribute of a resource that is not in the template");
        };
        let name = match (kind, attribute) {
            ("AWS::SSM::Parameter", "Value") => return self.name_of(&full, body, "Value", kind),
            ("AWS::S3::Bucket", "Arn") => self.name_of(&full, body, "BucketName", kind)?,
            ("AWS::Kinesis::Stream", "Arn") => self.name_of(&full, body, "Name", kind)?,
            _ => return missing(full, format!("known only once the {kind} was created")),
        };
        let name = name.scalar_text().unwrap_or_default();
        if kind == "AWS::S3::Bucket" {
            return Ok(Value::Text(format!("arn:aws:s3:::{name}")));
        }
        // The region and the account are those of the stack, wherever it is put.
        let [region, account] = ["AWS::Region", "AWS::AccountId"].map(|name| self.parameters.get(name));
        Ok(Value::Text(format!(
            "arn:aws:kinesis:{}:{}:stream/{name}",
            region.unwrap_or_default(),
            account.unwrap_or_default()
        )))
    }

    fn name_of(&self, reference: &str, body: &[Entry], property: &str, kind: &str) -> Resolved {
        match member(members(member(body, "Properties")), property).map(|name| self.text(name)) {
            Some(name) => name.map(Value::Text),
            None => missing(
                reference,
                format!("the {kind} has no {property} in the template, so it gets one when it is created"),
            ),
        }
    }

    fn resource(&self, name: &str) -> Option<(&'a str, &'a [Entry])> {
        let body = members(Some(self.section("Resources", name)?));
        let kind = member(body, "Type").and_then(|kind| kind.value.scalar_text())?;
        Some((kind, body))
    }

    fn pseudo(&self, name: &str) -> Resolved<String> {
        let region = self.parameters.get("AWS::Region");
        match (name, region) {
            ("AWS::Partition", Some(region)) => Ok(partition_of(region).to_owned()),
            ("AWS::Partition", None) => missing("AWS::Region", "where the stack is put"),
            _ => missing(name, "where and as what the stack is put"),
        }
    }
}

/// Whether the only member of a map is a function.
fn is_function(key: &str) -> bool {
    key == "Ref" || key.starts_with("Fn::")
}

/// A function that is not worked out.
pub(super) fn unknown(name: &str) -> Resolved {
    missing(
        name,
        "a function that brigade cannot work out; write its value into the template",
    )
}

fn kind_of(parameter: &[Entry]) -> &str {
    member(parameter, "Type")
        .and_then(|kind| kind.value.scalar_text())
        .unwrap_or_default()
}

fn default_value(name: &str, parameter: &[Entry]) -> Resolved {
    let kind = kind_of(parameter);
    if kind.contains("AWS::SSM::Parameter") {
        return missing(
            name,
            "a value in Systems Manager; its default is only the name there",
        );
    }
    match member(parameter, "Default").map(|default| &default.value) {
        Some(default) if default.scalar_text().is_some() => {
            Ok(typed(kind, default.scalar_text().unwrap_or_default()))
        }
        Some(default) if is_marked(default) => missing(name, "a parameter whose default is given twice"),
        Some(_) | None => missing(name, "a parameter without a default"),
    }
}

fn given_value(name: &str, given: &str, parameter: &[Entry]) -> Resolved {
    if let Some(Value::List(allowed)) = member(parameter, "AllowedValues").map(|allowed| &allowed.value) {
        let is_allowed = allowed.iter().any(|one| one.value.scalar_text() == Some(given));
        if !is_allowed {
            return missing(name, "the value given is none that the template allows");
        }
    }
    Ok(typed(kind_of(parameter), given))
}

/// A parameter can be a list.
fn typed(kind: &str, text: &str) -> Value {
    if kind.contains("CommaDelimitedList") || kind.contains("List<") {
        let items = text
            .split(',')
            .map(|item| node(Value::Text(item.trim().to_owned())));
        return Value::List(items.collect());
    }
    Value::Text(text.to_owned())
}
