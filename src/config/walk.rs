//! Compares a document with the list of keys and collects every problem in one go. Pure but for the
//! [`Environment`] passed in.

use std::cmp::Reverse;

use super::environment::Environment;
use super::interpolate::{Source, interpolate};
use super::keys::{self, Group, Key, Kind, Presence, join};
use super::scalar::{self, Scalar};
use super::suggest::{closest, normalized};
use super::tree::{Entry, Node, Value};
use super::values::{Given, Located, Values};
use crate::settings::problems::{DocumentPlace, Report};

/// Parts of names that only secrets have.
const SECRETS: &[&str] = &[
    "accesskey",
    "secretkey",
    "secretaccess",
    "sessiontoken",
    "password",
    "credential",
];

/// Checks the document and returns the values of all keys that are there or have a default.
pub(super) fn walk(root: &Node, environment: &dyn Environment, report: &mut Report) -> Values {
    let mut walker = Walker {
        environment,
        report,
        values: Values::default(),
    };
    match &root.value {
        Value::Map(entries) => walker.group(&keys::ROOT, entries, "", root.place),
        Value::Null | Value::Boolean(_) | Value::Number(_) | Value::Text(_) | Value::List(_) => {
            let message = format!(
                "a configuration is a group of keys, not {}",
                root.value.describe()
            );
            walker.report.error(root.place, message);
        }
    }
    walker.values
}

struct Walker<'a> {
    environment: &'a dyn Environment,
    report: &'a mut Report,
    values: Values,
}

