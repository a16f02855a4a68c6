//! CSV as others read it: a public set of files (csv-spectrum), and generated documents beside what the reader of Python
//! and `DuckDB` find in them, value by value.
//!
//! Where this program means to differ, it is said here and nowhere else, with the reason:
//!
//! | What | Others | Here | Why |
//! |---|---|---|---|
//! | nothing between two delimiters | empty text (`DuckDB`: NULL) | NULL | `CsvNullValue` of DMS is empty by default; `""` is the empty text |
//! | an empty line, or one of white space | a row without fields, or with one | no row | DMS skips them, and most files end in one |
//! | `\r` without `\n` | ends a row | part of the value, unless the file ends there | a row ends where the configuration says, or rows could not be counted from the middle of a file |
//! | a quote that never closes | the rest of the file is one value | that line alone is set aside, reading goes on | one stray quote must not swallow a file |
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a test that cannot be set up has to fail, and it says what it compared"
)]

use std::fs;
use std::path::Path;
use std::process::Command;

use bucket_brigade::model::{Mark, RawRecordKind};
use bucket_brigade::read::framer::{Framer, FramerConfig};
use bucket_brigade::settings::CsvDialect;
use bucket_brigade::value::csv::{FieldSplitter, Quoting};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::servers;

const WRITER: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/support/csv/write_documents.py"
);

/// A row: its values, or nothing if it is set aside.
type Row = Option<Vec<Option<String>>>;

/// The rows of a text as the engine cuts them, NULL where its values are.
fn rows_of(text: &[u8], dialect: &CsvDialect) -> Vec<Row> {
    let framing = FramerConfig {
        dialect: dialect.clone(),
        row_bytes_max: 1 << 20,
        chunk_bytes_max: 37,
    };
    let (mut framer, mut splitter) = (Framer::new(&framing, Mark::START), FieldSplitter::new(dialect));
    let mut rows = Vec::new();
    framer.push(text);
    framer.finish();
    while let Some(chunk) = framer.next_chunk() {
        for raw in &chunk.records {
            let range = usize::try_from(raw.range.start).unwrap()..usize::try_from(raw.range.end).unwrap();
            let fields = splitter.split(&chunk.bytes[range]).iter().map(|field| {
                let is_null = field.text.is_empty() && field.quoting == Quoting::Bare;
                (!is_null).then(|| String::from_utf8(field.text.to_vec()).unwrap())
            });
            rows.push((raw.kind == RawRecordKind::Whole).then(|| fields.collect()));
        }
    }
    rows
}

/// Rows as one can compare them with a reader that tells neither an empty text from nothing, nor a line of white space
/// from a value of white space in quotes.
fn as_others_tell(rows: Vec<Row>) -> Vec<Row> {
    let rows = rows.into_iter().map(|row| {
        let values = row?.into_iter();
        Some(
            values
                .map(|value| Some(value.unwrap_or_default()))
                .collect::<Vec<_>>(),
        )
    });
    let is_blank = |row: &Row| match row.as_deref() {
        Some([]) => true,
        Some([Some(one)]) => one.chars().all(|character| character.is_ascii_whitespace()),
        Some(_) | None => false,
    };
    rows.filter(|row| !is_blank(row)).collect()
}

/// Where csv-spectrum contradicts itself: a value of this file is another one in its JSON.
const CONTRADICTION: (&str, &str, &str) = ("location_coordinates.csv", "2095257564", "1234567890");

#[test]
fn the_files_of_csv_spectrum_have_the_values_that_it_says() {
    let Some(folder) = servers::or_skip("csv-spectrum", servers::install::csv_spectrum()) else {
        return;
    };
    let mut files = 0;
    for entry in fs::read_dir(folder.join("csvs")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let mut text = fs::read_to_string(&path).unwrap();
        if name == CONTRADICTION.0 {
            text = text.replace(CONTRADICTION.1, CONTRADICTION.2);
        }
        let rows = as_others_tell(rows_of(text.as_bytes(), &CsvDialect::default()));
        let (header, rows) = rows.split_first().unwrap();
        let header = header.as_ref().unwrap();
        let objects = rows.iter().map(|row| {
            let row = row.as_ref().unwrap();
            assert_eq!(header.len(), row.len(), "{name}");
            let members = header.iter().flatten().zip(row);
            let members = members.map(|(name, value)| (name.clone(), Value::from(value.clone())));
            members.collect::<Map<_, _>>()
        });
        let expected = folder.join("json").join(name.replace(".csv", ".json"));
        let expected: Value = serde_json::from_slice(&fs::read(expected).unwrap()).unwrap();
        let objects: Vec<_> = objects.map(Value::Object).collect();
        // A file of one row is described by its object alone.
        let expected = expected.as_array().cloned().unwrap_or_else(|| vec![expected]);
        assert_eq!(objects, expected, "{name}");
        files += 1;
    }
    assert!(files >= 12, "csv-spectrum has {files} files");
}

