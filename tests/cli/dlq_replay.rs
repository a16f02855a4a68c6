//! `brigade dlq replay` as a user runs it: dead letters that became good, and rows that were corrected by hand.
#![cfg(unix)]
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use serde_json::Value;

use crate::task_folder::{Ended, Settings, TaskFolder, wait_until};

const BAD: &str = "shop/orders/LOAD2.csv";
/// Longer than what a dead letter keeps of a row.
const LONG: usize = 70_000;

/// A task that has run once, with a file of five rows of which three are bad: no amount, a note that is too long,
/// and something that is never a number.
fn task() -> TaskFolder {
    let task = TaskFolder::new(&Settings::default());
    let long = "x".repeat(LONG);
    let rows = format!("5,1.00,good\n6,,no amount\n7,1.00,{long}\n8,abc,never\n9,1.00,good\n");
    task.write(&format!("data/{BAD}"), &rows);
    task.brigade(&["run", "--once"]).expect(0);
    let total = task.json(&["dlq", "ls"]).get("total").cloned();
    assert_eq!(total, Some(3.into()), "three rows are bad");
    task
}

/// Allows an empty amount and a long note.
fn correct_definition(task: &TaskFolder) {
    let path = task.path().join("table-definition.json");
    let text = std::fs::read_to_string(path).unwrap();
    let corrected = text
        .replace(
            r#""ColumnScale": "2" }"#,
            r#""ColumnScale": "2", "ColumnNullable": "true" }"#,
        )
        .replace(r#""ColumnLength": "50""#, r#""ColumnLength": "100000""#);
    assert_ne!(corrected, text, "there is something to correct");
    task.write("table-definition.json", &corrected);
}

/// What a replay prints; its exit code must be this one.
#[track_caller]
fn replay(task: &TaskFolder, arguments: &[&str], code: i32) -> Value {
    let arguments = [&["dlq", "replay", "--output", "json"], arguments].concat();
    let ended: Ended = task.brigade(&arguments).expect(code);
    serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("{error}: {ended:?}"))
}

/// Rows sent, still rejected, sent before.
fn counts(outcome: &Value) -> (usize, usize, u64) {
    let length = |name: &str| outcome[name].as_array().unwrap().len();
    (
        length("rows"),
        length("still_rejected"),
        outcome["sent_before"].as_u64().unwrap(),
    )
}

#[test]
fn a_corrected_definition_lets_dead_letters_go_and_each_goes_once() {
    let task = task();
    let before = task.records_count();
    let outcome = replay(&task, &["--object", BAD], 65);
    assert_eq!(counts(&outcome), (0, 3, 0), "{outcome:#}");
    correct_definition(&task);

    let outcome = replay(&task, &["--object", BAD, "--dry-run"], 65);
    assert_eq!(counts(&outcome), (2, 1, 0), "{outcome:#}");
    let [first, second] = [0, 1].map(|index| &outcome["rows"][index]);
    assert_eq!(first["partition_key"], "6", "{outcome:#}");
    // Only its beginning was kept: the rest came from the object.
    let payload = second["payload"].as_str().unwrap();
    assert!(payload.contains(&"x".repeat(LONG)), "the note is whole");
    assert_eq!(task.records_count(), before, "a dry run sends nothing");
    assert!(!task.path().join("dead-letters/replays.jsonl").exists());

    let outcome = replay(&task, &["--object", BAD, "--ordinals", "0..3"], 0);
    assert_eq!(counts(&outcome), (2, 0, 0), "{outcome:#}");
    assert_eq!(task.records_count(), before + 2);
    let first = &outcome["rows"][0];
    assert_eq!(first["ordinal"], 1, "{outcome:#}");
    assert!(first["sequence_number"].is_string(), "{outcome:#}");
    // Values are for those who ask for them.
    let values = [&first["partition_key"], &first["payload"]];
    assert_eq!(values, [&Value::Null; 2], "{outcome:#}");
    let sent = task.messages();
    assert!(
        sent.iter().any(|message| message.contains(&"x".repeat(LONG))),
        "the note is whole"
    );

    let outcome = replay(&task, &["--object", BAD], 65);
    assert_eq!(counts(&outcome), (0, 1, 2), "{outcome:#}");
    assert_eq!(task.records_count(), before + 2);
    let outcome = replay(&task, &["--object", BAD, "--ordinals", "1", "--again"], 0);
    assert_eq!(counts(&outcome), (1, 0, 0), "{outcome:#}");
    assert_eq!(task.records_count(), before + 3);

    let listing = task.json(&["dlq", "ls"]);
    let replayed: Vec<bool> = listing["dead_letters"]
        .as_array()
        .unwrap()
        .iter()
        .map(|letter| letter["replayed"].is_string())
        .collect();
    assert_eq!(replayed, [true, true, false], "{listing:#}");
    assert!(
        task.brigade(&["dlq", "ls"])
            .expect(0)
            .stdout
            .contains("sent again")
    );
}

