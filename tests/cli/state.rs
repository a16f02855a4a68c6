//! Stopping, starting again, and handling the state and the dead letters from the command line.
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot be set up has to fail"
)]

use std::process::Command;
use std::time::Duration;

use tokio::time::Instant;

use crate::task_folder::{Running, Settings, TaskFolder, wait_until};

/// A target that is slow enough to be stopped in the middle of 60,000 rows.
const PACED_TARGET: &str = "  ndjson:
    path: ./out
    shards: 2
    message_format: json-unformatted
    pace:
      records_per_second: 15000
      bytes_per_second: 100MiB
";

/// A task that hangs: nobody reads the pipe that its dead letters go to.
fn stuck_task(limits: &'static str) -> TaskFolder {
    let task = TaskFolder::new(&Settings {
        limits,
        ..Settings::default()
    });
    let rows = (0..3_000).map(|id| format!("{id},not a number,{:40}\n", "some text"));
    task.write("data/shop/orders/LOAD1.csv", &rows.collect::<String>());
    std::fs::create_dir(task.path().join("dead-letters")).unwrap();
    let now = jiff::Timestamp::now();
    for day in [now, now + jiff::SignedDuration::from_hours(24)] {
        let name = format!("dead-letters/dead-letters-{}.ndjson", day.strftime("%Y-%m-%d"));
        let made = Command::new("mkfifo").arg(task.path().join(name)).status();
        assert!(made.unwrap().success(), "mkfifo makes a pipe");
    }
    task
}

/// A stuck task, once it is stuck.
fn start_stuck(task: &TaskFolder) -> Running {
    let running = task.start();
    wait_until("rows were read", || {
        let status = task.brigade(&["status", "--output", "json"]);
        let status = serde_json::from_str(&status.stdout).unwrap_or(serde_json::Value::Null);
        let in_flight = status.get("in_flight_bytes").and_then(serde_json::Value::as_u64);
        in_flight.is_some_and(|bytes| bytes > 0)
    });
    running
}

#[test]
fn after_sigterm_the_next_start_sends_nothing_again() {
    let task = TaskFolder::new(&Settings {
        limits: "  in_flight: 2MiB\n",
        target: PACED_TARGET.into(),
        ..Settings::default()
    });
    let rows = (10..60_000).map(|id| format!("{id},1.00,{:50}\n", "some text"));
    task.write("data/shop/orders/LOAD2.csv", &rows.collect::<String>());
    let mut running = task.start();
    wait_until("some rows are out", || task.records_count() > 100);
    running.terminate();
    assert_eq!(running.exit_code(), Some(0));
    let stopped = task.json(&["status"]);
    assert_eq!(
        (&stopped["activity"], &stopped["clean_stop"]),
        (&"stopped".into(), &true.into())
    );
    assert_eq!(stopped["in_flight_bytes"], 0);
    let before = task.records_count();
    assert!(before < 59_000, "it was stopped in mid-load: {before}");

    let summary = task.json(&["run", "--once"]);
    assert_eq!(
        (&summary["end"], &summary["delivered_rows"]),
        (&"finished".into(), &59_994.into())
    );
    let sent = summary["counters"]["records"].as_u64().unwrap();
    let total = task.records_count();
    assert_eq!(u64::try_from(total - before).unwrap(), sent);
    let records: Vec<_> = std::fs::read_dir(task.path().join("out")).unwrap().collect();
    let mut rows: Vec<String> = Vec::new();
    for entry in records {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "ndjson") {
            let text = std::fs::read_to_string(path).unwrap();
            rows.extend(
                text.lines()
                    .filter(|line| line.contains("\\\"load\\\""))
                    .map(id_of),
            );
        }
    }
    let sent_rows = rows.len();
    rows.sort();
    rows.dedup();
    assert_eq!(
        (rows.len(), sent_rows),
        (59_992, 59_992),
        "no row twice, none missing"
    );
}

/// The id of a loaded row.
fn id_of(line: &str) -> String {
    let (_, rest) = line.split_once("\\\"id\\\":").unwrap_or_else(|| panic!("{line}"));
    rest.chars().take_while(char::is_ascii_digit).collect()
}

#[test]
fn what_does_not_end_in_time_is_in_doubt_and_the_exit_code_is_0() {
    let task = stuck_task("  restarts: 0\n  drain_timeout: 1s\n");
    let mut running = start_stuck(&task);
    running.terminate();
    assert_eq!(running.exit_code(), Some(0));
    assert_eq!(task.json(&["status"])["clean_stop"], false);
}

/// A stream that does not answer is waited for, visibly, and a stop does not wait for it.
#[test]
fn a_target_that_is_away_is_in_the_status_and_does_not_hold_up_a_stop() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let task = TaskFolder::new(&Settings {
        target: format!(
            "  kinesis:\n    stream: orders\n    region: us-west-2\n    endpoint: http://{address}\n"
        ),
        ..Settings::default()
    });
    let mut running = task.start();
    wait_until("the target is away", || {
        let ended = task.brigade(&["status"]);
        ended.stdout.contains("\naway          target, since ")
    });
    let status = task.json(&["status"]);
    assert_eq!(status["outages"][0]["side"], "target", "{status:#}");
    let stopped_at = Instant::now();
    running.terminate();
    assert_eq!(running.exit_code(), Some(0));
    assert!(
        stopped_at.elapsed() < Duration::from_secs(10),
        "{:?}",
        stopped_at.elapsed()
    );
    assert_eq!(task.json(&["status"])["outages"], serde_json::json!([]));
}

