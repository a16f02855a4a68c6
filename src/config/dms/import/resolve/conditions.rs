//! Conditions of a template, as far as literals and parameters decide them. Pure: no I/O, no clock.

use super::super::super::super::tree::{Node, Value};
use super::template::Template;
use super::{Resolved, missing};

impl Template<'_> {
    /// Whether a named condition holds.
    pub(super) fn condition(&self, name: &str) -> Resolved<bool> {
        match self.section("Conditions", name) {
            Some(node) => self.holds(node),
            None => missing(name, "a condition that is not in the template"),
        }
    }

    fn holds(&self, node: &Node) -> Resolved<bool> {
        self.guarded("Conditions", || self.decide(node))
    }

    fn decide(&self, node: &Node) -> Resolved<bool> {
        let Value::Map(entries) = &node.value else {
            return missing("Conditions", "a condition is not a function");
        };
        let [one] = entries.as_slice() else {
            return missing("Conditions", "a condition is not one function");
        };
        let of = |name: &str| match &one.node.value {
            Value::List(nodes) => Ok(nodes.as_slice()),
            Value::Null | Value::Boolean(_) | Value::Number(_) | Value::Text(_) | Value::Map(_) => {
                missing(name, "has no list of arguments")
            }
        };
        match one.key.as_str() {
            "Condition" => self.condition(&self.text(&one.node)?),
            "Fn::Equals" => match of("Fn::Equals")? {
                [left, right] => self.equal(left, right),
                _ => missing("Fn::Equals", "has two arguments"),
            },
            "Fn::Not" => match of("Fn::Not")? {
                [inner] => self.holds(inner).map(|holds| !holds),
                _ => missing("Fn::Not", "has one argument"),
            },
            "Fn::And" => self.decided(of("Fn::And")?, false),
            "Fn::Or" => self.decided(of("Fn::Or")?, true),
            other => missing(other, "a function that brigade cannot work out in a condition"),
        }
    }

    fn equal(&self, left: &Node, right: &Node) -> Resolved<bool> {
        let both = super::all([self.text(left), self.text(right)])?;
        Ok(matches!(both.as_slice(), [left, right] if left == right))
    }

    /// One argument of this value decides, whatever is not known of the others.
    fn decided(&self, nodes: &[Node], deciding: bool) -> Resolved<bool> {
        let held: Vec<_> = nodes.iter().map(|node| self.holds(node)).collect();
        if held.contains(&Ok(deciding)) {
            return Ok(deciding);
        }
        super::all(held).map(|_| !deciding)
    }
}
