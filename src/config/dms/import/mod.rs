//! Makes a configuration of what describes a task of AWS DMS: answers of its API, CloudFormation, Terraform.
//! Every setting that is met is in the list of findings, whatever becomes of it. Pure: no I/O, no clock.

mod attributes;
mod document;
mod endpoint_rules;
mod error_rules;
mod judge;
mod life_rules;
mod one;
mod open;
mod pair;
mod repeated;
mod resolve;
mod rules;
mod samples;
mod shown;
mod task_rules;
mod write;

use serde::Serialize;

use self::document::{Found, Resource, get};
use self::judge::Judge;
pub use self::open::Open;
use self::pair::Choice;
pub use self::resolve::Reference;
use self::resolve::parameters::Parameters;
use super::super::tree::{Node, Value};
use super::super::yaml;
use super::{json, table_definition};
use crate::settings::problems::{ConfigProblems, DocumentPlace, Report};

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
    /// It shapes the data, and what it says is not known.
    Unresolved,
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
    pub table_definition: Option<String>,
    /// The table mappings, as they were.
    pub table_mappings: Option<String>,
    /// Of a task without a definition whose files say what their columns are: a file of each table, to make one of. Where
    /// the mappings leave open which tables there are, `SCHEMA` and `TABLE` stand for their names.
    pub samples: Vec<String>,
    /// Every setting, in the order of the documents, but for those that are refused or not known: they come last.
    pub findings: Vec<Finding>,
    /// What shapes the data and is not known. With any of it, the configuration is refused as it stands.
    pub unresolved: Vec<Open>,
}

/// How an import is told what the documents leave open.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// Which task, if there are several.
    pub name: Option<String>,
    /// Values of parameters and references, by name.
    pub parameters: Vec<(String, String)>,
}

/// Name of the table definition beside the configuration.
pub const TABLE_DEFINITION: &str = "table-definition.json";
/// Name of the table mappings beside the configuration.
pub const TABLE_MAPPINGS: &str = "table-mappings.json";

/// Makes a configuration of the task in the documents; with several tasks, of the named one.
///
/// # Errors
/// What cannot be read, what is missing, and which of several to choose.
pub fn import(documents: &[Document], options: &Options) -> Result<Imported, ConfigProblems> {
    let parameters = Parameters::new(&options.parameters);
    let mut found = Found::default();
    for document in documents {
        collect(document, &parameters, &mut found)?;
    }
    let file = documents
        .first()
        .map_or_else(String::new, |document| document.name.clone());
    let fail = |message: String| problem(&file, message);
    let task = found.task(options.name.as_deref()).map_err(&fail)?;
    if let [first, ..] = parameters.unused().as_slice() {
        return Err(fail(format!(
            "has no parameter and no reference {first}; correct the name after --parameter"
        )));
    }
    let mut judge = Judge::default();
    judge.task(task).map_err(&fail)?;
    let mut is_whole = true;
    for (direction, engine) in [("source", "s3"), ("target", "kinesis")] {
        let choice = pair::endpoint(&found, task, direction, engine);
        is_whole &= choice.endpoint.is_some();
        endpoint(&mut judge, task, direction, choice);
    }
    judge.habits();
    if is_whole {
        finish(judge, task)
    } else {
        // Without an endpoint there is nothing to write.
        let all = judge.open.iter().map(ToString::to_string);
        Err(fail(all.collect::<Vec<_>>().join("\n")))
    }
}

fn problem(file: &str, message: String) -> ConfigProblems {
    let mut report = Report::new(file);
    report.error(None, message);
    ConfigProblems(report.into_problems())
}

