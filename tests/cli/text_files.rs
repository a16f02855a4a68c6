//! Text as programs write it that know neither DMS nor RFC 4180: quotes and escapes of their own, other encodings, headers,
//! an operation column in some files only.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::collections::BTreeMap;
use std::fs;

use serde_json::Value;

use crate::task_folder::{Settings, TaskFolder};

/// What came of a task over one load file.
#[derive(Debug)]
struct Outcome {
    code: Option<i32>,
    /// The note of each row that was sent, by its id.
    notes: BTreeMap<u64, String>,
    /// What was sent that is no load.
    changes: usize,
    /// The reason of each dead letter.
    reasons: Vec<String>,
    /// Why what was set aside was.
    set_aside: Vec<String>,
}

/// A task over these bytes, with these keys of `source.csv`. Its table has an id, an amount and a note.
fn run(bytes: impl AsRef<[u8]>, csv: &str, changes: Option<&str>) -> Outcome {
    let csv = if csv.is_empty() {
        "process".to_owned()
    } else {
        format!("process\n  csv: {{ {csv} }}")
    };
    let task = TaskFolder::new(&Settings {
        late_files: Box::leak(csv.into_boxed_str()),
        target: "  ndjson:\n    path: ./out\n    shards: 2\n    message_format: json-unformatted\n    \
                 include_null_and_empty: true\n"
            .to_owned(),
        ..Settings::default()
    });
    fs::remove_dir_all(task.path().join("data/cdc")).unwrap();
    task.write("data/cdc/1.csv", changes.unwrap_or_default());
    fs::write(task.path().join("data/shop/orders/LOAD1.csv"), bytes).unwrap();
    let ended = task.brigade(&["run", "--once"]);
    let messages = task.messages().into_iter();
    let messages = messages.map(|text| serde_json::from_str::<Value>(&text).unwrap());
    let (mut notes, mut changes) = (BTreeMap::new(), 0);
    for message in messages.filter(|message| message["metadata"]["record-type"] == "data") {
        changes += usize::from(message["metadata"]["operation"] != "load");
        let data = &message["data"];
        let note = data["note"].as_str().unwrap_or("NULL").to_owned();
        notes.insert(data["id"].as_u64().unwrap(), note);
    }
    let reasons = |list: &Value| -> Vec<String> {
        let all = list.as_array().map_or(&[][..], Vec::as_slice);
        let reason = |one: &Value| one["reason"].as_str().unwrap_or_default().to_owned();
        all.iter().map(reason).collect()
    };
    Outcome {
        code: ended.code,
        notes,
        changes,
        reasons: reasons(&task.json(&["dlq", "ls"])["dead_letters"]),
        set_aside: reasons(&task.json(&["status"])["quarantined"]),
    }
}

fn notes<const N: usize>(notes: [(u64, &str); N]) -> BTreeMap<u64, String> {
    let owned = notes.into_iter().map(|(id, note)| (id, note.to_owned()));
    owned.collect()
}

#[test]
fn an_escaped_null_marker_is_the_text_of_it() {
    // As MySQL, Hive, PostgreSQL and Redshift write NULL and a text that looks like it.
    let csv = r#"null_value: '\N', escape: "\\""#;
    let outcome = run(
        "1,1.00,\\N\n2,1.00,\\\\N\n3,1.00,\"\\N\"\n4,1.00,\\x\n",
        csv,
        None,
    );
    let expected = [(1, "NULL"), (2, "\\N"), (3, "\\N"), (4, "\\x")];
    assert_eq!(outcome.notes, notes(expected), "{outcome:?}");
}

