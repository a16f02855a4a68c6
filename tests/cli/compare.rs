//! The stream is compared with the files while the task runs.
#![cfg(unix)]
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::net::SocketAddr;

use serde_json::{Value, json};

use crate::orders::{order, running_task, snapshot};
use crate::serve::{ask_with, end, metric};
use crate::task_folder::{RECORDS, Settings, TOKEN, TaskFolder, wait_until};

fn look_up(address: SocketAddr, path: &str) -> String {
    let headers = format!("Host: {address}\r\nAuthorization: Bearer {TOKEN}\r\n");
    let (code, text) = ask_with(address, "GET", path, &headers, "").unwrap();
    assert_eq!(code, 200, "{text}");
    text
}

/// Has the stream compared; gives what is shown then.
fn compare(address: SocketAddr, body: &Value) -> Value {
    let (code, outcome) = order(address, "/api/v1/verify", body).unwrap();
    assert_eq!(code, 200, "{outcome:#}");
    wait_until("it has ended", || {
        snapshot(address)["verify"]["is_running"] == false
    });
    serde_json::from_str(&look_up(address, "/api/v1/verify/result")).unwrap()
}

fn events(task: &TaskFolder) -> String {
    std::fs::read_to_string(task.path().join("state/events.jsonl")).unwrap()
}

#[test]
fn a_running_task_compares_everything_and_goes_on() {
    let (task, running, address) = running_task();
    assert_eq!(snapshot(address)["verify"]["last"], Value::Null);
    let shown = compare(address, &json!({}));
    assert_eq!(shown["last"]["outcome"], "complete", "{shown:#}");
    assert_eq!(
        (&shown["last"]["is_partial"], &shown["problem"]),
        (&json!(false), &Value::Null)
    );
    assert_eq!(shown["last_success"], shown["last"]);
    assert_eq!(shown["report"]["verdict"], "complete", "{shown:#}");
    assert_eq!(shown["report"]["stream_records"], RECORDS, "{shown:#}");
    assert_eq!(shown["report"]["foreign_records"], 0, "{shown:#}");
    let notes = shown["report"]["notes"].to_string();
    assert!(
        !notes.contains("did not stop cleanly"),
        "nothing was in flight: {notes}"
    );
    let text = look_up(address, "/metrics");
    assert!(
        text.contains("brigade_verify_last_success_timestamp_seconds{"),
        "{text}"
    );
    assert!(text.contains("brigade_verify_rows{finding=\"missing\""), "{text}");
    task.write("data/cdc/e.csv", "INSERT,orders,shop,4,1.00,fourth\n");
    wait_until("it goes on", || task.records_count() == RECORDS + 1);
    let status = snapshot(address)["status"].take();
    assert_eq!(status["restarts"], 0, "{status:#}");
    let log = events(&task);
    assert!(
        log.contains("STREAM_COMPARED") && log.contains("comparison of the stream"),
        "{log}"
    );
    // The command asks the task, and says what it found.
    let ended = task.brigade(&["verify"]).expect(0);
    assert!(ended.stdout.contains("8 records in the stream"), "{ended:?}");
    assert_eq!(task.json(&["verify"])["verdict"], "complete");
    end(running);
    let checked = task.brigade(&["check", "verify"]);
    assert_eq!(checked.code, Some(0), "{checked:?}");
}

#[test]
fn what_is_sent_meanwhile_is_neither_foreign_nor_repeated() {
    let (task, running, address) = running_task();
    // The same rows again, in every byte, before the stream is read.
    let (code, begun) = order(address, "/api/v1/verify", &json!({})).unwrap();
    assert_eq!((code, &begun["report"]["number"]), (200, &json!(1)), "{begun:#}");
    task.write("data/cdc/b2.csv", "INSERT,orders,shop,3,1.00,third\n");
    wait_until("it has ended", || {
        snapshot(address)["verify"]["is_running"] == false
    });
    wait_until("it goes on", || task.records_count() == RECORDS + 1);
    // Now they are there before the question.
    let shown = compare(address, &json!({}));
    assert_eq!(shown["report"]["stream_records"], RECORDS + 1, "{shown:#}");
    assert_eq!(shown["last"]["rows_repeated"], 0, "{shown:#}");
    let first: Value = serde_json::from_str(&look_up(address, "/api/v1/verify/result")).unwrap();
    assert_eq!(
        (&first["report_number"], &first["number"]),
        (&json!(2), &json!(2))
    );
    end(running);
}

