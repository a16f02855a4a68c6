//! Files that were set aside: they stay visible and decide the exit code until a person does.
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot be set up has to fail"
)]

use serde_json::{Value, json};

use crate::broken_file::{KEY, ROWS, put, rows};
use crate::data_files::logged;
use crate::task_folder::{RECORDS, Settings, TaskFolder};

/// A task that has read a file whose second half is missing.
fn task_with_a_broken_file() -> (TaskFolder, usize) {
    let task = TaskFolder::new(&Settings::default());
    put(&task, &rows(), |bytes| bytes.truncate(bytes.len() / 2));
    let ended = task.brigade(&["run", "--once"]);
    assert_eq!(ended.code, Some(65), "{ended:?}");
    let sent = task.records_count() - RECORDS;
    assert!(sent > 0 && sent < ROWS, "{sent} rows");
    (task, sent)
}

fn files(task: &TaskFolder) -> Value {
    task.json(&["files", "list"])["files"].take()
}

fn events(task: &TaskFolder) -> String {
    std::fs::read_to_string(task.path().join("state/events.jsonl")).unwrap()
}

#[test]
fn a_file_that_is_set_aside_is_exit_65_at_every_run_until_it_is_skipped() {
    let (task, sent) = task_with_a_broken_file();
    for _ in 0..2 {
        let ended = task.brigade(&["run", "--once"]);
        assert_eq!(ended.code, Some(65), "{ended:?}");
        assert!(ended.stdout.contains("1 object set aside"), "{ended:?}");
        assert!(ended.stdout.contains("brigade files list"), "{ended:?}");
    }
    let ended = task.brigade(&["verify"]).expect(65);
    assert!(
        ended.stderr.contains("incomplete") && ended.stderr.contains(KEY),
        "{ended:?}"
    );
    let report = task.json(&["verify"]);
    assert_eq!(report["verdict"], "incomplete", "{report:#}");
    assert_eq!(report["set_aside"][0]["key"], KEY, "{report:#}");
    let listed = files(&task);
    assert_eq!(
        (&listed[0]["key"], &listed[0]["decision"]),
        (&json!(KEY), &Value::Null)
    );
    assert_eq!(listed[0]["rows_settled"], sent, "{listed:#}");
    assert_eq!(task.json(&["status"])["set_aside"], 1);
    let plan = task.brigade(&["plan"]).expect(0);
    assert!(plan.stdout.contains("brigade files list"), "{plan:?}");

    let ended = task.brigade(&["files", "skip", "cdc/a.csv", "--yes"]).expect(64);
    assert!(ended.stderr.contains("is not set aside"), "{ended:?}");
    task.brigade(&["files", "skip", KEY]).expect(64);
    task.brigade(&["files", "skip", KEY, "--dry-run"]).expect(0);
    assert_eq!(
        files(&task)[0]["decision"],
        Value::Null,
        "nothing was decided so far"
    );
    task.brigade(&["files", "skip", KEY, "--yes"]).expect(0);
    assert!(events(&task).contains("FILE_SKIPPED") && events(&task).contains(KEY));
    assert_eq!(files(&task)[0]["decision"], "skip");
    let status = task.json(&["status"]);
    assert_eq!(
        (&status["set_aside"], &status["quarantined"]),
        (&json!(0), &json!([]))
    );
    task.brigade(&["run", "--once"]).expect(0);
    assert_eq!(
        task.records_count(),
        RECORDS + sent,
        "nothing of the rest is sent"
    );
    let report = task.json(&["verify"]);
    assert_eq!(report["verdict"], "complete", "{report:#}");
    assert!(report["notes"][0].as_str().unwrap().contains(KEY), "{report:#}");
    let plan = task.brigade(&["plan"]).expect(0);
    assert!(!plan.stdout.contains("set aside"), "{plan:?}");
}

