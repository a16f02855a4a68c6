//! The task settings document of DMS as a part of a configuration: its members are the values of the keys they map to,
//! where the configuration itself says nothing. What each member means is said in one place, for this and for
//! `brigade import dms`. Pure: no I/O, no clock.

use std::collections::BTreeMap;

use super::dms::import::{Fate, Finding, SettingKey, task_settings};
use super::keys;
use super::scalar;
use super::tree::{Entry, Node, Value};
use super::yaml::plain_scalar;
use crate::settings::problems::{DocumentPlace, Report};

/// The member of a settings document that a key has its value of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Member {
    /// Its name: `ErrorBehavior.DataErrorPolicy`.
    pub(super) name: String,
    /// Where it is.
    pub(super) place: Option<DocumentPlace>,
}

/// The keys that a settings document gave a value, by their paths.
pub(super) type Members = BTreeMap<String, Member>;

/// Adds what a settings document says to the tree of a configuration. What is odd about the document goes into its own
/// report, and what contradicts the configuration, which wins, into that of the configuration.
pub(super) fn overlay(root: &mut Node, text: &str, of_document: &mut Report, report: &mut Report) -> Members {
    let mut members = Members::new();
    let Some((settings, findings)) = task_settings(text, of_document) else {
        return members;
    };
    let is_not_done = |finding: &&Finding| matches!(finding.fate, Fate::Refused | Fate::Unresolved);
    for finding in findings.iter().filter(is_not_done) {
        let message = format!("`{}` is {}: {}", finding.setting, finding.value, finding.reason);
        of_document.warning(None, message);
    }
    let place = root.place;
    let Value::Map(entries) = &mut root.value else {
        return members;
    };
    for setting in settings {
        let Some(path) = path_of(entries, setting.key) else {
            continue;
        };
        let names: Vec<_> = path.split('.').collect();
        if let Some(given) = put(entries, &names, place, value_of(&setting)) {
            warn_of_contradiction(&path, given, &setting, report);
        } else {
            let SettingKey {
                setting: name, place, ..
            } = setting;
            members.insert(path, Member { name, place });
        }
    }
    members
}

/// The path of a key in this configuration: what a setting says of the stream holds for a folder in its place.
fn path_of(entries: &[Entry], key: &str) -> Option<String> {
    let Some(of_stream) = key.strip_prefix("target.kinesis.") else {
        return Some(key.to_owned());
    };
    let target = entries.iter().find(|entry| entry.key == "target")?;
    let Value::Map(targets) = &target.node.value else {
        return None;
    };
    let kind = targets
        .iter()
        .find(|entry| ["kinesis", "ndjson"].contains(&entry.key.as_str()))?;
    let path = format!("target.{}.{of_stream}", kind.key);
    keys::all()
        .iter()
        .any(|(known, _)| *known == path)
        .then_some(path)
}

fn value_of(setting: &SettingKey) -> Value {
    match serde_json::from_str::<String>(&setting.value) {
        Ok(text) => Value::Text(text),
        Err(_) => plain_scalar(&setting.value),
    }
}

/// Puts a value where nothing is; gives what is there otherwise.
fn put<'a>(
    entries: &'a mut Vec<Entry>,
    names: &[&str],
    place: DocumentPlace,
    value: Value,
) -> Option<&'a Node> {
    let (name, below) = names.split_first()?;
    let known = entries.iter().position(|entry| entry.key == *name);
    if below.is_empty() {
        if let Some(index) = known {
            return entries.get(index).map(|entry| &entry.node);
        }
        entries.push(new_entry(name, place, value));
        return None;
    }
    let index = known.unwrap_or_else(|| {
        entries.push(new_entry(name, place, Value::Map(Vec::new())));
        entries.len() - 1
    });
    let group = &mut entries.get_mut(index)?.node.value;
    // All keys of the group are commented out.
    if *group == Value::Null {
        *group = Value::Map(Vec::new());
    }
    match group {
        Value::Map(entries) => put(entries, below, place, value),
        // That is a mistake of the configuration, and reported as one.
        Value::Null | Value::Boolean(_) | Value::Number(_) | Value::Text(_) | Value::List(_) => None,
    }
}

fn new_entry(name: &str, place: DocumentPlace, value: Value) -> Entry {
    Entry {
        key: name.to_owned(),
        place,
        node: Node { place, value },
    }
}