/// Adds the tasks and endpoints of a document.
fn collect(document: &Document, parameters: &Parameters, found: &mut Found) -> Result<(), ConfigProblems> {
    if is_hcl(&document.text) {
        let message = "is in the language of Terraform; run `terraform show -json` and give what it prints";
        return Err(problem(&document.name, message.to_owned()));
    }
    let mut report = Report::new(document.name.as_str());
    let root = read(document, &mut report).map(|root| repeated::settled(root, &mut report));
    if report.has_errors() {
        return Err(ConfigProblems(report.into_problems()));
    }
    let Some(root) = root else { return Ok(()) };
    // What `aws cloudformation get-template` prints has a template in YAML as a text.
    if let Value::Map(entries) = &root.value
        && let Some(Value::Text(text)) = get(entries, "TemplateBody")
    {
        let body = Document {
            name: document.name.clone(),
            text: text.clone(),
        };
        return collect(&body, parameters, found);
    }
    found
        .collect(&root, parameters)
        .map_err(|message| problem(&document.name, message))
}

/// Whether a text is a configuration of Terraform, or what `terraform show` prints for people.
fn is_hcl(text: &str) -> bool {
    let is_block = |line: &str| {
        let words = [
            "resource \"",
            "data \"",
            "module \"",
            "variable \"",
            "provider \"",
            "output \"",
        ];
        let is_labelled = words.iter().any(|word| line.starts_with(word)) && line.contains('{');
        is_labelled
            || ["terraform {", "locals {"]
                .iter()
                .any(|word| line.starts_with(word))
    };
    !text.trim_start().starts_with(['{', '[']) && text.lines().any(is_block)
}

fn endpoint(judge: &mut Judge, task: &Resource, direction: &str, choice: Choice<'_>) {
    if choice.doubt.is_some() || !choice.references.is_empty() {
        task.shown_name().clone_into(&mut judge.resource);
        let doubt = choice.doubt.unwrap_or_default();
        let member = match direction {
            "source" => "SourceEndpointArn",
            _ => "TargetEndpointArn",
        };
        let needs = if choice.references.is_empty() {
            ""
        } else {
            "; needs"
        };
        let reason = format!("is not settled: {doubt}{needs}");
        judge.leave_open(member, None, choice.references, &reason);
    }
    if let Some(endpoint) = choice.endpoint {
        judge.endpoint(direction, endpoint);
        judge.require(direction);
    }
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
    /// Where it is, if it is where its name says.
    pub(in crate::config) place: Option<DocumentPlace>,
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
        place: place_of(&root, &entered.setting),
        key: entered.key,
        value: entered.value,
        setting: entered.setting,
    });
    Some((keys.collect(), judge.findings))
}

/// The place of a member, by its path.
fn place_of(root: &Node, setting: &str) -> Option<DocumentPlace> {
    let mut node = root;
    for name in setting.split('.') {
        let Value::Map(entries) = &node.value else {
            return None;
        };
        node = &entries.iter().find(|entry| entry.key == name)?.node;
    }
    Some(node.place)
}

fn read(document: &Document, report: &mut Report) -> Option<Node> {
    if document.text.trim_start().starts_with(['{', '[']) {
        json::read_template(&document.text, report)
    } else {
        yaml::read_template(&document.text, report)
    }
}

fn finish(mut judge: Judge, task: &Resource) -> Result<Imported, ConfigProblems> {
    task.shown_name().clone_into(&mut judge.resource);
    judge.require("task");
    if let Some(definition) = &judge.table_definition {
        let mut report = Report::new("ExternalTableDefinition");
        if table_definition::parse(definition, &mut report).is_none() {
            return Err(ConfigProblems(report.into_problems()));
        }
    }
    judge.mark_open();
    judge.findings.sort_by_key(|finding| match finding.fate {
        Fate::Mapped | Fate::Kept | Fate::Ignored => 0,
        Fate::Refused => 1,
        Fate::Unresolved => 2,
    });
    Ok(Imported {
        configuration: write::configuration(&judge),
        samples: samples::samples(&judge),
        task: judge.name.unwrap_or_default(),
        table_definition: judge.table_definition,
        table_mappings: judge.table_mappings,
        findings: judge.findings,
        unresolved: judge.open,
    })
}

#[cfg(test)]
mod tests;
