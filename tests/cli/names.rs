//! Tables whose names have dots: `a.b` of `c` and `a` of `b.c` look the same and are two.
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot be set up has to fail"
)]

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::task_folder::{Settings, TaskFolder, wait_until};

/// Rows of each table.
const ROWS: usize = 150_000;

/// A task with two tables of one name as people write it.
fn task() -> TaskFolder {
    let task = TaskFolder::new(&Settings::default());
    let table = |owner: &str, name: &str, path: &str| {
        format!(
            r#"{{ "TableName": "{name}", "TablePath": "{path}", "TableOwner": "{owner}", "TableColumnsTotal": "1",
                 "TableColumns": [ {{ "ColumnName": "id", "ColumnType": "INT8", "ColumnNullable": "false", "ColumnIsPk": "true" }} ] }}"#
        )
    };
    let tables = [table("a.b", "c", "one/"), table("a", "b.c", "two/")];
    task.write(
        "table-definition.json",
        &format!(r#"{{ "TableCount": "2", "Tables": [ {} ] }}"#, tables.join(", ")),
    );
    for (path, first) in [("one", 0), ("two", ROWS)] {
        let rows = (first..first + ROWS).map(|id| format!("{id}\n"));
        task.write(&format!("data/{path}/LOAD1.csv"), &rows.collect::<String>());
    }
    for name in ["a", "c"] {
        std::fs::remove_file(task.path().join(format!("data/cdc/{name}.csv"))).unwrap();
    }
    task
}

/// Rows per schema, repeats left out.
fn loaded(task: &TaskFolder) -> Vec<(String, usize)> {
    let mut rows: BTreeMap<String, BTreeSet<u64>> = BTreeMap::new();
    for message in task.messages() {
        let message: Value = serde_json::from_str(&message).unwrap();
        if let Some(id) = message["data"]["id"].as_u64() {
            let schema = message["metadata"]["schema-name"].as_str().unwrap().to_owned();
            rows.entry(schema).or_default().insert(id);
        }
    }
    rows.into_iter()
        .map(|(schema, ids)| (schema, ids.len()))
        .collect()
}

#[test]
fn tables_that_look_alike_are_loaded_as_two_over_a_crash() {
    let task = task();
    let running = task.start();
    wait_until("some rows are sent", || task.records_count() > 1_000);
    drop(running);
    task.brigade(&["run", "--once"]).expect(0);
    assert_eq!(loaded(&task), [("a".to_owned(), ROWS), ("a.b".to_owned(), ROWS)]);
    let report = task.json(&["verify"]);
    assert_eq!(report["verdict"], "complete", "{report:#}");
    // Commands know both.
    let ended = task
        .brigade(&["reload", "--table", r"a\.b.c", "--dry-run"])
        .expect(0);
    assert_eq!(ended.stdout, "would reload a\\.b.c\n");
    let ended = task.brigade(&["reload", "--table", "b.c", "--dry-run"]);
    assert_eq!(ended.code, Some(64), "{ended:?}");
    assert!(ended.stderr.contains(r"a\.b.c, a.b.c"), "{ended:?}");
}
