//! What the rules about settings are made of. Pure: no I/O, no clock.

use super::super::super::suggest::normalized;
use super::life_rules::Reading;

/// What is done about a setting.
#[derive(Debug, Clone, Copy)]
pub(super) enum Effect {
    /// It becomes a key, in the given form.
    Key(&'static str, Form),
    /// It is a document, which is copied into a file that the key names.
    Document(&'static str, &'static str),
    /// It is the name of the task.
    TaskName,
    /// It is the stream, and names a region too.
    StreamArn,
    /// It becomes a key, if it says something else than what is done anyway.
    Read(&'static str, fn(&str) -> Reading, &'static str),
    /// It bounds restarts; a negative one says that they have no bound.
    RestartCount,
    /// It is a description, or has no meaning between S3 and Kinesis.
    Ignored(&'static str),
    /// The named values are what is done anyway; all others are refused.
    Only(&'static [&'static str], &'static str, &'static str),
    /// A group that is refused unless the named member switches it off.
    Switch(&'static str, &'static str),
}

impl Effect {
    /// The key it becomes.
    pub(super) fn key(self) -> Option<&'static str> {
        match self {
            Self::Key(key, _) | Self::Document(key, _) | Self::Read(key, ..) => Some(key),
            Self::TaskName => Some("task"),
            Self::StreamArn => Some("target.kinesis.stream"),
            Self::RestartCount => Some("limits.restarts"),
            Self::Ignored(_) | Self::Only(..) | Self::Switch(..) => None,
        }
    }
}

/// How a value is written in the configuration.
#[derive(Debug, Clone, Copy)]
pub(super) enum Form {
    /// As text.
    Text,
    /// As `true` or `false`; `y` and `n` are taken too.
    Boolean,
    /// As a whole number within a range.
    Number(u64, u64),
    /// As a duration of whole seconds within a range.
    Seconds(u64, u64),
    /// By a list of words.
    Words(&'static [(&'static str, &'static str)]),
    /// As the first word if it is a number above 0, and as the second one if it is another number.
    AboveZero(&'static str, &'static str),
}

/// A setting by its name in the API.
pub(super) type Rule = (&'static str, Effect);

/// The rule for a name, in any of the spellings of API, attributes and Terraform.
pub(super) fn find(rules: &'static [Rule], name: &str) -> Option<&'static Rule> {
    let name = normalized(name);
    rules.iter().find(|(known, _)| normalized(known) == name)
}

impl Form {
    /// The value as it stands in the configuration; `None` if it has no such form.
    pub(super) fn write(self, value: &str) -> Option<String> {
        match self {
            Self::Text => Some(quoted(value)),
            Self::Boolean => match value.to_ascii_lowercase().as_str() {
                "true" | "y" | "yes" | "1" => Some("true".to_owned()),
                "false" | "n" | "no" | "0" => Some("false".to_owned()),
                _ => None,
            },
            Self::Number(minimum, maximum) => value
                .parse::<u64>()
                .ok()
                .filter(|number| (minimum..=maximum).contains(number))
                .map(|number| number.to_string()),
            Self::Seconds(minimum, maximum) => {
                let seconds = Self::Number(minimum, maximum).write(value);
                seconds.map(|seconds| seconds + "s")
            }
            Self::Words(words) => words
                .iter()
                .find(|(word, _)| normalized(word) == normalized(value))
                .map(|(_, written)| (*written).to_owned()),
            Self::AboveZero(above, other) => {
                let number = value.parse::<i64>().ok()?;
                Some(if number > 0 { above } else { other }.to_owned())
            }
        }
    }
}

/// Text in double quotes, which means the same to YAML as to JSON; `$` would begin a variable.
pub(super) fn quoted(text: &str) -> String {
    serde_json::Value::from(text.replace('$', "$$")).to_string()
}
