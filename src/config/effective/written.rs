//! A value as it would be written. Pure: no I/O, no clock.

use std::fmt;

use serde::{Serialize, Serializer};

use super::super::keys::Kind;
use super::super::scalar::Scalar;
use super::super::tree::Value;
use super::super::units::{DurationText, SizeText};
use super::super::yaml::plain_scalar;

/// What stands for a secret: it tells neither the value nor its length.
const MASK: &str = "***";

/// A value as it would be written; shown, it is YAML.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Written {
    /// Text, a word, a duration, a size.
    Text(String),
    /// Some texts.
    Texts(Vec<String>),
    /// A whole number.
    Number(u64),
    /// True or false.
    Boolean(bool),
    /// A secret.
    Masked,
}

impl Written {
    pub(super) fn of(kind: &Kind, scalar: &Scalar) -> Self {
        if kind.is_secret() {
            return Self::Masked;
        }
        match scalar {
            // A backslash begins an escape there; the other characters stand for themselves.
            Scalar::Text(text) if matches!(kind, Kind::Separator) => Self::Text(text.replace('\\', r"\\")),
            Scalar::Text(text) => Self::Text(text.clone()),
            Scalar::Texts(texts) => Self::Texts(texts.clone()),
            Scalar::Duration(duration) => Self::Text(DurationText(*duration).to_string()),
            Scalar::Number(number) if matches!(kind, Kind::Size { .. }) => {
                Self::Text(SizeText(*number).to_string())
            }
            Scalar::Number(number) => Self::Number(*number),
            Scalar::Boolean(value) => Self::Boolean(*value),
            Scalar::Word(word) => Self::Text((*word).to_owned()),
        }
    }
}

impl Serialize for Written {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Text(text) => serializer.serialize_str(text),
            Self::Texts(texts) => texts.serialize(serializer),
            Self::Number(number) => serializer.serialize_u64(*number),
            Self::Boolean(value) => serializer.serialize_bool(*value),
            Self::Masked => serializer.serialize_str(MASK),
        }
    }
}

impl fmt::Display for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) if is_plain(text) => f.write_str(text),
            Self::Text(text) => f.write_str(&quoted(text)),
            Self::Texts(texts) => {
                let texts: Vec<_> = texts.iter().map(|text| quoted(text)).collect();
                write!(f, "[{}]", texts.join(", "))
            }
            Self::Number(number) => number.fmt(f),
            Self::Boolean(value) => value.fmt(f),
            Self::Masked => f.write_str(MASK),
        }
    }
}

/// Whether YAML reads a text as itself without quotes.
fn is_plain(text: &str) -> bool {
    let is_safe = |character: char| character.is_ascii_alphanumeric() || "-_./:@+".contains(character);
    let begins_safe = text.starts_with(|first: char| first.is_ascii_alphanumeric() || "./".contains(first));
    let is_text = plain_scalar(text) == Value::Text(text.to_owned());
    begins_safe && is_text && !text.ends_with(':') && text.chars().all(is_safe)
}

/// A text in double quotes, which YAML and JSON read alike.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            '\n' => quoted.push_str(r"\n"),
            '\r' => quoted.push_str(r"\r"),
            '\t' => quoted.push_str(r"\t"),
            control if control.is_control() => {
                let escape = format!("\\u{:04x}", u32::from(control));
                quoted.push_str(&escape);
            }
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::config::keys::text::unescape;
    use crate::config::yaml;
    use crate::settings::problems::Report;

    /// What YAML reads.
    fn read(written: &Written) -> Value {
        let root = yaml::read(&format!("key: {written}\n"), &mut Report::new("x")).unwrap();
        let Value::Map(mut entries) = root.value else {
            panic!("{written}");
        };
        entries.remove(0).node.value
    }

    #[test]
    fn text_is_quoted_where_yaml_would_read_something_else() {
        for (text, expected) in [
            ("orders", "orders"),
            ("./data/a_b-1", "./data/a_b-1"),
            ("127.0.0.1:8686", "127.0.0.1:8686"),
            ("off", "off"),
            ("true", "\"true\""),
            ("12", "\"12\""),
            ("", "\"\""),
            ("a: b", "\"a: b\""),
            ("***", "\"***\""),
            ("\n", r#""\n""#),
            (r"\N", r#""\\N""#),
            ("\u{1}", r#""\u0001""#),
        ] {
            assert_eq!(Written::Text(text.to_owned()).to_string(), expected);
        }
        let texts = Written::Texts(vec!["*.csv".to_owned(), "a".to_owned()]);
        assert_eq!(texts.to_string(), r#"["*.csv", "a"]"#);
        assert_eq!(Written::Number(3).to_string(), "3");
        assert_eq!(Written::Masked.to_string(), "***");
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(text in "[ -~\n\t\\x00-\\x1fäß€\u{85}]{0,12}") {
            prop_assert_eq!(read(&Written::Text(text.clone())), Value::Text(text));
        }

        #[test]
        fn a_separator_is_read_back(text in ".{1,4}") {
            let written = Written::of(&Kind::Separator, &Scalar::Text(text.clone()));
            let Written::Text(written) = written else { panic!("{written}") };
            prop_assert_eq!(unescape(&written), Ok(text));
        }
    }
}