/// A document, and what another reader finds in it.
#[derive(Debug, Deserialize)]
struct Document {
    text: String,
    delimiter: String,
    quoting: bool,
    rows: Vec<Vec<Option<String>>>,
    is_open: bool,
}

impl Document {
    fn dialect(&self) -> CsvDialect {
        CsvDialect {
            delimiter: self.delimiter.clone().into(),
            rfc4180: self.quoting,
            ..CsvDialect::default()
        }
    }

    fn our_rows(&self) -> Vec<Row> {
        rows_of(self.text.as_bytes(), &self.dialect())
    }

    /// Whether it has a `\r` that ends a row for others and does not for us.
    fn has_lone_carriage_return(&self) -> bool {
        let mut others = self.text.split('\r').skip(1);
        others.any(|behind| !behind.starts_with('\n'))
    }
}

fn documents(python: &Path, reader: &str) -> Vec<Document> {
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(python)
        .arg(WRITER)
        .arg(reader)
        .arg(folder.path())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = fs::read_to_string(folder.path().join("documents.ndjson")).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn generated_documents_have_the_values_that_python_finds() {
    if servers::or_skip("python3", servers::install::system_python("csv")).is_none() {
        return;
    }
    let documents = documents(Path::new("python3"), "python");
    let (mut compared, mut open, mut lone) = (0, 0, 0);
    for document in &documents {
        let theirs = document.rows.iter().cloned().map(Some).collect();
        let (ours, theirs) = (as_others_tell(document.our_rows()), as_others_tell(theirs));
        if document.has_lone_carriage_return() {
            lone += 1;
        } else if document.is_open {
            open += 1;
            let aside = ours.iter().position(Option::is_none).unwrap();
            assert_eq!(
                ours[..aside],
                theirs,
                "in front of the open quote of {document:?}"
            );
        } else {
            assert_eq!(ours, theirs, "{document:?}");
            compared += 1;
        }
    }
    eprintln!("{compared} documents are the same; {open} have an open quote, {lone} a lone carriage return");
    assert!(compared > 200 && open > 10, "{compared} compared, {open} in part");
}

#[test]
fn generated_documents_have_the_values_that_duckdb_finds() {
    let Some(python) = servers::or_skip("duckdb", servers::install::duckdb()) else {
        return;
    };
    let documents = documents(&python, "duckdb");
    assert!(documents.len() >= 400, "{} documents", documents.len());
    let (mut nulls, mut empty_texts) = (0, 0);
    for document in &documents {
        let theirs: Vec<Row> = document.rows.iter().cloned().map(Some).collect();
        assert_eq!(document.our_rows(), theirs, "{document:?}");
        let values = || theirs.iter().flatten().flatten();
        nulls += values().filter(|value| value.is_none()).count();
        empty_texts += values().filter(|value| value.as_deref() == Some("")).count();
    }
    assert!(
        nulls > 100 && empty_texts > 100,
        "{nulls} NULLs, {empty_texts} empty texts"
    );
}

#[test]
fn what_differs_on_purpose_is_as_it_is_said() {
    let read = |text: &str| rows_of(text.as_bytes(), &CsvDialect::default());
    let row = |values: &[Option<&str>]| {
        let values = values.iter().map(|value| value.map(ToOwned::to_owned));
        Some(values.collect::<Vec<_>>())
    };
    assert_eq!(read(",\"\"\n"), [row(&[None, Some("")])]);
    assert_eq!(read("a\n\n  \t\r\nb\n"), [row(&[Some("a")]), row(&[Some("b")])]);
    assert_eq!(read("a\rb\n"), [row(&[Some("a\rb")])]);
    assert_eq!(read("\"a,b\nc,d\n"), [None, row(&[Some("c"), Some("d")])]);
}
