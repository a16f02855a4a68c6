//! Orders to a task that runs: by its API, and by the commands, which find it.
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::net::SocketAddr;

use serde_json::{Value, json};

use crate::broken_file;
use crate::serve::{ask, ask_with, end};
use crate::task_folder::{RECORDS, Running, Settings, TOKEN, TaskFolder, free_address, wait_until};

/// A running task that takes orders, with all of its rows sent.
pub(crate) fn running_task() -> (TaskFolder, Running, SocketAddr) {
    let (task, address) = TaskFolder::with_orders();
    let running = task.start();
    wait_until("all is sent", || task.records_count() == RECORDS);
    (task, running, address)
}

/// The answer to an order.
fn post(address: SocketAddr, path: &str, body: &str, headers: &str) -> Option<(u16, Value)> {
    let length = body.len();
    let headers = format!("Host: {address}\r\nContent-Length: {length}\r\n{headers}");
    let (code, text) = ask_with(address, "POST", path, &headers, body)?;
    Some((code, serde_json::from_str(&text).unwrap_or(Value::Null)))
}

/// The same with the token, `None` if the process is gone.
pub(crate) fn order(address: SocketAddr, path: &str, body: &Value) -> Option<(u16, Value)> {
    let headers = format!("Authorization: Bearer {TOKEN}\r\nBrigade-Requester: ana\r\n");
    post(address, path, &body.to_string(), &headers)
}

pub(crate) fn snapshot(address: SocketAddr) -> Value {
    let headers = format!("Host: {address}\r\nAuthorization: Bearer {TOKEN}\r\n");
    let (code, text) = ask_with(address, "GET", "/api/v1/snapshot", &headers, "").unwrap();
    assert_eq!(code, 200, "{text}");
    serde_json::from_str(&text).unwrap()
}

fn events(task: &TaskFolder) -> String {
    std::fs::read_to_string(task.path().join("state/events.jsonl")).unwrap()
}

fn assert_each_row_once(task: &TaskFolder) {
    let report = task.json(&["verify"]);
    assert_eq!(report["verdict"], "complete", "{report:#}");
    assert_eq!(report["rows_repeated"], 0, "{report:#}");
    assert_eq!(report["stream_records"], task.records_count(), "{report:#}");
}

#[test]
fn a_paused_task_sends_nothing_until_it_is_resumed() {
    let (task, running, address) = running_task();
    task.brigade(&["pause"]).expect(0);
    wait_until("it is paused", || snapshot(address)["status"]["paused"] == true);
    for path in ["/readyz", "/healthz"] {
        let (code, text) = ask(address, path).unwrap();
        assert!(code == 503 && text.contains("brigade resume"), "{path}: {text}");
    }
    // Nothing else says that rows wait: a paused task lists nothing.
    wait_until("the status says so", || task.json(&["status"])["paused"] == true);
    for (command, code) in [(&["status"][..], 0), (&["top"], 0), (&["check", "lag"], 1)] {
        let ended = task.brigade(command);
        assert_eq!(ended.code, Some(code), "{ended:?}");
        assert!(ended.stdout.contains("paused"), "{ended:?}");
    }
    assert_eq!(ask(address, "/livez").unwrap().0, 200);
    task.write("data/cdc/e.csv", "INSERT,orders,shop,4,1.00,fourth\n");
    // Longer than a file is usually unseen.
    std::thread::sleep(std::time::Duration::from_millis(600));
    assert_eq!(task.records_count(), RECORDS);
    assert_eq!(task.json(&["pause"])["changed"], false, "it is paused already");
    assert_eq!(task.json(&["resume"])["changed"], true);
    wait_until("it goes on", || task.records_count() == RECORDS + 1);
    let status = snapshot(address)["status"].take();
    assert_eq!(
        (&status["paused"], &status["restarts"]),
        (&json!(false), &json!(0)),
        "{status:#}"
    );
    end(running);
    assert_each_row_once(&task);
}

#[test]
fn a_running_task_is_stopped_by_a_command_also_while_it_is_paused() {
    let (task, mut running, _address) = running_task();
    task.brigade(&["pause"]).expect(0);
    let ended = task.brigade(&["stop"]).expect(0);
    assert!(ended.stdout.contains("has stopped"), "{ended:?}");
    assert_eq!(running.exit_code(), Some(0));
    assert_eq!(task.json(&["stop"])["changed"], false);
    task.brigade(&["pause"]).expect(64);
    assert_eq!(task.json(&["status"])["activity"], "stopped");
    assert_each_row_once(&task);
}

