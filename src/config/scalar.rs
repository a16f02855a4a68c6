//! Reads the value of one key by its kind: type, unit, range, words. Pure: no I/O, no clock.
//!
//! Errors are the second half of a sentence that starts with the key and the given value: "… which has no unit".

use std::time::Duration;

use super::keys::text::{SEPARATOR_CHARACTERS_MAX, unescape};
use super::keys::{Choice, Kind};
use super::suggest::closest;
use super::tree::Value;
use super::units::{parse_duration, parse_size};

/// The value of a key, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Scalar {
    /// Text, a separator without its escapes, or a path.
    Text(String),
    /// Some texts, at least one.
    Texts(Vec<String>),
    /// A duration.
    Duration(Duration),
    /// Bytes, or a whole number.
    Number(u64),
    /// True or false.
    Boolean(bool),
    /// One of the words of a choice.
    Word(&'static str),
}

/// Reads a value as the document has it.
///
/// # Errors
/// What is wrong with it.
pub(super) fn from_value(kind: &Kind, value: &Value) -> Result<Scalar, String> {
    match (value, kind) {
        (Value::Null, _) => {
            Err("is not a value; give one or remove the key (a literal null needs quotes)".to_owned())
        }
        (_, Kind::Group(_) | Kind::Named(_)) => Err("is not a group of keys".to_owned()),
        (Value::List(_) | Value::Map(_), _) => Err("is not a single value".to_owned()),
        (Value::Boolean(value), Kind::Boolean) => Ok(Scalar::Boolean(*value)),
        (Value::Number(number), Kind::Integer { .. } | Kind::Duration { .. } | Kind::Size { .. }) => {
            parse(kind, number)
        }
        (Value::Text(_), Kind::Integer { .. }) => Err("is text; write a number without quotes".to_owned()),
        (Value::Text(_), Kind::Boolean) => {
            Err("is text; YAML 1.2 has only `true` and `false`, without quotes".to_owned())
        }
        (Value::Text(text), _) => parse(kind, text),
        (Value::Boolean(_) | Value::Number(_), Kind::Boolean | Kind::Integer { .. }) => {
            Err("has the wrong type".to_owned())
        }
        (Value::Boolean(_) | Value::Number(_), _) => {
            Err("is not text; put it in quotes if it is meant".to_owned())
        }
    }
}

/// Reads a value from text alone, as for defaults and for values that were filled in.
///
/// # Errors
/// What is wrong with it.
pub(super) fn parse(kind: &Kind, text: &str) -> Result<Scalar, String> {
    match kind {
        Kind::Text(rule, _) if (rule.accepts)(text) => Ok(Scalar::Text(text.to_owned())),
        Kind::Texts(rule) if (rule.accepts)(text) => Ok(Scalar::Texts(vec![text.to_owned()])),
        Kind::Text(..) | Kind::Texts(_) => Err("is not allowed".to_owned()),
        Kind::Path if text.is_empty() => Err("is empty".to_owned()),
        Kind::Path => Ok(Scalar::Text(text.to_owned())),
        Kind::Separator => separator(text),
        Kind::Duration { minimum, maximum } => {
            let value = parse_duration(text).map_err(|error| error.to_string())?;
            in_range(*minimum <= value && value <= *maximum, Scalar::Duration(value))
        }
        Kind::Size { minimum, maximum } => {
            let value = parse_size(text).map_err(|error| error.to_string())?;
            in_range(*minimum <= value && value <= *maximum, Scalar::Number(value))
        }
        Kind::Integer { minimum, maximum } => {
            let is_plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            match text.parse::<u64>() {
                Ok(value) if is_plain => {
                    in_range(*minimum <= value && value <= *maximum, Scalar::Number(value))
                }
                Err(_) if is_plain => in_range(false, Scalar::Number(0)),
                Ok(_) | Err(_) => Err("is not a whole number in decimal digits".to_owned()),
            }
        }
        Kind::Boolean => match text {
            "true" => Ok(Scalar::Boolean(true)),
            "false" => Ok(Scalar::Boolean(false)),
            _ => Err("is neither `true` nor `false`".to_owned()),
        },
        Kind::Choice(choice) | Kind::ChoiceOrGroup(choice, _) => word(choice, text),
        Kind::Group(_) | Kind::Named(_) => Err("is not a group of keys".to_owned()),
    }
}

fn in_range(is_in_range: bool, scalar: Scalar) -> Result<Scalar, String> {
    if is_in_range {
        Ok(scalar)
    } else {
        Err("is out of range".to_owned())
    }
}

fn separator(text: &str) -> Result<Scalar, String> {
    let plain = unescape(text)?;
    match plain.chars().count() {
        0 => Err("is empty".to_owned()),
        1..=SEPARATOR_CHARACTERS_MAX => Ok(Scalar::Text(plain)),
        _ => Err("is too long".to_owned()),
    }
}

fn word(choice: &Choice, text: &str) -> Result<Scalar, String> {
    if let Some(word) = choice.words.iter().find(|word| **word == text) {
        return Ok(Scalar::Word(word));
    }
    if choice.unavailable.contains(&text) {
        return Err("is not available in this version".to_owned());
    }
    Err(match closest(text, choice.words.iter().copied()) {
        Some(word) => format!("is not known; did you mean `{word}`?"),
        None => "is not known".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::yaml::plain_scalar;

    const SECONDS: Kind = Kind::Duration {
        minimum: Duration::from_secs(1),
        maximum: Duration::from_mins(1),
    };
    const SMALL: Kind = Kind::Integer {
        minimum: 1,
        maximum: 9,
    };
    const WORDS: Kind = Kind::Choice(&Choice {
        words: &["service", "off"],
        unavailable: &["strict"],
    });

    fn check(kind: &Kind, plain: &str, expected: &Result<Scalar, &str>) {
        let actual = from_value(kind, &plain_scalar(plain));
        match (&actual, expected) {
            (Err(actual), Err(part)) => assert!(actual.contains(part), "{plain}: {actual}"),
            _ => assert_eq!(actual, expected.clone().map_err(str::to_owned), "{plain}"),
        }
    }

    #[test]
    fn values_are_read_by_their_kind() {
        check(&SECONDS, "30s", &Ok(Scalar::Duration(Duration::from_secs(30))));
        check(&SECONDS, "30", &Err("has no unit"));
        check(&SECONDS, "61s", &Err("out of range"));
        check(&SECONDS, "999ms", &Err("out of range"));
        check(&SMALL, "9", &Ok(Scalar::Number(9)));
        check(&SMALL, "10", &Err("out of range"));
        check(&SMALL, "99999999999999999999999", &Err("out of range"));
        check(&SMALL, "-1", &Err("whole number"));
        check(&SMALL, "0x5", &Err("whole number"));
        check(&SMALL, "+5", &Err("whole number"));
        check(&SMALL, "many", &Err("is text"));
        check(&Kind::Boolean, "true", &Ok(Scalar::Boolean(true)));
        check(&Kind::Boolean, "yes", &Err("YAML 1.2"));
        check(&Kind::Boolean, "1", &Err("wrong type"));
        check(&WORDS, "off", &Ok(Scalar::Word("off")));
        check(&WORDS, "servise", &Err("did you mean `service`?"));
        check(&WORDS, "strict", &Err("not available in this version"));
        check(&WORDS, "true", &Err("put it in quotes"));
        check(&WORDS, "~", &Err("is not a value"));
        check(&Kind::Separator, r"\t", &Ok(Scalar::Text("\t".into())));
        check(&Kind::Separator, "0123456789abcdefg", &Err("too long"));
    }
}
