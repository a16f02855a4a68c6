//! Who is told of the events of a task: each at least once, in order, and never in the way.
#![cfg(unix)]
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use crate::collector::Collector;
use crate::task_folder::{RECORDS, Settings, TaskFolder, free_address, wait_until};

const SECRET_PATH: &str = "/hook-that-is-secret?key=k";
const TOKEN: &str = "webhook-token-of-the-test";

/// A task that tells a webhook at this endpoint.
fn task(endpoint: &str) -> TaskFolder {
    let task = TaskFolder::new(&Settings::default());
    configure(&task, endpoint);
    task
}

fn configure(task: &TaskFolder, endpoint: &str) {
    task.configure(&Settings::default());
    let text = std::fs::read_to_string(task.path().join("brigade.yaml")).unwrap();
    let sinks = format!(
        "events: {{ sinks: {{ webhook: {{ url: \"{endpoint}{SECRET_PATH}\", token: {TOKEN} }} }} }}\n"
    );
    task.write("brigade.yaml", &(text + &sinks));
}

/// What a webhook was told, by type.
fn told(webhook: &Collector) -> Vec<String> {
    let requests = webhook.requests().into_iter();
    let events = requests.map(|request| serde_json::from_slice::<Value>(&request.body).unwrap());
    events
        .map(|event| event["detail"]["eventType"].as_str().unwrap().to_owned())
        .collect()
}

const FIRST_RUN: [&str; 3] = [
    "REPLICATION_TASK_CREATED",
    "REPLICATION_TASK_STARTED",
    "REPLICATION_TASK_STOPPED",
];
const NEXT_RUN: [&str; 2] = ["REPLICATION_TASK_STARTED", "REPLICATION_TASK_STOPPED"];

#[test]
fn a_webhook_is_told_of_each_event_once_and_in_order() {
    let webhook = Collector::start("204 No Content");
    let task = task(&webhook.endpoint);
    let ended = task.brigade(&["run", "--once"]).expect(0);
    assert_eq!(told(&webhook), FIRST_RUN);
    let request = webhook.requests()[0].clone();
    assert_eq!(request.path, SECRET_PATH);
    let headers = request.headers.to_ascii_lowercase();
    assert!(headers.contains("content-type: application/json"), "{headers}");
    assert!(
        headers.contains(&format!("authorization: bearer {TOKEN}")),
        "{headers}"
    );
    let lines = std::fs::read_to_string(task.path().join("state/events.jsonl")).unwrap();
    let bodies: Vec<_> = webhook
        .requests()
        .into_iter()
        .map(|request| request.body)
        .collect();
    assert_eq!(
        bodies.join(&b"\n"[..]),
        lines.trim_end().as_bytes(),
        "the same as in the log"
    );
    task.brigade(&["run", "--once"]).expect(0);
    assert_eq!(told(&webhook), [&FIRST_RUN[..], &NEXT_RUN].concat());
    assert!(
        !ended.stderr.contains("secret") && !ended.stderr.contains(TOKEN),
        "{ended:?}"
    );
}

#[test]
fn a_webhook_that_is_away_holds_nothing_up_and_is_told_by_the_next_run() {
    let nobody = format!("http://{}", free_address());
    let task = task(&nobody);
    let begun = Instant::now();
    let mut command = task.command(&["run", "--once"]);
    let output = command.env("BRIGADE_LOG", "warn").output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert_eq!(task.records_count(), RECORDS);
    // Five seconds for the last events, and a busy machine.
    assert!(begun.elapsed() < Duration::from_secs(20), "{text}");
    assert_eq!(
        text.matches("an event is not taken").count(),
        1,
        "it says so once: {text}"
    );
    assert!(text.contains("told of them when the task runs again"), "{text}");
    assert!(!text.contains("secret") && !text.contains(TOKEN), "{text}");
    let webhook = Collector::start("200 OK");
    configure(&task, &webhook.endpoint);
    task.brigade(&["run", "--once"]).expect(0);
    assert_eq!(told(&webhook), [&FIRST_RUN[..], &NEXT_RUN].concat());
}

#[test]
fn what_a_webhook_refuses_it_is_told_again_also_after_a_crash() {
    let webhook = Collector::start("503 Service Unavailable");
    let task = task(&webhook.endpoint);
    let mut running = task.start();
    wait_until("it was told", || told(&webhook).len() >= 2);
    wait_until("all is sent", || task.records_count() == RECORDS);
    assert!(told(&webhook).iter().all(|told| told == FIRST_RUN[0]), "in order");
    running.signal("-KILL");
    running.exit_code();
    webhook.answer("200 OK");
    let refused = told(&webhook).len();
    task.brigade(&["run", "--once"]).expect(0);
    let expected = [&FIRST_RUN[..2], &NEXT_RUN].concat();
    assert_eq!(
        told(&webhook)[refused..],
        expected,
        "the one that was killed did not stop"
    );
}

#[test]
fn a_redirection_is_no_answer_and_the_token_goes_nowhere_else() {
    let elsewhere = Collector::start("200 OK");
    let location = format!("302 Found\r\nlocation: {}/x", elsewhere.endpoint);
    let webhook = Collector::start(Box::leak(location.into_boxed_str()));
    let task = task(&webhook.endpoint);
    task.brigade(&["run", "--once"]).expect(0);
    assert!(told(&webhook).iter().all(|told| told == FIRST_RUN[0]));
    assert!(elsewhere.requests().is_empty());
}

#[test]
fn what_a_command_does_while_no_task_runs_is_told_by_the_next_run() {
    let webhook = Collector::start("200 OK");
    let task = task(&webhook.endpoint);
    task.brigade(&["run", "--once"]).expect(0);
    task.brigade(&["reload", "--table", "shop.orders", "--yes"])
        .expect(0);
    assert_eq!(told(&webhook).len(), 3);
    task.brigade(&["run", "--once"]).expect(0);
    let all = told(&webhook);
    assert!(
        all[3..].contains(&"REPLICATION_TASK_RELOAD_REQUESTED".to_owned()),
        "{all:?}"
    );
}
