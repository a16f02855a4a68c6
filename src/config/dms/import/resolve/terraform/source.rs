//! Terraform's configuration in JSON, as the CDK for Terraform writes it: texts with `${…}`. Pure: no I/O, no clock.

use super::super::super::super::super::tree::{Entry, Node, Value};
use super::super::parameters::Parameters;
use super::super::text::{self, Part};
use super::super::{Resolved, plain_entries};
use super::{TerraformResource, below, is_endpoint, is_stream, stream_arn};

/// The resources of some kinds.
pub(in super::super::super) fn resources(
    root: &Node,
    is_wanted: impl Fn(&str) -> bool,
    parameters: &Parameters,
) -> Vec<TerraformResource> {
    let source = Source {
        root: &root.value,
        parameters,
    };
    let mut found = Vec::new();
    for (kind, name, body) in source.all() {
        if !is_wanted(kind) {
            continue;
        }
        found.push(TerraformResource {
            kind: kind.to_owned(),
            label: format!("{kind}.{name}"),
            entries: plain_entries(body, false, &|text, is_document| source.text(text, is_document)),
        });
    }
    found
}

struct Source<'a> {
    root: &'a Value,
    parameters: &'a Parameters,
}

impl<'a> Source<'a> {
    /// Kind, name and body of every resource; a block can be in a list.
    fn all(&self) -> Vec<(&'a str, &'a str, &'a [Entry])> {
        let mut all = Vec::new();
        for kinds in blocks(below(self.root, "resource")) {
            for kind in kinds {
                for names in blocks(Some(&kind.node.value)) {
                    for name in names {
                        let bodies = blocks(Some(&name.node.value)).into_iter();
                        all.extend(bodies.map(|body| (kind.key.as_str(), name.key.as_str(), body)));
                    }
                }
            }
        }
        all
    }

    fn text(&self, text: &str, is_document: bool) -> Resolved {
        if let [Part::Braced(only)] = text::parts(text).as_slice()
            && let Some(value) = self.resource(only.trim())
        {
            return Ok(value);
        }
        self.with_variables(text, is_document).map(Value::Text)
    }

    fn with_variables(&self, text: &str, is_document: bool) -> Resolved<String> {
        let filled = text::filled(text, |part| match part {
            Part::Braced(inner) => self.variable(inner.trim()).map(Ok),
            Part::Plain(_) | Part::Doubled(_) => None,
        })?;
        text::plain(&filled, is_document, self.parameters)
    }

    /// A variable with a default that is not given.
    fn variable(&self, reference: &str) -> Option<String> {
        if self.parameters.get(reference).is_some() {
            return None;
        }
        let name = reference.strip_prefix("var.")?;
        let variables = blocks(below(self.root, "variable")).into_iter().flatten();
        let variable = variables.filter(|entry| entry.key == name).find_map(|entry| {
            let bodies = blocks(Some(&entry.node.value)).into_iter().flatten();
            bodies
                .filter(|member| member.key == "default")
                .map(|member| &member.node.value)
                .next()
        })?;
        variable.scalar_text().map(ToOwned::to_owned)
    }

    /// An endpoint by its address, or a stream by its name.
    fn resource(&self, reference: &str) -> Option<Value> {
        let (address, attribute) = reference.rsplit_once('.')?;
        let (kind, name) = address.split_once('.')?;
        let (.., body) = self
            .all()
            .into_iter()
            .find(|(of, called, _)| *of == kind && *called == name)?;
        match attribute {
            "endpoint_arn" if is_endpoint(kind) => Some(Value::Text(address.to_owned())),
            "arn" if is_stream(kind) => {
                let name = body.iter().find(|entry| entry.key == "name")?;
                let name = self.with_variables(name.node.value.scalar_text()?, false).ok()?;
                Some(stream_arn(&name))
            }
            _ => None,
        }
    }
}

/// The members of a block, or of each block of a list.
fn blocks(value: Option<&Value>) -> Vec<&[Entry]> {
    match value {
        Some(Value::Map(entries)) => vec![entries],
        Some(Value::List(nodes)) => nodes.iter().flat_map(|node| blocks(Some(&node.value))).collect(),
        Some(Value::Null | Value::Boolean(_) | Value::Number(_) | Value::Text(_)) | None => Vec::new(),
    }
}
