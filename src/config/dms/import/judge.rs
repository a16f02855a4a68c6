//! Decides about each setting, and remembers what the configuration gets. Pure: no I/O, no clock.

use super::super::super::suggest::normalized;
use super::super::super::tree::{Entry, Node, Value};
use super::document::Resource;
use super::open::Open;
use super::resolve;
use super::rules::{Rule, find};
use super::shown::is_nothing;
use super::{Fate, Finding, attributes, endpoint_rules, json, task_rules};
use crate::settings::problems::Report;

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
    /// Whether nobody defined the tables, and the files can.
    pub(super) is_defined_by_files: bool,
    pub(super) entered: Vec<Entered>,
    pub(super) findings: Vec<Finding>,
    /// What shapes the data, and is not known.
    pub(super) open: Vec<Open>,
    /// Whose settings are decided about.
    pub(super) resource: String,
}

impl Judge {
    /// The value of a key, as it is written.
    pub(super) fn value(&self, key: &str) -> Option<&Entered> {
        self.entered.iter().find(|entered| entered.key == key)
    }

    /// Leaves open what is not set and cannot be done without.
    pub(super) fn require(&mut self, part: &str) {
        let required: &[(&str, &'static str, bool)] = match part {
            "source" => &[
                ("BucketName", "source.s3.bucket", false),
                (
                    "ExternalTableDefinition",
                    "source.tables",
                    self.table_definition.is_some(),
                ),
            ],
            "target" => &[("StreamArn", "target.kinesis.stream", false)],
            _ => &[
                ("ReplicationTaskIdentifier", "task", self.name.is_some()),
                ("MigrationType", "migration_type", false),
                ("TableMappings", "table_mappings", self.table_mappings.is_some()),
            ],
        };
        for (setting, key, is_there) in required {
            let is_open = self.open.iter().any(|open| open.key == Some(key));
            let is_missing = !is_there && !is_open && self.value(key).is_none();
            if is_missing && *key == "source.tables" && self.reads_parquet() {
                self.note(
                    setting,
                    &Value::Null,
                    Fate::Ignored,
                    Some(key),
                    "not set: Parquet files say what their columns are; `brigade init` reads it from them",
                );
                self.is_defined_by_files = true;
            } else if is_missing {
                self.leave_open(setting, Some(key), Vec::new(), "is not set");
            }
        }
    }

    /// Whether the files are Parquet, of which DMS needs no definition.
    fn reads_parquet(&self) -> bool {
        self.value("source.data_format")
            .is_some_and(|format| format.value == "parquet")
    }

    /// Puts a value that nothing takes in the place of each that is not known.
    pub(super) fn mark_open(&mut self) {
        for open in &self.open {
            let Some(key) = open.key else { continue };
            self.entered.retain(|entered| entered.key != key);
            self.entered.push(Entered {
                key,
                value: open.marker(),
                setting: open.setting.clone(),
            });
        }
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
        task.shown_name().clone_into(&mut self.resource);
        for entry in &task.entries {
            let value = &entry.node.value;
            let name = normalized(&entry.key);
            if ["replicationtasksettings", "replicationsettings"].contains(&name.as_str()) {
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
        endpoint.shown_name().clone_into(&mut self.resource);
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
            Some(other) => self.literal("ExtraConnectionAttributes", None, other),
        }
    }

    fn endpoint_group(&mut self, rules: &'static [Rule], group: &str, value: &Value) {
        match value {
            Value::Map(_) if resolve::is_marked(value) => self.literal(group, None, value),
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
            Value::Null | Value::Boolean(_) | Value::Number(_) | Value::Text(_) => {
                self.literal(group, None, value);
            }
        }
    }

    /// A member of the endpoint itself; `aws_dms_s3_endpoint` has its settings there.
    fn endpoint_member(&mut self, rules: &'static [Rule], direction: &str, name: &str, value: &Value) {
        if find(rules, name).is_some() {
            self.one(rules, direction, name, value);
        } else if is_nothing(value) {
            self.note(&path(direction, name), value, Fate::Ignored, None, "not set");
        } else {
            self.one(endpoint_rules::ENDPOINT, direction, name, value);
        }
    }

    /// Decides about the settings document of a task, as a tree or as text.
    ///
    /// # Errors
    /// If it is not a JSON object.
    pub(super) fn task_settings(&mut self, name: &str, value: &Value) -> Result<(), String> {
        match value {
            Value::Map(_) if resolve::is_marked(value) => {
                self.literal(name, Some("task_settings"), value);
                Ok(())
            }
            Value::Text(text) if text.trim().is_empty() => {
                self.note(name, value, Fate::Ignored, None, "not set");
                Ok(())
            }
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
                self.literal(name, Some("task_settings"), value);
                Ok(())
            }
        }
    }

    fn task_group(&mut self, group: &Entry) {
        let known = task_rules::GROUPS
            .iter()
            .find(|(name, _)| normalized(name) == normalized(&group.key));
        match (known, &group.node.value) {
            (_, value) if resolve::is_marked(value) || group.key.starts_with("Fn::") => {
                self.literal(&group.key, None, value);
            }
            (Some((_, rules)), Value::Map(entries)) => {
                for entry in entries {
                    self.one(rules, &group.key, &entry.key, &entry.node.value);
                }
            }
            (Some(_), value) => self.literal(&group.key, None, value),
            (None, value) => self.one(task_rules::LONE, "", &group.key, value),
        }
    }
}

pub(super) fn path(group: &str, name: &str) -> String {
    if group.is_empty() {
        name.to_owned()
    } else {
        format!("{group}.{name}")
    }
}
