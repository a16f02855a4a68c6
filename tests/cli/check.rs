//! `brigade check`, as a monitoring system calls it: one line, and an exit code of Nagios.
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use serde_json::Value;

use crate::task_folder::{Ended, RECORDS, Settings, TaskFolder, wait_until};

/// Asserts the exit code, and that there is one line.
fn answer(task: &TaskFolder, arguments: &[&str], code: i32) -> String {
    let ended: Ended = task.brigade(&[&["check"], arguments].concat());
    assert_eq!(ended.code, Some(code), "{ended:#?}");
    assert_eq!(ended.stdout.lines().count(), 1, "{ended:#?}");
    ended.stdout
}

/// Replaces a part of the status, which nobody writes any more.
fn change_status(task: &TaskFolder, change: impl FnOnce(&mut Value)) {
    let path = task.path().join("state/status.json");
    let mut status: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    change(&mut status);
    std::fs::write(path, status.to_string()).unwrap();
}

#[test]
fn a_task_that_runs_and_has_nothing_to_do_is_ok() {
    let task = TaskFolder::new(&Settings::default());
    let said = answer(&task, &["lag"], 2);
    assert!(said.starts_with("CRITICAL - the task has no status"), "{said}");
    let mut running = task.start();
    wait_until("all is sent", || task.records_count() == RECORDS);
    wait_until("it is settled", || {
        let said = task.brigade(&["check", "lag"]).stdout;
        said == "OK - running; nothing waits | lag=0s;60;300 idle=0s;60;300\n"
    });
    let said = answer(&task, &["throttle", "--warning", "5", "--critical", "20"], 0);
    assert!(
        said.starts_with("OK - running; 2 shards, at most 0 % refused"),
        "{said}"
    );
    assert!(said.ends_with(" | refused=0%;5;20 stalled=0\n"), "{said}");
    let said = answer(&task, &["errors"], 0);
    assert!(said.contains("OK - running; 0 dead letters"), "{said}");
    let said = answer(&task, &["lag", "--stale-after", "0s"], 3);
    assert!(
        said.starts_with("UNKNOWN - the task runs, but its status is"),
        "{said}"
    );
    running.terminate();
    assert_eq!(running.exit_code(), Some(0));
    for question in ["lag", "throttle", "errors"] {
        let said = answer(&task, &[question], 2);
        assert!(said.starts_with("CRITICAL - not running since 20"), "{said}");
        answer(&task, &[question, "--not-running", "warning"], 1);
        answer(&task, &[question, "--not-running", "unknown"], 3);
        answer(&task, &[question, "--not-running", "ok"], 0);
    }
}

#[test]
fn a_task_that_came_to_its_end_need_not_run() {
    let task = TaskFolder::new(&Settings::default());
    task.brigade(&["run", "--once"]).expect(0);
    change_status(&task, |status| {
        status["stop"]["reason"] = "STOPPED_AFTER_FULL_LOAD".into();
    });
    let said = answer(&task, &["lag"], 0);
    assert!(said.starts_with("OK - done at 20"), "{said}");
    assert!(said.contains("STOPPED_AFTER_FULL_LOAD"), "{said}");
}

#[test]
fn changes_that_wait_are_a_lag() {
    let task = TaskFolder::new(&Settings::default());
    task.brigade(&["run", "--once"]).expect(0);
    change_status(&task, |status| {
        assert_eq!(status["oldest_open_change_ms"], Value::Null, "all is read");
        status["oldest_open_change_ms"] = 0.into();
    });
    let said = answer(&task, &["lag", "--not-running", "ok"], 2);
    assert!(said.starts_with("CRITICAL - changes wait for "), "{said}");
}

#[test]
fn rows_that_are_not_delivered_are_errors() {
    let task = TaskFolder::new(&Settings::default());
    task.write("data/cdc/d.csv", "INSERT,orders,shop,not a number,1.00,bad\n");
    task.brigade(&["run", "--once"]).expect(0);
    let of = |arguments: &[&str], code| {
        let asked = [&["errors", "--not-running", "ok"], arguments].concat();
        answer(&task, &asked, code)
    };
    let said = of(&[], 1);
    assert!(
        said.starts_with("WARNING - 1 dead letter, see `brigade dlq ls`")
            && said.contains("dead_letters=1;0;100"),
        "{said}"
    );
    of(&["--critical", "0"], 2);
    of(&["--warning", "1"], 0);
    let json: Value = serde_json::from_str(
        &task
            .brigade(&["check", "errors", "--not-running", "ok", "--output", "json"])
            .stdout,
    )
    .unwrap();
    assert_eq!(
        (&json["check"], &json["level"]),
        (&"errors".into(), &"warning".into())
    );
    assert_eq!(json["values"][0]["value"], 1, "{json}");
}

#[test]
fn the_last_comparison_is_kept_and_judged() {
    let task = TaskFolder::new(&Settings::default());
    task.brigade(&["run", "--once"]).expect(0);
    let said = answer(&task, &["verify"], 3);
    assert!(
        said.starts_with("UNKNOWN - `brigade verify` never compared"),
        "{said}"
    );
    task.brigade(&["verify", "--table", "shop.orders"]).expect(0);
    let said = answer(&task, &["verify"], 1);
    assert!(said.contains("no comparison of everything"), "{said}");
    task.brigade(&["verify"]).expect(0);
    let said = answer(&task, &["verify"], 0);
    assert!(
        said.starts_with("OK - compared at 20") && said.contains("complete, "),
        "{said}"
    );
    assert!(said.contains(";604800;2678400 missing=0"), "{said}");

    let shard = task.path().join("out/shard-000.ndjson");
    let lines = std::fs::read_to_string(&shard).unwrap();
    let shard = if lines.is_empty() {
        task.path().join("out/shard-001.ndjson")
    } else {
        shard
    };
    std::fs::write(shard, "").unwrap();
    task.brigade(&["verify"]).expect(65);
    let said = answer(&task, &["verify"], 2);
    assert!(
        said.starts_with("CRITICAL - compared at 20") && said.contains("missing"),
        "{said}"
    );

    task.brigade(&["checkpoint", "reset", "--yes"]).expect(0);
    answer(&task, &["verify"], 3);
}

#[test]
fn what_cannot_be_asked_is_unknown() {
    let task = TaskFolder::new(&Settings::default());
    for question in ["lag", "throttle", "errors", "verify"] {
        let said = answer(&task, &[question, "--config", "gone.yaml"], 3);
        assert!(said.starts_with("UNKNOWN - "), "{said}");
    }
    task.brigade(&["check", "lag", "--warning", "soon"]).expect(64);
}
