//! A plan of Terraform: what is planned, and what is known only after it was applied. Pure: no I/O, no clock.
//!
//! What is not known is missing from the planned values, as if nobody had set it; `after_unknown` names it. Where
//! the configuration names an endpoint or a stream of the same plan, that is what is meant.

use super::super::super::super::super::tree::{Entry, Node, Value};
use super::super::parameters::Parameters;
use super::super::template::member;
use super::super::{Resolved, entry, missing, node, or_marked};
use super::address::{prefix, split_modules, without_index};
use super::{
    TerraformResource, below, is_endpoint, is_stream, list, of_modules, of_root, stream_arn, text_of,
};

/// References may lead through this many modules.
const DEPTH_MAX: usize = 32;
/// Attributes that are the whole of what they refer to.
const DIRECT: &[&str] = &["source_endpoint_arn", "target_endpoint_arn", "stream_arn"];

struct Plan<'a> {
    planned: Vec<TerraformResource>,
    changes: &'a [Node],
    configuration: Option<&'a Value>,
    parameters: &'a Parameters,
}

/// An attribute that is not known.
struct Unknown<'a> {
    /// The resource and the path below it.
    path: String,
    name: &'a str,
    modules: &'a [&'a str],
    expression: Option<&'a Value>,
}

/// The planned resources, with marks on what is not known.
pub(super) fn resources(root: &[Entry], planned: &Node, parameters: &Parameters) -> Vec<TerraformResource> {
    let configuration = member(root, "configuration").map(|node| &node.value);
    let plan = Plan {
        planned: of_modules(Some(planned)),
        changes: list(member(root, "resource_changes").map(|node| &node.value)),
        configuration: configuration.and_then(|value| below(value, "root_module")),
        parameters,
    };
    let resources = plan.planned.iter().map(|resource| TerraformResource {
        kind: resource.kind.clone(),
        label: resource.label.clone(),
        entries: plan.with_unknowns(resource),
    });
    // What others made, and was only looked up.
    let prior = member(root, "prior_state").and_then(|state| below(&state.value, "values"));
    let looked_up = of_root(prior.and_then(|values| below(values, "root_module")))
        .into_iter()
        .filter(|resource| split_modules(&resource.label).1.first() == Some(&"data"));
    resources.chain(looked_up).collect()
}

