//! References within texts: `${…}`, `{{resolve:…}}`. Pure: no I/O, no clock.

use super::parameters::Parameters;
use super::{Reference, Resolved, add, missing};

const DYNAMIC: &str = "{{resolve:";
/// How a reference of Terraform begins.
const TERRAFORM: &[&str] = &[
    "var.",
    "local.",
    "module.",
    "data.",
    "each.",
    "count.",
    "path.",
    "terraform.",
];

/// Longest text that is made; DMS takes documents of 2 MB.
const TEXT_BYTES_MAX: usize = 8 << 20;

/// A part of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Part<'a> {
    /// As it is.
    Plain(&'a str),
    /// What stands in `${…}`.
    Braced(&'a str),
    /// What stands in `{{…}}`, with the braces.
    Doubled(&'a str),
}

/// The parts of a text, in order.
pub(in super::super) fn parts(text: &str) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    // What is plain begins at `rest`; the search goes on at `from` within it.
    let (mut rest, mut from) = (text, 0);
    let mut is_closed = true;
    while let Some(at) = rest
        .get(from..)
        .and_then(|tail| tail.find(['$', '{']))
        .map(|at| from + at)
    {
        let Some((before, tail)) = rest.split_at_checked(at) else {
            break;
        };
        let found = if let Some(inner) = tail.strip_prefix("${").filter(|_| is_closed) {
            let inner = inner.split_once('}');
            is_closed = inner.is_some();
            inner.map(|(inner, after)| (Part::Braced(inner), after))
        } else {
            doubled(tail).map(|(taken, after)| (Part::Doubled(taken), after))
        };
        match found {
            Some((part, after)) => {
                parts.extend([Part::Plain(before), part]);
                (rest, from) = (after, 0);
            }
            None => from = at + 1,
        }
    }
    parts.push(Part::Plain(rest));
    parts.retain(|part| *part != Part::Plain(""));
    parts
}

/// `{{…}}` at the beginning of a text, and what follows. Braces that only stand beside each other, as in JSON, are none.
fn doubled(text: &str) -> Option<(&str, &str)> {
    let inner = text.strip_prefix("{{")?;
    let end = inner.find(['{', '}', '"'])?;
    inner.get(end..)?.strip_prefix("}}")?;
    text.split_at_checked(end + "{{".len() + "}}".len())
}

/// A text with the given values in the places of its references. In a document of DMS, `${column}` is not a reference.
pub(in super::super) fn plain(text: &str, is_document: bool, parameters: &Parameters) -> Resolved<String> {
    let is_document = is_document || text.trim_start().starts_with(['{', '[']) && !text.starts_with("{{");
    filled(text, |part| match part {
        Part::Plain(_) => None,
        Part::Braced(inner) if is_document && !is_foreign(inner) => None,
        Part::Doubled(taken) if !taken.starts_with(DYNAMIC) && is_document => None,
        Part::Braced(inner) => Some(given(inner.trim(), parameters, "a reference within a text")),
        Part::Doubled(taken) => Some(given(taken, parameters, "a reference within a text")),
    })
}

/// A text with the given values in the places of dynamic references of `CloudFormation`.
pub(in super::super) fn dynamic(text: &str, parameters: &Parameters) -> Resolved<String> {
    if !text.contains(DYNAMIC) {
        return Ok(text.to_owned());
    }
    filled(text, |part| match part {
        Part::Doubled(taken) if taken.starts_with(DYNAMIC) => Some(given(
            taken,
            parameters,
            "a value in Systems Manager or Secrets Manager",
        )),
        Part::Plain(_) | Part::Braced(_) | Part::Doubled(_) => None,
    })
}

fn given(name: &str, parameters: &Parameters, reason: &str) -> Resolved<String> {
    match parameters.get(name) {
        Some(value) => Ok(value.to_owned()),
        None => missing(name, reason),
    }
}

/// Puts values in the places of parts; a part without one stays as it is.
pub(in super::super) fn filled(
    text: &str,
    value_of: impl Fn(Part<'_>) -> Option<Resolved<String>>,
) -> Resolved<String> {
    let mut filled = String::with_capacity(text.len());
    let mut found: Vec<Reference> = Vec::new();
    for part in parts(text) {
        if filled.len() > TEXT_BYTES_MAX {
            break;
        }
        match (value_of(part), part) {
            (Some(Ok(value)), _) => filled.push_str(&value),
            (Some(Err(references)), _) => references.into_iter().for_each(|one| add(&mut found, one)),
            (None, Part::Plain(text) | Part::Doubled(text)) => filled.push_str(text),
            (None, Part::Braced(inner)) => filled.extend(["${", inner, "}"]),
        }
    }
    if filled.len() > TEXT_BYTES_MAX {
        return missing("text", "would be longer than any document of DMS");
    }
    if found.is_empty() { Ok(filled) } else { Err(found) }
}

/// Whether it cannot be a column: references of Terraform, of `CloudFormation` and of the Serverless Framework.
fn is_foreign(inner: &str) -> bool {
    let inner = inner.trim();
    let is_resource = inner
        .strip_prefix("aws")
        .is_some_and(|rest| rest.starts_with('_'));
    is_resource || inner.contains(':') || TERRAFORM.iter().any(|prefix| inner.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str, is_document: bool) -> Vec<String> {
        match plain(text, is_document, &Parameters::default()) {
            Ok(same) => {
                assert_eq!(same, text, "nothing is filled in");
                Vec::new()
            }
            Err(found) => found.into_iter().map(|one| one.name).collect(),
        }
    }

    #[test]
    fn references_in_texts_are_found_and_columns_of_mappings_are_none() {
        assert_eq!(names("in/${var.env}/${X}", false), ["var.env", "X"]);
        assert_eq!(names("{{resolve:ssm:/a:1}}/in", false), ["{{resolve:ssm:/a:1}}"]);
        assert_eq!(names("{{ bucket }}", false), ["{{ bucket }}"]);
        for text in [
            "in/orders",
            "a$b",
            "${",
            "${x",
            "{{x",
            "}}",
            "",
            "\\n",
            "{{",
            "{\"a\":{\"b\":1}}",
        ] {
            assert!(names(text, false).is_empty(), "{text}");
        }
        let mappings = r#"{"rules":[{"a":{"value":"${Column}"}},{"b":{}}]}"#;
        assert!(names(mappings, false).is_empty(), "it is a document by its form");
        assert!(names("${Column}", true).is_empty(), "it is a column");
        assert_eq!(
            names(
                r#"{"a":"${local.schema}${aws_x.y}","b":"{{resolve:ssm:x}}"}"#,
                false
            ),
            ["local.schema", "aws_x.y", "{{resolve:ssm:x}}"]
        );
    }

    #[test]
    fn given_values_are_filled_in() {
        let parameters = Parameters::new(&[("var.env".to_owned(), "prod".to_owned())]);
        assert_eq!(
            plain("in/${ var.env }/x", false, &parameters).as_deref(),
            Ok("in/prod/x")
        );
    }
}
