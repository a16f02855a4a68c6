//! The keys of the configuration: the one list that the walker, the JSON Schema and `reference.yaml` are made
//! from. Pure: no I/O, no clock.

mod errors;
mod events;
mod files;
mod source;
mod target;
mod task;
pub mod text;

use std::time::Duration;

use self::text::TextRule;
use super::units::{DurationText, SizeText};

/// The whole configuration.
pub static ROOT: Group = Group {
    parts: &[task::HEAD, source::KEYS, task::MAPPINGS, target::KEYS, task::TAIL],
    exactly_one_of: &[],
};

/// One key.
#[derive(Debug)]
pub struct Key {
    /// Its name.
    pub name: &'static str,
    /// What it takes.
    pub kind: Kind,
    /// Whether it must be there, and what it is if it is not.
    pub presence: Presence,
    /// What it does and what follows from it: one or more lines.
    pub about: &'static str,
}

/// What a key takes.
#[derive(Debug)]
pub enum Kind {
    /// Text, and who may see it.
    Text(&'static TextRule, Secrecy),
    /// Some texts: a list of them, or one.
    Texts(&'static TextRule),
    /// Text with the escapes of [`text::unescape`].
    Separator,
    /// A path; a relative one starts at the folder of the configuration file.
    Path,
    /// A duration.
    Duration {
        /// Shortest.
        minimum: Duration,
        /// Longest.
        maximum: Duration,
    },
    /// A number of bytes.
    Size {
        /// Smallest.
        minimum: u64,
        /// Largest.
        maximum: u64,
    },
    /// A whole number.
    Integer {
        /// Smallest.
        minimum: u64,
        /// Largest.
        maximum: u64,
    },
    /// `true` or `false`.
    Boolean,
    /// One of some words.
    Choice(&'static Choice),
    /// Keys below this one.
    Group(&'static Group),
    /// Names of its own, with keys below each.
    Named(&'static Group),
    /// One of some words, or keys below this one.
    ChoiceOrGroup(&'static Choice, &'static Group),
}

/// Who may see the value of a key. No kind but text can hold a secret: not a number, a word, a pattern, a separator or a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Secrecy {
    /// Whoever may see the configuration.
    Open,
    /// Nobody: it is in no message, and masked where values are shown.
    Secret,
}

/// One of some words.
#[derive(Debug)]
pub struct Choice {
    /// The words.
    pub words: &'static [&'static str],
    /// Words that are known, but not available in this version.
    pub unavailable: &'static [&'static str],
}

/// Whether a key must be there, with an example or the default as it would be written.
#[derive(Debug)]
pub enum Presence {
    /// It must; the text is an example.
    Required(&'static str),
    /// It need not; this is its value then.
    Default(&'static str),
    /// It must, if other keys say so; the text is an example.
    Conditional(&'static str),
    /// It need not, and without it nothing is set; the text is an example.
    Optional(&'static str),
}

/// Keys that stand together below one key.
#[derive(Debug)]
pub struct Group {
    /// The keys, in parts so that groups can share some.
    pub parts: &'static [&'static [Key]],
    /// Names of keys of which exactly one must be there; empty for most groups.
    pub exactly_one_of: &'static [&'static str],
}

impl Group {
    /// All keys of the group.
    pub fn keys(&self) -> impl Iterator<Item = &'static Key> + use<> {
        self.parts.iter().flat_map(|part| part.iter())
    }

    /// The key with this name.
    pub fn key(&self, name: &str) -> Option<&'static Key> {
        self.keys().find(|key| key.name == name)
    }
}

impl Presence {
    /// The example or the default.
    pub fn text(&self) -> &'static str {
        match self {
            Self::Required(text) | Self::Default(text) | Self::Conditional(text) | Self::Optional(text) => {
                text
            }
        }
    }
}

impl Kind {
    /// The keys below a key of this kind.
    pub fn group(&self) -> Option<&'static Group> {
        match self {
            Self::Group(group) | Self::Named(group) | Self::ChoiceOrGroup(_, group) => Some(group),
            Self::Text(..)
            | Self::Texts(_)
            | Self::Separator
            | Self::Path
            | Self::Duration { .. }
            | Self::Size { .. }
            | Self::Integer { .. }
            | Self::Boolean
            | Self::Choice(_) => None,
        }
    }