impl Plan<'_> {
    fn with_unknowns(&self, resource: &TerraformResource) -> Vec<Entry> {
        let change = self
            .changes
            .iter()
            .find(|change| text_of(&change.value, "address") == Some(&resource.label));
        let unknown = change
            .and_then(|change| below(&change.value, "change"))
            .and_then(|change| below(change, "after_unknown"));
        let mut entries = resource.entries.clone();
        let Some(Value::Map(unknown)) = unknown else {
            return entries;
        };
        let (modules, own) = split_modules(&resource.label);
        let expressions = self.expressions(&modules, &own);
        for one in unknown {
            let expression = expressions.and_then(|expressions| below(expressions, &one.key));
            let is_computed = expressions.is_some() && expression.is_none();
            if is_computed && one.node.value == Value::Boolean(true) {
                // Nobody sets it: AWS will.
                continue;
            }
            let of = Unknown {
                path: format!("{}.{}", resource.label, one.key),
                name: &one.key,
                modules: &modules,
                expression,
            };
            if let Some(value) = value_of(&mut entries, &one.key) {
                self.mark(value, &one.node.value, &of);
            }
        }
        entries
    }

    /// The expressions of a resource, as the configuration has them.
    fn expressions(&self, modules: &[&str], own: &[&str]) -> Option<&Value> {
        let address: Vec<_> = own.iter().map(|part| without_index(part)).collect();
        let address = address.join(".");
        let resources = list(below(self.module(modules)?, "resources"));
        let resource = resources
            .iter()
            .find(|resource| text_of(&resource.value, "address") == Some(&address))?;
        below(&resource.value, "expressions")
    }

    /// The configuration of a module.
    fn module(&self, modules: &[&str]) -> Option<&Value> {
        modules.iter().try_fold(self.configuration?, |module, name| {
            let call = below(below(module, "module_calls")?, without_index(name))?;
            below(call, "module")
        })
    }

    fn mark(&self, value: &mut Value, unknown: &Value, of: &Unknown<'_>) {
        if !has_unknown(unknown) {
            return;
        }
        match unknown {
            Value::Map(members) => {
                if !matches!(value, Value::Map(_)) {
                    *value = Value::Map(Vec::new());
                }
                if let Value::Map(entries) = value {
                    self.mark_members(entries, members, of);
                }
            }
            Value::List(items) => {
                if !matches!(value, Value::List(_)) {
                    *value = Value::List(Vec::new());
                }
                if let Value::List(nodes) = value {
                    self.mark_items(nodes, items, of);
                }
            }
            Value::Null | Value::Boolean(_) | Value::Number(_) | Value::Text(_) => {
                *value = or_marked(self.later(of));
            }
        }
    }

    fn mark_members(&self, entries: &mut Vec<Entry>, members: &[Entry], of: &Unknown<'_>) {
        for one in members.iter().filter(|one| has_unknown(&one.node.value)) {
            let of = Unknown {
                path: format!("{}.{}", of.path, one.key),
                name: &one.key,
                modules: of.modules,
                expression: of.expression.and_then(|expression| below(expression, &one.key)),
            };
            if let Some(value) = value_of(entries, &one.key) {
                self.mark(value, &one.node.value, &of);
            }
        }
    }

    fn mark_items(&self, nodes: &mut Vec<Node>, items: &[Node], of: &Unknown<'_>) {
        while nodes.len() < items.len() {
            nodes.push(node(Value::Null));
        }
        let expressions = list(of.expression);
        for (index, (one, item)) in nodes.iter_mut().zip(items).enumerate() {
            let of = Unknown {
                path: format!("{}[{index}]", of.path),
                name: of.name,
                modules: of.modules,
                expression: expressions.get(index).map(|node| &node.value),
            };
            self.mark(&mut one.value, &item.value, &of);
        }
    }

    fn later(&self, of: &Unknown<'_>) -> Resolved {
        if let Some(given) = self.parameters.get(&of.path) {
            return Ok(Value::Text(given.to_owned()));
        }
        let references = of.expression.map(references).unwrap_or_default();
        if let ([one], true) = (references.as_slice(), DIRECT.contains(&of.name))
            && let Some(value) = self.follow(of.modules, one, 0)
        {
            return Ok(value);
        }
        let from = if references.is_empty() {
            String::new()
        } else {
            format!(" (from {})", references.join(", "))
        };
        missing(
            of.path.as_str(),
            format!("known only after the plan was applied{from}"),
        )
    }

    /// What a reference within some modules leads to, if it is an endpoint or a stream of the plan.
    fn follow(&self, modules: &[&str], reference: &str, depth: usize) -> Option<Value> {
        if depth > DEPTH_MAX {
            return None;
        }
        let (into, rest) = split_modules(reference);
        match (into.as_slice(), rest.as_slice()) {
            ([], ["var", name]) => {
                let (last, outer) = modules.split_last()?;
                let calls = below(self.module(outer)?, "module_calls")?;
                let expressions = below(below(calls, without_index(last))?, "expressions")?;
                self.follow_one(outer, below(expressions, name)?, depth)
            }
            ([module], [output]) => {
                let inner = [modules, &[*module]].concat();
                let outputs = below(self.module(&inner)?, "outputs")?;
                let expression = below(below(outputs, without_index(output))?, "expression")?;
                self.follow_one(&inner, expression, depth)
            }
            ([], [kind, name, attribute]) => {
                let address = format!("{}{kind}.{name}", prefix(modules));
                let planned = self.planned.iter().find(|planned| planned.label == address)?;
                match *attribute {
                    "arn" if is_stream(kind) => text_of_entries(&planned.entries, "name").map(stream_arn),
                    "endpoint_arn" if is_endpoint(kind) => Some(Value::Text(planned.label.clone())),
                    _ => None,
                }
            }
            _ => None,
        }
    }

    fn follow_one(&self, modules: &[&str], expression: &Value, depth: usize) -> Option<Value> {
        match references(expression).as_slice() {
            [one] => self.follow(modules, one, depth + 1),
            _ => None,
        }
    }
}

/// What an expression refers to; Terraform names each reference and, after it, what it is a part of.
fn references(expression: &Value) -> Vec<&str> {
    let all: Vec<&str> = list(below(expression, "references"))
        .iter()
        .filter_map(|node| node.value.scalar_text())
        .collect();
    let is_part = |one: &&str| {
        all.iter().any(|other| {
            other
                .strip_prefix(one)
                .is_some_and(|rest| rest.starts_with(['.', '[']))
        })
    };
    all.iter().copied().filter(|one| !is_part(one)).collect()
}

fn has_unknown(value: &Value) -> bool {
    match value {
        Value::Boolean(is_unknown) => *is_unknown,
        Value::List(nodes) => nodes.iter().any(|node| has_unknown(&node.value)),
        Value::Map(entries) => entries.iter().any(|entry| has_unknown(&entry.node.value)),
        Value::Null | Value::Number(_) | Value::Text(_) => false,
    }
}

fn text_of_entries<'a>(entries: &'a [Entry], name: &str) -> Option<&'a str> {
    member(entries, name).and_then(|node| node.value.scalar_text())
}

/// The value of a member, which is made if it is not there.
fn value_of<'a>(entries: &'a mut Vec<Entry>, name: &str) -> Option<&'a mut Value> {
    if !entries.iter().any(|entry| entry.key == name) {
        entries.push(entry(name.to_owned(), Value::Null));
    }
    let found = entries.iter_mut().find(|entry| entry.key == name);
    found.map(|entry| &mut entry.node.value)
}