#[test]
fn a_corrected_file_is_read_on_where_the_old_one_broke() {
    let (task, sent) = task_with_a_broken_file();
    put(&task, &rows(), |_bytes| {});
    let ended = task.brigade(&["run", "--once"]);
    assert_eq!(ended.code, Some(65), "nobody has decided: {ended:?}");
    assert_eq!(task.records_count(), RECORDS + sent);
    let ended = task.brigade(&["files", "retry", KEY, "--dry-run"]).expect(0);
    assert!(ended.stdout.contains("would read"), "{ended:?}");
    let ended = task.brigade(&["files", "retry", KEY]).expect(0);
    assert!(ended.stdout.contains("after its first"), "{ended:?}");
    assert_eq!(files(&task)[0]["decision"], "retry_at_mark");
    assert!(events(&task).contains("FILE_RETRY_REQUESTED"));
    let plan = task.json(&["plan"]);
    assert_eq!(plan["folders"][1]["files"]["new"], 1, "{plan:#}");
    let (code, log) = logged(&task, &["run", "--once"]);
    assert_eq!(code, 0, "{log}");
    assert!(
        !log.contains("files are set aside"),
        "it is read, and was decided about: {log}"
    );
    assert_eq!(task.records_count(), RECORDS + ROWS, "each row once");
    let report = task.json(&["verify"]);
    assert_eq!(report["verdict"], "complete", "{report:#}");
    assert_eq!(report["rows_repeated"], 0, "{report:#}");
    assert_eq!(files(&task), json!([]));
    let ended = task.brigade(&["files", "list"]).expect(0);
    assert_eq!(ended.stdout, "no file is set aside\n");
    // What was decided and done outlives an export.
    task.brigade(&["checkpoint", "export", "backup.jsonl"]).expect(0);
    task.brigade(&["checkpoint", "reset", "--yes"]).expect(0);
    task.brigade(&["checkpoint", "import", "backup.jsonl", "--yes"])
        .expect(0);
    task.brigade(&["run", "--once"]).expect(0);
    assert_eq!(task.records_count(), RECORDS + ROWS, "and nothing is sent again");
}

#[test]
fn a_file_that_is_read_again_has_to_be_there_and_to_reach_the_mark() {
    let (task, sent) = task_with_a_broken_file();
    let path = task.path().join("data").join(KEY);
    std::fs::remove_file(&path).unwrap();
    let ended = task.brigade(&["files", "retry", KEY]).expect(66);
    assert!(ended.stderr.contains("put it back"), "{ended:?}");
    put(&task, &rows(), |_bytes| {});
    task.brigade(&["files", "retry", KEY]).expect(0);
    std::fs::remove_file(&path).unwrap();
    let ended = task.brigade(&["run", "--once"]);
    assert_eq!(ended.code, Some(65), "it is not there: {ended:?}");
    put(&task, "INSERT,orders,shop,1,1.00,short\n", |_bytes| {});
    let ended = task.brigade(&["run", "--once"]);
    assert_eq!(ended.code, Some(65), "it ends before the row: {ended:?}");
    assert_eq!(task.records_count(), RECORDS + sent);
    task.brigade(&["files", "retry", KEY, "--from-beginning"])
        .expect(0);
    task.brigade(&["run", "--once"]).expect(0);
    assert_eq!(task.records_count(), RECORDS + sent + 1);
}

/// A state of an earlier time does not know whether somebody had the file read since; nor can a run tell what a killed one
/// sent of a version that is gone.
#[test]
fn rows_that_may_be_in_the_stream_are_sent_again_only_if_somebody_says_so() {
    let (task, sent) = task_with_a_broken_file();
    put(&task, &rows(), |_bytes| {});
    task.brigade(&["checkpoint", "export", "backup.jsonl"]).expect(0);
    task.brigade(&["checkpoint", "reset", "--yes"]).expect(0);
    task.brigade(&["checkpoint", "import", "backup.jsonl", "--yes"])
        .expect(0);
    let ended = task.brigade(&["run", "--once"]);
    assert_eq!(ended.code, Some(65), "{ended:?}");
    assert_eq!(files(&task)[0]["in_doubt"], true);
    let ended = task.brigade(&["files", "list"]).expect(0);
    assert!(
        ended.stdout.contains("more of it may be in the stream"),
        "{ended:?}"
    );
    for more in [&[][..], &["--dry-run"]] {
        let ended = task
            .brigade(&[&["files", "retry", KEY], more].concat())
            .expect(65);
        assert!(ended.stderr.contains("--allow-repeats"), "{ended:?}");
        assert_eq!(files(&task)[0]["decision"], Value::Null);
    }
    task.brigade(&["files", "retry", KEY, "--allow-repeats"])
        .expect(0);
    task.brigade(&["run", "--once"]).expect(0);
    assert_eq!(task.records_count(), RECORDS + ROWS, "{sent} were sent before");
}
