//! Reads one YAML 1.2 document (JSON is a part of YAML) into a located tree. Pure: no I/O, no clock.
//!
//! Scalars follow the YAML 1.2 core schema: only `true` and `false` are booleans, so `no`, `off` and `y` are
//! text. Anchors, aliases and tags are refused: a configuration that is read top to bottom needs none of them. In
//! templates of `CloudFormation` tags are the short form of its functions.

use granit_parser::{Event, Marker, Parser, ScalarStyle, ScanError};

use super::tree::{Entry, NESTING_MAX, Node, Repeats, Value, push_entry};
use crate::settings::problems::{DocumentPlace, Report};

/// Reads a document; `None` if it is not YAML or empty, with the reason in the report.
pub(super) fn read(text: &str, report: &mut Report) -> Option<Node> {
    read_with(Tags::Refused, text, report)
}

/// Reads a template of `CloudFormation`: `!Ref X` is `{ Ref: X }`, `!Sub X` is `{ Fn::Sub: X }`, and so on. Keys that are
/// given twice stay.
pub(super) fn read_template(text: &str, report: &mut Report) -> Option<Node> {
    read_with(Tags::Functions, text, report)
}

/// What a tag of one's own (`!name`) is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tags {
    /// A mistake.
    Refused,
    /// A function of a template.
    Functions,
}

impl Tags {
    fn repeats(self) -> Repeats {
        match self {
            Self::Refused => Repeats::Refused,
            Self::Functions => Repeats::Kept,
        }
    }
}

fn read_with(tags: Tags, text: &str, report: &mut Report) -> Option<Node> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader = Reader {
        events: Parser::new_from_str(text),
        report,
        tags,
        function: None,
    };
    match reader.document() {
        Ok(node) => node,
        Err(error) => {
            let place = place_of(*error.marker());
            let message = format!("is not YAML: {}{}", error.info(), hint(text, place));
            report.error(place, message);
            None
        }
    }
}

/// The mistake that is made most often where `${VAR}` is allowed.
fn hint(text: &str, place: DocumentPlace) -> &'static str {
    let line = text.lines().nth(place.line.saturating_sub(1)).unwrap_or_default();
    if line.contains("${") {
        "; between braces, text with `${` needs quotes: \"${VAR}\""
    } else {
        ""
    }
}

/// The value of a plain scalar by the core schema.
pub(super) fn plain_scalar(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Boolean(true),
        "false" | "False" | "FALSE" => Value::Boolean(false),
        _ if is_number(text) => Value::Number(text.to_owned()),
        _ => Value::Text(text.to_owned()),
    }
}

fn is_number(text: &str) -> bool {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let radix = |prefix: &str, radix: u32| {
        text.strip_prefix(prefix)
            .is_some_and(|digits| !digits.is_empty() && digits.chars().all(|digit| digit.is_digit(radix)))
    };
    let decimal = unsigned.starts_with(|first: char| first.is_ascii_digit() || first == '.')
        && unsigned.contains(|digit: char| digit.is_ascii_digit())
        && unsigned.parse::<f64>().is_ok();
    decimal
        || radix("0x", 16)
        || radix("0o", 8)
        || matches!(unsigned, ".inf" | ".Inf" | ".INF")
        || text == ".nan"
}

fn place_of(marker: Marker) -> DocumentPlace {
    DocumentPlace {
        line: marker.line(),
        column: marker.col() + 1,
    }
}

/// What of the parser's events matters here.
enum Token {
    Scalar(Value),
    ListStart,
    MapStart,
    CollectionEnd,
    DocumentStart,
    StreamEnd,
    Other,
}

struct Reader<'text, 'report, T: granit_parser::BorrowedInput<'text>> {
    events: Parser<'text, T>,
    report: &'report mut Report,
    tags: Tags,
    /// The function that is applied to the node whose first token was read last.
    function: Option<String>,
}

