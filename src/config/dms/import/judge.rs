//! Decides about each setting, and remembers what the configuration gets. Pure: no I/O, no clock.

use super::super::super::suggest::normalized;
use super::super::super::tree::{Entry, Node, Value};
use super::document::{Resource, get};
use super::rules::{Effect, Form, Rule, find, quoted};
use super::{Fate, Finding, TABLE_MAPPINGS, attributes, endpoint_rules, json, task_rules};
use crate::settings::problems::Report;

/// Restarts that `limits.restarts` can ask for.
const RESTARTS_MAX: i64 = 1_000;

/// A key of the configuration with its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entered {
    pub(super) key: &'static str,
    /// As it is written.
    pub(super) value: String,
    /// The setting it is from.
    pub(super) setting: String,
}

/// What was decided so far.
#[derive(Debug, Default)]
pub(super) struct Judge {
    pub(super) name: Option<String>,
    pub(super) table_definition: Option<String>,
    pub(super) table_mappings: Option<String>,
    pub(super) entered: Vec<Entered>,
    pub(super) findings: Vec<Finding>,
}

impl Judge {
    /// The value of a key, as it is written.
    pub(super) fn value(&self, key: &str) -> Option<&Entered> {
        self.entered.iter().find(|entered| entered.key == key)
    }

    /// What DMS does without a setting that says so, and brigade only where it is told to.
    pub(super) fn habits(&mut self) {
        self.enter(
            "target.kinesis.text_format",
            "dms",
            "DMS for Kinesis",
            &Value::Text("a text is cut at its first NUL".to_owned()),
        );
    }

    /// Decides about a task and its settings.
    ///
    /// # Errors
    /// If its settings are not JSON.
    pub(super) fn task(&mut self, task: &Resource) -> Result<(), String> {
        self.name = task.task_name().map(ToOwned::to_owned);
        for entry in &task.entries {
            let value = &entry.node.value;
            if normalized(&entry.key) == "replicationtasksettings" {
                self.task_settings(&entry.key, value)?;
            } else {
                self.one(task_rules::TASK, "", &entry.key, value);
            }
        }
        Ok(())
    }

    /// Decides about an endpoint and its settings; what stands in groups wins over attributes.
    pub(super) fn endpoint(&mut self, direction: &str, endpoint: &Resource) {
        let rules = if direction == "source" {
            endpoint_rules::S3
        } else {
            endpoint_rules::KINESIS
        };
        let mut attributes = None;
        for entry in &endpoint.entries {
            let value = &entry.node.value;
            match normalized(&entry.key).as_str() {
                "extraconnectionattributes" => attributes = Some(value),
                "s3settings" | "kinesissettings" => self.endpoint_group(rules, &entry.key, value),
                _ => self.endpoint_member(rules, direction, &entry.key, value),
            }
        }
        match attributes {
            None => {}
            Some(Value::Text(text)) => {
                for (name, value) in attributes::pairs(text) {
                    self.one(rules, "ExtraConnectionAttributes", &name, &Value::Text(value));
                }
            }
            Some(other) => self.literal("ExtraConnectionAttributes", other),
        }
    }

    fn endpoint_group(&mut self, rules: &'static [Rule], group: &str, value: &Value) {
        match value {
            Value::Map(entries) => {
                for entry in entries {
                    self.one(rules, group, &entry.key, &entry.node.value);
                }
            }
            // Terraform writes a block as a list.
            Value::List(nodes) => {
                for node in nodes {
                    self.endpoint_group(rules, group, &node.value);
                }
            }
            Value::Null | Value::Boolean(_) | Value::Number(_) | Value::Text(_) => self.literal(group, value),
        }
    }

    /// A member of the endpoint itself; `aws_dms_s3_endpoint` has its settings there.
    fn endpoint_member(&mut self, rules: &'static [Rule], direction: &str, name: &str, value: &Value) {
        if find(rules, name).is_some() {
            self.one(rules, direction, name, value);
        } else if matches!(value, Value::List(nodes) if nodes.is_empty()) {
            self.note(&path(direction, name), value, Fate::Ignored, None, "not set");
        } else {
            self.one(endpoint_rules::ENDPOINT, direction, name, value);
        }
    }

