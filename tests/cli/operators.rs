//! What the people who run it see and do: what a task says it does, signals, warnings, names that attack a terminal.
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot be set up has to fail"
)]

use std::process::{Command, Stdio};

use serde_json::Value;

use crate::data_files::logged;
use crate::task_folder::{Ended, Running, Settings, TaskFolder, wait_until};

/// Records of the task: two rows loaded, two changes, and three control records.
const ALL: usize = 7;

/// Replaces a part of the configuration.
fn replace(task: &TaskFolder, old: &str, new: &str) {
    let path = task.path().join("brigade.yaml");
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains(old), "{text}");
    std::fs::write(path, text.replace(old, new)).unwrap();
}

#[test]
fn a_task_without_a_load_says_that_it_reads_changes() {
    let task = TaskFolder::new(&Settings::default());
    replace(&task, "full-load-and-cdc", "cdc");
    let ended = task.brigade(&["run", "--once"]).expect(0);
    assert!(ended.stdout.contains("2 rows delivered"), "{ended:?}");
    let status = task.json(&["status"]);
    assert_eq!(status["phase"], "changes", "{status}");
    let shown = task.brigade(&["status"]).stdout;
    assert!(shown.contains("phase         changes\n"), "{shown}");
    assert!(shown.contains("tables        1\n"), "{shown}");
    assert!(shown.contains("change files  2 read of 2"), "{shown}");
}

#[test]
fn a_failure_is_logged_as_an_error() {
    let settings = Settings {
        late_files: "stop",
        ..Settings::default()
    };
    let task = TaskFolder::new(&settings);
    task.brigade(&["run", "--once"]).expect(0);
    task.write("data/cdc/b.csv", "DELETE,orders,shop,3,2.00,third\n");
    let mut command = task.command(&["--log-format", "json", "run", "--once"]);
    let output = command.env("BRIGADE_LOG", "info").output().unwrap();
    let log = String::from_utf8(output.stderr).unwrap();
    let mut lines = log
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let event = lines.rfind(|line| line["event_type"] == "REPLICATION_TASK_FAILED");
    assert_eq!(event.expect("the task has failed")["level"], "ERROR", "{log}");
}

/// Starts the task by a program that runs the one it is given, with the arguments before that.
fn started_by(program: &str, arguments: &[&str], task: &TaskFolder) -> Running {
    let brigade = task.command(&["run"]);
    let mut command = Command::new(program);
    command.args(arguments).arg(brigade.get_program());
    command
        .args(brigade.get_args())
        .current_dir(task.path())
        .stdin(Stdio::null());
    for (name, value) in brigade.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    TaskFolder::start_command(command)
}

#[test]
fn a_closed_terminal_stops_the_task_cleanly() {
    let task = TaskFolder::new(&Settings::default());
    // Whoever runs the tests may ignore the signal, and children inherit that.
    let mut running = started_by("env", &["--default-signal=HUP"], &task);
    wait_until("all is sent", || task.records_count() == ALL);
    running.signal("-HUP");
    running.read_until("stopping");
    assert_eq!(running.exit_code(), Some(0));
    assert_eq!(task.json(&["status"])["activity"], "stopped");
}

#[test]
fn under_nohup_a_closed_terminal_stops_nothing() {
    let task = TaskFolder::new(&Settings::default());
    let mut running = started_by("nohup", &[], &task);
    wait_until("all is sent", || task.records_count() == ALL);
    running.signal("-HUP");
    task.write("data/cdc/d.csv", "DELETE,orders,shop,3,2.00,third\n");
    wait_until("the row that came after the signal is sent", || {
        task.records_count() == ALL + 1
    });
    running.terminate();
    assert_eq!(running.exit_code(), Some(0));
}

#[test]
fn rows_in_the_clear_over_a_network_are_a_warning() {
    let settings = Settings {
        target: "  kinesis:\n    stream: s\n    endpoint: \"http://kinesis.example:4567\"\n".into(),
        ..Settings::default()
    };
    let task = TaskFolder::new(&settings);
    let ended = task.brigade(&["validate"]).expect(0);
    assert!(
        ended.stdout.contains("warning: ") && ended.stdout.contains("http://kinesis.example:4567"),
        "{ended:?}"
    );
    replace(&task, "http://kinesis.example:4567", "http://127.0.0.1:4567");
    let ended = task.brigade(&["validate"]).expect(0);
    assert!(!ended.stdout.contains("warning: "), "{ended:?}");
}

