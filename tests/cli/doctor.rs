//! `brigade doctor`: what it finds about a machine, credentials and a clock, and that it shows no secret.
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::io::{Read, Write};
use std::net::TcpListener;

use serde_json::Value;

use crate::task_folder::{Ended, Settings, TaskFolder, wait_until};

const SECRET: &str = "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY";

/// A server that refuses every request at this time.
fn refusing(date: &'static str) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut request = [0; 16 * 1024];
            drop(stream.read(&mut request));
            let body = r#"{"__type":"AccessDeniedException","message":"no"}"#;
            let length = body.len();
            drop(write!(
                stream,
                "HTTP/1.1 400 Bad Request\r\nDate: {date}\r\nContent-Type: application/x-amz-json-1.1\r\n\
                 Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
            ));
        }
    });
    port
}

fn of_stream(port: u16) -> TaskFolder {
    let endpoint = format!("http://127.0.0.1:{port}");
    TaskFolder::new(&Settings {
        target: format!("  kinesis:\n    stream: orders\n    region: us-west-2\n    endpoint: {endpoint}\n"),
        ..Settings::default()
    })
}

fn checks(text: &str) -> Vec<Value> {
    let diagnosis: Value = serde_json::from_str(text).unwrap();
    diagnosis["checks"].as_array().unwrap().clone()
}

fn outcome<'c>(checks: &'c [Value], name: &str) -> &'c str {
    let found = checks.iter().find(|check| check["check"] == name);
    found.unwrap_or_else(|| panic!("{name}: {checks:#?}"))["outcome"]
        .as_str()
        .unwrap()
}

#[test]
fn a_task_of_folders_is_examined_and_nothing_is_left_behind() {
    let task = TaskFolder::new(&Settings::default());
    task.brigade(&["run", "--once"]).expect(0);
    let names = || {
        let entries = std::fs::read_dir(task.path().join("state")).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    };
    let before = names();
    let ended = task.brigade(&["doctor", "--output", "json"]).expect(0);
    assert_eq!(names(), before, "a file is left");
    let checks = checks(&ended.stdout);
    for (name, expected) in [
        ("credentials", "not_applicable"),
        ("clock", "not_applicable"),
        ("table shop.orders", "ok"),
        ("state", "ok"),
    ] {
        assert_eq!(outcome(&checks, name), expected, "{name}");
    }
    for name in [
        "disk of the state",
        "state survives",
        "sync of the state",
        "open files",
        "memory",
    ] {
        assert_ne!(outcome(&checks, name), "failed", "{name}");
    }
    let text = task.brigade(&["doctor"]).expect(0).stdout;
    assert_eq!(text.lines().count(), checks.len(), "one line each: {text}");
    assert!(text.contains("-        clock: "), "{text}");
}

#[test]
fn what_fails_decides_the_exit_code_and_a_warning_only_if_it_is_denied() {
    let task = TaskFolder::new(&Settings {
        source: "./nowhere".into(),
        ..Settings::default()
    });
    let ended = task.brigade(&["doctor"]).expect(66);
    assert!(ended.stdout.contains("failed   source"), "{ended:?}");
    assert!(ended.stderr.contains("1 check failed"), "{ended:?}");
    let task = TaskFolder::new(&Settings::default());
    let mut running = task.start();
    wait_until("all is sent", || task.records_count() == 7);
    running.signal("-KILL");
    assert_eq!(running.exit_code(), None, "a signal ended it");
    let ended = task.brigade(&["doctor"]).expect(0);
    assert!(
        ended.stdout.contains("warning  state: the last run ended"),
        "{ended:?}"
    );
    let ended = task.brigade(&["doctor", "--deny-warnings"]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
}

#[test]
fn a_clock_that_is_off_is_found_and_no_secret_is_shown() {
    let task = of_stream(refusing("Tue, 01 Jan 2030 00:00:00 GMT"));
    let mut command = task.command(&["doctor", "--output", "json"]);
    command
        .env("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
        .env("AWS_SECRET_ACCESS_KEY", SECRET)
        .env("AWS_SESSION_TOKEN", "a-token-of-a-session");
    let ended = Ended::from(command.output().unwrap());
    let all = format!("{}{}", ended.stdout, ended.stderr);
    for secret in [SECRET, "AKIAIOSFODNN7EXAMPLE", "a-token-of-a-session"] {
        assert!(!all.contains(secret), "{all}");
    }
    let checks = checks(&ended.stdout);
    assert_eq!(outcome(&checks, "credentials"), "ok", "{ended:?}");
    let credentials = checks[0]["detail"].as_str().unwrap();
    assert!(credentials.contains("Environment"), "{credentials}");
    assert_eq!(outcome(&checks, "clock"), "failed", "{ended:?}");
    assert_eq!(
        outcome(&checks, "target Kinesis stream orders"),
        "failed",
        "{ended:?}"
    );
    assert_eq!(ended.code, Some(78), "the clock comes first: {ended:?}");
}

#[test]
fn without_credentials_there_is_a_line_that_says_so() {
    let task = of_stream(refusing("Tue, 01 Jan 2030 00:00:00 GMT"));
    let mut command = task.command(&["doctor"]);
    command
        .env_remove("AWS_ACCESS_KEY_ID")
        .env_remove("AWS_SECRET_ACCESS_KEY")
        .env("AWS_CONFIG_FILE", "/dev/null")
        .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null");
    let ended = Ended::from(command.output().unwrap()).expect(69);
    assert!(ended.stdout.starts_with("failed   credentials: "), "{ended:?}");
}