    /// Whether the value may be seen by nobody.
    pub fn is_secret(&self) -> bool {
        matches!(self, Self::Text(_, Secrecy::Secret))
    }

    /// Whether what stands here by mistake may be a value that nobody may see: a secret in place of its group.
    pub fn may_hold_secret(&self) -> bool {
        let is_below = |group: &Group| group.keys().any(|key| key.kind.may_hold_secret());
        self.is_secret() || self.group().is_some_and(is_below)
    }

    /// What is allowed, in words: for messages and comments.
    pub fn allowed(&self) -> String {
        match self {
            Self::Text(rule, _) => rule.allowed.to_owned(),
            Self::Texts(rule) => format!("one or a list of: {}", rule.allowed),
            Self::Separator => format!(
                "1 to {} characters, with {}",
                text::SEPARATOR_CHARACTERS_MAX,
                text::ESCAPES
            ),
            Self::Path => "a path; a relative one starts at the folder of this file".to_owned(),
            Self::Duration { minimum, maximum } => {
                format!("{} to {}", DurationText(*minimum), DurationText(*maximum))
            }
            Self::Size { minimum, maximum } => format!("{} to {}", SizeText(*minimum), SizeText(*maximum)),
            Self::Integer { minimum, maximum } if minimum == maximum => minimum.to_string(),
            Self::Integer { minimum, maximum } => format!("a whole number from {minimum} to {maximum}"),
            Self::Boolean => "true or false".to_owned(),
            Self::Choice(choice) => choice.words.join(" | "),
            Self::Group(group) => format!("a group of keys: {}", names(group)),
            Self::Named(group) => format!("names, each with a group of keys: {}", names(group)),
            Self::ChoiceOrGroup(choice, group) => {
                format!("{} | {{ {} }}", choice.words.join(" | "), names(group))
            }
        }
    }
}

fn names(group: &Group) -> String {
    let names: Vec<_> = group.keys().map(|key| key.name).collect();
    names.join(", ")
}

/// Every key with its full path, groups before the keys below them.
pub fn all() -> Vec<(String, &'static Key)> {
    let mut found = Vec::new();
    collect(&ROOT, "", &mut found);
    found
}

fn collect(group: &Group, prefix: &str, found: &mut Vec<(String, &'static Key)>) {
    for key in group.keys() {
        let path = join(prefix, key.name);
        found.push((path.clone(), key));
        if let Some(below) = key.kind.group() {
            let is_named = matches!(key.kind, Kind::Named(_));
            // Names are the user's: the example stands for all of them.
            let path = if is_named {
                join(&path, key.presence.text())
            } else {
                path
            };
            collect(below, &path, found);
        }
    }
}

/// A key path: names with dots between them.
pub fn join(prefix: &str, name: &str) -> String {
    if prefix.is_empty() {
        name.to_owned()
    } else {
        format!("{prefix}.{name}")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::config::scalar;

    #[test]
    fn every_default_and_example_is_a_value_of_its_own_kind() {
        for (path, key) in all() {
            let value = key.presence.text();
            if key.kind.group().is_none() || matches!(key.presence, Presence::Default(_)) {
                let read = scalar::parse(&key.kind, value);
                assert!(read.is_ok(), "{path}: {read:?}");
            }
        }
    }

    #[test]
    fn what_is_called_a_secret_is_one() {
        let names = ["token", "secret", "password", "credential", "private"];
        let secrets: Vec<_> = all()
            .into_iter()
            .filter(|(_, key)| key.kind.is_secret())
            .map(|(path, _)| path)
            .collect();
        assert_eq!(
            secrets,
            [
                "api.token",
                "events.sinks.webhook.url",
                "events.sinks.webhook.token"
            ]
        );
        for (path, key) in all() {
            let is_called_so = names.iter().any(|name| key.name.contains(name));
            assert!(!is_called_so || key.kind.is_secret(), "{path}");
        }
    }

    #[test]
    fn every_key_is_documented_and_named_once_in_its_group() {
        let mut paths = HashSet::new();
        for (path, key) in all() {
            assert!(
                key.about.ends_with('.'),
                "{path} says what it does in whole sentences"
            );
            assert!(paths.insert(path.clone()), "{path} is listed once");
            for name in key.kind.group().map_or(&[][..], |group| group.exactly_one_of) {
                assert!(
                    key.kind.group().unwrap().key(name).is_some(),
                    "{path}.{name} exists"
                );
            }
        }
    }
}
