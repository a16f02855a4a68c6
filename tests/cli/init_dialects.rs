//! `brigade init` on files as programs of all kinds write them: what it proposes loses no row, sends the right values, and
//! says what it is unsure of.
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::path::Path;
use std::sync::Arc;

use parquet::basic::Compression;
use parquet::data_type::{Int32Type, Int64Type};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use serde_json::Value;

use crate::task_folder::{Settings, TaskFolder};

/// A folder without a task.
fn folder() -> TaskFolder {
    let task = TaskFolder::new(&Settings::default());
    for name in ["brigade.yaml", "table-definition.json"] {
        std::fs::remove_file(task.path().join(name)).unwrap();
    }
    std::fs::remove_dir_all(task.path().join("data")).unwrap();
    task.write("in/shop/orders/x", "");
    std::fs::remove_file(task.path().join("in/shop/orders/x")).unwrap();
    task
}

/// What `init` says of a load file with these bytes, and the data of the messages of a run with what it proposes.
fn proposed(bytes: &[u8], more: &[&str]) -> (Value, Vec<Value>) {
    let task = folder();
    std::fs::write(task.path().join("in/shop/orders/LOAD1.csv"), bytes).unwrap();
    let arguments = [&["init", "--sample", "in/shop/orders/LOAD1.csv"], more].concat();
    let report = task.json(&arguments);
    (report, data_of_run(&task))
}

fn data_of_run(task: &TaskFolder) -> Vec<Value> {
    task.brigade(&["validate"]).expect(0);
    let summary = task.json(&["run", "--once"]);
    assert_eq!(summary["dead_lettered_rows"], 0, "{summary:#}");
    let messages = task.messages().into_iter();
    let messages = messages.map(|text| serde_json::from_str::<Value>(&text).unwrap());
    let data = messages.filter(|message| message["metadata"]["record-type"] == "data");
    let mut data: Vec<_> = data.map(|mut message| message["data"].take()).collect();
    data.sort_by_key(|row| row["column_1"].as_i64().or(row["id"].as_i64()));
    data
}