    /// A stream has its region and its name in its ARN.
    fn stream(&mut self, setting: &str, value: &Value, arn: &str) {
        let mut parts = arn.splitn(6, ':').skip(3);
        let region = parts.next();
        let name = parts.nth(1).and_then(|resource| resource.strip_prefix("stream/"));
        let (Some(region), Some(name)) = (region, name) else {
            let reason = "is not the ARN of a stream; write arn:aws:kinesis:REGION:ACCOUNT:stream/NAME";
            return self.note(
                setting,
                value,
                Fate::Refused,
                Some("target.kinesis.stream"),
                reason,
            );
        };
        self.enter("target.kinesis.stream", &quoted(name), setting, value);
        for key in ["target.kinesis.region", "source.s3.region"] {
            if self.value(key).is_none() {
                self.entered.push(Entered {
                    key,
                    value: quoted(region),
                    setting: format!("{setting}; DMS has bucket and stream in one region"),
                });
            }
        }
    }

    /// Decides about the settings document of a task, as a tree or as text.
    ///
    /// # Errors
    /// If it is not a JSON object.
    pub(super) fn task_settings(&mut self, name: &str, value: &Value) -> Result<(), String> {
        match value {
            Value::Map(entries) => {
                for entry in entries {
                    self.task_group(entry);
                }
                Ok(())
            }
            Value::Text(text) => {
                let mut report = Report::new(name);
                let root = json::read(text, &mut report);
                match root {
                    Some(Node {
                        value: inner @ Value::Map(_),
                        ..
                    }) if !report.has_errors() => self.task_settings(name, &inner),
                    Some(_) | None => {
                        let problems = report.into_problems();
                        let problems: Vec<_> = problems.iter().map(ToString::to_string).collect();
                        Err(format!("{name} is not a JSON object: {}", problems.join("; ")))
                    }
                }
            }
            Value::Null | Value::Boolean(_) | Value::Number(_) | Value::List(_) => {
                self.literal(name, value);
                Ok(())
            }
        }
    }

    fn task_group(&mut self, group: &Entry) {
        let known = task_rules::GROUPS
            .iter()
            .find(|(name, _)| normalized(name) == normalized(&group.key));
        match (known, &group.node.value) {
            (Some((_, rules)), Value::Map(entries)) => {
                for entry in entries {
                    self.one(rules, &group.key, &entry.key, &entry.node.value);
                }
            }
            (Some(_), value) => self.literal(&group.key, value),
            (None, value) => self.one(task_rules::LONE, "", &group.key, value),
        }
    }

    /// Decides about one setting by its rule.
    fn one(&mut self, rules: &'static [Rule], group: &str, name: &str, value: &Value) {
        let setting = path(group, name);
        let text = scalar(value);
        let Some((_, effect)) = find(rules, name) else {
            let reason = "unknown to brigade, and without effect; check what it does in DMS";
            return self.note(&setting, value, Fate::Refused, None, reason);
        };
        match (effect, text) {
            (Effect::TaskName, _) => {
                self.note(
                    &setting,
                    value,
                    Fate::Mapped,
                    Some("task"),
                    "the name of the task",
                );
            }
            (Effect::Document(key, file), _) => self.document(&setting, value, key, file),
            (_, None) if *value == Value::Null => {
                self.note(&setting, value, Fate::Ignored, None, "not set");
            }
            (Effect::Ignored(reason), _) => self.note(&setting, value, Fate::Ignored, None, reason),
            (Effect::Key(key, Form::Text), Some("")) => {
                self.note(&setting, value, Fate::Ignored, Some(key), "empty: the default");
            }
            (Effect::Key(key, form), Some(text)) => match form.write(text) {
                Some(written) => self.enter(key, &written, &setting, value),
                None => self.refuse_value(key, &setting, value),
            },
            (Effect::Only(values, kept, refused), Some(text)) => {
                let is_same = values.iter().any(|same| same.eq_ignore_ascii_case(text));
                let (fate, reason) = if is_same {
                    (Fate::Kept, kept)
                } else {
                    (Fate::Refused, refused)
                };
                self.note(&setting, value, fate, None, reason);
            }
            (Effect::Read(key, read, kept), Some(text)) => match read(text) {
                Ok(Some(written)) => self.enter(key, &written, &setting, value),
                Ok(None) => self.note(&setting, value, Fate::Kept, None, kept),
                Err(reason) => self.note(&setting, value, Fate::Refused, Some(key), reason),
            },
            (Effect::StreamArn, Some(arn)) => self.stream(&setting, value, arn),
            (Effect::RestartCount, Some(text)) => self.restarts(&setting, value, text),
            (Effect::Only(_, _, refused), None) => self.note(&setting, value, Fate::Refused, None, refused),
            (Effect::Key(..) | Effect::Read(..) | Effect::StreamArn | Effect::RestartCount, None) => {
                self.literal(&setting, value);
            }
        }
    }

