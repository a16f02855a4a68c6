//! Columns by the names of a header, as a user meets them: every command sees the same rows as the task.
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::fs;
use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

use serde_json::{Value, json};

use crate::task_folder::{Settings, TaskFolder};

const LOAD: &str = "shop/orders/LOAD1.csv";

/// A task whose files have their columns in other orders than the definition, with one bad row.
fn task(drift: &'static str) -> TaskFolder {
    let task = TaskFolder::new(&Settings {
        late_files: drift,
        ..Settings::default()
    });
    let long = "x".repeat(70_000);
    let rows = format!("note,amount,id\nfirst,10.50,1\n,20.00,2\nbad,x,3\n{long},y,4\n");
    task.write(&format!("data/{LOAD}"), &rows);
    task.write(
        "data/cdc/a.csv",
        "op,table,schema,amount,id,note\nINSERT,orders,shop,1.00,5,third\n",
    );
    task.write(
        "data/cdc/c.csv",
        "a,b,c,NOTE,ID,AMOUNT\nU,orders,shop,third,5,2.00\n",
    );
    task
}

const BY_HEADER: &str = "process\n  csv: { columns: by_header }";

/// What was sent of a table, in the order of the files of each shard.
fn sent(task: &TaskFolder) -> Vec<Value> {
    let messages = task.messages().into_iter();
    let messages = messages.map(|message| serde_json::from_str::<Value>(&message).unwrap());
    let rows = messages.filter(|message| message["metadata"]["record-type"] == "data");
    let mut sent: Vec<Value> = rows.map(|mut message| message["data"].take()).collect();
    sent.sort_by_key(|data| (data["id"].as_u64(), data["amount"].to_string()));
    sent
}

fn first() -> [Value; 4] {
    [
        json!({"id": 1, "amount": 10.5, "note": "first"}),
        json!({"id": 2, "amount": 20}),
        json!({"id": 5, "amount": 1, "note": "third"}),
        json!({"id": 5, "amount": 2, "note": "third"}),
    ]
}

#[test]
fn preview_plan_run_and_verify_see_the_same_columns() {
    let task = task(BY_HEADER);
    let preview = task.json(&["preview"]);
    assert_eq!(
        (&preview["records"], &preview["rejected"]),
        (&4.into(), &2.into()),
        "{preview:#}"
    );
    let plan = task.json(&["plan"]);
    assert_eq!(plan["folders"].as_array().unwrap().len(), 2, "{plan:#}");
    task.brigade(&["run", "--once"]).expect(0);
    assert_eq!(sent(&task), first());
    let report = task.json(&["verify"]);
    assert_eq!(report["verdict"], "complete", "{report:#}");
}

#[test]
fn dead_letters_are_sent_again_with_the_columns_of_their_file() {
    let task = task(BY_HEADER);
    task.brigade(&["run", "--once"]).expect(0);
    let path = task.path().join("table-definition.json");
    let text = fs::read_to_string(path).unwrap();
    let corrected = text.replace(
        r#""ColumnType": "NUMERIC", "ColumnPrecision": "10", "ColumnScale": "2""#,
        r#""ColumnType": "STRING", "ColumnLength": "50""#,
    );
    task.write(
        "table-definition.json",
        &corrected.replace(
            r#""ColumnLength": "50", "ColumnNullable""#,
            r#""ColumnLength": "100000", "ColumnNullable""#,
        ),
    );
    // The first is kept as a whole, the second only in its beginning.
    task.brigade(&["dlq", "replay", "--object", LOAD]).expect(0);
    let replayed: Vec<Value> = sent(&task)
        .into_iter()
        .filter(|data| data["amount"].is_string())
        .collect();
    assert_eq!(replayed.len(), 2);
    assert_eq!(replayed[0], json!({"id": 3, "amount": "x", "note": "bad"}));
    assert_eq!(
        (&replayed[1]["id"], &replayed[1]["amount"]),
        (&4.into(), &"y".into())
    );
}

#[test]
fn corrected_rows_and_rows_whose_file_is_gone_need_a_header() {
    let task = task(BY_HEADER);
    task.brigade(&["run", "--once"]).expect(0);
    task.write("corrected.csv", "amount,note,id\n9.00,nine,9\n");
    task.brigade(&[
        "dlq",
        "replay",
        "--file",
        "corrected.csv",
        "--table",
        "shop.orders",
        "--operation",
        "update",
    ])
    .expect(0);
    assert_eq!(
        sent(&task).last(),
        Some(&json!({"id": 9, "amount": 9, "note": "nine"}))
    );
    task.write("corrected.csv", "9.00,nine,9\n1,2,3\n");
    let ended = task
        .brigade(&[
            "dlq",
            "replay",
            "--file",
            "corrected.csv",
            "--table",
            "shop.orders",
        ])
        .expect(65);
    assert!(ended.stdout.contains("its header has no \"id\""), "{ended:?}");

    // Without its file, nobody knows the columns of a row.
    task.write(&format!("data/{LOAD}"), "id,amount,note\n1,2,3\n");
    let ended = task
        .brigade(&["dlq", "replay", "--object", LOAD, "--again"])
        .expect(65);
    assert!(ended.stdout.contains("changed"), "{ended:?}");
}

