//! The functions of templates. Pure: no I/O, no clock.

use super::super::super::super::tree::{Node, Value};
use super::super::shown::to_json;
use super::template::{Template, member, unknown};
use super::text::{Part, filled};
use super::{Resolved, all, missing, node};

impl Template<'_> {
    /// Works out a function with its argument.
    pub(super) fn function(&self, name: &str, argument: &Node) -> Resolved {
        match name {
            "Ref" => self.reference(&self.text(argument)?),
            "Fn::GetAtt" => self.get_att(argument),
            "Fn::Sub" => self.substitute(argument).map(Value::Text),
            "Fn::Join" => self.join(argument).map(Value::Text),
            "Fn::Split" => self.split(argument),
            "Fn::Select" => self.select(argument),
            "Fn::If" => self.choose(argument),
            "Fn::FindInMap" => self.find_in_map(argument),
            "Fn::Base64" => {
                let text = self.text(argument)?;
                Ok(Value::Text(base64_simd::STANDARD.encode_to_string(text)))
            }
            "Fn::ToJsonString" => Ok(Value::Text(to_json(&self.value(argument)?).to_string())),
            "Fn::Length" => Ok(Value::Number(self.list(argument, name)?.len().to_string())),
            "Fn::ImportValue" => {
                let export = self.text(argument)?;
                match self.parameters.get(&export) {
                    Some(given) => Ok(Value::Text(given.to_owned())),
                    None => missing(export, "a value that another stack exports"),
                }
            }
            _ => unknown(name),
        }
    }

    fn get_att(&self, argument: &Node) -> Resolved {
        let (resource, attribute) = match &argument.value {
            Value::Text(text) => match text.split_once('.') {
                Some((resource, attribute)) => (resource.to_owned(), attribute.to_owned()),
                None => return missing(text.as_str(), "an attribute without its name"),
            },
            Value::List(nodes) => match nodes.as_slice() {
                [resource, attribute] => (self.text(resource)?, self.text(attribute)?),
                _ => return missing("Fn::GetAtt", "has two arguments"),
            },
            Value::Null | Value::Boolean(_) | Value::Number(_) | Value::Map(_) => {
                return missing("Fn::GetAtt", "has two arguments");
            }
        };
        self.attribute(&resource, &attribute)
    }

    fn substitute(&self, argument: &Node) -> Resolved<String> {
        let (text, own) = match &argument.value {
            Value::List(nodes) => match nodes.as_slice() {
                [text, own] => (text, Some(&own.value)),
                _ => return missing("Fn::Sub", "has a text and a map as its arguments"),
            },
            Value::Null | Value::Boolean(_) | Value::Number(_) | Value::Text(_) | Value::Map(_) => {
                (argument, None)
            }
        };
        let Some(text) = text.value.scalar_text() else {
            return missing("Fn::Sub", "has no text as its argument");
        };
        filled(text, |part| match part {
            Part::Plain(_) | Part::Doubled(_) => None,
            Part::Braced(inner) => Some(match inner.strip_prefix('!') {
                Some(literal) => Ok(format!("${{{literal}}}")),
                None => self.variable(inner.trim(), own),
            }),
        })
    }

    fn variable(&self, name: &str, own: Option<&Value>) -> Resolved<String> {
        if let Some(Value::Map(entries)) = own
            && let Some(node) = member(entries, name)
        {
            return self.text(node);
        }
        let value = match name.split_once('.') {
            Some((resource, attribute)) => self.attribute(resource, attribute)?,
            None => self.reference(name)?,
        };
        let value = self.counted(name, value)?;
        match value.scalar_text() {
            Some(text) => Ok(text.to_owned()),
            None => missing(name, "is not text, so it cannot stand in a text"),
        }
    }

    fn join(&self, argument: &Node) -> Resolved<String> {
        let Some((delimiter, list)) = two(argument) else {
            return missing("Fn::Join", "has a delimiter and a list as its arguments");
        };
        let parts = self.list(list, "Fn::Join");
        let parts = parts.and_then(|nodes| all(nodes.iter().map(joined)));
        let delimiter = self.text(delimiter);
        match (delimiter, parts) {
            (Ok(delimiter), Ok(parts)) => Ok(parts.join(&delimiter)),
            (delimiter, parts) => all([delimiter.map(drop), parts.map(drop)]).map(|_| String::new()),
        }
    }

    /// A list, of which items may be unknown.
    fn list(&self, node: &Node, function: &str) -> Resolved<Vec<Node>> {
        match self.tree_of(node) {
            Value::List(nodes) => Ok(nodes),
            other @ (Value::Null | Value::Boolean(_) | Value::Number(_) | Value::Text(_) | Value::Map(_)) => {
                super::whole(other).and_then(|_| missing(function, "has no list as its argument"))
            }
        }
    }

    fn split(&self, argument: &Node) -> Resolved {
        let Some((delimiter, text)) = two(argument) else {
            return missing("Fn::Split", "has a delimiter and a text as its arguments");
        };
        let (delimiter, text) = (self.text(delimiter)?, self.text(text)?);
        if delimiter.is_empty() {
            return missing("Fn::Split", "has no delimiter");
        }
        let parts = text.split(delimiter.as_str());
        Ok(Value::List(
            parts.map(|part| node(Value::Text(part.to_owned()))).collect(),
        ))
    }

    fn select(&self, argument: &Node) -> Resolved {
        let Some((index, list)) = two(argument) else {
            return missing("Fn::Select", "has an index and a list as its arguments");
        };
        let index = self.text(index)?.parse::<usize>();
        let nodes = self.list(list, "Fn::Select")?;
        match index.ok().and_then(|index| nodes.into_iter().nth(index)) {
            Some(node) => super::whole(node.value),
            None => missing("Fn::Select", "selects something that is not in its list"),
        }
    }

    fn choose(&self, argument: &Node) -> Resolved {
        let Value::List(nodes) = &argument.value else {
            return missing("Fn::If", "has three arguments");
        };
        let [condition, yes, no] = nodes.as_slice() else {
            return missing("Fn::If", "has three arguments");
        };
        let is_met = self.condition(&self.text(condition)?)?;
        Ok(self.tree_of(if is_met { yes } else { no }))
    }

    fn find_in_map(&self, argument: &Node) -> Resolved {
        let Value::List(nodes) = &argument.value else {
            return missing("Fn::FindInMap", "has three arguments");
        };
        let [map, first, second, rest @ ..] = nodes.as_slice() else {
            return missing("Fn::FindInMap", "has three arguments");
        };
        let keys = all([self.text(map), self.text(first), self.text(second)])?;
        let [map, first, second] = keys.as_slice() else {
            return missing("Fn::FindInMap", "has three arguments");
        };
        let below = |node: &Node, name: &str| match &node.value {
            Value::Map(entries) => member(entries, name).cloned(),
            Value::Null | Value::Boolean(_) | Value::Number(_) | Value::Text(_) | Value::List(_) => None,
        };
        let found = self.section("Mappings", map);
        let found = found
            .and_then(|map| below(map, first))
            .and_then(|row| below(&row, second));
        let default = rest.first().and_then(|options| below(options, "DefaultValue"));
        match (found, default) {
            (Some(found), _) => self.value(&found),
            (None, Some(default)) => self.value(&default),
            (None, None) => missing(
                format!("{map}.{first}.{second}"),
                "is not in the mappings of the template",
            ),
        }
    }

    fn tree_of(&self, node: &Node) -> Value {
        self.tree(node, true).value
    }
}

fn two(argument: &Node) -> Option<(&Node, &Node)> {
    match &argument.value {
        Value::List(nodes) => match nodes.as_slice() {
            [first, second] => Some((first, second)),
            _ => None,
        },
        Value::Null | Value::Boolean(_) | Value::Number(_) | Value::Text(_) | Value::Map(_) => None,
    }
}

fn joined(node: &Node) -> Resolved<String> {
    let value = super::whole(node.value.clone())?;
    match value.scalar_text() {
        Some(text) => Ok(text.to_owned()),
        None => missing("Fn::Join", "joins something else than texts"),
    }
}