fn notes(report: &Value) -> String {
    let of_tables = report["tables"]
        .as_array()
        .unwrap()
        .iter()
        .map(|table| &table["notes"]);
    let all = of_tables.chain([&report["notes"]]);
    all.map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

fn latin_1(text: &str) -> Vec<u8> {
    text.chars()
        .map(|character| u8::try_from(u32::from(character)).unwrap())
        .collect()
}

fn utf_16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

/// Two rows in a dialect.
struct Written {
    by: &'static str,
    text: &'static str,
    bytes: fn(&str) -> Vec<u8>,
    /// The second value of the first row.
    value: &'static str,
    /// A part of what is said about it.
    note: &'static str,
}

const fn written(by: &'static str, text: &'static str, value: &'static str, note: &'static str) -> Written {
    Written {
        by,
        text,
        bytes: |text| text.as_bytes().to_vec(),
        value,
        note,
    }
}

const TWO: &str = "a \"b\", c";
const DIALECTS: [Written; 12] = [
    written("excel, english", "1,\"a \"\"b\"\", c\",2\n2,x,3\n", TWO, ""),
    Written {
        bytes: latin_1,
        ..written(
            "excel, german",
            "1;Größe;2,5\n2;Straße;3,5\n",
            "Größe",
            "windows-1252",
        )
    },
    written("tabs", "1\ta \"b\", c\t2\n2\tx\t3\n", TWO, "delimiter is a guess"),
    written(
        "hive",
        "1\x01a \"b\", c\x012\n2\x01x\x01\\N\n",
        TWO,
        "taken for NULL",
    ),
    written(
        "mysql",
        "1\ta \"b\"\\, c\t2\n2\tx\\\ty\t3\n",
        "a \"b\"\\, c",
        "escapes",
    ),
    written("spark", "1,\"a \\\"b\\\", c\",2\n2,x,3\n", TWO, "backslashes"),
    written("redshift", "1|a \"b\", c|2\n2|x\\|y|3\n", TWO, "backslashes"),
    written("sas", "1,'a \"b\", c',2\n2,'x',3\n", TWO, "single quotes"),
    written(
        "inches",
        "1,\"24\" monitor\",2\n2,\"27\" monitor\",3\n",
        "\"24\" monitor\"",
        "taken for text",
    ),
    Written {
        bytes: utf_16,
        ..written(
            "sql server",
            "1\ta \"b\", c\t2\n2\tx\t3\n",
            TWO,
            "delimiter is a guess",
        )
    },
    written(
        "old mac",
        "1,\"a \"\"b\"\", c\",2\r2,x,3\r",
        TWO,
        "carriage return",
    ),
    written(
        "quotes around everything",
        "\"1\",\"a \"\"b\"\", c\",\"2\"\r\n\"2\",\"x\",\"\"\r\n",
        TWO,
        "",
    ),
];

#[test]
fn dialects_are_told_by_the_files_themselves() {
    for dialect in DIALECTS {
        let Written { by, value, note, .. } = dialect;
        let (report, data) = proposed(&(dialect.bytes)(dialect.text), &[]);
        let counts = (report["checked_rows"].as_u64(), report["rejected_rows"].as_u64());
        assert_eq!(counts, (Some(2), Some(0)), "{by}: {report:#}");
        assert_eq!(data.len(), 2, "{by}: {data:?}");
        assert_eq!(data[0]["column_1"], 1, "{by}: {data:?}");
        assert_eq!(data[0]["column_2"], value, "{by}: {data:?}");
        assert!(notes(&report).contains(note), "{by}: {}", notes(&report));
    }
}

#[test]
fn operations_and_headers_are_told_and_a_delimiter_that_is_given_counts() {
    let (report, data) = proposed(b"I,1,a\nI,2,b\n", &[]);
    assert_eq!(data[0]["column_1"], 1, "{data:?}");
    assert!(notes(&report).contains("is not a column here"), "{report:#}");
    let (_, data) = proposed(b"id;name\n1;a\n2;b\n", &["--header"]);
    assert_eq!((data.len(), &data[0]["name"]), (2, &Value::from("a")));
    let (report, data) = proposed(b"id;name\n1;a\n2;b\n", &[]);
    assert_eq!(data.len(), 3, "nothing is lost without --header");
    assert!(notes(&report).contains("--header"), "{report:#}");
    let (_, data) = proposed(b"a;10,5\nb;11,5\n", &["--delimiter", ","]);
    assert_eq!(data[0]["column_2"], 5, "{data:?}");
}

#[test]
fn what_a_task_cannot_read_as_one_is_said() {
    let task = folder();
    task.write("in/shop/orders/1.csv", "1;a\n2;b\n");
    task.write("in/shop/orders/2.csv", "3,c\n4,d\n5,e\n");
    let report = task.json(&["init", "--sample", "in/shop/orders/1.csv", "in/shop/orders/2.csv"]);
    assert!(notes(&report).contains("written otherwise"), "{report:#}");
    task.write(
        "in/shop/cdc/1.csv",
        "INSERT,orders,shop,1,a\nDELETE,orders,shop,1,a\n",
    );
    let ended = task
        .brigade(&["init", "--force", "--sample", "in/shop/cdc/1.csv"])
        .expect(64);
    assert!(ended.stderr.contains("cdc_path"), "{ended:?}");
}

#[test]
fn a_value_that_makes_a_column_text_is_named_by_its_row() {
    let rows: String = (1..=1_001)
        .map(|row| {
            if row == 500 {
                "n/a\n".to_owned()
            } else {
                format!("{row}.25\n")
            }
        })
        .collect();
    let (report, data) = proposed(rows.as_bytes(), &[]);
    assert_eq!(data.len(), 1_001);
    assert!(
        notes(&report).contains("1 are not, the first in row 500"),
        "{report:#}"
    );
}

/// One row group with an id and an amount, or an id alone.
fn write_parquet(path: &Path, schema: &str, amounts: Option<&[i32]>, ids: &[i64]) {
    let properties = WriterProperties::builder()
        .set_compression(Compression::UNCOMPRESSED)
        .build();
    let schema = Arc::new(parse_message_type(schema).unwrap());
    let file = std::fs::File::create(path).unwrap();
    let mut writer = SerializedFileWriter::new(file, schema, Arc::new(properties)).unwrap();
    let mut group = writer.next_row_group().unwrap();
    let mut column = group.next_column().unwrap().unwrap();
    column.typed::<Int64Type>().write_batch(ids, None, None).unwrap();
    column.close().unwrap();
    if let Some(amounts) = amounts {
        let mut column = group.next_column().unwrap().unwrap();
        column
            .typed::<Int32Type>()
            .write_batch(amounts, None, None)
            .unwrap();
        column.close().unwrap();
    }
    group.close().unwrap();
    writer.close().unwrap();
}

#[test]
fn all_columns_of_all_parquet_samples_are_in_the_definition() {
    let task = folder();
    let path = |name: &str| task.path().join("in/shop/orders").join(name);
    write_parquet(
        &path("1.parquet"),
        "message rows { required int64 id; }",
        None,
        &[1, 2],
    );
    let wider = "message rows { required int64 id; required int32 amount (DECIMAL(7,2)); }";
    write_parquet(&path("2.parquet"), wider, Some(&[150, 250]), &[3, 4]);
    let report = task.json(&[
        "init",
        "--sample",
        "in/shop/orders/1.parquet",
        "in/shop/orders/2.parquet",
    ]);
    assert_eq!(report["rejected_rows"], 0, "{report:#}");
    assert!(
        notes(&report).contains("amount is not in every file"),
        "{report:#}"
    );
    let data = data_of_run(&task);
    let amounts: Vec<_> = data.iter().map(|row| row["amount"].to_string()).collect();
    assert_eq!(amounts, ["null", "null", "1.5", "2.5"]);
}
