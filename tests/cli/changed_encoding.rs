//! Another encoding while a file is half read: its positions count something else then, and its rows do not.
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::collections::BTreeMap;

use serde_json::Value;

use crate::task_folder::{Settings, TaskFolder};

const ROWS: std::ops::Range<u64> = 1_000..2_000;
/// Its amount is no number.
const BAD_ROW: u64 = 1_500;

fn settings(encoding: &str, dead_letters: &'static str) -> Settings {
    let csv = format!("process\n  csv: {{ encoding: {encoding} }}");
    Settings {
        late_files: Box::leak(csv.into_boxed_str()),
        dead_letters,
        ..Settings::default()
    }
}

fn task_over(settings: &Settings, note: impl Fn(u64) -> &'static str) -> TaskFolder {
    let task = TaskFolder::new(settings);
    std::fs::remove_dir_all(task.path().join("data/cdc")).unwrap();
    task.write("data/cdc/none.csv", "");
    let amount = |id| if id == BAD_ROW { "x" } else { "1.00" };
    let rows: Vec<_> = ROWS
        .map(|id| format!("{id},{},{}\n", amount(id), note(id)))
        .collect();
    task.write("data/shop/orders/LOAD1.csv", &rows.concat());
    task
}

/// How often each row was sent.
fn sent(task: &TaskFolder) -> BTreeMap<u64, u64> {
    let mut sent = BTreeMap::new();
    for message in task.messages() {
        let message: Value = serde_json::from_str(&message).unwrap();
        if let Some(id) = message["data"]["id"].as_u64() {
            *sent.entry(id).or_default() += 1;
        }
    }
    sent
}

fn once_each() -> BTreeMap<u64, u64> {
    ROWS.filter(|id| *id != BAD_ROW).map(|id| (id, 1)).collect()
}

#[test]
fn a_file_goes_on_at_the_row_whatever_its_bytes_mean_now() {
    for (first, then) in [("windows-1252", "utf-8"), ("utf-8", "windows-1252")] {
        let stopping = settings(first, "./dead-letters\n  data_error_policy: STOP_TASK");
        let task = task_over(&stopping, |_| "größe");
        task.brigade(&["run", "--once"]).expect(65);
        let before = sent(&task).len();
        assert!(
            (1..1_000).contains(&before),
            "{first}: {before} rows before the bad one"
        );
        task.configure(&settings(then, "./dead-letters"));
        task.brigade(&["run", "--once"]).expect(0);
        assert_eq!(sent(&task), once_each(), "{first}, then {then}");
        let places = task.json(&["dlq", "ls"]);
        assert_eq!(places["dead_letters"][0]["line"], 501, "{places:#}");
    }
}

#[test]
fn what_broke_for_its_encoding_is_read_from_the_beginning() {
    let task = task_over(&settings("shift_jis", "./dead-letters"), |id| {
        if id < 1_100 { "plain" } else { "voilà" }
    });
    assert_eq!(task.brigade(&["run", "--once"]).code, Some(65));
    task.configure(&settings("utf-8", "./dead-letters"));
    let key = "shop/orders/LOAD1.csv";
    // Before a run under the new encoding and after it.
    for _ in 0..2 {
        let refused = task.brigade(&["files", "retry", key]).expect(64);
        assert!(refused.stderr.contains("--from-beginning"), "{refused:?}");
        assert_eq!(task.brigade(&["run", "--once"]).code, Some(65));
    }
    task.brigade(&["files", "retry", key, "--from-beginning"])
        .expect(0);
    task.brigade(&["run", "--once"]).expect(0);
    let (sent, expected) = (sent(&task), once_each());
    assert!(sent.keys().eq(expected.keys()), "{} rows", sent.len());
}

#[test]
fn what_is_to_be_read_on_where_it_broke_is_not_read_at_that_place_under_another_encoding() {
    let task = task_over(&settings("shift_jis", "./dead-letters"), |id| {
        if id < 1_100 { "plain" } else { "voilà" }
    });
    assert_eq!(task.brigade(&["run", "--once"]).code, Some(65));
    let before = sent(&task);
    let key = "shop/orders/LOAD1.csv";
    task.brigade(&["files", "retry", key]).expect(0);
    task.configure(&settings("utf-8", "./dead-letters"));
    let refused = task.brigade(&["run", "--once"]).expect(78);
    assert!(
        refused
            .stderr
            .contains(&format!("brigade files retry {key} --from-beginning")),
        "{refused:?}"
    );
    assert_eq!(sent(&task), before, "nothing was sent");
    task.brigade(&["files", "retry", key, "--from-beginning"])
        .expect(0);
    task.brigade(&["run", "--once"]).expect(0);
    assert!(sent(&task).keys().eq(once_each().keys()));
}

/// `retry` while the file is away, then another encoding, then the file and `retry` once more.
#[test]
fn what_was_decided_before_another_encoding_is_not_forgotten_with_its_place() {
    let task = task_over(&settings("shift_jis", "./dead-letters"), |id| {
        if id < 1_100 { "plain" } else { "voilà" }
    });
    assert_eq!(task.brigade(&["run", "--once"]).code, Some(65));
    let key = "shop/orders/LOAD1.csv";
    task.brigade(&["files", "retry", key, "--from-beginning"])
        .expect(0);
    let (file, away) = (task.path().join("data").join(key), task.path().join("away"));
    std::fs::rename(&file, &away).unwrap();
    task.configure(&settings("utf-8", "./dead-letters"));
    task.brigade(&["run", "--once"]);
    std::fs::rename(&away, &file).unwrap();
    let refused = task.brigade(&["files", "retry", key]).expect(64);
    assert!(refused.stderr.contains("--from-beginning"), "{refused:?}");
    task.brigade(&["files", "retry", key, "--from-beginning"])
        .expect(0);
    task.brigade(&["run", "--once"]).expect(0);
    assert!(sent(&task).keys().eq(once_each().keys()));
}
