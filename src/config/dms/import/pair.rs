//! Which endpoints a task reads and writes. Pure: no I/O, no clock.

use super::document::{Found, Resource};
use super::resolve;
use super::resolve::Reference;

/// An endpoint, and what keeps it from being certain that it is the right one.
#[derive(Debug)]
pub(super) struct Choice<'a> {
    pub(super) endpoint: Option<&'a Resource>,
    /// Why there is none, or why it might be another one.
    pub(super) doubt: Option<String>,
    pub(super) references: Vec<Reference>,
}

/// The endpoint of a task: the one it names, or the only one if it names none.
pub(super) fn endpoint<'a>(found: &'a Found, task: &Resource, direction: &str, engine: &str) -> Choice<'a> {
    let member = format!("{direction}EndpointArn");
    let references = task.get(&member).map(resolve::unresolved).unwrap_or_default();
    if let Some(named) = task.text(&member).filter(|named| !named.is_empty()) {
        return named_endpoint(found, named, direction, engine);
    }
    let fitting: Vec<_> = found
        .endpoints()
        .iter()
        .filter(|endpoint| endpoint.is(direction, engine))
        .collect();
    let (endpoint, doubt) = match fitting.as_slice() {
        [only] if references.is_empty() => (Some(*only), None),
        [only] => (
            Some(*only),
            Some(format!("{} may be another endpoint", only.shown_name())),
        ),
        [] => (None, Some(none(direction, engine))),
        _ => (None, Some(several(direction, engine, &fitting))),
    };
    Choice {
        endpoint,
        doubt,
        references,
    }
}

fn named_endpoint<'a>(found: &'a Found, named: &str, direction: &str, engine: &str) -> Choice<'a> {
    let meant: Vec<_> = found
        .endpoints()
        .iter()
        .filter(|endpoint| endpoint.is_meant_by(named))
        .collect();
    let (endpoint, doubt) = match meant.as_slice() {
        [only] if only.is(direction, engine) => (Some(*only), None),
        [only] => (
            None,
            Some(format!(
                "the {direction} endpoint {} is not of the engine {engine}; brigade reads S3 and writes Kinesis only",
                only.shown_name()
            )),
        ),
        [] => (
            None,
            Some(format!(
                "the {direction} endpoint {named} is not in the documents; give what `aws dms describe-endpoints` \
                 prints with --endpoints"
            )),
        ),
        // One and the same, in two documents.
        [first, ..] if first.text("EndpointArn") == Some(named) && first.is(direction, engine) => {
            (Some(*first), None)
        }
        _ => (None, Some(several(direction, engine, &meant))),
    };
    Choice {
        endpoint,
        doubt,
        references: Vec::new(),
    }
}

fn none(direction: &str, engine: &str) -> String {
    format!(
        "there is no {direction} endpoint of the engine {engine}; give what `aws dms describe-endpoints` prints with \
         --endpoints"
    )
}

fn several(direction: &str, engine: &str, endpoints: &[&Resource]) -> String {
    let names: Vec<_> = endpoints.iter().map(|endpoint| endpoint.shown_name()).collect();
    format!(
        "there are several {direction} endpoints of the engine {engine}, and it is open which is the task's: {}",
        names.join(", ")
    )
}