#[test]
fn what_is_asked_for_is_compared_and_counts_as_a_part() {
    let (_task, running, address) = running_task();
    let shown = compare(address, &json!({ "tables": ["shop.orders"] }));
    assert_eq!(shown["last"]["is_partial"], true, "{shown:#}");
    assert_eq!(shown["last_success"], Value::Null, "{shown:#}");
    for (body, text) in [
        (json!({ "tables": ["shop.nothing"] }), "no table shop.nothing"),
        (json!({ "since": "yesterday" }), "is not a time"),
        (json!({ "since": "2999-01-01T00:00:00Z" }), "in the future"),
    ] {
        let (code, problem) = order(address, "/api/v1/verify", &body).unwrap();
        assert_eq!((code, &problem["exit_code"]), (409, &json!(64)), "{problem:#}");
        assert!(problem["error"].as_str().unwrap().contains(text), "{problem:#}");
    }
    for body in [json!({ "nothing": 1 }), json!([]), json!([["shop.orders"]])] {
        let (code, _) = order(address, "/api/v1/verify", &body).unwrap();
        assert_eq!(code, 400, "{body}");
    }
    end(running);
}

#[test]
fn a_row_that_is_missing_is_told_everywhere() {
    let (task, address) = TaskFolder::with_orders();
    task.brigade(&["run", "--once"]).expect(0);
    for shard in 0..2 {
        let path = task.path().join(format!("out/shard-{shard:03}.ndjson"));
        let text = std::fs::read_to_string(&path).unwrap();
        let kept = text.lines().filter(|line| !line.contains("first"));
        let kept: String = kept.flat_map(|line| [line, "\n"]).collect();
        std::fs::write(path, kept).unwrap();
    }
    assert_eq!(task.records_count(), RECORDS - 1);
    let running = task.start();
    wait_until("it runs", || {
        ask_with(address, "GET", "/readyz", &format!("Host: {address}\r\n"), "")
            .is_some_and(|(code, _)| code == 200)
    });
    let shown = compare(address, &json!({}));
    assert_eq!(shown["last"]["rows_missing"], 1, "{shown:#}");
    let missing = &shown["report"]["missing_rows"][0];
    assert_eq!(missing["key"], "shop/orders/LOAD1.csv", "{shown:#}");
    let text = look_up(address, "/metrics");
    assert_eq!(
        metric(&text, "brigade_verify_rows{finding=\"missing\""),
        1,
        "{text}"
    );
    assert!(
        !text.contains("brigade_verify_last_success_timestamp_seconds{"),
        "{text}"
    );
    assert!(events(&task).contains("1 row missing"));
    let ended = task.brigade(&["verify"]).expect(65);
    assert!(ended.stderr.contains("1 row missing"), "{ended:?}");
    end(running);
    // The next process knows.
    let running = task.start();
    wait_until("it is served", || {
        ask_with(address, "GET", "/livez", &format!("Host: {address}\r\n"), "").is_some()
    });
    assert_eq!(snapshot(address)["verify"]["last"]["rows_missing"], 1);
    end(running);
}

#[test]
fn what_a_comparison_cannot_keep_is_said() {
    let task = TaskFolder::new(&Settings::default());
    task.brigade(&["run", "--once"]).expect(0);
    std::fs::create_dir(task.path().join("state/verify.json")).unwrap();
    let ended = task.brigade(&["verify"]).expect(0);
    for text in ["earlier comparisons are not known", "will not know of this"] {
        assert!(ended.stderr.contains(text), "{ended:?}");
    }
}
