//! What real exports put into their columns, and what becomes of it: sent as it is, a dead letter with its column, or,
//! where that is wanted, cut as DMS cuts it and counted.
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::fs;

use serde_json::{Value, json};

use crate::task_folder::{Settings, TaskFolder};

const TARGET: &str = "  ndjson:\n    path: ./out\n    shards: 1\n    message_format: json-unformatted\n    \
                      include_null_and_empty: true\n    control_records: false\n";

/// A column: name, type, and what else the definition says of it.
pub(crate) type Column = (&'static str, &'static str, &'static str);

const TEXT: Column = ("note", "STRING", r#","ColumnLength":"40""#);
const NUMBER: Column = ("number", "NUMERIC", r#","ColumnPrecision":"5","ColumnScale":"2""#);

/// A task whose table has a key and the given columns, all of which may be NULL.
pub(crate) fn task(columns: &[Column], target: &str, errors: &'static str) -> TaskFolder {
    let task = TaskFolder::new(&Settings {
        target: format!("{TARGET}{target}"),
        dead_letters: errors,
        ..Settings::default()
    });
    define(&task, &[("id", "INT4", r#","ColumnIsPk":"true""#)], columns);
    fs::remove_dir_all(task.path().join("data/cdc")).unwrap();
    task
}

fn define(task: &TaskFolder, required: &[Column], nullable: &[Column]) {
    let column = |(name, kind, more): &Column, nullable: bool| {
        format!(r#"{{"ColumnName":"{name}","ColumnType":"{kind}","ColumnNullable":"{nullable}"{more}}}"#)
    };
    let columns: Vec<_> = required
        .iter()
        .map(|one| column(one, false))
        .chain(nullable.iter().map(|one| column(one, true)))
        .collect();
    let definition = format!(
        r#"{{"Tables":[{{"TableName":"orders","TableOwner":"shop","TablePath":"shop/orders/","TableColumns":[{}]}}]}}"#,
        columns.join(",")
    );
    task.write("table-definition.json", &definition);
}

/// The rows that were sent, as their `data`.
pub(crate) fn sent(task: &TaskFolder) -> Vec<Value> {
    let messages = task.messages().into_iter();
    messages
        .map(|message| serde_json::from_str::<Value>(&message).unwrap()["data"].take())
        .collect()
}

/// Line, column and code of the dead letters.
pub(crate) fn dead_letters(task: &TaskFolder) -> Vec<(u64, String, String)> {
    let Ok(entries) = fs::read_dir(task.path().join("dead-letters")) else {
        return Vec::new();
    };
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let mut found = Vec::new();
    for path in paths.iter().filter(|path| path.is_file()) {
        for line in fs::read_to_string(path).unwrap().lines() {
            let letter: Value = serde_json::from_str(line).unwrap();
            let text = |name: &str| letter[name].as_str().unwrap_or_default().to_owned();
            found.push((letter["line"].as_u64().unwrap(), text("column"), text("code")));
        }
    }
    found
}

pub(crate) fn lines_of(letters: &[(u64, String, String)]) -> Vec<(u64, &str)> {
    letters
        .iter()
        .map(|(line, _, code)| (*line, code.as_str()))
        .collect()
}

/// `x.truncated_rows` of the one table.
fn truncated_rows(task: &TaskFolder) -> u64 {
    task.json(&["tables"])["TableStatistics"][0]["x"]["truncated_rows"]
        .as_u64()
        .unwrap()
}

const WITH_NULS: &str = "1,a\0b\n2,\"\0\"\n3,\0\n4,\0\0x\n5,z\n";

#[test]
fn a_nul_is_a_character_of_a_text() {
    let task = task(&[TEXT], "", "./dead-letters");
    task.write("data/shop/orders/LOAD1.csv", WITH_NULS);
    task.brigade(&["run", "--once"]).expect(0);
    assert_eq!(
        sent(&task),
        [
            json!({ "id": 1, "note": "a\0b" }),
            json!({ "id": 2, "note": "\0" }),
            json!({ "id": 3, "note": "\0" }),
            json!({ "id": 4, "note": "\0\0x" }),
            json!({ "id": 5, "note": "z" }),
        ]
    );
    assert!(task.messages()[0].contains(r#""note":"a\u0000b""#));
    assert_eq!((dead_letters(&task), truncated_rows(&task)), (Vec::new(), 0));
}

/// Keys that differ after a NUL are the keys of different rows.
#[test]
fn a_nul_in_a_key_keeps_rows_apart() {
    let task = task(&[], "", "./dead-letters");
    define(
        &task,
        &[("key", "STRING", r#","ColumnIsPk":"true","ColumnLength":"9""#)],
        &[TEXT],
    );
    task.write("data/shop/orders/LOAD1.csv", "a\x00one,1\na\x00two,2\na,3\n");
    task.brigade(&["run", "--once"]).expect(0);
    let out = fs::read_dir(task.path().join("out")).unwrap();
    let text: String = out
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file())
        .map(|path| fs::read_to_string(path).unwrap())
        .collect();
    for key in [
        r#""partition_key":"a\u0000one""#,
        r#""partition_key":"a\u0000two""#,
        r#""partition_key":"a""#,
    ] {
        assert!(text.contains(key), "{key}: {text}");
    }
}

#[test]
fn with_the_switch_of_dms_a_text_ends_at_its_nul_and_the_row_is_counted() {
    let task = task(&[TEXT], "    text_format: dms\n", "./dead-letters");
    task.write("data/shop/orders/LOAD1.csv", WITH_NULS);
    task.brigade(&["run", "--once"]).expect(0);
    let notes: Vec<_> = sent(&task).iter().map(|row| row["note"].clone()).collect();
    assert_eq!(notes, ["a", "", "", "", "z"]);
    assert_eq!(truncated_rows(&task), 4);
    let shown = task.brigade(&["tables"]).expect(0).stdout;
    assert!(
        shown.contains("shop.orders: 4 rows sent with a value that was cut or rounded to fit"),
        "{shown}"
    );
}

/// Text of PHP, pandas and spreadsheets in a column of NUMERIC(5,2).
const NUMBERS: &str = "1,\"999.995\"\n2,\"999.994\"\n3,\"-0.001\"\n4,\"-0\"\n5,\"0.005\"\n6,\"1.005\"\n7,\"2.675\"\n\
                       8,\"1e2\"\n9,\"1E+2\"\n10,\"1.5e-1\"\n11,\".5\"\n12,\"5.\"\n13,\"+1.50\"\n14,\"1000\"\n\
                       15,\"12345678901234567890.12\"\n16,\"$5.00\"\n17,\"(5.00)\"\n18,\"5-\"\n19,\"Infinity\"\n\
                       20,\"1.2.3\"\n21,0E-18\n22,7.1000\n";

#[test]
fn a_decimal_is_sent_with_every_digit_or_not_at_all() {
    let task = task(&[NUMBER], "", "./dead-letters");
    task.write("data/shop/orders/LOAD1.csv", NUMBERS);
    task.brigade(&["run", "--once"]).expect(0);
    let numbers: Vec<_> = sent(&task)
        .iter()
        .map(|row| (row["id"].as_u64().unwrap(), row["number"].to_string()))
        .collect();
    let expected = [
        (4, "0"),
        (8, "100"),
        (9, "100"),
        (10, "0.15"),
        (11, "0.5"),
        (12, "5"),
        (13, "1.5"),
        (21, "0"),
        (22, "7.1"),
    ];
    assert_eq!(numbers, expected.map(|(id, text)| (id, text.to_owned())));
    let letters = dead_letters(&task);
    assert!(letters.iter().all(|(_, column, _)| column == "number"));
    assert_eq!(
        lines_of(&letters),
        [
            (1, "too_precise"),
            (2, "too_precise"),
            (3, "too_precise"),
            (5, "too_precise"),
            (6, "too_precise"),
            (7, "too_precise"),
            (14, "number_out_of_range"),
            (15, "number_out_of_range"),
            (16, "not_a_number"),
            (17, "not_a_number"),
            (18, "not_a_number"),
            (19, "not_a_number"),
            (20, "not_a_number"),
        ]
    );
}

#[test]
fn a_task_that_is_to_stop_at_a_truncation_stops_before_it_rounds() {
    let task = task(
        &[NUMBER],
        "",
        "./dead-letters\n  data_truncation_error_policy: STOP_TASK",
    );
    task.write("data/shop/orders/LOAD1.csv", "1,1.00\n2,1.005\n3,1.01\n");
    let ended = task.brigade(&["run", "--once"]).expect(65);
    for part in [
        "LOAD1.csv",
        "line 2",
        "row 2 of the file",
        "column number",
        "data_truncation_error_policy",
    ] {
        assert!(ended.stderr.contains(part), "{part}: {}", ended.stderr);
    }
    assert_eq!(sent(&task), [json!({ "id": 1, "number": 1 })]);
}

const ALL_CUT: &str = "./dead-letters\n  data_truncation_error_policy: TRUNCATE";

#[test]
fn where_values_are_to_be_cut_rows_are_sent_and_counted() {
    let columns = [
        NUMBER,
        ("note", "STRING", r#","ColumnLength":"3""#),
        ("moment", "DATETIME", r#","ColumnScale":"3""#),
        ("day", "DATE", ""),
        ("count", "INT2", ""),
    ];
    let task = task(&columns, "", ALL_CUT);
    task.write(
        "data/shop/orders/LOAD1.csv",
        "1,1.005,abc,2024-01-01 00:00:00.123,2024-01-01,5.00\n\
         2,1.00,abcd,2024-01-01 00:00:00.1239,2024-01-01 10:00:00,5.50\n\
         3,1.00,abc,2024-01-01 00:00:00.123,2024-01-01,5\n\
         4,999.995,abc,2024-01-01 00:00:00.123,2024-01-01,5\n\
         5,1.00,abc,2024-01-01 00:00:00.123,2024-01-01,40000\n",
    );
    task.brigade(&["run", "--once"]).expect(0);
    let row = |id: u64, number: f64, count: u64| {
        let number: Value = serde_json::from_str(&number.to_string()).unwrap();
        json!({
            "id": id, "number": number, "note": "abc", "moment": "2024-01-01T00:00:00.123Z", "day": "2024-01-01",
            "count": count,
        })
    };
    assert_eq!(sent(&task), [row(1, 1.01, 5), row(2, 1.0, 6), row(3, 1.0, 5)]);
    assert_eq!(truncated_rows(&task), 2);
    let letters = dead_letters(&task);
    assert_eq!(
        lines_of(&letters),
        [(4, "number_out_of_range"), (5, "number_out_of_range")],
        "of these there is nothing to cut"
    );
}

#[test]
fn what_does_not_fit_its_column_is_a_truncation_in_every_type() {
    let columns = [
        ("note", "STRING", r#","ColumnLength":"3""#),
        ("bytes", "BYTE", r#","ColumnLength":"2""#),
        ("moment", "DATETIME", r#","ColumnScale":"3""#),
        ("time", "TIME", ""),
        ("day", "DATE", ""),
        ("count", "INT2", ""),
        ("ratio", "REAL4", ""),
    ];
    for (values, column) in [
        ("abcd,,,,,,", "note"),
        (",aabbcc,,,,,", "bytes"),
        (",,2024-01-01 00:00:00.1234,,,,", "moment"),
        (",,,01:02:03.1234567891,,,", "time"),
        (",,,2024-01-01 01:02:03,,,", "time"),
        (",,,,2024-01-01 01:02:03,,", "day"),
        (",,,,,32768,", "count"),
        (",,,,,1.5,", "count"),
        (",,,,,,1e39", "ratio"),
        (",,,,,,1e-60", "ratio"),
    ] {
        let task = task(
            &columns,
            "",
            "./dead-letters\n  data_truncation_error_policy: STOP_TASK",
        );
        task.write("data/shop/orders/LOAD1.csv", &format!("1,{values}\n"));
        let ended = task.brigade(&["run", "--once"]).expect(65);
        for part in [
            "line 1",
            &format!("column {column} ("),
            "data_truncation_error_policy",
        ] {
            assert!(ended.stderr.contains(part), "{values}: {}", ended.stderr);
        }
    }
}

/// Exports with quotes around everything write NULL as nothing in quotes.
#[test]
fn nothing_in_quotes_is_null_unless_it_is_a_text() {
    let columns = [
        TEXT,
        ("count", "INT4", ""),
        ("day", "DATE", ""),
        ("is_paid", "BOOLEAN", ""),
        NUMBER,
        ("ratio", "REAL8", ""),
    ];
    let rows = "\"1\",\"x\",\"5\",\"2024-01-01\",\"t\",\"1.5\",\"0.5\"\n\"2\",\"\",\"\",\"\",\"\",\"\",\"\"\n3,,,,,,\n";
    for (late_files, note) in [
        ("process", Value::Null),
        ("process\n  csv:\n    null_value: '\\N'", json!("")),
    ] {
        let task = task(&columns, "", "./dead-letters");
        task.configure(&Settings {
            late_files,
            target: TARGET.to_owned(),
            ..Settings::default()
        });
        task.write("data/shop/orders/LOAD1.csv", rows);
        task.brigade(&["run", "--once"]).expect(0);
        let none = |id: u64, note: Value| {
            json!({
                "id": id, "note": note, "count": null, "day": null, "is_paid": null, "number": null, "ratio": null,
            })
        };
        let first = json!({
            "id": 1, "note": "x", "count": 5, "day": "2024-01-01", "is_paid": true, "number": 1.5, "ratio": 0.5,
        });
        assert_eq!(
            sent(&task),
            [first, none(2, json!("")), none(3, note)],
            "{late_files}"
        );
    }
}

#[test]
fn a_blank_line_of_a_table_with_one_column_is_a_row() {
    let task = task(&[], "", "./dead-letters");
    define(&task, &[], &[TEXT]);
    task.write("data/shop/orders/LOAD1.csv", "a\n\nb\n\"\"\n  \n");
    task.brigade(&["run", "--once"]).expect(0);
    let notes: Vec<_> = sent(&task).iter().map(|row| row["note"].clone()).collect();
    assert_eq!(
        notes,
        [json!("a"), Value::Null, json!("b"), json!(""), json!("  ")]
    );
    let verified = task.brigade(&["verify"]).expect(0).stdout;
    assert!(verified.contains("complete"), "{verified}");

    let strict = self::task(&[], "", "./dead-letters");
    define(&strict, &[TEXT], &[]);
    strict.write("data/shop/orders/LOAD1.csv", "a\n\nb\n");
    strict.brigade(&["run", "--once"]).expect(0);
    assert_eq!(
        dead_letters(&strict),
        [(2, "note".to_owned(), "null_not_allowed".to_owned())]
    );
}

#[test]
fn a_file_whose_rows_end_in_returns_alone_is_set_aside_with_the_cure() {
    for text in ["1,a\r2,b\r3,c\r", "1,a\r"] {
        let task = task(&[TEXT], "", "./dead-letters");
        task.write("data/shop/orders/LOAD1.csv", text);
        assert_eq!(task.brigade(&["run", "--once"]).code, Some(65));
        assert!(sent(&task).is_empty());
        let listed = task.brigade(&["files", "list"]).stdout;
        for part in ["source.csv.row_delimiter", r#"set it to "\r""#] {
            assert!(listed.contains(part), "{listed}");
        }
    }
    let task = task(&[TEXT], "", "./dead-letters");
    task.configure(&Settings {
        late_files: "process\n  csv:\n    row_delimiter: \"\\r\"",
        target: TARGET.to_owned(),
        ..Settings::default()
    });
    task.write("data/shop/orders/LOAD1.csv", "1,a\r2,b\r");
    task.brigade(&["run", "--once"]).expect(0);
    assert_eq!(
        sent(&task),
        [json!({ "id": 1, "note": "a" }), json!({ "id": 2, "note": "b" })]
    );
}