fn warn_of_contradiction(path: &str, given: &Node, setting: &SettingKey, report: &mut Report) {
    let known = keys::all().into_iter().find(|(known, _)| known == path);
    let Some((_, key)) = known else {
        return;
    };
    let own = scalar::from_value(&key.kind, &given.value);
    let of_setting = scalar::from_value(&key.kind, &value_of(setting));
    if let (Ok(own), Ok(of_setting)) = (own, of_setting)
        && own != of_setting
    {
        let message = format!(
            "`{path}` is {}, and `{}` of task_settings says {}; this one holds, remove one of them",
            given.value.describe(),
            setting.setting,
            setting.value
        );
        report.warning(given.place, message);
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::config::tests::{Fixed, SMALL, TABLES};
    use crate::config::{Config, Loaded, load_str};
    use crate::settings::{ConfigProblems, DataErrorPolicy};

    /// What a new task of DMS has, nulls and the member that is there in two spellings included.
    const DEFAULTS: &str = include_str!("../../tests/data/import/task-settings.json");

    fn load(keys: &str, settings: &str) -> Result<Loaded, ConfigProblems> {
        let files = [("/conf/t.json", TABLES), ("/conf/settings.json", settings)];
        let text = format!("{SMALL}task_settings: ./settings.json\n{keys}");
        load_str(&text, Path::new("/conf/brigade.yaml"), &Fixed::new(&[], &files))
    }

    fn loaded(keys: &str, settings: &str) -> (Config, Vec<String>) {
        let loaded = load(keys, settings).unwrap_or_else(|problems| panic!("{problems}"));
        let warnings = loaded.warnings.iter().map(ToString::to_string);
        (loaded.config, warnings.collect())
    }

    #[test]
    fn the_settings_of_a_new_task_are_taken_whole() {
        let (config, warnings) = loaded("", DEFAULTS);
        assert!(
            warnings.is_empty(),
            "every member is known and done: {warnings:?}"
        );
        assert_eq!(config.limits.files_in_parallel, 8);
        assert!(config.limits.restart.are_unbounded && config.limits.restart.end_at_interval_max);
        assert_eq!(config.limits.restart.interval.as_secs(), 5);
        assert_eq!(config.limits.restart.interval_max.as_secs(), 1_800);
        assert_eq!(
            config.source.changed_objects,
            crate::settings::ChangedObjects::SuspendTable
        );
        assert!(config.errors.rows.is_default());
    }

    #[test]
    fn a_member_is_the_value_of_its_key_and_the_configuration_wins_over_it() {
        let settings = r#"{"Logging":{"EnableLogging":true},"TTSettings":null,"ErrorBehavior":{"DataErrorPolicy":"SUSPEND_TABLE",
            "DataErrorEscalationCount":4,"DataErrorEscalationPolicy":"STOP_TASK","TableErrorPolicy":"STOP_TASK"}}"#;
        let keys = "errors: { data_error_policy: STOP_TASK, data_error_escalation: { count: 4 } }\n";
        let (config, warnings) = loaded(keys, settings);
        let rows = config.errors.rows;
        assert_eq!(rows.data, DataErrorPolicy::StopTask);
        let escalation = rows.escalation.unwrap();
        assert_eq!(
            (escalation.count, escalation.policy),
            (4, DataErrorPolicy::StopTask)
        );
        assert_eq!(
            config.source.changed_objects,
            crate::settings::ChangedObjects::Stop
        );
        assert_eq!(warnings.len(), 1, "only what contradicts: {warnings:?}");
        for part in [
            "brigade.yaml:10:30",
            "`errors.data_error_policy`",
            "ErrorBehavior.DataErrorPolicy",
            "SUSPEND_TABLE",
        ] {
            assert!(warnings[0].contains(part), "{part}: {warnings:?}");
        }
    }

    #[test]
    fn what_is_unknown_or_not_done_is_a_warning_with_its_name() {
        let settings = r#"{"Odd":{"A":1},"ErrorBehavior":{"Strange":2,"DataErrorPolicy":"PANIC"}}"#;
        let (config, warnings) = loaded("", settings);
        assert!(config.errors.rows.is_default());
        for (warning, part) in warnings.iter().zip(["Odd", "Strange", "DataErrorPolicy"]) {
            assert!(
                warning.contains("settings.json") && warning.contains(part),
                "{part}: {warnings:?}"
            );
        }
        assert_eq!(warnings.len(), 3);
    }

    #[test]
    fn what_is_no_settings_document_is_refused() {
        for settings in ["[1]", "{\"ErrorBehavior\":", "\"text\"", ""] {
            let problems = load("", settings).unwrap_err().to_string();
            assert!(problems.contains("settings.json"), "{settings}: {problems}");
        }
    }

    #[test]
    fn what_is_said_of_the_stream_holds_for_a_folder_too() {
        let settings = r#"{"TargetMetadata":{"ParallelApplyThreads":2}}"#;
        let text = SMALL.replace("kinesis: { stream: orders }", "ndjson: { path: ./out }");
        let text = format!("{text}task_settings: ./settings.json\n");
        let files = [("/conf/t.json", TABLES), ("/conf/settings.json", settings)];
        let loaded = load_str(&text, Path::new("/conf/brigade.yaml"), &Fixed::new(&[], &files));
        let message = loaded
            .unwrap_or_else(|problems| panic!("{problems}"))
            .config
            .message;
        assert_eq!(
            message.change_partition_key,
            crate::settings::ChangePartitionKey::PrimaryKey
        );
    }
}