impl Walker<'_> {
    fn group(&mut self, group: &'static Group, entries: &[Entry], prefix: &str, place: DocumentPlace) {
        self.values.insert_group(prefix, place);
        for entry in entries {
            match group.key(&entry.key) {
                Some(key) => self.key(key, &join(prefix, key.name), entry),
                None => self.unknown(group, prefix, entry),
            }
        }
        for key in group.keys() {
            let is_given = entries.iter().any(|entry| entry.key == key.name);
            if !is_given {
                self.missing(group, key, &join(prefix, key.name), place);
            }
        }
        self.exactly_one(group, entries, prefix, place);
    }

    fn key(&mut self, key: &'static Key, path: &str, entry: &Entry) {
        match (&key.kind, &entry.node.value) {
            (Kind::Group(group) | Kind::ChoiceOrGroup(_, group), Value::Map(entries)) => {
                self.group(group, entries, path, entry.place);
            }
            (Kind::Named(group), Value::Map(entries)) => self.named(group, entries, path, entry.place),
            (Kind::Named(_), Value::Null) => self.values.insert_names(path, Vec::new()),
            // All keys of the group are commented out.
            (Kind::Group(group), Value::Null) => self.group(group, &[], path, entry.place),
            (kind, value) => match self.scalar(kind, value) {
                Ok((scalar, sources)) => {
                    let located = Located {
                        place: entry.node.place,
                        scalar,
                        given: Given::Here(sources),
                    };
                    self.values.insert(path, located);
                }
                Err(problem) => {
                    let is = if kind.may_hold_secret() {
                        "has a value (not shown)".to_owned()
                    } else {
                        format!("is {}", value.describe())
                    };
                    let message = format!("`{path}` {is}, which {problem}; allowed: {}", kind.allowed());
                    self.report.error(entry.node.place, message);
                    self.values.insert_broken(path);
                }
            },
        }
    }

    fn named(&mut self, group: &'static Group, entries: &[Entry], path: &str, place: DocumentPlace) {
        self.values.insert_group(path, place);
        let names = entries.iter().map(|entry| entry.key.clone());
        self.values.insert_names(path, names.collect());
        for entry in entries {
            let path = join(path, &entry.key);
            match &entry.node.value {
                Value::Map(below) => self.group(group, below, &path, entry.place),
                Value::Null => self.group(group, &[], &path, entry.place),
                other @ (Value::Boolean(_) | Value::Number(_) | Value::Text(_) | Value::List(_)) => {
                    let message = format!("`{path}` is {}, which is not a group of keys", other.describe());
                    self.report.error(entry.node.place, message);
                }
            }
        }
    }

    /// The value, and what it was taken from.
    fn scalar(&self, kind: &Kind, value: &Value) -> Result<(Scalar, Vec<Source>), String> {
        if let (Kind::Texts(_), Value::List(nodes)) = (kind, value) {
            return self.texts(kind, nodes);
        }
        let Value::Text(text) = value else {
            return Ok((scalar::from_value(kind, value)?, Vec::new()));
        };
        let filled = interpolate(text, self.environment).map_err(|error| {
            if kind.is_secret() {
                error.without_value()
            } else {
                error.to_string()
            }
        })?;
        if filled.is_changed {
            // A value from outside has no type of its own; the key gives it one. It may be a secret, so no message
            // shows any of it.
            let scalar = scalar::parse(kind, &filled.text)
                .map_err(|_| "is not allowed once it is filled in (its value is not shown)".to_owned());
            return Ok((scalar?, filled.sources));
        }
        Ok((
            scalar::from_value(kind, &Value::Text(filled.text))?,
            filled.sources,
        ))
    }

    fn texts(&self, kind: &Kind, nodes: &[Node]) -> Result<(Scalar, Vec<Source>), String> {
        let (mut all, mut sources) = (Vec::new(), Vec::new());
        for node in nodes {
            match (&node.value, self.scalar(kind, &node.value)) {
                (Value::List(_), _) => return Err("has a list in it".to_owned()),
                (_, Ok((Scalar::Texts(texts), from))) => {
                    all.extend(texts);
                    for source in from {
                        if !sources.contains(&source) {
                            sources.push(source);
                        }
                    }
                }
                (_, Ok(_)) => return Err("is not a list of texts".to_owned()),
                (value, Err(problem)) => {
                    return Err(format!("has {} in it, which {problem}", value.describe()));
                }
            }
        }
        if all.is_empty() {
            return Err("is empty".to_owned());
        }
        Ok((Scalar::Texts(all), sources))
    }

    fn missing(&mut self, group: &Group, key: &'static Key, path: &str, place: DocumentPlace) {
        match &key.presence {
            Presence::Required(example) => {
                let example = match key.kind.group() {
                    Some(_) => String::new(),
                    None => format!(", for example `{}: {example}`", key.name),
                };
                let about = key.about.replace('\n', " ");
                self.report
                    .error(place, format!("`{path}` is missing; add it{example}. {about}"));
            }
            Presence::Default(text) => {
                if let Ok(scalar) = scalar::parse(&key.kind, text) {
                    let given = Given::Not;
                    self.values.insert(path, Located { place, scalar, given });
                }
            }
            Presence::Optional(_) | Presence::Conditional(_) => {
                if let Kind::Group(below) = &key.kind
                    && !group.exactly_one_of.contains(&key.name)
                {
                    self.group(below, &[], path, place);
                }
            }
        }
    }

    fn exactly_one(&mut self, group: &Group, entries: &[Entry], prefix: &str, place: DocumentPlace) {
        if group.exactly_one_of.is_empty() {
            return;
        }
        let names = group.exactly_one_of.join("`, `");
        let mut given = entries
            .iter()
            .filter(|entry| group.exactly_one_of.contains(&entry.key.as_str()));
        match (given.next(), given.next()) {
            (None, _) => self.report.error(
                place,
                format!("`{prefix}` needs exactly one of `{names}`; add one"),
            ),
            (Some(_), None) => {}
            (Some(first), Some(second)) => self.report.error(
                second.place,
                format!(
                    "`{prefix}` has `{}` and, at line {}, `{}`; give exactly one of `{names}`",
                    second.key, first.place.line, first.key
                ),
            ),
        }
    }

    fn unknown(&mut self, group: &Group, prefix: &str, entry: &Entry) {
        let path = join(prefix, &entry.key);
        let name = normalized(&entry.key);
        let message = if SECRETS.iter().any(|secret| name.contains(secret)) {
            format!(
                "`{path}` is refused: no credentials in this file; AWS credentials come from the SDK's provider chain \
                 (environment, profile, SSO, container or instance role)"
            )
        } else if let Some(known) = closest(&entry.key, group.keys().map(|key| key.name)) {
            format!("`{path}` is unknown; did you mean `{known}`?")
        } else if let Some(elsewhere) = elsewhere(&name, prefix) {
            format!("`{path}` is unknown here; it belongs at `{elsewhere}`")
        } else {
            let known: Vec<_> = group.keys().map(|key| key.name).collect();
            format!("`{path}` is unknown; known here: {}", known.join(", "))
        };
        self.report.error(entry.place, message);
    }
}

/// The path of a key with this name, the nearest to a group.
fn elsewhere(normalized_name: &str, prefix: &str) -> Option<String> {
    let near = |path: &str| {
        let parts = path.split('.').zip(prefix.split('.'));
        parts.take_while(|(one, other)| one == other).count()
    };
    keys::all()
        .into_iter()
        .filter(|(_, key)| normalized(key.name) == normalized_name)
        .map(|(path, _)| path)
        .max_by_key(|path| (near(path), Reverse(path.len())))
}
