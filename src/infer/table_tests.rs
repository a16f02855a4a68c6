//! What is made of the rows of a table.

use super::*;
use crate::settings::CsvDialect;
use crate::value::csv::FieldSplitter;

fn infer(header: Option<&str>, rows: &[&str]) -> Inferred {
    let mut splitter = FieldSplitter::new(&CsvDialect::default());
    let mut seen = TableSeen::default();
    if let Some(header) = header {
        seen.header(splitter.split(header.as_bytes()));
    }
    for row in rows {
        seen.row(splitter.split(row.as_bytes()));
    }
    seen.finish("s", "t", "s/t/").unwrap()
}

fn key(inferred: &Inferred) -> Vec<&str> {
    inferred
        .table
        .primary_key()
        .map(|(_, column)| column.name.as_str())
        .collect()
}

#[test]
fn the_key_is_the_first_column_with_unique_values_or_the_first_columns_together() {
    assert_eq!(key(&infer(Some("a,b,c"), &["1,x,9", "1,y,8"])), ["b"]);
    assert_eq!(
        key(&infer(Some("a,b,c"), &["1,1,9", "1,2,9", "2,1,9"])),
        ["a", "b"]
    );
    assert_eq!(key(&infer(Some("a,b"), &["1,1", "1,1"])), [""; 0]);
    assert_eq!(key(&infer(Some("a"), &["1"])), [""; 0], "one row says nothing");
    assert_eq!(key(&infer(Some("a,b"), &[",1", "2,2"])), ["b"], "no key is NULL");
    assert_eq!(
        key(&infer(Some("a,b"), &["0.5,1", "1.5,2"])),
        ["b"],
        "no key is an amount"
    );
}

#[test]
fn a_column_is_nullable_if_a_null_was_seen_and_quoted_empty_is_none() {
    let inferred = infer(None, &["1,,x", "2,5,\"\"", "3,6,y"]);
    let nullable: Vec<_> = inferred
        .table
        .columns
        .iter()
        .map(|column| column.nullable)
        .collect();
    assert_eq!(nullable, [false, true, false]);
    let inferred = infer(None, &["1,\"\"", "2,x"]);
    assert!(!inferred.table.columns[1].nullable, "the first row as well");
}

/// Exports with quotes around everything.
#[test]
fn nothing_in_quotes_is_null_in_a_column_of_anything_but_text() {
    let rows = [
        "\"1\",\"5\",\"2024-01-01\",\"x\"",
        "\"2\",\"\",\"\",\"\"",
        "\"3\",\"6\",\"2024-01-02\",\"y\"",
    ];
    let columns = infer(None, &rows).table.columns;
    let found: Vec<_> = columns
        .iter()
        .map(|column| (column.column_type.dms_name(), column.nullable))
        .collect();
    assert_eq!(
        found,
        [("int4", false), ("int4", true), ("date", true), ("string", false)]
    );
}

#[test]
fn names_come_from_the_header_and_are_made_unique() {
    let inferred = infer(Some("id,id, x ,"), &["1,2,3,4", "2,3,4,5"]);
    let names: Vec<_> = inferred
        .table
        .columns
        .iter()
        .map(|column| column.name.as_str())
        .collect();
    assert_eq!(names, ["id", "id_2", "x", "column_4"]);
    let inferred = infer(Some("Op,id"), &["I,7", "I,8"]);
    assert_eq!(inferred.table.columns.len(), 1);
    assert_eq!(inferred.table.columns[0].name, "id");
}

#[test]
fn a_header_that_was_not_announced_and_odd_rows_are_noted() {
    let inferred = infer(None, &["id,name", "1,a", "2,b", "3"]);
    assert!(inferred.notes[0].contains("--header"), "{:?}", inferred.notes);
    assert!(
        inferred.notes[1].starts_with("1 of 4 rows"),
        "{:?}",
        inferred.notes
    );
    let inferred = infer(None, &["x,name", "y,a"]);
    assert!(!inferred.notes[0].contains("--header"), "{:?}", inferred.notes);
}

#[test]
fn what_a_file_declares_counts_and_texts_have_the_length_that_was_seen() {
    let column = |name: &str, column_type, nullable| Column {
        name: name.to_owned(),
        column_type,
        nullable,
        is_primary_key: false,
    };
    let mut seen = TableSeen::default();
    let file = FileDefinition {
        columns: vec![
            column("id", ColumnType::Int8, false),
            column("code", ColumnType::String { length: None }, true),
        ],
        left_out: vec![("tags".to_owned(), "nested".to_owned())],
        has_operation: true,
    };
    seen.declare(file);
    assert_eq!(seen.declared_table().columns.len(), 2);
    let mut splitter = FieldSplitter::new(&CsvDialect::default());
    for row in ["I,1,007", "I,2,008"] {
        seen.row(splitter.split(row.as_bytes()));
    }
    let inferred = seen.finish("s", "t", "s/t/").unwrap();
    let columns = &inferred.table.columns;
    assert_eq!(
        (columns[0].name.as_str(), columns[0].column_type),
        ("id", ColumnType::Int8)
    );
    assert!(
        matches!(columns[1].column_type, ColumnType::String { length: Some(_) }),
        "{columns:?}"
    );
    assert_eq!([columns[0].nullable, columns[1].nullable], [false, true]);
    assert!(
        inferred.notes.iter().any(|note| note.contains("tags is nested")),
        "{:?}",
        inferred.notes
    );
}