#[test]
fn what_was_sent_again_is_expected_by_verify() {
    let task = task();
    correct_definition(&task);
    let untouched = task.json(&["verify"]);
    assert_eq!(untouched["verdict"], "complete", "{untouched:#}");
    replay(&task, &["--object", BAD, "--ordinals", "1..3"], 0);
    task.write("corrected.csv", "8,3.00,corrected\n");
    replay(&task, &["--file", "corrected.csv", "--table", "shop.orders"], 0);
    let report = task.json(&["verify"]);
    assert_eq!(
        (&report["verdict"], &report["foreign_records"]),
        (&"complete".into(), &0.into())
    );
    let expected = |report: &Value| report["rows_expected"].as_u64().unwrap();
    assert_eq!(expected(&report), expected(&untouched) + 3, "{report:#}");
    // One of them is lost.
    for shard in 0..2 {
        let path = task.path().join(format!("out/shard-{shard:03}.ndjson"));
        let content = std::fs::read_to_string(&path).unwrap();
        let kept: String = content
            .split_inclusive('\n')
            .filter(|line| !line.contains("corrected"))
            .collect();
        std::fs::write(path, kept).unwrap();
    }
    task.brigade(&["verify"]).expect(65);
    let report = task.json(&["verify"]);
    assert_eq!(report["rows_missing"], 1, "{report:#}");
    let key = report["missing_rows"][0]["key"].as_str().unwrap();
    assert!(key.starts_with("corrected:"), "{report:#}");
}

#[test]
fn a_row_whose_object_is_gone_is_sent_from_its_letter_or_not_at_all() {
    let task = task();
    correct_definition(&task);
    std::fs::remove_file(task.path().join("data").join(BAD)).unwrap();
    let outcome = replay(&task, &["--object", BAD, "--ordinals", "1..=2"], 65);
    assert_eq!(counts(&outcome), (1, 1, 0), "{outcome:#}");
    assert_eq!(outcome["rows"][0]["ordinal"], 1, "{outcome:#}");
    let reason = outcome["still_rejected"][0]["reason"].as_str().unwrap();
    assert!(reason.contains("vanished"), "{outcome:#}");
}

#[test]
fn corrected_rows_go_with_their_operation_and_each_goes_once() {
    let task = task();
    let before = task.records_count();
    let file = [
        "--file",
        "corrected.csv",
        "--table",
        "shop.orders",
        "--operation",
        "update",
    ];
    task.write("corrected.csv", "8,3.00,corrected\n8,3.00,corrected\n8,bad,x\n");
    let outcome = replay(&task, &file, 65);
    assert_eq!(counts(&outcome), (2, 1, 0), "{outcome:#}");
    assert_eq!(task.records_count(), before + 2, "twins are two rows");
    let sent = task.messages();
    let corrected = sent.iter().filter(|message| message.contains("corrected"));
    let updates = corrected.filter(|message| message.contains(r#""operation":"update""#));
    assert_eq!(updates.count(), 2, "{sent:#?}");
    task.write(
        "corrected.csv",
        "8,3.00,corrected\n8,3.00,corrected\n9,4.00,new\n",
    );
    let outcome = replay(&task, &file, 0);
    assert_eq!(counts(&outcome), (1, 0, 2), "{outcome:#}");
    let listing = task.json(&["dlq", "ls"]);
    assert_eq!(listing["corrected_rows"], 3, "{listing:#}");
}

#[test]
fn what_cannot_be_replayed_says_why() {
    let task = task();
    task.brigade(&["dlq", "replay"]).expect(64);
    task.brigade(&["dlq", "replay", "--object", BAD, "--file", "x"])
        .expect(64);
    task.brigade(&["dlq", "replay", "--object", "no/such/key"])
        .expect(66);
    task.brigade(&["dlq", "replay", "--object", BAD, "--ordinals", "0"])
        .expect(66);
    let file = ["dlq", "replay", "--file", "missing.csv", "--table"];
    task.brigade(&[&file[..], &["shop.orders"]].concat()).expect(66);
    task.brigade(&[&file[..], &["shop.other"]].concat()).expect(64);
    let mut running = task.start();
    wait_until("the task runs", || {
        task.json(&["status"])["activity"] == "running"
    });
    task.brigade(&["dlq", "replay", "--object", BAD]).expect(75);
    running.terminate();
    assert_eq!(running.exit_code(), Some(0));
}

/// What an operator takes out of a file has no header, or has kept it.
#[test]
fn the_first_corrected_row_is_skipped_only_if_it_is_a_header() {
    let task = TaskFolder::new(&Settings {
        late_files: "process\n  csv: { ignore_header_rows: 1 }",
        ..Settings::default()
    });
    task.brigade(&["run", "--once"]).expect(0);
    let file = ["--file", "corrected.csv", "--table", "shop.orders"];
    for (text, rows) in [
        ("8,3.00,corrected\n", 1),
        // Spreadsheets put a byte order mark in front.
        ("\u{feff}12,3.00,corrected\n", 1),
        ("ID,amount,note\n9,4.00,corrected\n", 1),
        ("10,4.00,note\n11,5.00,x\n", 2),
    ] {
        task.write("corrected.csv", text);
        let outcome = replay(&task, &file, 0);
        assert_eq!(counts(&outcome), (rows, 0, 0), "{text}: {outcome:#}");
    }
}
