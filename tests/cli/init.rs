//! `brigade init`: files that validate, preview and run, from samples alone.
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use serde_json::Value;

use crate::task_folder::{Settings, TaskFolder};

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
        ended.stderr.contains("table-definition.json exists already"),
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

#[test]
fn a_compressed_sample_is_its_text() {
    use std::io::Write;

    let task = folder();
    std::fs::remove_file(task.path().join("in/shop/orders/LOAD1.csv")).unwrap();
    let file = std::fs::File::create(task.path().join("in/shop/orders/LOAD1.csv.gz")).unwrap();
    let mut encoder = flate2::write::GzEncoder::new(file, flate2::Compression::fast());
    encoder.write_all(ORDERS.as_bytes()).unwrap();
    encoder.finish().unwrap();
    let sample = ["init", "--sample", "in/shop/orders/LOAD1.csv.gz", "--header"];
    let ended = task.brigade(&sample).expect(0);
    assert!(ended.stdout.contains("checked: 3 rows"), "{ended:?}");
    assert_eq!(columns(&task).len(), 7);
}

/// Three rows with columns of some types, a list among them.
pub(crate) fn write_parquet(path: &std::path::Path) {
    use parquet::data_type::{ByteArray, ByteArrayType, Int32Type, Int64Type};
    use parquet::file::writer::SerializedFileWriter;

    let schema = parquet::schema::parser::parse_message_type(
        "message rows { required int64 id; optional binary name (UTF8); required int32 amount (DECIMAL(7,2));
         required int64 placed (TIMESTAMP(MICROS,true)); repeated int32 tags; }",
    );
    let file = std::fs::File::create(path).unwrap();
    let mut writer =
        SerializedFileWriter::new(file, schema.unwrap().into(), std::sync::Arc::default()).unwrap();
    let mut group = writer.next_row_group().unwrap();
    let mut number = 0;
    while let Some(mut column) = group.next_column().unwrap() {
        match number {
            0 => column.typed::<Int64Type>().write_batch(&[1, 2, 3], None, None),
            1 => {
                let names = ["007", "008"].map(ByteArray::from);
                column
                    .typed::<ByteArrayType>()
                    .write_batch(&names, Some(&[1, 0, 1]), None)
            }
            2 => column
                .typed::<Int32Type>()
                .write_batch(&[1050, 300, -25], None, None),
            3 => {
                let times = [1_706_695_200_500_000, 0, 1_000_000];
                column.typed::<Int64Type>().write_batch(&times, None, None)
            }
            _ => column
                .typed::<Int32Type>()
                .write_batch(&[], Some(&[0, 0, 0]), Some(&[0, 0, 0])),
        }
        .unwrap();
        column.close().unwrap();
        number += 1;
    }
    group.close().unwrap();
    writer.close().unwrap();
}

#[test]
fn a_parquet_sample_declares_its_columns_and_runs() {
    let task = folder();
    std::fs::remove_file(task.path().join("in/shop/orders/LOAD1.csv")).unwrap();
    write_parquet(&task.path().join("in/shop/orders/LOAD1.parquet"));
    let ended = task
        .brigade(&["init", "--sample", "in/shop/orders/LOAD1.parquet"])
        .expect(0);
    for part in [
        "checked: 3 rows of the samples become records, 0 would be dead",
        "tags is nested",
    ] {
        assert!(ended.stdout.contains(part), "{part}: {ended:?}");
    }
    let declared = columns(&task)
        .iter()
        .map(|column| {
            let shown = ["ColumnName", "ColumnType", "ColumnScale", "ColumnNullable"]
                .map(|name| column[name].as_str());
            shown.map(Option::unwrap_or_default).join(" ")
        })
        .collect::<Vec<_>>();
    let expected = [
        "id INT8  false",
        "name STRING  true",
        "amount NUMERIC 2 false",
        "placed DATETIME 6 false",
    ];
    assert_eq!(declared, expected);
    let summary = task.json(&["run", "--once"]);
    assert_eq!(summary["delivered_rows"], 3, "{summary:#}");
    assert_eq!(summary["dead_lettered_rows"], 0, "{summary:#}");
}
