//! Values as text, without secrets. Pure: no I/O, no clock.

use super::super::super::suggest::normalized;
use super::super::super::tree::Value;

/// Parts of names that only secrets have.
const SECRETS: &[&str] = &[
    "password",
    "passphrase",
    "secret",
    "token",
    "credential",
    "accesskey",
    "apikey",
    "privatekey",
    "wallet",
];
/// Names of secrets that do not hold one.
const NO_SECRETS: &[&str] = &["secretsmanagerarn", "secretsmanageraccessrolearn"];
/// What stands in the place of a secret.
const HIDDEN: &str = "(not shown)";

/// Whether nothing is said: `null`, an empty text, or a group of nothing else.
pub(super) fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Text(text) => text.is_empty(),
        Value::List(nodes) => nodes.iter().all(|node| is_nothing(&node.value)),
        Value::Map(entries) => entries.iter().all(|entry| is_nothing(&entry.node.value)),
        Value::Boolean(_) | Value::Number(_) => false,
    }
}

/// The value of a member as it is shown to people.
pub(super) fn shown(name: &str, value: &Value) -> String {
    if is_secret(name) && !is_nothing(value) {
        return HIDDEN.to_owned();
    }
    let hidden = without_secrets(value);
    hidden
        .scalar_text()
        .map_or_else(|| to_json(&hidden).to_string(), ToOwned::to_owned)
}

fn is_secret(name: &str) -> bool {
    let name = normalized(name.rsplit('.').next().unwrap_or(name));
    SECRETS.iter().any(|secret| name.contains(secret)) && !NO_SECRETS.contains(&name.as_str())
}

fn without_secrets(value: &Value) -> Value {
    let mut value = value.clone();
    hide(&mut value);
    value
}

fn hide(value: &mut Value) {
    match value {
        Value::Text(text) if has_secret(text) => HIDDEN.clone_into(text),
        Value::List(nodes) => nodes.iter_mut().for_each(|node| hide(&mut node.value)),
        Value::Map(entries) => {
            // A tag has its name and its value in members of their own.
            let is_tag = |entry: &super::super::super::tree::Entry| {
                normalized(&entry.key) == "key" && entry.node.value.scalar_text().is_some_and(is_secret)
            };
            let is_secret_tag = entries.iter().any(is_tag);
            for entry in entries {
                let is_hidden = is_secret(&entry.key) || is_secret_tag && normalized(&entry.key) == "value";
                if is_hidden && !is_nothing(&entry.node.value) {
                    entry.node.value = Value::Text(HIDDEN.to_owned());
                } else {
                    hide(&mut entry.node.value);
                }
            }
        }
        Value::Null | Value::Boolean(_) | Value::Number(_) | Value::Text(_) => {}
    }
}

/// Whether a text has a secret in it: an address with a password, attributes or a document with members of such names.
fn has_secret(text: &str) -> bool {
    let with_password = text
        .split_once("://")
        .and_then(|(_, rest)| rest.split('/').next())
        .and_then(|authority| authority.split_once('@'))
        .is_some_and(|(user, _)| user.contains(':'));
    with_password
        || text.split([';', '&', ',', '{', '\n']).any(|part| {
            let name = part.split(['=', ':']).next().unwrap_or_default();
            name.len() < part.len() && is_secret(name.trim().trim_matches('"'))
        })
}

pub(super) fn to_json(value: &Value) -> serde_json::Value {
    match value {
        Value::Null => serde_json::Value::Null,
        Value::Boolean(value) => (*value).into(),
        Value::Number(text) => serde_json::from_str(text).unwrap_or_else(|_| text.clone().into()),
        Value::Text(text) => text.clone().into(),
        Value::List(nodes) => nodes.iter().map(|node| to_json(&node.value)).collect(),
        Value::Map(entries) => entries
            .iter()
            .map(|entry| (entry.key.clone(), to_json(&entry.node.value)))
            .collect::<serde_json::Map<_, _>>()
            .into(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::json;
    use super::*;
    use crate::settings::problems::Report;

    const CANARY: &str = "CANARY-hunter2";

    #[test]
    fn secrets_are_not_shown_wherever_they_stand() {
        for (name, value) in [
            ("Password", format!("\"{CANARY}\"")),
            ("source.password", format!("\"{CANARY}\"")),
            ("MySqlSettings", format!(r#"{{"Port":1,"Password":"{CANARY}"}}"#)),
            ("kafka_settings", format!(r#"[{{"sasl_password":"{CANARY}"}}]"#)),
            ("AccessKeyId", format!("\"{CANARY}\"")),
            (
                "ExtraConnectionAttributes",
                format!("\"a=b;password={CANARY};c=d\""),
            ),
            ("Odd", format!("\"mongodb://admin:{CANARY}@host/db\"")),
            ("Odd", format!(r#""{{\"secret\":\"{CANARY}\"}}""#)),
            ("Tags", format!(r#"[{{"Key":"token","Value":"{CANARY}"}}]"#)),
        ] {
            let mut report = Report::new("t");
            let node = json::read(&value, &mut report).unwrap();
            let text = shown(name, &node.value);
            assert!(text.contains(HIDDEN) && !text.contains(CANARY), "{name}: {text}");
        }
        for (name, value) in [
            ("SecretsManagerArn", "arn:aws:secretsmanager:x"),
            ("BucketName", "orders"),
            ("StreamArn", "arn:aws:kinesis:eu-west-1:1:stream/tokens"),
        ] {
            assert_eq!(shown(name, &Value::Text(value.to_owned())), value);
        }
    }

    #[test]
    fn nothing_is_nothing_however_deep() {
        for (text, expected) in [
            ("null", true),
            (r#"{"a":null,"b":[],"c":{"d":""}}"#, true),
            ("false", false),
            ("0", false),
            (r#"[{"a":"x"}]"#, false),
        ] {
            let mut report = Report::new("t");
            let node = json::read(text, &mut report).unwrap();
            assert_eq!(is_nothing(&node.value), expected, "{text}");
        }
    }
}
