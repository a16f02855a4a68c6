//! The JSON Schema of the configuration, for editors, made from the list of keys. Pure: no I/O, no clock.

use serde_json::{Map, Value, json};

use super::keys::{Choice, Group, Key, Kind, Presence, ROOT};
use super::scalar::{self, Scalar};

/// A string that asks for a value from outside stands where any scalar may stand.
const INTERPOLATED: &str = r"\$\{.+\}";

/// The JSON Schema (draft 2020-12) of the configuration, as `brigade schema` prints it.
pub fn json_schema() -> Value {
    let mut schema = group(&ROOT);
    if let Value::Object(members) = &mut schema {
        members.insert(
            "$schema".into(),
            json!("https://json-schema.org/draft/2020-12/schema"),
        );
        members.insert("title".into(), json!("Configuration of a Bucket Brigade task"));
    }
    schema
}

fn group(group: &Group) -> Value {
    let properties: Map<String, Value> = group
        .keys()
        .map(|key| (key.name.to_owned(), property(key)))
        .collect();
    let required: Vec<_> = group
        .keys()
        .filter(|key| matches!(key.presence, Presence::Required(_)))
        .map(|key| key.name)
        .collect();
    let mut schema = json!({
        "type": "object",
        "additionalProperties": false,
        "properties": properties,
        "required": required,
    });
    if let (false, Value::Object(members)) = (group.exactly_one_of.is_empty(), &mut schema) {
        let alternatives: Vec<_> = group
            .exactly_one_of
            .iter()
            .map(|name| json!({"required": [name]}))
            .collect();
        members.insert("oneOf".into(), json!(alternatives));
    }
    schema
}

fn property(key: &Key) -> Value {
    let mut schema = of_kind(&key.kind);
    if let Value::Object(members) = &mut schema {
        let description = format!(
            "{} Allowed: {}.",
            key.about.replace('\n', " "),
            key.kind.allowed()
        );
        members.insert("description".into(), json!(description));
        if let Presence::Default(text) = &key.presence {
            members.insert("default".into(), default(&key.kind, text));
        }
    }
    schema
}

fn of_kind(kind: &Kind) -> Value {
    match kind {
        Kind::Text(rule, _) if rule.pattern.is_empty() => json!({"type": "string"}),
        Kind::Text(rule, _) => json!({"type": "string", "pattern": or_interpolated(rule.pattern)}),
        Kind::Texts(rule) => {
            let text = json!({"type": "string", "pattern": or_interpolated(rule.pattern)});
            any_of(&[
                text.clone(),
                json!({"type": "array", "minItems": 1, "items": text}),
            ])
        }
        Kind::Named(below) => {
            json!({"type": ["object", "null"], "additionalProperties": group(below)})
        }
        Kind::Separator | Kind::Path => json!({"type": "string", "minLength": 1}),
        Kind::Duration { .. } => {
            json!({"type": "string", "pattern": or_interpolated("^[0-9]+ *(ms|s|m|h)$")})
        }
        Kind::Size { .. } => {
            json!({"type": "string", "pattern": or_interpolated("^[0-9]+ *([KMG]i?)?B$")})
        }
        Kind::Integer { minimum, maximum } => any_of(&[
            json!({"type": "integer", "minimum": minimum, "maximum": maximum}),
            interpolated(),
        ]),
        Kind::Boolean => any_of(&[json!({"type": "boolean"}), interpolated()]),
        Kind::Choice(choice) => any_of(&[words(choice), interpolated()]),
        Kind::Group(below) => {
            let mut schema = group(below);
            // A group whose keys are all commented out is empty, unless a key of it is required.
            let is_optional = !below
                .keys()
                .any(|key| matches!(key.presence, Presence::Required(_)));
            if let (true, Value::Object(members)) = (is_optional, &mut schema) {
                members.insert("type".into(), json!(["object", "null"]));
            }
            schema
        }
        Kind::ChoiceOrGroup(choice, below) => any_of(&[words(choice), group(below), interpolated()]),
    }
}

fn words(choice: &Choice) -> Value {
    json!({"enum": choice.words})
}

fn any_of(alternatives: &[Value]) -> Value {
    json!({"anyOf": alternatives})
}

fn interpolated() -> Value {
    json!({"type": "string", "pattern": INTERPOLATED})
}

fn or_interpolated(pattern: &str) -> String {
    format!("{pattern}|{INTERPOLATED}")
}

fn default(kind: &Kind, text: &str) -> Value {
    match scalar::parse(kind, text) {
        Ok(Scalar::Number(number)) if matches!(kind, Kind::Integer { .. }) => json!(number),
        Ok(Scalar::Boolean(value)) => json!(value),
        Ok(
            Scalar::Text(_) | Scalar::Texts(_) | Scalar::Duration(_) | Scalar::Number(_) | Scalar::Word(_),
        )
        | Err(_) => {
            json!(text)
        }
    }
}