#[test]
fn what_run_refuses_of_an_endpoint_of_spans_validate_refuses_too() {
    let task = TaskFolder::new(&Settings::default());
    let end = "telemetry:\n  otlp:\n    endpoint: https://collector:4318\n";
    replace(&task, "limits:\n", &format!("{end}limits:\n"));
    for command in [["validate", "--output=text"], ["run", "--once"]] {
        let ended = task.brigade(&command);
        assert_eq!(ended.code, Some(78), "{ended:?}");
        let said = ended.stdout + &ended.stderr;
        assert!(said.contains("plain HTTP"), "{said}");
    }
}

/// A key and a value that clear the screen, turn text round and end lines.
#[test]
fn no_name_or_value_from_outside_steers_the_terminal() {
    let settings = Settings {
        late_files: "quarantine",
        ..Settings::default()
    };
    let task = TaskFolder::new(&settings);
    task.brigade(&["run", "--once"]).expect(0);
    let key = "cdc/a\u{9b}2Jb\u{202e}vsc.\u{2066}\u{85}\u{1b}[31m.csv";
    task.write(
        &format!("data/{key}"),
        "DELETE,orders,shop,3,2.00,\u{202e}evil\u{9b}2J\u{1b}[2J\n",
    );
    task.write(
        "data/cdc/z.csv",
        "INSERT,orders,shop,x\u{202e}\u{1b}[2J\u{9b},2.00,a\n",
    );
    let mut run = task.command(&["run", "--once"]);
    let output = run.env("BRIGADE_LOG", "debug").output().unwrap();
    assert_eq!(output.status.code(), Some(65));
    let mut said = vec![("run".to_owned(), [output.stdout, output.stderr].concat())];
    for command in [
        &["status"][..],
        &["status", "--output", "json"],
        &["tables"],
        &["files", "list"],
        &["files", "list", "--output", "json"],
        &["plan"],
        &["preview"],
        &["dlq", "ls"],
        &["dlq", "show"],
        &["dlq", "show", "--output", "json"],
        &["verify"],
    ] {
        let output = task.command(command).output().unwrap();
        said.push((command.join(" "), [output.stdout, output.stderr].concat()));
    }
    let all: String = said
        .iter()
        .map(|(_, bytes)| String::from_utf8_lossy(bytes))
        .collect();
    assert!(all.contains("\\u202e") && all.contains("\\u009b"), "{all}");
    for (command, bytes) in said {
        let text = String::from_utf8(bytes).unwrap();
        let harmful = text
            .chars()
            .find(|c| (c.is_control() && *c != '\n') || ('\u{202a}'..='\u{2069}').contains(c));
        assert_eq!(harmful, None, "{command}: {text:?}");
    }
}

/// Runs the task under a limit of open files, set with these options of `ulimit`.
fn run_with_open_files(task: &TaskFolder, options: &str) -> Ended {
    let brigade = task.command(&[]);
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("ulimit {options}; exec \"$0\" run --once")]);
    shell.arg(brigade.get_program()).current_dir(task.path());
    for (name, value) in brigade.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    Ended::from(shell.output().unwrap())
}

#[test]
fn too_few_open_files_are_refused_in_words_and_a_soft_limit_is_raised() {
    let task = TaskFolder::new(&Settings::default());
    let refused = run_with_open_files(&task, "-n 40").expect(78);
    assert!(
        refused.stderr.contains("may have 40 files open") && refused.stderr.contains("`ulimit -n`"),
        "{refused:?}"
    );
    run_with_open_files(&task, "-Sn 40").expect(0);
    assert_eq!(task.records_count(), ALL);
}

#[test]
fn an_interrupt_stops_the_task_cleanly() {
    let task = TaskFolder::new(&Settings::default());
    let mut running = task.start();
    wait_until("all is sent", || task.records_count() == ALL);
    running.signal("-INT");
    assert_eq!(running.exit_code(), Some(0));
    assert_eq!(task.json(&["status"])["clean_stop"], true);
}

/// Where there is a file system in memory.
#[cfg(target_os = "linux")]
#[test]
fn a_state_in_memory_is_a_warning() {
    let memory = tempfile::tempdir_in("/dev/shm").unwrap();
    let path = memory.path().join("state").display().to_string();
    let task = TaskFolder::new(&Settings {
        state: Box::leak(path.into_boxed_str()),
        ..Settings::default()
    });
    let (code, log) = logged(&task, &["run", "--once"]);
    assert_eq!(code, 0, "{log}");
    assert!(log.contains("the state is in memory (tmpfs)"), "{log}");
}
