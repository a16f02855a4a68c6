//! Makes a configuration of what describes a task of AWS DMS: answers of its API, CloudFormation, Terraform.
//! Every setting that is met is in the list of findings, whatever becomes of it. Pure: no I/O, no clock.

mod attributes;
mod document;
mod endpoint_rules;
mod error_rules;
mod judge;
mod life_rules;
mod rules;
mod task_rules;
mod write;

use serde::Serialize;

use self::document::{Found, Resource};
use self::judge::Judge;
use super::super::tree::{Node, Value};
use super::super::yaml;
use super::{json, table_definition};
use crate::settings::problems::{ConfigProblems, Report};

/// A document that describes a task or its endpoints.
#[derive(Debug, Clone)]
pub struct Document {
    /// The file, as the user named it.
    pub name: String,
    /// What is in it.
    pub text: String,
}

/// What becomes of a setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// Nothing stands in for it: the task behaves differently from what the setting asks for.
    Refused,
    /// A key of the configuration says the same.
    Mapped,
    /// It is done without a key.
    Kept,
    /// It has no meaning here.
    Ignored,
}

/// A setting that was met, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Where it stands: `FullLoadSettings.MaxFullLoadSubTasks`.
    pub setting: String,
    /// Its value, as text.
    pub value: String,
    /// What became of it.
    pub fate: Fate,
    /// The key it is mapped to.
    pub key: Option<String>,
    /// Why, and what to do.
    pub reason: String,
}

/// A configuration with the documents it names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    /// Name of the task.
    pub task: String,
    /// `brigade.yaml`.
    pub configuration: String,
    /// The external table definition, as it was.
    pub table_definition: String,
    /// The table mappings, as they were.
    pub table_mappings: Option<String>,
    /// Every setting, in the order of the documents.
    pub findings: Vec<Finding>,
}

/// Name of the table definition beside the configuration.
pub const TABLE_DEFINITION: &str = "table-definition.json";
/// Name of the table mappings beside the configuration.
pub const TABLE_MAPPINGS: &str = "table-mappings.json";

/// Makes a configuration of the task in the documents; with several tasks, of the named one.
///
/// # Errors
/// What cannot be read, what is missing, and which of several to choose.
pub fn import(documents: &[Document], name: Option<&str>) -> Result<Imported, ConfigProblems> {
    let mut found = Found::default();
    for document in documents {
        let mut report = Report::new(document.name.as_str());
        let root = read(document, &mut report);
        if report.has_errors() {
            return Err(ConfigProblems(report.into_problems()));
        }
        if let Some(root) = root {
            found.collect(&root);
        }
    }
    let file = documents
        .first()
        .map_or_else(String::new, |document| document.name.clone());
    let fail = |message: String| {
        let mut report = Report::new(file.as_str());
        report.error(None, message);
        ConfigProblems(report.into_problems())
    };
    let task = found.task(name).map_err(&fail)?;
    let source = found.endpoint(task, "source", "s3").map_err(&fail)?;
    let target = found.endpoint(task, "target", "kinesis").map_err(&fail)?;
    finish(task, source, target, &fail)
}

/// A key of the configuration that a setting becomes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::config) struct SettingKey {
    /// Its path.
    pub(in crate::config) key: &'static str,
    /// As it is written.
    pub(in crate::config) value: String,
    /// The setting: `ErrorBehavior.DataErrorPolicy`.
    pub(in crate::config) setting: String,
}

/// What a settings document of a task becomes, and what becomes of each of its members. Without a result it is not
/// such a document, which is in the report.
pub(in crate::config) fn task_settings(
    text: &str,
    report: &mut Report,
) -> Option<(Vec<SettingKey>, Vec<Finding>)> {
    let root = json::read(text, report)?;
    if !matches!(root.value, Value::Map(_)) {
        let message = format!("a settings document is an object, not {}", root.value.describe());
        report.error(root.place, message);
        return None;
    }
    let mut judge = Judge::default();
    if let Err(message) = judge.task_settings("task_settings", &root.value) {
        report.error(root.place, message);
        return None;
    }
    let keys = judge.entered.into_iter().map(|entered| SettingKey {
        key: entered.key,
        value: entered.value,
        setting: entered.setting,
    });
    Some((keys.collect(), judge.findings))
}

fn read(document: &Document, report: &mut Report) -> Option<Node> {
    if document.text.trim_start().starts_with(['{', '[']) {
        json::read(&document.text, report)
    } else {
        yaml::read_template(&document.text, report)
    }
}

fn finish(
    task: &Resource,
    source: &Resource,
    target: &Resource,
    fail: &dyn Fn(String) -> ConfigProblems,
) -> Result<Imported, ConfigProblems> {
    let mut judge = Judge::default();
    judge.task(task).map_err(fail)?;
    judge.endpoint("source", source);
    judge.endpoint("target", target);
    judge.habits();
    let missing = |what: &str, cure: &str| fail(format!("the task has no {what}; {cure}"));
    let name = judge
        .name
        .clone()
        .ok_or_else(|| missing("ReplicationTaskIdentifier", "add it, as the name of the task"))?;
    let table_definition = judge
        .table_definition
        .clone()
        .ok_or_else(|| missing("ExternalTableDefinition", "add it to S3Settings of the source"))?;
    for (key, setting) in write::REQUIRED {
        if judge.value(key).is_none() {
            return Err(missing(
                setting,
                "add it as text: references are to be resolved first",
            ));
        }
    }
    let mut report = Report::new("ExternalTableDefinition");
    if table_definition::parse(&table_definition, &mut report).is_none() {
        return Err(ConfigProblems(report.into_problems()));
    }
    Ok(Imported {
        configuration: write::configuration(&judge),
        task: name,
        table_definition,
        table_mappings: judge.table_mappings.clone(),
        findings: judge.findings,
    })
}

#[cfg(test)]
mod tests;
