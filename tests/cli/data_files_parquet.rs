//! Which Parquet files are data, and which are change files by their names: every command goes by one rule.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;

use parquet::data_type::{ByteArray, ByteArrayType};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;

use crate::data_files::{plan_says, sent, task};
use crate::task_folder::TaskFolder;

/// Writes rows of text as Parquet: the operation, if there is one, and the columns of the table.
fn write_parquet(task: &TaskFolder, name: &str, operations: Option<&[&str]>, ids: &[&str]) {
    let operation = operations.map_or("", |_| "optional binary Op (utf8);");
    let schema = format!(
        "message rows {{ {operation} required binary id (utf8); required binary amount (utf8); required binary note (utf8); }}"
    );
    let schema = Arc::new(parse_message_type(&schema).unwrap());
    let properties = Arc::new(WriterProperties::builder().build());
    let mut writer = SerializedFileWriter::new(Vec::new(), schema, properties).unwrap();
    let mut group = writer.next_row_group().unwrap();
    let text = |text: &str| ByteArray::from(text.as_bytes().to_vec());
    let texts = |values: &[&str]| values.iter().map(|value| text(value)).collect::<Vec<_>>();
    let mut write = |values: &[ByteArray], levels: Option<&[i16]>| {
        let mut column = group.next_column().unwrap().unwrap();
        column
            .typed::<ByteArrayType>()
            .write_batch(values, levels, None)
            .unwrap();
        column.close().unwrap();
    };
    if let Some(operations) = operations {
        let levels: Vec<i16> = operations
            .iter()
            .map(|operation| i16::from(!operation.is_empty()))
            .collect();
        let given: Vec<&str> = operations
            .iter()
            .copied()
            .filter(|text| !text.is_empty())
            .collect();
        write(&texts(&given), Some(&levels));
    }
    write(&texts(ids), None);
    write(&vec![text("1.00"); ids.len()], None);
    write(&vec![text("x"); ids.len()], None);
    group.close().unwrap();
    let path = task.path().join("data/shop/orders").join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, writer.into_inner().unwrap()).unwrap();
}

/// A task with Parquet files and no folder of change files.
fn parquet_task(migration_type: &str) -> TaskFolder {
    let task = task(migration_type, "  data_format: parquet\n");
    let text = std::fs::read_to_string(task.path().join("brigade.yaml")).unwrap();
    task.write("brigade.yaml", &text.replace(", cdc_path: cdc", ""));
    task
}

#[test]
fn side_files_of_spark_beside_parquet_are_no_data() {
    let task = parquet_task("full-load");
    write_parquet(&task, "part-0.snappy.parquet", None, &["1", "2"]);
    for name in [
        "_common_metadata",
        "_metadata",
        "_SUCCESS",
        ".part-0.snappy.parquet.crc",
    ] {
        task.write(&format!("data/shop/orders/{name}"), "x");
    }
    plan_says(&task, &["4 files are not data", "about 2 records"]);
    task.brigade(&["run", "--once"]).expect(0);
    assert_eq!(sent(&task), ["load 1", "load 2"]);
    task.brigade(&["verify"]).expect(0);
}

#[test]
fn parquet_in_the_layout_of_dms_is_planned_and_previewed_as_it_is_run() {
    for (name, further) in [
        ("20240102-030405678.parquet", "20240103-030405678.parquet"),
        (
            "2024/01/02/20240102-030405678.parquet",
            "2024/01/03/20240103-030405678.parquet",
        ),
    ] {
        let task = parquet_task("full-load-and-cdc");
        write_parquet(&task, "LOAD00000001.parquet", None, &["1", "2"]);
        write_parquet(&task, name, Some(&["I", "U", ""]), &["3", "1", "4"]);
        write_parquet(&task, further, Some(&["D"]), &["2"]);
        plan_says(&task, &["change files of shop.orders"]);
        let preview = task.brigade(&["preview"]).expect(0).stdout;
        assert!(preview.contains("5 records shown, 1 row rejected"), "{preview}");
        task.brigade(&["run", "--once"]).expect(0);
        assert_eq!(
            sent(&task),
            ["load 1", "load 2", "insert 3", "update 1", "delete 2"]
        );
    }
}

#[test]
fn change_files_of_dms_beside_parquet_loads_are_no_part_of_a_full_load() {
    let task = parquet_task("full-load");
    write_parquet(&task, "LOAD00000001.parquet", None, &["1", "2"]);
    write_parquet(&task, "20240102-030405678.parquet", Some(&["I"]), &["3"]);
    let told = "1 file is named as DMS names change files and not read as load files";
    plan_says(&task, &[told]);
    let preview = task.brigade(&["preview"]).expect(0).stdout;
    assert!(preview.contains("2 records shown, 0 rows rejected"), "{preview}");
    let ended = task.brigade(&["run", "--once"]).expect(0).stdout;
    assert!(ended.contains(told), "{ended}");
    assert_eq!(sent(&task), ["load 1", "load 2"]);
}
