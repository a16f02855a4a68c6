//! The life of a task on the command line: start types, loading again, stopping, states in the words of DMS, events.
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot be set up has to fail"
)]

use serde_json::{Value, json};

use crate::task_folder::{Settings, TaskFolder, wait_until};

const EVENTS: &str = "state/events.jsonl";
/// Rows and control records of a whole run: two of the load, two changes, three control records.
const ALL: usize = 7;
/// Those of the load.
const LOAD: usize = 4;

fn events(task: &TaskFolder) -> Vec<Value> {
    let text = std::fs::read_to_string(task.path().join(EVENTS)).unwrap_or_default();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn messages(task: &TaskFolder) -> Vec<String> {
    let text = |event: &Value| event["detail"]["detailMessage"].as_str().unwrap().to_owned();
    events(task).iter().map(text).collect()
}

/// Status, stop reason and last failure, by `tables` and by `status`, which agree.
fn words(task: &TaskFolder) -> (Value, Value, Value) {
    let of = |command: &str| {
        let task = task.json(&[command])["ReplicationTask"].take();
        (
            task["Status"].clone(),
            task["StopReason"].clone(),
            task["LastFailureMessage"].clone(),
        )
    };
    let words = of("tables");
    assert_eq!(words, of("status"), "both commands say the same");
    words
}

#[test]
fn start_types_are_compared_with_what_has_run() {
    let task = TaskFolder::new(&Settings::default());
    assert_eq!(words(&task).0, "ready");
    let start = |kind: &str| task.brigade(&["run", "--once", "--start-type", kind]);
    for kind in ["resume-processing", "reload-target"] {
        let ended = start(kind).expect(64);
        assert!(ended.stderr.contains("start-replication"), "{ended:?}");
    }
    assert_eq!((task.records_count(), events(&task).len()), (0, 0));
    start("start-replication").expect(0);
    assert_eq!(task.records_count(), ALL);
    let ended = start("start-replication").expect(64);
    for cure in ["resume-processing", "reload-target", "checkpoint reset"] {
        assert!(ended.stderr.contains(cure), "{cure}: {ended:?}");
    }
    start("resume-processing").expect(0);
    assert_eq!(task.records_count(), ALL, "nothing was left");
    start("reload-target").expect(0);
    assert_eq!(
        task.records_count(),
        ALL + LOAD,
        "the tables once more, the changes not"
    );
    let started = "Replication task started, with flag, ";
    let expected = [
        "Replication task created".to_owned(),
        format!("{started}fresh start"),
        "Replication task stopped. Stop Reason NORMAL".to_owned(),
        format!("{started}resume"),
        "Replication task stopped. Stop Reason NORMAL".to_owned(),
        format!("{started}reload target"),
        "Replication task stopped. Stop Reason NORMAL".to_owned(),
    ];
    assert_eq!(messages(&task), expected);
    let ids: Vec<_> = events(&task)
        .iter()
        .map(|event| event["detail"]["eventId"].clone())
        .collect();
    assert_eq!(ids[..3], ["DMS-EVENT-0074", "DMS-EVENT-0069", "DMS-EVENT-0079"]);
}

#[test]
fn a_table_is_loaded_again_after_a_question() {
    let task = TaskFolder::new(&Settings::default());
    let reload = |more: &[&str]| task.brigade(&[&["reload", "--table", "shop.orders"], more].concat());
    reload(&["--yes"]).expect(66);
    task.brigade(&["run", "--once"]).expect(0);
    assert_eq!(task.brigade(&["reload"]).code, Some(64), "no table is named");
    let ended = task
        .brigade(&["reload", "--table", "shop.nothing", "--yes"])
        .expect(64);
    assert!(ended.stderr.contains("shop.orders"), "{ended:?}");
    let ended = reload(&[]).expect(64);
    assert!(ended.stderr.contains("--yes"), "{ended:?}");
    let ended = reload(&["--dry-run"]).expect(0);
    assert_eq!(ended.stdout, "would load again shop.orders\n");
    task.brigade(&["run", "--once"]).expect(0);
    assert_eq!(task.records_count(), ALL, "nothing was changed so far");

    assert_eq!(
        task.json(&["reload", "--table", "shop.orders", "--yes"])["reloaded"],
        json!(["shop.orders"])
    );
    let table = task.json(&["tables"])["TableStatistics"][0].take();
    let members =
        ["FullLoadReloaded", "TableState", "FullLoadRows", "Inserts"].map(|name| table[name].clone());
    assert_eq!(
        members,
        [json!(true), json!("Table is being reloaded"), json!(0), json!(1)]
    );
    let message = messages(&task).pop().unwrap();
    assert!(message.contains("shop.orders"), "{message}");
    let plan = task.json(&["plan"]);
    assert_eq!(plan["folders"][0]["files"]["new"], 1, "{plan:#}");

    task.brigade(&["run", "--once"]).expect(0);
    assert_eq!(task.records_count(), ALL + LOAD);
    let table = task.json(&["tables"])["TableStatistics"][0].take();
    let members =
        ["FullLoadReloaded", "TableState", "FullLoadRows", "Inserts"].map(|name| table[name].clone());
    assert_eq!(
        members,
        [json!(true), json!("Table completed"), json!(2), json!(1)]
    );
    task.brigade(&["run", "--once"]).expect(0);
    assert_eq!(task.records_count(), ALL + LOAD, "it was for once");
    task.brigade(&["verify"]).expect(0);
}

#[test]
fn an_export_keeps_what_was_loaded_again() {
    let task = TaskFolder::new(&Settings::default());
    task.brigade(&["run", "--once"]).expect(0);
    task.brigade(&["run", "--once", "--start-type", "reload-target"])
        .expect(0);
    let shown = task.json(&["checkpoint", "show"]);
    assert_eq!(
        shown["queues"][1]["done"], 1,
        "the load before is forgotten: {shown:#}"
    );
    task.brigade(&["checkpoint", "export", "saved.jsonl"]).expect(0);
    task.brigade(&["checkpoint", "reset", "--yes"]).expect(0);
    task.brigade(&["checkpoint", "import", "saved.jsonl", "--yes"])
        .expect(0);
    assert_eq!(task.json(&["checkpoint", "show"])["queues"], shown["queues"]);
    task.brigade(&["run", "--once"]).expect(0);
    assert_eq!(
        task.records_count(),
        ALL + LOAD,
        "an export brings that back as well"
    );
}

#[test]
fn a_running_task_is_not_reloaded_and_says_that_it_runs() {
    let task = TaskFolder::new(&Settings::default());
    let mut running = task.start();
    wait_until("all is sent", || task.records_count() == ALL);
    wait_until("the status says so", || {
        task.json(&["status"])["ReplicationTask"]["Status"] == "running"
    });
    assert_eq!(words(&task), (json!("running"), Value::Null, Value::Null));
    task.brigade(&["reload", "--table", "shop.orders", "--yes"])
        .expect(75);
    running.terminate();
    assert_eq!(running.exit_code(), Some(0));
    assert_eq!(
        words(&task),
        (json!("stopped"), json!("Stop Reason NORMAL"), Value::Null)
    );
}

#[test]
fn a_task_stops_at_its_time() {
    let task = TaskFolder::new(&Settings::default());
    let ended = task.brigade(&["run", "--stop-at", "tomorrow"]);
    assert_eq!(ended.code, Some(64), "{ended:?}");
    let summary = task.json(&["run", "--stop-at", "2020-01-01T00:00:00"]);
    assert_eq!(summary["stop_reason"], "STOPPED_AT_SERVER_TIME");
    assert_eq!(task.records_count(), 0);
    let reason = json!("Stop Reason STOPPED_AT_SERVER_TIME");
    assert_eq!(words(&task), (json!("stopped"), reason.clone(), Value::Null));
    let text = task.brigade(&["status"]).expect(0).stdout;
    assert!(
        text.contains("stopped, Stop Reason STOPPED_AT_SERVER_TIME"),
        "{text}"
    );
    // The configuration says it as well, and the command line wins.
    task.configure(&Settings {
        dead_letters: "./dead-letters\nstop: { at: \"2020-01-01T00:00:00Z\" }",
        ..Settings::default()
    });
    assert_eq!(task.json(&["run"])["stop_reason"], "STOPPED_AT_SERVER_TIME");
    let summary = task.json(&["run", "--once", "--stop-at", "2999-01-01T00:00:00Z"]);
    assert_eq!(
        (&summary["stop_reason"], task.records_count()),
        (&json!("NORMAL"), ALL)
    );
    assert_eq!(
        task.json(&["tables"])["ReplicationTask"]["CdcStopPosition"],
        "server_time:2020-01-01T00:00:00Z"
    );
}

#[test]
fn a_task_stops_behind_its_load_and_goes_on() {
    for (after, reason, first) in [
        ("full_load", "STOPPED_AFTER_FULL_LOAD", LOAD),
        ("cached_changes", "STOPPED_AFTER_CACHED_EVENTS", ALL),
    ] {
        let task = TaskFolder::new(&Settings {
            dead_letters: Box::leak(format!("./dead-letters\nstop: {{ after: {after} }}").into_boxed_str()),
            ..Settings::default()
        });
        assert_eq!(task.json(&["run"])["stop_reason"], reason);
        assert_eq!(
            (words(&task).1, task.records_count()),
            (json!(format!("Stop Reason {reason}")), first)
        );
        assert_eq!(task.json(&["run", "--once"])["stop_reason"], "NORMAL");
        assert_eq!(task.records_count(), ALL);
    }
}

#[test]
fn changes_begin_where_the_task_began() {
    let from = |late_files| Settings {
        late_files,
        ..Settings::default()
    };
    let task = TaskFolder::new(&from("process\n  changes_from: now"));
    let plan = task.json(&["plan"]);
    assert_eq!(plan["folders"][1]["files"]["not_read"], 2, "{plan:#}");
    task.brigade(&["run", "--once"]).expect(0);
    assert_eq!(task.records_count(), ALL - 2);
    task.write("data/cdc/b.csv", "DELETE,orders,shop,3,2.00,third\n");
    let plan = task.json(&["plan"]);
    let files = &plan["folders"][1]["files"];
    assert_eq!(
        (&files["not_read"], &files["new"]),
        (&json!(2), &json!(1)),
        "{plan:#}"
    );
    task.brigade(&["run", "--once"]).expect(0);
    assert_eq!(
        task.records_count(),
        ALL - 1,
        "the one that came behind the beginning"
    );
    let status = task.json(&["status"]);
    assert_eq!(status["changes"]["in_front"], 2);
    assert_eq!(status["ReplicationTask"]["CdcStartPosition"], "now");
    let text = task.brigade(&["status"]).expect(0).stdout;
    assert!(
        text.contains("begun         with now; 2 files before it not read"),
        "{text}"
    );
    task.brigade(&["verify"]).expect(0);

    // A beginning elsewhere is none of the folder of the changes.
    task.configure(&from("process\n  changes_from: { after_key: elsewhere/a.csv }"));
    let ended = task.brigade(&["validate"]);
    assert_eq!(ended.code, Some(78), "{ended:?}");
}

#[test]
fn another_beginning_is_refused_and_the_task_has_failed() {
    let from = |late_files| Settings {
        late_files,
        ..Settings::default()
    };
    let task = TaskFolder::new(&from("process\n  changes_from: now"));
    task.brigade(&["run", "--once"]).expect(0);
    for other in [
        "process",
        "process\n  changes_from: { after_key: cdc/a.csv }",
        "process\n  changes_from: { modified_since: 2020-01-01T00:00:00Z }",
    ] {
        task.configure(&from(other));
        let ended = task.brigade(&["run", "--once"]).expect(78);
        assert!(ended.stderr.contains("`changes_from: now`"), "{ended:?}");
        let (status, reason, failure) = words(&task);
        assert_eq!(
            (status, reason),
            (json!("failed"), json!("Stop Reason FATAL_ERROR"))
        );
        let failure = failure.as_str().unwrap().to_owned();
        assert!(
            failure.starts_with("Last Error `source.changes_from`"),
            "{failure}"
        );
        assert!(
            failure.ends_with("Stop Reason FATAL_ERROR Error Level FATAL"),
            "{failure}"
        );
        let event = events(&task).pop().unwrap();
        assert_eq!(event["detail"]["eventType"], "REPLICATION_TASK_FAILED");
        assert_eq!(event["detail"]["category"], "Failure");
    }
}

#[test]
fn an_event_that_cannot_be_written_stops_the_task_only_where_that_is_wanted() {
    let task = TaskFolder::new(&Settings::default());
    std::fs::create_dir_all(task.path().join(EVENTS)).unwrap();
    task.brigade(&["run", "--once"]).expect(0);
    assert_eq!(task.records_count(), ALL);
    task.configure(&Settings {
        dead_letters: "./dead-letters\n  event_error_policy: STOP_TASK",
        ..Settings::default()
    });
    let ended = task.brigade(&["run", "--once"]).expect(74);
    assert!(ended.stderr.contains("events.jsonl"), "{ended:?}");
}
