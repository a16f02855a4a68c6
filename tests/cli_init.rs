//! `brigade init`: files that validate, preview and run, from samples alone.
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

#[path = "support/task_folder.rs"]
mod task_folder;

use serde_json::Value;
use task_folder::{Settings, TaskFolder};

const ORDERS: &str = "\
id,code,amount,placed,day,note,flag
1,007,10.50,2024-01-31 10:00:00.5,2024-01-31,first,true
2,008,3,2024-02-01 11:00:00,2024-02-01,,false
30,9,0.25,2024-02-01 12:00:00,2024-02-02,\"a, b\",true
";

/// A folder without a task, with sample files.
fn folder() -> TaskFolder {
    let task = TaskFolder::new(&Settings::default());
    for name in ["brigade.yaml", "table-definition.json"] {
        std::fs::remove_file(task.path().join(name)).unwrap();
    }
    std::fs::remove_dir_all(task.path().join("data")).unwrap();
    task.write("in/shop/orders/LOAD1.csv", ORDERS);
    task
}

fn columns(task: &TaskFolder) -> Vec<Value> {
    let text = std::fs::read_to_string(task.path().join("table-definition.json")).unwrap();
    let definition: Value = serde_json::from_str(&text).unwrap();
    definition["Tables"][0]["TableColumns"]
        .as_array()
        .unwrap()
        .clone()
}

#[test]
fn what_is_made_validates_previews_and_runs() {
    let task = folder();
    let ended = task
        .brigade(&["init", "--sample", "in/shop/orders/LOAD1.csv", "--header"])
        .expect(0);
    assert!(
        ended
            .stdout
            .contains("checked: 3 rows of the samples become records, 0 would be dead"),
        "{ended:?}"
    );
    let types: Vec<_> = columns(&task)
        .iter()
        .map(|column| column["ColumnType"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(
        types,
        [
            "INT4", "STRING", "NUMERIC", "DATETIME", "DATE", "STRING", "BOOLEAN"
        ]
    );
    let columns = columns(&task);
    assert_eq!(
        (&columns[0]["ColumnIsPk"], &columns[1]["ColumnIsPk"]),
        (&"true".into(), &"false".into())
    );
    assert_eq!(
        (&columns[5]["ColumnNullable"], &columns[4]["ColumnNullable"]),
        (&"true".into(), &"false".into())
    );

    let yaml = std::fs::read_to_string(task.path().join("brigade.yaml")).unwrap();
    assert!(
        yaml.contains("#   note: STRING(10), nullable; 2 values of 4 to 5 bytes, 1 empty"),
        "{yaml}"
    );
    assert!(yaml.contains("shop.orders: 3 rows, 7 columns"), "{yaml}");
    assert_eq!(task.json(&["validate"])["valid"], true);
    let preview = task.json(&["preview"]);
    assert_eq!(
        (&preview["records"], &preview["rejected"]),
        (&3.into(), &0.into())
    );
    let message = preview["folders"][0]["rows"][0]["record"]["message"]
        .as_str()
        .unwrap();
    let message: Value = serde_json::from_str(message).unwrap();
    assert_eq!(
        (&message["data"]["id"], &message["data"]["code"]),
        (&1.into(), &"007".into())
    );
    assert_eq!(
        task.json(&["run", "--once"])["counters"]["records"],
        5,
        "three rows, two control records"
    );
}

#[test]
fn nothing_is_overwritten_without_force() {
    let task = folder();
    task.write("table-definition.json", "mine");
    let arguments = ["init", "--sample", "in/shop/orders/LOAD1.csv", "--header"];
    let ended = task.brigade(&arguments).expect(73);
    assert!(
        ended.stderr.contains("table-definition.json is there already"),
        "{ended:?}"
    );
    assert_eq!(
        std::fs::read_to_string(task.path().join("table-definition.json")).unwrap(),
        "mine"
    );
    assert!(!task.path().join("brigade.yaml").exists());
    task.brigade(&[&arguments[..], &["--force"]].concat()).expect(0);
    task.brigade(&[&arguments[..], &["--to", "new/folder"]].concat())
        .expect(0);
    task.brigade(&["validate", "--config", "new/folder/brigade.yaml"])
        .expect(0);
}

#[test]
fn several_tables_a_delimiter_and_a_table_by_name() {
    let task = folder();
    task.write("in/shop/items/LOAD1.csv", "a\tb\n");
    task.write("in/shop/items/LOAD2.csv", "c\td\ne\tf\n");
    let report = task.json(&[
        "init",
        "--sample",
        "in/shop/items/LOAD1.csv",
        "in/shop/items/LOAD2.csv",
        "--delimiter",
        "\\t",
    ]);
    assert_eq!(
        (&report["tables"][0]["name"], &report["tables"][0]["rows"]),
        (&"shop.items".into(), &3.into())
    );
    assert_eq!(
        (&report["checked_rows"], &report["rejected_rows"]),
        (&3.into(), &0.into())
    );
}

#[test]
fn samples_that_say_nothing_are_refused() {
    let task = folder();
    task.write("in/shop/empty/LOAD1.csv", "");
    std::fs::write(task.path().join("in/shop/orders/a.gz"), b"\x1f\x8brest").unwrap();
    task.brigade(&["init", "--sample", "in/shop/orders/a.gz"])
        .expect(65);
    task.write("in/shop/orders/b.gz", "1,not what its name says\n");
    task.brigade(&["init", "--sample", "in/shop/orders/b.gz"])
        .expect(65);
    task.brigade(&["init", "--sample", "in/shop/none/LOAD1.csv"])
        .expect(66);
    task.brigade(&["init", "--sample", "in/shop/empty/LOAD1.csv"])
        .expect(65);
    task.brigade(&[
        "init",
        "--sample",
        "in/shop/orders/LOAD1.csv",
        "--table",
        "orders",
    ])
    .expect(64);
    task.brigade(&["init"]).expect(64);
    assert!(!task.path().join("brigade.yaml").exists());
}

#[test]
fn a_header_that_was_not_announced_is_noted() {
    let task = folder();
    let report = task.json(&["init", "--sample", "in/shop/orders/LOAD1.csv", "--table", "a.b"]);
    let table = &report["tables"][0];
    assert_eq!(table["name"], "a.b");
    assert!(
        table["notes"][0].as_str().unwrap().contains("--header"),
        "{report:#}"
    );
    task.brigade(&["validate"]).expect(0);
}
