//! A panic at every hand-over between two actors, before it and after it, once and twice: the data path starts again from the
//! checkpoint, and nothing is missing.
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot be set up has to fail"
)]

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;

use crate::task_folder::{Settings, TaskFolder};

/// The hand-overs, by the stage that is pushed to and the message that is left for one.
const EDGES: [&str; 11] = [
    "discover",
    "parse",
    "batch",
    "publish",
    "checkpoint",
    "dead-letter",
    "ChunkParsed",
    "RecordsSettled",
    "ObjectEnded",
    "ObjectsDone",
    "TaskNotice",
];
/// Rows that become dead letters.
const BAD_ROWS: usize = 2;
/// Runs at the same time.
const THREADS: usize = 4;
/// Rows of the task, by their ids.
const IDS: std::ops::Range<u64> = 100..160;

/// A task with two files to load and two of changes; the second of each ends with a bad row.
fn task() -> TaskFolder {
    let task = TaskFolder::new(&Settings {
        limits: "  restarts: 4\n  restart_interval: 1ms\n  files_in_parallel: 1\n",
        ..Settings::default()
    });
    let mut ids = IDS;
    let mut rows = |count: usize, before: &str| {
        ids.by_ref().take(count).fold(String::new(), |mut text, id| {
            writeln!(text, "{before}{id},1.00,note").unwrap();
            text
        })
    };
    task.write("data/shop/orders/LOAD1.csv", &rows(15, ""));
    let bad = "1,not a number,bad\n";
    task.write("data/shop/orders/LOAD2.csv", &format!("{}{bad}", rows(15, "")));
    task.write("data/cdc/a.csv", &rows(15, "INSERT,orders,shop,"));
    let changes = rows(15, "INSERT,orders,shop,");
    task.write("data/cdc/c.csv", &format!("{changes}INSERT,orders,shop,{bad}"));
    task
}

/// What is wrong after a run with these panics; `None` if nothing is.
fn trouble(points: &str, panics: u64) -> Option<String> {
    let task = task();
    let mut command = task.command(&["run", "--once"]);
    let output = command
        .env("BRIGADE_FAILPOINTS", points)
        .env("BRIGADE_LOG", "warn")
        .output()
        .unwrap();
    let log = String::from_utf8_lossy(&output.stderr);
    if output.status.code() != Some(0) {
        return Some(format!("{points}: {:?}: {log}", output.status));
    }
    let generation = task.json(&["status"])["generation"].as_u64();
    if generation != Some(panics + 1) {
        return Some(format!(
            "{points}: generation {generation:?} after {panics} panics: {log}"
        ));
    }
    let messages = task.messages();
    let ids: Vec<u64> = messages.iter().filter_map(|message| id_of(message)).collect();
    let different: BTreeSet<u64> = ids.iter().copied().collect();
    if !different.iter().copied().eq(IDS) {
        return Some(format!("{points}: {} rows arrived: {log}", different.len()));
    }
    if ids.len() > different.len() {
        return Some(format!(
            "{points}: {} rows came again",
            ids.len() - different.len()
        ));
    }
    let bad = task.json(&["dlq", "ls"]);
    let count = bad["dead_letters"].as_array().map(Vec::len);
    (count != Some(BAD_ROWS)).then(|| format!("{points}: dead letters: {bad}"))
}

fn id_of(message: &str) -> Option<u64> {
    let message: Value = serde_json::from_str(message).unwrap();
    message.pointer("/data/id")?.as_u64()
}

/// Runs every case, a few at a time.
fn check(cases: &[(String, u64)]) {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut found = Vec::new();
        while let Some((points, panics)) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
            found.extend(trouble(points, *panics));
        }
        found
    };
    let found: Vec<String> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(work)).collect();
        threads
            .into_iter()
            .flat_map(|thread| thread.join().unwrap())
            .collect()
    });
    assert!(found.is_empty(), "{} of {}: {found:#?}", found.len(), cases.len());
}

fn points() -> impl Iterator<Item = String> {
    EDGES
        .into_iter()
        .flat_map(|edge| ["before", "after"].map(|moment| format!("{moment} {edge}")))
}

#[test]
fn a_panic_at_any_hand_over_costs_a_generation_and_no_row() {
    let cases: Vec<_> = points().map(|point| (format!("{point}@1"), 1)).collect();
    check(&cases);
}

#[test]
fn a_second_panic_at_the_same_hand_over_costs_another() {
    let cases: Vec<_> = points()
        .map(|point| (format!("{point}@1,{point}@1"), 2))
        .collect();
    check(&cases);
}
