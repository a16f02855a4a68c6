//! The configuration in force, key by key: each value as it would be written, and where it comes from. Secrets are masked
//! here, so that nothing that is made of this can show one. Pure: no I/O, no clock.

mod origin;
mod written;

use serde::Serialize;

use self::origin::FilePlace;
pub use self::origin::{Origin, OriginKind};
pub use self::written::Written;
use super::keys::{self, Group, Key, Kind, Presence, join};
use super::scalar::Scalar;
use super::task_settings::Members;
use super::values::{Given, Located, Values};

/// The values in force, in the order of the list of keys. What has no value and no default is left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Effective {
    /// Name of the task.
    pub task: String,
    /// The values.
    pub values: Vec<EffectiveValue>,
}

/// The value of a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EffectiveValue {
    /// The path of the key.
    pub key: String,
    /// The value.
    pub value: Written,
    /// Where it comes from.
    pub origin: Origin,
}

/// The documents that values can be written in.
#[derive(Debug)]
pub(super) struct Documents {
    /// The configuration, as the user named it.
    pub(super) configuration: String,
    /// The task settings, if there are any.
    pub(super) settings: Option<SettingsDocument>,
}

/// The task settings that a configuration names.
#[derive(Debug)]
pub(super) struct SettingsDocument {
    /// The file.
    pub(super) file: String,
    /// What was taken from it.
    pub(super) members: Members,
}

impl Effective {
    /// The checked values with their origins.
    pub(super) fn of(task: &str, values: &Values, documents: &Documents) -> Self {
        let mut collector = Collector {
            values,
            documents,
            found: Vec::new(),
        };
        collector.group(&keys::ROOT, "");
        Self {
            task: task.to_owned(),
            values: collector.found,
        }
    }

    /// Notes that an option of the command gave a key another value.
    pub fn set_by_option(&mut self, key: &str, text: &str, option: &str) {
        let value = EffectiveValue {
            key: key.to_owned(),
            value: Written::Text(text.to_owned()),
            origin: Origin::of(OriginKind::Option(option.to_owned()), None),
        };
        let known = keys::all();
        let rank = |key: &str| known.iter().position(|(path, _)| path == key);
        let index = self.values.iter().position(|other| rank(&other.key) >= rank(key));
        let index = index.unwrap_or(self.values.len());
        self.values.retain(|other| other.key != key);
        self.values.insert(index.min(self.values.len()), value);
    }
}

struct Collector<'a> {
    values: &'a Values,
    documents: &'a Documents,
    found: Vec<EffectiveValue>,
}

impl Collector<'_> {
    fn group(&mut self, group: &'static Group, prefix: &str) {
        if self.values.has_group(prefix) {
            for key in group.keys() {
                self.key(key, &join(prefix, key.name));
            }
        }
    }

    fn key(&mut self, key: &'static Key, path: &str) {
        if let Some(located) = self.values.located(path) {
            if !is_unset(key, &located.scalar) {
                self.found.push(EffectiveValue {
                    key: path.to_owned(),
                    value: Written::of(&key.kind, &located.scalar),
                    origin: self.origin(path, located),
                });
            }
            return;
        }
        if let Kind::Named(below) = &key.kind {
            for name in self.values.names(path) {
                self.group(below, &join(path, name));
            }
        } else if let Some(below) = key.kind.group() {
            self.group(below, path);
        }
    }

    fn origin(&self, path: &str, located: &Located) -> Origin {
        let Given::Here(sources) = &located.given else {
            return Origin::of(OriginKind::Default, None);
        };
        if let Some(document) = &self.documents.settings
            && let Some(member) = document.members.get(path)
        {
            let kind = OriginKind::TaskSettings(member.name.clone());
            return Origin::of(kind, Some(FilePlace::of(&document.file, member.place)));
        }
        let mut kinds = sources.iter().map(OriginKind::of);
        let at = FilePlace::of(&self.documents.configuration, Some(located.place));
        Origin {
            kind: kinds.next().unwrap_or(OriginKind::File),
            at: Some(at),
            also: kinds.collect(),
        }
    }
}

/// An optional text that is empty, as an unset variable gives it, is not set.
fn is_unset(key: &Key, scalar: &Scalar) -> bool {
    let is_optional = matches!(key.presence, Presence::Optional(_) | Presence::Conditional(_));
    is_optional && *scalar == Scalar::Text(String::new())
}

#[cfg(test)]
mod tests;