#[test]
fn a_header_with_other_columns_is_told_by_every_command() {
    let task = task("process\n  csv: { columns: by_header, header_drift: stop }");
    task.write(&format!("data/{LOAD}"), "note,amount,number\nfirst,10.50,1\n");
    // A run ends by it; what only looks says it and shows the other files.
    for (arguments, code) in [(&["preview"][..], 0), (&["plan"], 0), (&["run", "--once"], 65)] {
        let ended = task.brigade(arguments).expect(code);
        let told = if code == 0 { &ended.stdout } else { &ended.stderr };
        assert!(
            told.contains("its header has no \"id\" of shop.orders"),
            "{ended:?}"
        );
    }
    task.write(
        "data/cdc/a.csv",
        "op,table,schema,id,amount,note,more\nI,orders,shop,1,2,3,4\n",
    );
    task.write(&format!("data/{LOAD}"), "note,amount,id\nfirst,10.50,1\n");
    let ended = task.brigade(&["run", "--once"]).expect(65);
    assert!(
        ended
            .stderr
            .contains("its header has \"more\", which the definition does not have"),
        "{ended:?}"
    );
}

/// Writes the beginning of a compressed file: all of it, or a part.
fn put_gzip(task: &TaskFolder, key: &str, text: &str, parts: usize) {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    let bytes = encoder.finish().unwrap();
    let path = task.path().join("data").join(key);
    fs::write(path, bytes.get(..bytes.len() / parts).unwrap()).unwrap();
}

/// A task of two load files, of which one has a header in another order.
fn swapped(more: &str) -> TaskFolder {
    let csv = format!("process\n  csv: {{ ignore_header_rows: 1{more} }}");
    let task = TaskFolder::new(&Settings {
        late_files: csv.leak(),
        ..Settings::default()
    });
    task.write(&format!("data/{LOAD}"), "id,amount,note\n1,10.50,first\n");
    task.write("data/shop/orders/LOAD2.csv", "amount,id,note\n20.00,2,second\n");
    task
}

/// By position, values would be sent under the names of other columns.
#[test]
fn a_header_that_is_skipped_and_names_another_order_sets_its_file_aside() {
    let task = swapped("");
    let preview = task.brigade(&["preview"]);
    assert!(preview.stdout.contains("LOAD2.csv cannot be read"), "{preview:?}");
    let ended = task.brigade(&["run", "--once"]);
    assert_eq!(ended.code, Some(65), "{ended:?}");
    assert!(ended.stdout.contains("1 object set aside"), "{ended:?}");
    let aside = task.json(&["files", "list"])["files"][0].take();
    let reason = aside["reason"].as_str().unwrap();
    assert!(
        reason.contains("id is column 1 of shop.orders") && reason.contains("by_header"),
        "{reason}"
    );
    let loaded = |task: &TaskFolder| -> Vec<Value> {
        let sent = sent(task).into_iter();
        sent.filter(|data| data["note"] != "third")
            .map(|mut data| data["id"].take())
            .collect()
    };
    assert_eq!(loaded(&task), [json!(1)]);
    // The cure that the reason names.
    let text = fs::read_to_string(task.path().join("brigade.yaml")).unwrap();
    task.write(
        "brigade.yaml",
        &text.replace("ignore_header_rows: 1", "columns: by_header"),
    );
    task.brigade(&["files", "retry", "shop/orders/LOAD2.csv"])
        .expect(0);
    task.brigade(&["run", "--once"]).expect(0);
    assert_eq!(loaded(&task), [json!(1), json!(2)]);

    let task = swapped(", header_drift: stop");
    let ended = task.brigade(&["run", "--once"]).expect(65);
    assert!(ended.stderr.contains("LOAD2.csv"), "{ended:?}");
    let task = swapped(", header_drift: accept");
    task.brigade(&["run", "--once"]).expect(0);
    assert_eq!(loaded(&task), [json!(1), json!(20)], "as DMS does");
}

/// Of a corrected file that is read on at a row nobody has read the header.
#[test]
fn the_header_of_a_corrected_file_is_looked_at_before_it_is_read_on() {
    let task = swapped("");
    let rows: Vec<_> = (0..20_000).map(|id| format!("{id},1.00,row {id}\n")).collect();
    let rows = rows.concat();
    let whole = format!("id,amount,note\n{rows}");
    put_gzip(&task, "shop/orders/LOAD2.csv", &whole, 2);
    assert_eq!(task.brigade(&["run", "--once"]).code, Some(65));
    let before = task.records_count();
    put_gzip(
        &task,
        "shop/orders/LOAD2.csv",
        &whole.replacen("id,amount", "amount,id", 1),
        1,
    );
    task.brigade(&["files", "retry", "shop/orders/LOAD2.csv"])
        .expect(0);
    assert_eq!(task.brigade(&["run", "--once"]).code, Some(65));
    assert_eq!(
        task.records_count(),
        before,
        "nothing more is sent under wrong names"
    );
}

/// Rows that somebody corrected go by the header that they come with, if it speaks of another order.
#[test]
fn corrected_rows_are_not_sent_under_the_names_of_other_columns() {
    let task = swapped(", header_drift: stop");
    fs::remove_file(task.path().join("data/shop/orders/LOAD2.csv")).unwrap();
    task.brigade(&["run", "--once"]).expect(0);
    let before = task.records_count();
    task.write("fixed.csv", "amount,id,note\n100,55,fixed\n");
    let ended = task.brigade(&["dlq", "replay", "--file", "fixed.csv", "--table", "shop.orders"]);
    assert_ne!(ended.code, Some(0), "{ended:?}");
    let told = [ended.stdout.as_str(), ended.stderr.as_str()].concat();
    assert!(told.contains("id is column 1 of shop.orders"), "{ended:?}");
    assert_eq!(task.records_count(), before, "nothing was sent");
}
