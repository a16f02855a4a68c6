//! `brigade config show` and the same over the API of a running task.
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use serde_json::{Value, json};

use crate::serve::{ask_with, end, wait};
use crate::task_folder::{Ended, Settings, TaskFolder, free_address};

const TOKEN: &str = "a-token-in-a-file-of-its-own";

/// A task with a token in a file and the format of its messages in a variable.
fn task(listen: &str) -> TaskFolder {
    let target = "  ndjson:\n    path: ./out\n    message_format: \"${MESSAGE_FORMAT}\"\n";
    let task = TaskFolder::new(&Settings::default());
    let secret = task.path().join("token").display().to_string();
    task.write("token", &format!("{TOKEN}\n"));
    task.configure(&Settings {
        listen: format!("{listen}\", token: \"${{file:{secret}}}"),
        target: target.to_owned(),
        ..Settings::default()
    });
    task
}

fn show(task: &TaskFolder, more: &[&str]) -> Ended {
    let arguments = [&["config", "show"], more].concat();
    let mut command = task.command(&arguments);
    command.env("MESSAGE_FORMAT", "json-unformatted");
    Ended::from(command.output().unwrap())
}

/// What is said of a key.
#[track_caller]
fn value<'a>(report: &'a Value, key: &str) -> &'a Value {
    let values = report["values"].as_array().unwrap();
    let found = values.iter().find(|value| value["key"] == key);
    found.unwrap_or_else(|| panic!("{key} is missing: {report:#}"))
}

#[test]
fn every_value_in_force_is_shown_with_its_origin() {
    let task = task("off");
    let ended = show(&task, &["--output", "json"]).expect(0);
    assert!(
        !ended.stdout.contains(TOKEN) && ended.stderr.is_empty(),
        "{ended:?}"
    );
    let report: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(
        (&report["schema_version"], &report["task"]),
        (&json!(1), &json!("orders"))
    );
    let file = |line: u32, column: u32| json!({"kind": "file", "file": "brigade.yaml", "line": line, "column": column});
    assert_eq!(
        *value(&report, "task"),
        json!({"key": "task", "value": "orders", "origin": file(2, 7)})
    );
    assert_eq!(value(&report, "limits.row")["origin"], json!({"kind": "default"}));
    let format = value(&report, "target.ndjson.message_format");
    assert_eq!(
        (
            &format["value"],
            &format["origin"]["kind"],
            &format["origin"]["name"]
        ),
        (
            &json!("json-unformatted"),
            &json!("environment"),
            &json!("MESSAGE_FORMAT")
        )
    );
    let token = value(&report, "api.token");
    let secret = task.path().join("token").display().to_string();
    assert_eq!(
        (
            &token["value"],
            &token["origin"]["kind"],
            &token["origin"]["name"]
        ),
        (&json!("***"), &json!("file_content"), &json!(secret))
    );
}

#[test]
fn the_text_is_one_aligned_line_for_each_value() {
    let task = task("off");
    let ended = show(&task, &[]).expect(0);
    assert!(!ended.stdout.contains(TOKEN), "{ended:?}");
    let lines: Vec<_> = ended.stdout.lines().collect();
    assert_eq!(
        lines.len(),
        show(&task, &["-o", "json"]).stdout.matches("\"key\"").count()
    );
    let equals = lines[0].find(" = ").unwrap();
    let origin = lines[0].find("   # ").unwrap();
    for line in &lines {
        assert_eq!(line.find(" = "), Some(equals), "{line}");
        let at = line.find("   # ").unwrap();
        assert!(at == origin || at > equals + 3 + 32, "{line}");
    }
    let words = |line: &&str| {
        line.split_whitespace()
            .map(str::to_owned)
            .collect::<Vec<_>>()
            .join(" ")
    };
    let lines: Vec<_> = lines.iter().map(words).collect();
    let secret = task.path().join("token").display().to_string();
    for expected in [
        "task = orders # brigade.yaml:2:7".to_owned(),
        "source.csv.delimiter = \",\" # default".to_owned(),
        "source.poll_interval = 100ms # brigade.yaml:10:18".to_owned(),
        "target.ndjson.message_format = json-unformatted # environment variable MESSAGE_FORMAT (brigade.yaml:14:21)".to_owned(),
        format!("api.token = *** # file {secret} (brigade.yaml:21:30)"),
    ] {
        assert!(lines.contains(&expected), "{expected}: {lines:#?}");
    }
}

#[test]
fn a_broken_configuration_is_reported_as_everywhere() {
    let task = task("off");
    task.write("token", "short-secret\n");
    for form in ["text", "json"] {
        let ended = show(&task, &["--output", form]).expect(78);
        assert_eq!(ended.stdout, "", "{ended:?}");
        assert!(ended.stderr.contains("`api.token`"), "{ended:?}");
        assert!(!ended.stderr.contains("short-secret"), "{ended:?}");
    }
    let validate = task.brigade(&["validate"]).expect(78);
    assert!(validate.stdout.contains("MESSAGE_FORMAT"), "{validate:?}");
}

/// Values of the file may change under a task, which goes on with what it has read.
#[test]
fn a_running_task_tells_what_it_runs_with() {
    let address = free_address();
    let task = task(&address.to_string());
    let mut command = task.command(&["run", "--stop-at", "2999-01-01T00:00:00Z"]);
    command.env("MESSAGE_FORMAT", "json");
    let running = TaskFolder::start_command(command);
    let host = format!("Host: {address}\r\n");
    let ask = |headers: &str| ask_with(address, "GET", "/api/v1/configuration", headers, "");
    wait(|| ask(&host).is_some());
    assert_eq!(ask(&host).unwrap().0, 401, "as everything that is read");
    let text = std::fs::read_to_string(task.path().join("brigade.yaml")).unwrap();
    task.write(
        "brigade.yaml",
        &text.replace("poll_interval: 100ms", "poll_interval: 9s"),
    );
    let (code, text) = ask(&format!("{host}Authorization: Bearer {TOKEN}\r\n")).unwrap();
    assert_eq!(code, 200, "{text}");
    assert!(!text.contains(TOKEN), "{text}");
    let report: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(value(&report, "source.poll_interval")["value"], "100ms");
    assert_eq!(value(&report, "target.ndjson.message_format")["value"], "json");
    assert_eq!(value(&report, "api.token")["value"], "***");
    let stop = value(&report, "stop.at");
    assert_eq!(
        (&stop["value"], &stop["origin"]),
        (
            &json!("2999-01-01T00:00:00.000Z"),
            &json!({"kind": "option", "name": "--stop-at"})
        )
    );
    let shown = show(&task, &["--output", "json"]).expect(0);
    let of_file: Value = serde_json::from_str(&shown.stdout).unwrap();
    assert_eq!(
        value(&of_file, "source.poll_interval")["value"],
        "9s",
        "the file says so now"
    );
    end(running);
}