impl<'text, T: granit_parser::BorrowedInput<'text>> Reader<'text, '_, T> {
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the parser's enum is not exhaustive"
    )]
    fn next(&mut self) -> Result<(Token, DocumentPlace), ScanError> {
        let Some(next) = self.events.next_event() else {
            return Ok((Token::StreamEnd, DocumentPlace { line: 1, column: 1 }));
        };
        let (event, span) = next?;
        let place = place_of(span.start);
        self.function = self.function_of(&event);
        self.refuse_decoration(&event, place);
        let token = match event {
            Event::Scalar(text, ScalarStyle::Plain, ..) => Token::Scalar(plain_scalar(&text)),
            Event::Scalar(text, ..) => Token::Scalar(Value::Text(text.into_owned())),
            Event::Alias(_) => Token::Scalar(Value::Null),
            Event::SequenceStart(..) => Token::ListStart,
            Event::MappingStart(..) => Token::MapStart,
            Event::SequenceEnd | Event::MappingEnd => Token::CollectionEnd,
            Event::DocumentStart(..) => Token::DocumentStart,
            Event::StreamEnd => Token::StreamEnd,
            _ => Token::Other,
        };
        Ok((token, place))
    }

    fn document(&mut self) -> Result<Option<Node>, ScanError> {
        let mut root: Option<Node> = None;
        loop {
            let (token, place) = self.next()?;
            match token {
                Token::StreamEnd => break,
                Token::DocumentStart if root.is_some() => {
                    let message = "a second document starts here; a configuration is one document";
                    self.report.error(place, message);
                    return Ok(None);
                }
                Token::DocumentStart | Token::CollectionEnd | Token::Other => {}
                Token::Scalar(_) | Token::ListStart | Token::MapStart => {
                    root = Some(self.node(token, place, 0)?);
                }
            }
        }
        let root = root.filter(|node| node.value != Value::Null);
        if root.is_none() {
            let message = "is empty; `brigade init` writes a configuration to start from";
            self.report.error(None, message);
        }
        Ok(root)
    }

    fn node(&mut self, token: Token, place: DocumentPlace, depth: usize) -> Result<Node, ScanError> {
        if depth > NESTING_MAX {
            let marker = Marker::new(0, place.line, place.column.saturating_sub(1));
            return Err(ScanError::new(
                marker,
                format!("nested deeper than {NESTING_MAX} levels"),
            ));
        }
        let function = self.function.take();
        let value = match token {
            Token::Scalar(value) => value,
            Token::ListStart => self.list(depth)?,
            Token::MapStart => self.map(depth)?,
            Token::CollectionEnd | Token::DocumentStart | Token::StreamEnd | Token::Other => Value::Null,
        };
        let node = Node { place, value };
        Ok(match function {
            Some(function) => applied(function, node),
            None => node,
        })
    }

    /// The function that a tag stands for.
    fn function_of(&self, event: &Event<'_>) -> Option<String> {
        let tag = event.tag().filter(|_| self.tags == Tags::Functions)?;
        (tag.handle() == "!" && !tag.suffix().is_empty()).then(|| tag.suffix().to_owned())
    }

    fn list(&mut self, depth: usize) -> Result<Value, ScanError> {
        let mut nodes = Vec::new();
        loop {
            let (token, place) = self.next()?;
            if matches!(token, Token::CollectionEnd | Token::StreamEnd) {
                return Ok(Value::List(nodes));
            }
            nodes.push(self.node(token, place, depth + 1)?);
        }
    }

    fn map(&mut self, depth: usize) -> Result<Value, ScanError> {
        let mut entries = Vec::new();
        let repeats = self.tags.repeats();
        loop {
            let (token, place) = self.next()?;
            if matches!(token, Token::CollectionEnd | Token::StreamEnd) {
                return Ok(Value::Map(entries));
            }
            let key = self.node(token, place, depth + 1)?.value;
            let (token, value_place) = self.next()?;
            let node = self.node(token, value_place, depth + 1)?;
            match key {
                Value::Text(key) => {
                    push_entry(&mut entries, Entry { key, place, node }, repeats, self.report);
                }
                // An account, in the mappings of a template.
                Value::Number(key) if self.tags == Tags::Functions => {
                    push_entry(&mut entries, Entry { key, place, node }, repeats, self.report);
                }
                Value::Null | Value::Boolean(_) | Value::Number(_) | Value::List(_) | Value::Map(_) => {
                    let message = format!("a key must be text, not {}; put it in quotes", key.describe());
                    self.report.error(place, message);
                }
            }
        }
    }

    fn refuse_decoration(&mut self, event: &Event<'_>, place: DocumentPlace) {
        let what = if matches!(event, Event::Alias(_)) {
            "aliases (`*name`)"
        } else if event.anchor_id().is_some() {
            "anchors (`&name`)"
        } else if event.tag().is_some() && self.function.is_none() {
            "tags (`!name`)"
        } else {
            return;
        };
        let message = format!("{what} are not supported; write the value out, or put text in quotes");
        self.report.error(place, message);
    }
}

