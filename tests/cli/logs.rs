//! What the log says of trouble with files and rows, for programs that read it.
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use serde_json::{Value, json};

use crate::task_folder::{Settings, TaskFolder};

/// Runs the task to its end; gives the lines of its log.
fn log_of(task: &TaskFolder) -> Vec<Value> {
    let mut command = task.command(&["--log-format", "json", "run", "--once"]);
    let output = command.env("BRIGADE_LOG", "info").output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
    lines.collect()
}

fn of_level<'a>(log: &'a [Value], level: &str) -> Vec<&'a Value> {
    log.iter().filter(|line| line["level"] == level).collect()
}

#[test]
fn the_first_bad_row_of_each_file_is_logged_with_its_place_and_reason() {
    let task = TaskFolder::new(&Settings::default());
    task.write(
        "data/shop/orders/LOAD2.csv",
        "5,1.00,good\n6,abc,bad\n7,,bad too\n",
    );
    task.write("data/cdc/b.csv", "REPLACE,orders,shop,4,1.00,what\n");
    let log = log_of(&task);
    let warnings = of_level(&log, "WARN");
    let named =
        |line: &Value, names: &[&str]| names.iter().map(|name| line[*name].clone()).collect::<Vec<_>>();
    assert_eq!(warnings.len(), 2, "{log:#?}");
    assert_eq!(
        named(warnings[0], &["table", "line", "byte", "column", "code"]),
        [
            json!("shop.orders"),
            json!(2),
            json!(12),
            json!("amount"),
            json!("not_a_number")
        ]
    );
    assert!(
        warnings[0]["object"]
            .as_str()
            .unwrap()
            .ends_with("/shop/orders/LOAD2.csv"),
        "{log:#?}"
    );
    assert_eq!(
        warnings[0]["reason"],
        "the value (3 bytes) is not a decimal number"
    );
    assert!(
        warnings[1]["object"].as_str().unwrap().ends_with("/cdc/b.csv"),
        "{log:#?}"
    );
    assert_eq!(named(warnings[1], &["line", "table"]), [json!(1), Value::Null]);
    // What is settled is not told again.
    assert_eq!(of_level(&log_of(&task), "WARN"), Vec::<&Value>::new());
}

#[test]
fn a_file_that_is_set_aside_is_logged_with_its_reason() {
    let task = TaskFolder::new(&Settings::default());
    std::fs::write(
        task.path().join("data/shop/orders/LOAD2.csv.gz"),
        b"\x1f\x8bno gzip",
    )
    .unwrap();
    let log = log_of(&task);
    let errors = of_level(&log, "ERROR");
    assert!(
        errors[0]["object"]
            .as_str()
            .unwrap()
            .ends_with("/shop/orders/LOAD2.csv.gz"),
        "{log:#?}"
    );
    assert!(
        errors[0]["error"].as_str().unwrap().contains("at byte 0"),
        "{log:#?}"
    );
}