#[test]
fn orders_take_the_token_and_no_page_of_another_origin() {
    let (task, running, address) = running_task();
    let bearer = format!("Authorization: Bearer {TOKEN}\r\n");
    let paths = [
        "pause",
        "resume",
        "stop",
        "tables/reload",
        "tables/resume",
        "files/decide",
        "dead-letters/replay",
    ];
    for path in paths.map(|path| format!("/api/v1/{path}")) {
        for headers in ["", "Authorization: Bearer another-token-here\r\n"] {
            assert_eq!(
                post(address, &path, "{}", headers).unwrap().0,
                401,
                "{path} {headers}"
            );
        }
        let foreign = format!("{bearer}Origin: http://evil.example\r\n");
        assert_eq!(post(address, &path, "{}", &foreign).unwrap().0, 403, "{path}");
        let headers = format!("Host: {address}\r\n{bearer}");
        assert_eq!(
            ask_with(address, "GET", &path, &headers, "").unwrap().0,
            405,
            "{path}"
        );
    }
    assert!(!events(&task).contains("OPERATION_ORDERED"), "nothing was taken");
    end(running);
}

#[test]
fn an_order_is_journaled_with_who_gave_it_and_one_that_is_wrong_says_why() {
    let (task, running, address) = running_task();
    let bearer = format!("Authorization: Bearer {TOKEN}\r\n");
    let (code, answer) = order(
        address,
        "/api/v1/tables/reload",
        &json!({ "tables": ["shop.none"] }),
    )
    .unwrap();
    assert_eq!((code, &answer["exit_code"]), (409, &json!(64)), "{answer}");
    let (code, answer) = order(
        address,
        "/api/v1/tables/reload",
        &json!({ "table": "shop.orders" }),
    )
    .unwrap();
    assert!(
        code == 400 && answer["error"].as_str().unwrap().contains("table"),
        "{answer}"
    );
    let (code, answer) = order(address, "/api/v1/pause", &json!({})).unwrap();
    assert_eq!(
        (code, &answer["report"]["changed"]),
        (200, &json!(true)),
        "{answer}"
    );
    assert!(
        events(&task).contains("Ordered by ana at 127.0.0.1:"),
        "{}",
        events(&task)
    );
    assert!(events(&task).contains("pause"), "{}", events(&task));
    let (_, text) = ask_with(
        address,
        "GET",
        "/api/v1/events",
        &format!("Host: {address}\r\n{bearer}"),
        "",
    )
    .unwrap();
    assert!(text.contains("OPERATION_ORDERED"), "{text}");
    end(running);
}

#[test]
fn a_task_without_a_token_takes_no_orders_and_says_so() {
    let address = free_address();
    let task = TaskFolder::new(&Settings {
        listen: address.to_string(),
        ..Settings::default()
    });
    let running = task.start();
    wait_until("all is sent", || task.records_count() == RECORDS);
    assert_eq!(post(address, "/api/v1/pause", "", "").unwrap().0, 403);
    wait_until("the address is known", || {
        task.json(&["status"])["api_address"].is_string()
    });
    let ended = task.brigade(&["pause"]).expect(75);
    assert!(ended.stderr.contains("set api.token"), "{ended:?}");
    end(running);
}

#[test]
fn a_command_with_another_token_says_so() {
    let (task, running, address) = running_task();
    wait_until("the address is known", || {
        task.json(&["status"])["api_address"].is_string()
    });
    task.configure(&Settings {
        listen: format!("{address}\", token: \"another-token-of-16"),
        ..Settings::default()
    });
    let ended = task.brigade(&["pause"]).expect(77);
    assert!(ended.stderr.contains("another api.token"), "{ended:?}");
    assert!(!ended.stderr.contains("another-token-of-16"), "{ended:?}");
    end(running);
}

#[test]
fn a_table_is_reloaded_while_the_task_runs() {
    let (task, running, _address) = running_task();
    let ended = task
        .brigade(&["reload", "--table", "shop.orders", "--dry-run"])
        .expect(0);
    assert!(ended.stdout.contains("would reload shop.orders"), "{ended:?}");
    task.write(
        "data/shop/orders/LOAD1.csv",
        "1,11.50,first\n2,21.00,\n7,3.00,seventh\n",
    );
    let ended = task
        .brigade(&["reload", "--table", "shop.orders", "--yes"])
        .expect(0);
    assert!(ended.stdout.contains("the task reloads shop.orders"), "{ended:?}");
    // A drop-table and a create-table record, and three rows.
    wait_until("it is reloaded", || task.records_count() == RECORDS + 5);
    let seventh = task
        .messages()
        .iter()
        .filter(|text| text.contains("seventh"))
        .count();
    assert_eq!(seventh, 1);
    task.write("data/cdc/e.csv", "INSERT,orders,shop,4,1.00,fourth\n");
    wait_until("changes go on", || task.records_count() == RECORDS + 6);
    end(running);
}