    fn refuse_value(&mut self, key: &str, setting: &str, value: &Value) {
        let reason = format!("{key} takes no such value; its default is used, see config/reference.yaml");
        self.note(setting, value, Fate::Refused, Some(key), &reason);
    }

    fn restarts(&mut self, setting: &str, value: &Value, text: &str) {
        let key = "limits.restarts";
        match text.parse::<i64>() {
            Err(_) => self.refuse_value(key, setting, value),
            Ok(..0) => self.enter("limits.restarts_without_end", "true", setting, value),
            Ok(count) => self.enter(key, &count.min(RESTARTS_MAX).to_string(), setting, value),
        }
    }

    fn enter(&mut self, key: &'static str, written: &str, setting: &str, value: &Value) {
        if let Some(first) = self.value(key) {
            let (fate, reason) = if first.value == written {
                (Fate::Mapped, format!("as {} says it", first.setting))
            } else {
                (
                    Fate::Refused,
                    format!(
                        "{} says {}, which wins; remove one of them",
                        first.setting, first.value
                    ),
                )
            };
            return self.note(setting, value, fate, Some(key), &reason);
        }
        self.entered.push(Entered {
            key,
            value: written.to_owned(),
            setting: setting.to_owned(),
        });
        self.note(
            setting,
            value,
            Fate::Mapped,
            Some(key),
            &format!("written as {written}"),
        );
    }

    /// A document is copied out, as it is; one that is not text but a tree is written again.
    fn document(&mut self, setting: &str, value: &Value, key: &'static str, file: &str) {
        let text = match value {
            Value::Text(text) if !text.trim().is_empty() => text.clone(),
            Value::Null | Value::Text(_) => {
                return self.note(setting, value, Fate::Ignored, Some(key), "not set");
            }
            Value::Map(entries) if get(entries, "Ref").is_none() && !is_function(entries) => {
                to_json(value).to_string()
            }
            Value::Map(_) | Value::Boolean(_) | Value::Number(_) | Value::List(_) => {
                return self.literal(setting, value);
            }
        };
        let slot = if file == TABLE_MAPPINGS {
            &mut self.table_mappings
        } else {
            &mut self.table_definition
        };
        let is_second = slot.as_ref().is_some_and(|first| *first != text);
        slot.get_or_insert(text);
        let shown = Value::Text("(a document)".to_owned());
        let (fate, reason) = if is_second {
            (
                Fate::Refused,
                format!("differs from the one above it, which is in {file}; remove one of them"),
            )
        } else {
            (Fate::Mapped, format!("copied to {file}"))
        };
        self.note(setting, &shown, fate, Some(key), &reason);
    }

    /// A value that is not a literal, as functions of templates are, or nothing at all.
    fn literal(&mut self, setting: &str, value: &Value) {
        if *value == Value::Null {
            return self.note(setting, value, Fate::Ignored, None, "not set");
        }
        let reason =
            "is not a plain value; resolve references and functions first, as the API's own answers do";
        self.note(setting, value, Fate::Refused, None, reason);
    }

    fn note(&mut self, setting: &str, value: &Value, fate: Fate, key: Option<&str>, reason: &str) {
        self.findings.push(Finding {
            setting: setting.to_owned(),
            value: to_text(value),
            fate,
            key: key.map(ToOwned::to_owned),
            reason: reason.to_owned(),
        });
    }
}

fn is_function(entries: &[Entry]) -> bool {
    entries.iter().any(|entry| entry.key.starts_with("Fn::"))
}

fn path(group: &str, name: &str) -> String {
    if group.is_empty() {
        name.to_owned()
    } else {
        format!("{group}.{name}")
    }
}

fn scalar(value: &Value) -> Option<&str> {
    match value {
        Value::Boolean(true) => Some("true"),
        Value::Boolean(false) => Some("false"),
        Value::Number(text) | Value::Text(text) => Some(text),
        Value::Null | Value::List(_) | Value::Map(_) => None,
    }
}

fn to_text(value: &Value) -> String {
    scalar(value).map_or_else(|| to_json(value).to_string(), ToOwned::to_owned)
}

fn to_json(value: &Value) -> serde_json::Value {
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
