//! `brigade preview`: the exact records, nothing sent, nothing written.
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use serde_json::Value;

use crate::task_folder::{Settings, TaskFolder};

/// A stream that nobody answers for.
const UNREACHABLE: &str = "  kinesis:
    stream: orders
    region: us-east-1
    endpoint: http://127.0.0.1:1
    request_timeout: 1s
    message_format: json-unformatted
";

fn task() -> TaskFolder {
    TaskFolder::new(&Settings::default())
}

fn records(preview: &Value, folder: usize) -> Vec<Value> {
    preview["folders"][folder]["rows"].as_array().unwrap().clone()
}

/// A message without the time at which it was built.
fn timeless(message: &str) -> Value {
    let mut message: Value = serde_json::from_str(message).unwrap();
    message["metadata"]["timestamp"] = Value::Null;
    message
}

#[test]
fn preview_shows_what_a_run_sends_and_where() {
    let task = task();
    let preview = task.json(&["preview"]);
    assert!(!task.path().join("out").exists(), "the target was touched");
    assert!(!task.path().join("state").exists(), "state was written");
    assert_eq!(
        (&preview["shards"], &preview["records"], &preview["rejected"]),
        (&2.into(), &4.into(), &0.into())
    );
    task.brigade(&["run", "--once"]).expect(0);
    for folder in 0..2 {
        for row in records(&preview, folder) {
            let record = &row["record"];
            let shard = record["shard"].as_str().unwrap();
            let (_, number) = shard.rsplit_once("-000000000").unwrap();
            let path = task.path().join("out").join(format!("shard-{number}.ndjson"));
            let sent = std::fs::read_to_string(path).unwrap();
            let message = timeless(record["message"].as_str().unwrap());
            let is_sent = sent.lines().any(|line| {
                let line: Value = serde_json::from_str(line).unwrap();
                line["partition_key"] == record["partition_key"]
                    && timeless(line["payload"].as_str().unwrap()) == message
            });
            assert!(is_sent, "{row:#} is not in {sent}");
        }
    }
}

#[test]
fn rejected_rows_stand_in_file_order_with_their_reasons() {
    let task = task();
    task.write(
        "data/shop/orders/LOAD1.csv",
        "1,1.00,a\n2,abc,b\n3,3.00,c\n4,4.00,d\n",
    );
    let preview = task.json(&["preview", "--table", "shop.orders", "--rows", "3"]);
    let rows = records(&preview, 0);
    let ordinals: Vec<_> = rows.iter().map(|row| row["ordinal"].as_u64().unwrap()).collect();
    assert_eq!(ordinals, [0, 1, 2]);
    assert_eq!(rows[1]["record"], Value::Null);
    let reason = "the value (3 bytes) is not a decimal number";
    assert_eq!(rows[1]["reason"], reason, "{rows:#?}");
    let text = task.brigade(&["preview", "--rows", "3"]).expect(0).stdout;
    assert!(
        text.contains("LOAD1.csv row 1 (line 2), shop.orders: rejected: "),
        "{text}"
    );
    assert!(
        text.contains("4 records shown, 1 row rejected, 0 rows filtered; nothing was sent"),
        "{text}"
    );
}

#[test]
fn one_object_can_be_asked_for_and_no_other() {
    let task = task();
    let preview = task.json(&["preview", "--object", "cdc/c.csv"]);
    assert_eq!(records(&preview, 0)[0]["record"]["operation"], "update");
    task.brigade(&["preview", "--object", "cdc/none.csv"]).expect(66);
    task.brigade(&["preview", "--object", "elsewhere/a.csv"])
        .expect(64);
    task.brigade(&["preview", "--table", "shop.none"]).expect(64);
    task.brigade(&["preview", "--rows", "0"]).expect(64);
}

#[test]
fn a_stream_that_cannot_be_asked_leaves_the_shards_unknown() {
    let task = TaskFolder::new(&Settings {
        target: UNREACHABLE.into(),
        ..Settings::default()
    });
    for arguments in [&["preview"][..], &["preview", "--offline"]] {
        let preview = task.json(arguments);
        assert_eq!(preview["shards"], Value::Null);
        assert_eq!(records(&preview, 0)[0]["record"]["shard"], Value::Null);
        let note = preview["notes"][0].as_str().unwrap();
        assert!(note.starts_with("the shards are unknown"), "{note}");
    }
    let text = task.brigade(&["preview", "--offline"]).expect(0).stdout;
    assert!(text.contains("shard unknown"), "{text}");
}