#[test]
fn a_file_cut_within_its_last_line_end_gives_its_last_row_without_the_return() {
    let crlf = r#"row_delimiter: "\r\n""#;
    let escape = r#"escape: "\\""#;
    for (file, csv, last) in [
        ("1,1.00,a\r\n2,1.00,b\r", "", "b"),
        ("1,1.00,a\n2,1.00,b\r", "", "b"),
        ("1,1.00,a\r\n2,1.00,\"b\"\r", "", "b"),
        ("1,1.00,a\r\n2,1.00,b\r", crlf, "b"),
        ("1,1.00,a\r\n2,1.00,\"b\"\r", crlf, "b"),
        // One belongs to the line end, and only where it stands outside of quotes and nothing escapes it.
        ("1,1.00,a\r\n2,1.00,b\r\r", "", "b\r"),
        ("1,1.00,a\r\n2,1.00,b\rc", "", "b\rc"),
        ("1,1.00,a\r\n2,1.00,\"b\r\"\r", "", "b\r"),
        ("1,1.00,a\r\n2,1.00,\"b\r\"", "", "b\r"),
        ("1,1.00,a\r\n2,1.00,b\\\r", escape, "b\r"),
        ("1,1.00,a;2,1.00,b\r", r#"row_delimiter: ";""#, "b\r"),
    ] {
        let outcome = run(file, csv, None);
        assert_eq!(outcome.code, Some(0), "{file:?}: {outcome:?}");
        assert_eq!(
            outcome.notes,
            notes([(1, "a"), (2, last)]),
            "{file:?}: {outcome:?}"
        );
    }
}

#[test]
fn a_quote_with_text_after_it_costs_its_line_and_no_value() {
    let file = r#"1,1.00,"a"b
2,1.00,5" pipe
3,1.00,"5"" pipe"
4,1.00,"abc" 
5,1.00, "abc"
6,1.00,"unclosed
7,1.00,""
8,1.00,""x
9,1.00,last
"#;
    let outcome = run(file, "", None);
    let expected = [
        (2, "5\" pipe"),
        (3, "5\" pipe"),
        (5, " \"abc\""),
        (7, ""),
        (9, "last"),
    ];
    assert_eq!(outcome.notes, notes(expected), "{outcome:#?}");
    assert_eq!(outcome.reasons.len(), 4, "{outcome:#?}");
    let is_told = |reason: &String| reason.contains("does not close") && reason.contains("source.csv.escape");
    assert!(outcome.reasons.iter().all(is_told), "{outcome:#?}");
}

#[test]
fn one_stray_quote_swallows_no_rows() {
    let rows: Vec<_> = (3..=1_000).map(|id| format!("{id},1.00,row {id}\n")).collect();
    let rows = rows.concat();
    let outcome = run(
        format!("1,1.00,a\n2,1.00,\"6 inch\n{rows}1001,1.00,\"end\"\n"),
        "",
        None,
    );
    assert_eq!(
        (outcome.notes.len(), outcome.reasons.len()),
        (1_000, 1),
        "{:?}",
        outcome.reasons
    );
    assert!(!outcome.notes.contains_key(&2));
}

#[test]
fn escapes_of_spark_and_other_quotes_are_read_where_they_are_set() {
    let spark = r#"1,1.00,"{\"a\":1}"
2,1.00,"say \"hi\""
3,1.00,"plain"
4,1.00,"C:\\dir\\"
"#;
    let outcome = run(spark, r"escape: '\'", None);
    let expected = [
        (1, r#"{"a":1}"#),
        (2, r#"say "hi""#),
        (3, "plain"),
        (4, r"C:\dir\"),
    ];
    assert_eq!(outcome.notes, notes(expected), "{outcome:#?}");
    // Without it no value is bent.
    let outcome = run(spark, "", None);
    let expected = [(3, "plain"), (4, r"C:\\dir\\")];
    assert_eq!(outcome.notes, notes(expected), "{outcome:#?}");
    assert_eq!(outcome.reasons.len(), 2, "{outcome:#?}");
    let outcome = run("1,1.00,'a, ''b'' '\n2,1.00,\"c\"\n", "quote: \"'\"", None);
    let expected = [(1, "a, 'b' "), (2, "\"c\"")];
    assert_eq!(outcome.notes, notes(expected), "{outcome:#?}");
}

#[test]
fn text_in_utf_16_is_set_aside_by_name_and_read_where_that_is_set() {
    let text = "\u{feff}1,1.00,Zo\u{eb}\n2,1.00,b\n".encode_utf16();
    let text: Vec<u8> = text.flat_map(u16::to_le_bytes).collect();
    let outcome = run(&text, "", None);
    assert_eq!(
        (outcome.code, outcome.notes.len(), outcome.reasons.len()),
        (Some(65), 0, 0),
        "{outcome:#?}"
    );
    let [told] = &outcome.set_aside[..] else {
        panic!("{outcome:#?}");
    };
    assert!(
        told.contains("UTF-16 (little-endian)") && told.contains("source.csv.encoding"),
        "{told}"
    );
    let outcome = run(&text, "encoding: utf-16le", None);
    let expected = notes([(1, "Zo\u{eb}"), (2, "b")]);
    assert_eq!(
        (outcome.code, &outcome.notes),
        (Some(0), &expected),
        "{outcome:#?}"
    );
}

#[test]
fn archives_under_the_name_of_text_are_set_aside_by_name() {
    for (bytes, name) in [
        (&b"PK\x03\x04\x14\0\0\0\n1,1.00,a\n"[..], "zip"),
        (b"BZh91AY&SY\x01\x00\n1,1.00,a\n", "bzip2"),
        (b"\xFD7zXZ\x00\x00\n1,1.00,a\n", "xz"),
        (b"Obj\x01\x04\x14avro.codec\n1,1.00,a\n", "Avro"),
    ] {
        let outcome = run(bytes, "", None);
        assert_eq!((outcome.code, outcome.notes.len()), (Some(65), 0), "{outcome:#?}");
        assert!(outcome.set_aside[0].contains(name), "{outcome:#?}");
    }
}

#[test]
fn the_first_row_of_a_load_says_whether_all_begin_with_an_operation() {
    // One value too many, and the first one looks like an operation.
    let outcome = run("1,1.00,a\nI,2,1.00,b\n", "", None);
    assert_eq!(outcome.notes, notes([(1, "a")]), "{outcome:#?}");
    assert_eq!(outcome.reasons.len(), 1, "{outcome:#?}");
    let outcome = run("I,1,1.00,a\n2,1.00,b\nI,3,1.00,c\n", "", None);
    assert_eq!(outcome.notes, notes([(1, "a"), (3, "c")]), "{outcome:#?}");
    assert_eq!(outcome.reasons.len(), 1, "{outcome:#?}");
}

#[test]
fn a_header_of_load_files_costs_no_change() {
    let load = "id,amount,note\n1,1.00,a\n";
    let changes = "U,orders,shop,1,1.00,b\nI,orders,shop,2,1.00,c\n";
    let outcome = run(load, "ignore_header_rows: 1", Some(changes));
    assert_eq!((outcome.code, outcome.changes), (Some(0), 2), "{outcome:#?}");
    let outcome = run(
        load,
        "ignore_header_rows: 1, ignore_header_rows_in_changes: 1",
        Some(&format!("Op,table,schema,id,amount,note\n{changes}")),
    );
    assert_eq!(
        (outcome.code, outcome.changes, outcome.reasons.len()),
        (Some(0), 2, 0),
        "{outcome:#?}"
    );
}

/// What a run says that logs warnings.
fn logged(task: &TaskFolder) -> String {
    let mut run = task.command(&["run", "--once"]);
    let output = run.env("BRIGADE_LOG", "warn").output().unwrap();
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_row_that_is_skipped_as_a_header_and_reads_like_a_row_is_named_and_counted() {
    let task = |first_row: &str| {
        let csv = "process\n  csv: { ignore_header_rows: 1 }".to_owned();
        let task = TaskFolder::new(&Settings {
            late_files: Box::leak(csv.into_boxed_str()),
            ..Settings::default()
        });
        let rows = format!("{first_row}\n2,1.00,b\n");
        fs::write(task.path().join("data/shop/orders/LOAD1.csv"), rows).unwrap();
        let log = logged(&task);
        let counted = task.json(&["tables"])["TableStatistics"][0]["x"]["skipped_header_rows"].as_u64();
        (log, counted)
    };
    let warning = "the first row was skipped as a header, and reads like a row of its table";
    for header in ["id,amount,note", "1,one,a", ""] {
        let (log, counted) = task(header);
        assert_eq!(counted, Some(0), "{header}");
        assert!(!log.contains(warning), "{header}: {log}");
    }
    let (log, counted) = task("1,1.00,a");
    assert_eq!(counted, Some(1));
    assert!(log.contains(warning) && log.contains("LOAD1.csv"), "{log}");
}

#[test]
fn a_change_that_is_skipped_as_a_header_is_named_and_counted() {
    let task = TaskFolder::new(&Settings {
        late_files: "process\n  csv: { ignore_header_rows_in_changes: 1 }",
        ..Settings::default()
    });
    fs::remove_dir_all(task.path().join("data/cdc")).unwrap();
    task.write(
        "data/cdc/1.csv",
        "INSERT,orders,shop,70,1.00,first\nINSERT,orders,shop,71,1.00,second\n",
    );
    let log = logged(&task);
    let counted = &task.json(&["tables"])["TableStatistics"][0]["x"]["skipped_header_rows"];
    assert_eq!(counted.as_u64(), Some(1), "{log}");
    assert!(
        log.contains("source.csv.ignore_header_rows_in_changes to 0"),
        "{log}"
    );
}