/// A function in its long form.
fn applied(function: String, mut node: Node) -> Node {
    let place = node.place;
    // The attribute may have dots of its own, the name of a resource has none.
    if let Value::Text(text) = &node.value
        && let Some((resource, attribute)) = text.split_once('.')
        && function == "GetAtt"
    {
        let parts = [resource, attribute].map(|part| Node {
            place,
            value: Value::Text(part.to_owned()),
        });
        node.value = Value::List(parts.into());
    }
    let key = match function.as_str() {
        "Ref" | "Condition" => function,
        _ => format!("Fn::{function}"),
    };
    Node {
        place,
        value: Value::Map(vec![Entry { key, place, node }]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(text: &str) -> Vec<String> {
        let mut report = Report::new("t");
        let _node = read(text, &mut report);
        report.into_problems().iter().map(ToString::to_string).collect()
    }

    fn root(text: &str) -> Vec<Entry> {
        let mut report = Report::new("t");
        match read(text, &mut report).map(|node| node.value) {
            Some(Value::Map(entries)) => entries,
            other => panic!("{other:?} {:?}", report.into_problems()),
        }
    }

    #[test]
    fn every_node_knows_its_place() {
        let entries = root("# head\nä: 1\nb:\n  - x\n  - {c: \"d\"}\n");
        assert_eq!(entries[0].node.place, DocumentPlace { line: 2, column: 4 });
        assert_eq!(entries[1].place, DocumentPlace { line: 3, column: 1 });
        let Value::List(list) = &entries[1].node.value else {
            panic!("{entries:?}");
        };
        assert_eq!(list[1].place, DocumentPlace { line: 5, column: 5 });
        let Value::Map(inner) = &list[1].value else {
            panic!("{list:?}")
        };
        assert_eq!(inner[0].node.place, DocumentPlace { line: 5, column: 9 });
    }

    #[test]
    fn only_the_booleans_of_yaml_1_2_are_booleans() {
        for text in [
            "no", "off", "y", "1h", "1_000", "1e", "0x", ".", "nan", "inf", "::1", "1.2.3",
        ] {
            assert_eq!(plain_scalar(text), Value::Text(text.into()), "{text}");
        }
        for text in [
            "1", "-3", "+4", "0x1F", "0o7", "1.5", "1e3", ".5", ".inf", "-.inf", ".nan",
        ] {
            assert_eq!(plain_scalar(text), Value::Number(text.into()), "{text}");
        }
        assert_eq!(plain_scalar("True"), Value::Boolean(true));
    }

    #[test]
    fn json_is_accepted() {
        let entries = root("{\n\t\"a\": [1, true, null],\n\t\"b\": \"x\\u0041\"\n}");
        assert_eq!(entries[1].node.value, Value::Text("xA".into()));
    }

    #[test]
    fn repeated_keys_are_refused_with_both_places() {
        assert_eq!(
            problems("a: 1\nb: 2\na: 3\n"),
            ["t:3:1: error: `a` is given twice, first at line 1; remove one of them"]
        );
    }

    #[test]
    fn what_a_configuration_does_not_need_is_refused() {
        assert!(
            problems("a: &x 1\n")[0].starts_with("t:1:"),
            "{:?}",
            problems("a: &x 1\n")
        );
        assert!(
            problems("a: !x 1\n")[0].contains("tags"),
            "{:?}",
            problems("a: !x 1\n")
        );
        assert_eq!(problems("a: &x 1\nb: *x\n").len(), 2);
        assert!(
            problems("a: 1\n---\nb: 1\n")[0].contains("second document"),
            "two documents"
        );
        assert!(
            problems("1: a\n")[0].contains("must be text"),
            "a number as a key"
        );
        assert!(problems("")[0].contains("is empty"), "nothing");
        assert!(
            problems(&"[".repeat(1000))[0].contains("is not YAML"),
            "no stack overflow"
        );
    }

    #[test]
    fn broken_yaml_is_reported_with_its_place() {
        let found = problems("a: 1\n  b: 2\n");
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with("t:2:"), "{found:?}");
        let found = problems("a: { b: ${X} }\n");
        assert!(found[0].contains("needs quotes"), "{found:?}");
    }
}
