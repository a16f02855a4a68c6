//! Writes the configuration, each value with the setting it is from. Pure: no I/O, no clock.

use super::judge::Judge;
use super::rules::quoted;
use super::{TABLE_DEFINITION, TABLE_MAPPINGS};

/// The configuration as a commented document.
pub(super) fn configuration(judge: &Judge) -> String {
    let mut text = String::from(
        "# Made by `brigade import dms`; the comments name the settings of DMS. Every key: config/reference.yaml.\n\
         # AWS credentials come from the SDK's provider chain and never stand here.\nversion: 1\n",
    );
    unresolved(judge, &mut text);
    if judge.value("task").is_none() {
        let name = judge.name.as_deref().unwrap_or_default();
        line(&mut text, "task", &quoted(name), "ReplicationTaskIdentifier");
    }
    keys(judge, "", &mut text);
    text += "\nsource:\n  s3:\n";
    keys(judge, "source.s3.", &mut text);
    if judge.value("source.tables").is_none() {
        let origin = if judge.is_defined_by_files {
            "to be made by `brigade init --definition-only`: the task has no ExternalTableDefinition"
        } else {
            "ExternalTableDefinition"
        };
        line(&mut text, "  tables", TABLE_DEFINITION, origin);
    }
    keys(judge, "source.", &mut text);
    group(judge, "source.csv.", "  csv:\n", &mut text);
    if judge.table_mappings.is_some() && judge.value("table_mappings").is_none() {
        text.push('\n');
        line(&mut text, "table_mappings", TABLE_MAPPINGS, "TableMappings");
    }
    text += "\ntarget:\n  kinesis:\n";
    keys(judge, "target.kinesis.", &mut text);
    group(judge, "stop.", "\nstop:\n", &mut text);
    group(judge, "errors.", "\nerrors:\n", &mut text);
    group(
        judge,
        "errors.data_error_escalation.",
        "  data_error_escalation:\n",
        &mut text,
    );
    group(judge, "limits.", "\nlimits:\n", &mut text);
    text += "\n# The checkpoint: it must survive a restart.\nstate:\n  sled:\n    path: ./state\n";
    text
}

/// What is not known and has no key of its own: a key that there is not, so that nobody runs it by mistake.
fn unresolved(judge: &Judge, text: &mut String) {
    let mut without_key = judge.open.iter().filter(|open| open.key.is_none()).peekable();
    if without_key.peek().is_none() {
        return;
    }
    text.push_str("# Not known, and no key stands for it. Write below what it means, and delete this list.\nunresolved:\n");
    for open in without_key {
        let item = quoted(&open.to_string());
        text.extend(["  - ", item.as_str(), "\n"]);
    }
}

fn group(judge: &Judge, prefix: &str, head: &str, text: &mut String) {
    if judge
        .entered
        .iter()
        .any(|entered| entered.key.starts_with(prefix))
    {
        text.push_str(head);
        keys(judge, prefix, text);
    }
}

/// The keys that stand directly under a prefix.
fn keys(judge: &Judge, prefix: &str, text: &mut String) {
    let indent = "  ".repeat(prefix.matches('.').count());
    for entered in &judge.entered {
        if let Some(name) = entered.key.strip_prefix(prefix)
            && !name.contains('.')
        {
            line(text, &format!("{indent}{name}"), &entered.value, &entered.setting);
        }
    }
}

fn line(text: &mut String, key: &str, value: &str, setting: &str) {
    let setting = setting.replace(char::is_control, " ");
    text.extend([key, ": ", value, "  # ", setting.as_str(), "\n"]);
}