/// Nothing is in flight and somebody waits, so a commit does not wait for its time.
#[test]
fn a_small_task_does_not_wait_for_the_commit_interval() {
    let task = TaskFolder::new(&Settings {
        commit_interval: "30s",
        ..Settings::default()
    });
    let started = Instant::now();
    let summary = task.json(&["run", "--once"]);
    assert_eq!(summary.get("delivered_rows"), Some(&4.into()));
    assert!(
        started.elapsed() < Duration::from_secs(15),
        "{:?}",
        started.elapsed()
    );
}

#[test]
fn a_second_signal_ends_the_process_at_once_with_143() {
    let task = stuck_task("  restarts: 0\n  drain_timeout: 1h\n");
    let mut running = start_stuck(&task);
    running.terminate();
    running.read_until("stopping: ");
    running.terminate();
    assert_eq!(running.exit_code(), Some(143));
    let ended = task.brigade(&["status"]).expect(0);
    assert!(ended.stdout.contains("ended without a clean stop"), "{ended:?}");
}

#[test]
fn bad_rows_are_set_aside_with_their_place_and_reason() {
    let task = TaskFolder::new(&Settings::default());
    task.write(
        "data/shop/orders/LOAD2.csv",
        "5,1.00,good\n6,abc,bad\n7,1.00,good\n",
    );
    let ended = task.brigade(&["run", "--once"]).expect(0);
    assert!(ended.stdout.contains("1 row dead-lettered"), "{ended:?}");
    let ended = task.brigade(&["run", "--once", "--fail-on-dead-letters"]);
    assert_eq!(ended.code, Some(65), "{ended:?}");

    let listing = task.json(&["dlq", "ls"]);
    let letter = &listing["dead_letters"][0];
    let expected: [(&str, serde_json::Value); 7] = [
        ("key", "shop/orders/LOAD2.csv".into()),
        ("table", "shop.orders".into()),
        ("column", "amount".into()),
        ("ordinal", 1.into()),
        ("line", 2.into()),
        ("byte", 12.into()),
        ("row", "6,abc,bad".into()),
    ];
    for (name, value) in expected {
        assert_eq!(letter[name], value, "{name}: {listing:#}");
    }
    let reason = letter["reason"].as_str().unwrap();
    let text = task
        .brigade(&["dlq", "ls", "--table", "shop.orders"])
        .expect(0)
        .stdout;
    for part in ["shop/orders/LOAD2.csv", "amount", reason] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let text = task
        .brigade(&["dlq", "ls", "--table", "shop.other"])
        .expect(0)
        .stdout;
    assert_eq!(text, "no dead letters\n");
    let id = letter["id"].as_str().unwrap();
    let text = task.brigade(&["dlq", "show", id]).expect(0).stdout;
    assert!(text.contains("row: 6,abc,bad\n"), "{text}");
    task.brigade(&["dlq", "show", "no such id"]).expect(66);
}

#[test]
fn a_reset_asks_first_and_an_export_brings_the_state_back() {
    let task = TaskFolder::new(&Settings::default());
    task.brigade(&["checkpoint", "show"]).expect(66);
    task.brigade(&["run", "--once"]).expect(0);
    let shown = task.json(&["checkpoint", "show"]);
    assert_eq!(
        (&shown["task"]["clean_stop"], &shown["queues"][0]["done"]),
        (&true.into(), &2.into())
    );
    task.brigade(&["checkpoint", "export", "saved.jsonl"]).expect(0);
    let exported = std::fs::read_to_string(task.path().join("saved.jsonl")).unwrap();
    assert_eq!(task.brigade(&["checkpoint", "export"]).expect(0).stdout, exported);

    let ended = task.brigade(&["checkpoint", "reset"]).expect(64);
    assert!(ended.stderr.contains("--yes"), "{ended:?}");
    let ended = task.brigade(&["checkpoint", "reset", "--dry-run"]).expect(0);
    assert!(ended.stdout.contains("would remove"), "{ended:?}");
    assert_eq!(task.json(&["checkpoint", "show"]), shown);
    // There is a state, which an import never overwrites.
    task.brigade(&["checkpoint", "import", "saved.jsonl", "--yes"])
        .expect(73);

    task.brigade(&["checkpoint", "reset", "--yes"]).expect(0);
    assert_eq!(task.json(&["status"])["activity"], "never_started");
    task.brigade(&["checkpoint", "import", "saved.jsonl", "--dry-run"])
        .expect(0);
    task.brigade(&["checkpoint", "show"]).expect(66);
    task.brigade(&["checkpoint", "import", "saved.jsonl"]).expect(64);
    task.brigade(&["checkpoint", "import", "saved.jsonl", "--yes"])
        .expect(0);
    let mut imported = shown;
    // More may have been sent since the export.
    imported["task"]["clean_stop"] = false.into();
    assert_eq!(task.json(&["checkpoint", "show"]), imported);
    let before = task.records_count();
    assert_eq!(task.json(&["run", "--once"])["counters"]["records"], 0);
    assert_eq!(task.records_count(), before);
}