#[test]
fn a_broken_file_is_read_on_while_the_task_runs() {
    let (task, running, address) = running_task();
    broken_file::put(&task, &broken_file::rows(), |bytes| {
        bytes.truncate(bytes.len() / 2);
    });
    wait_until("it is set aside", || {
        snapshot(address)["status"]["set_aside"] == 1
    });
    let listed = task.json(&["files", "list"]);
    assert_eq!(listed["files"][0]["key"], broken_file::KEY, "{listed:#}");
    let sent = task.records_count() - RECORDS;
    assert!(
        sent > 0 && sent < broken_file::ROWS,
        "the rows before the break: {sent}"
    );
    broken_file::put(&task, &broken_file::rows(), |_bytes| {});
    let ended = task.brigade(&["files", "retry", broken_file::KEY]).expect(0);
    assert!(
        ended
            .stdout
            .starts_with("the task reads cdc/d.csv.gz after its first"),
        "{ended:?}"
    );
    wait_until("it is read on", || {
        task.records_count() == RECORDS + broken_file::ROWS
    });
    wait_until("nothing waits", || snapshot(address)["status"]["set_aside"] == 0);
    end(running);
    assert_each_row_once(&task);
}

#[test]
fn dead_letters_are_sent_again_while_the_task_runs() {
    let (task, running, address) = running_task();
    task.write("data/cdc/e.csv", "INSERT,orders,shop,8,12345678901.5,eighth\n");
    let letters = || {
        let headers = format!("Host: {address}\r\nAuthorization: Bearer {TOKEN}\r\n");
        ask_with(address, "GET", "/api/v1/dead-letters", &headers, "")
            .unwrap()
            .1
    };
    wait_until("it is a dead letter", || letters().contains("cdc/e.csv"));
    assert!(
        !letters().contains("12345678901"),
        "no value of a row: {}",
        letters()
    );
    let ended = task
        .brigade(&["dlq", "replay", "--object", "cdc/e.csv"])
        .expect(65);
    assert!(ended.stdout.contains("1 still rejected"), "{ended:?}");
    end(running);
    // With the definition corrected the row is sent, once.
    let definition = std::fs::read_to_string(task.path().join("table-definition.json")).unwrap();
    let wider = definition.replace("\"ColumnPrecision\": \"10\"", "\"ColumnPrecision\": \"20\"");
    task.write("table-definition.json", &wider);
    let running = task.start();
    wait_until("it runs", || {
        ask(address, "/readyz").is_some_and(|(code, _)| code == 200)
    });
    let ended = task
        .brigade(&["dlq", "replay", "--object", "cdc/e.csv"])
        .expect(0);
    assert!(ended.stdout.contains("sent 1 row"), "{ended:?}");
    assert_eq!(task.records_count(), RECORDS + 1);
    let ended = task
        .brigade(&["dlq", "replay", "--object", "cdc/e.csv"])
        .expect(0);
    assert!(ended.stdout.contains("1 sent before"), "{ended:?}");
    assert_eq!(task.records_count(), RECORDS + 1);
    end(running);
}

/// Another task may be served where the one that is meant was.
#[test]
fn an_order_goes_to_the_process_that_has_the_state_and_to_no_other() {
    let (task, address) = TaskFolder::with_orders();
    task.brigade(&["run", "--once"]).expect(0);
    let other = TaskFolder::new(&Settings {
        task: "other",
        listen: format!("{address}\", token: \"{TOKEN}"),
        ..Settings::default()
    });
    let running = other.start();
    wait_until("the other is served", || {
        ask(address, "/readyz").is_some_and(|(code, _)| code == 200)
    });
    // As a status that is out of date says it, with somebody else at the state.
    let path = task.path().join("state/status.json");
    let mut status: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    assert_eq!(status["api_address"], Value::Null, "it is served no more");
    status["api_address"] = json!(address.to_string());
    std::fs::write(&path, status.to_string()).unwrap();
    let database = std::fs::File::open(task.path().join("state/sled/db")).unwrap();
    database.lock().unwrap();
    for command in [
        &["pause"][..],
        &["reload", "--table", "shop.orders", "--yes"],
        &["files", "list"],
    ] {
        let ended = task.brigade(command).expect(75);
        assert!(ended.stderr.contains("in use by a running process"), "{ended:?}");
    }
    assert!(
        !events(&other).contains("OPERATION_ORDERED"),
        "{}",
        events(&other)
    );
    end(running);
}

/// What was answered with yes is done before the run is over.
#[test]
fn an_order_at_the_end_of_a_run_is_carried_out_by_it_or_refused() {
    for wait_ms in (0..16).map(|step| 12 * step) {
        let (task, address) = TaskFolder::with_orders();
        let mut once = TaskFolder::start_command(task.command(&["run", "--once"]));
        std::thread::sleep(std::time::Duration::from_millis(wait_ms));
        let answer = order(
            address,
            "/api/v1/tables/reload",
            &json!({ "tables": ["shop.orders"] }),
        );
        let is_done = answer.is_some_and(|(code, _)| code == 200);
        assert_eq!(once.exit_code(), Some(0), "after {wait_ms} ms");
        let messages = task.messages();
        let loads = messages.iter().filter(|text| text.contains("drop-table")).count();
        assert_eq!(loads, 1 + usize::from(is_done), "after {wait_ms} ms");
    }
}
