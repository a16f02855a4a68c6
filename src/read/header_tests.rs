//! Headers of all kinds, and where they say that the columns are.

use super::*;
use crate::model::{Column, ColumnType, Operation};

fn table(name: &str, columns: &[(&str, bool)]) -> Table {
    let column = |(name, nullable): &(&str, bool)| Column {
        name: (*name).to_owned(),
        column_type: ColumnType::Clob,
        nullable: *nullable,
        is_primary_key: false,
    };
    Table {
        owner: "s".to_owned(),
        name: name.to_owned(),
        path: format!("s/{name}/"),
        columns: columns.iter().map(column).collect(),
    }
}

fn tables() -> Vec<Table> {
    vec![
        table("t", &[("id", false), ("name", false), ("note", true)]),
        table("u", &[("id", false), ("amount", true)]),
    ]
}

const T: TableIndex = TableIndex(0);
const U: TableIndex = TableIndex(1);

fn read_as(header: &str, rows: RowSource, drift: HeaderDrift) -> Result<Header, String> {
    let dialect = CsvDialect {
        columns: CsvColumns::ByHeader { drift },
        ..CsvDialect::default()
    };
    read_header(header.as_bytes(), rows, &dialect, &tables())
}

fn places(header: &Result<Header, String>, table: TableIndex) -> Vec<Option<usize>> {
    header
        .as_ref()
        .unwrap()
        .columns
        .order(table)
        .unwrap()
        .places
        .clone()
}

#[track_caller]
fn check_refused(header: &str, rows: RowSource, drift: HeaderDrift, expected: &str) {
    let reason = read_as(header, rows, drift).unwrap_err();
    assert!(reason.contains(expected), "{header}: {reason}");
}

#[test]
fn names_are_matched_exactly_and_else_without_regard_to_case() {
    let load = |header| read_as(header, RowSource::Load(T), HeaderDrift::Quarantine);
    assert_eq!(places(&load("note,id,name"), T), [Some(1), Some(2), Some(0)]);
    assert_eq!(
        places(&load("NAME,\"note\", Id "), T),
        [Some(2), Some(0), Some(1)]
    );
    let accepted = read_as("id,ID,name,note", RowSource::Load(T), HeaderDrift::Accept);
    assert_eq!(
        places(&accepted, T),
        [Some(0), Some(2), Some(3)],
        "the exact one wins"
    );
    for drift in [HeaderDrift::Accept, HeaderDrift::Quarantine, HeaderDrift::Stop] {
        let refused = |header, expected| check_refused(header, RowSource::Load(T), drift, expected);
        refused("id,name,id,note", "2 names for the column id");
        refused("Id,ID,name,note", "2 names for the column id");
        refused("id,note", "has no \"name\" of s.t, which may not be NULL");
        refused("", "no \"id\", \"name\" of s.t");
    }
    let latin = [&b"id,name,n\xf6te"[..], b"\xff"];
    for header in latin {
        let read = read_header(header, RowSource::Load(T), &CsvDialect::default(), &tables());
        assert_eq!(read, Err("its header is not UTF-8".to_owned()));
    }
}

/// A file without a header has a row there, and reasons are logged and stored.
#[test]
fn what_may_be_a_row_is_not_shown() {
    for drift in [HeaderDrift::Accept, HeaderDrift::Quarantine, HeaderDrift::Stop] {
        for row in ["1,2,3", "4711,4712", "id,4711,4712"] {
            let reason = read_as(row, RowSource::Load(T), drift).unwrap_err();
            assert!(reason.contains("no \"") && !reason.contains("471"), "{reason}");
        }
    }
    let row = read_as("id,name,4711,4712,4713", RowSource::Load(T), HeaderDrift::Accept).unwrap();
    let drift = row.drift.unwrap();
    assert!(
        drift.contains("names in the fields 3, 4, 5") && !drift.contains("471"),
        "{drift}"
    );
}

#[test]
fn drift_is_accepted_or_refused_by_policy() {
    for (header, expected) in [
        ("id,name", "its header has no \"note\" of s.t"),
        (
            "id,name,note,a\u{1b},b",
            "its header has \"a\\u{1b}\", \"b\", which the definition does not have",
        ),
        ("id,name,note,", "its header has \"\","),
    ] {
        for drift in [HeaderDrift::Quarantine, HeaderDrift::Stop] {
            check_refused(header, RowSource::Load(T), drift, expected);
            check_refused(header, RowSource::Load(T), drift, "source.csv.header_drift");
        }
        let accepted = read_as(header, RowSource::Load(T), HeaderDrift::Accept).unwrap();
        assert!(accepted.drift.unwrap().contains(expected));
    }
    let accepted = read_as("id,x,name", RowSource::Load(T), HeaderDrift::Accept);
    assert_eq!(places(&accepted, T), [Some(0), Some(2), None]);
}

#[test]
fn the_operation_of_a_load_is_the_first_column_if_it_is_called_so_or_has_to_be() {
    let rule = |header: &str, load_operation_column| {
        let dialect = CsvDialect {
            columns: CsvColumns::ByHeader {
                drift: HeaderDrift::Quarantine,
            },
            load_operation_column,
            ..CsvDialect::default()
        };
        let header = read_header(header.as_bytes(), RowSource::Load(T), &dialect, &tables());
        header.map(|header| header.columns.has_operation)
    };
    assert_eq!(rule("Op,id,name,note", LoadOperationColumn::Detect), Ok(true));
    assert_eq!(rule("id,name,note", LoadOperationColumn::Detect), Ok(false));
    assert_eq!(rule("what,id,name,note", LoadOperationColumn::Present), Ok(true));
    assert!(rule("Op,id,name,note", LoadOperationColumn::Absent).is_err());
    assert!(rule("id,Op,name,note", LoadOperationColumn::Detect).is_err());
}

#[test]
fn a_change_file_may_have_the_columns_of_several_tables() {
    let changes = |header, drift| read_as(header, RowSource::Changes, drift);
    let both = changes("a,b,c,amount,id,name,note", HeaderDrift::Quarantine);
    assert_eq!(places(&both, T), [Some(4), Some(5), Some(6)]);
    assert_eq!(places(&both, U), [Some(4), Some(3)]);
    let columns = &both.as_ref().unwrap().columns;
    assert_eq!(columns.order(T).unwrap().foreign, [3]);
    assert_eq!(columns.order(U).unwrap().foreign, [5, 6]);
    // The columns of one table alone: rows of the other cannot be read.
    let one = changes("op,table,schema,id,amount", HeaderDrift::Stop)
        .unwrap()
        .columns;
    assert!(one.order(T).unwrap_err().contains("no \"name\""));
    assert!(one.order(U).is_ok());
    let refused = |header, expected| check_refused(header, RowSource::Changes, HeaderDrift::Stop, expected);
    refused(
        "op,table,schema",
        "its header has no columns: it has 3 names, and the first 3 come before them",
    );
    refused("op,table,schema,x,y", "no \"id\"");
    refused("op,table,schema,id,amount,x", "has \"x\"");
    refused("id,amount,table,note", "no \"id\"");
}

#[test]
fn corrected_rows_have_nothing_before_their_values() {
    let rows = RowSource::Values {
        table: U,
        operation: Operation::Update,
    };
    let header = read_as("amount,id", rows, HeaderDrift::Quarantine);
    assert_eq!(places(&header, U), [Some(1), Some(0)]);
    assert!(header.unwrap().columns.order(T).is_err());
}

/// A file that lacks a column of one table is still the file of another one, and what stands in the columns of the
/// first is not an unknown column.
#[test]
fn the_columns_of_a_table_that_is_refused_are_known_all_the_same() {
    for drift in [HeaderDrift::Stop, HeaderDrift::Quarantine, HeaderDrift::Accept] {
        let header = read_as("op,table,schema,id,amount,note", RowSource::Changes, drift).unwrap();
        let order = header.columns.order(U).unwrap();
        assert_eq!(
            (order.places.as_slice(), order.foreign.as_slice()),
            (&[Some(3), Some(4)][..], &[5][..])
        );
        let refused = header.columns.order(T).unwrap_err();
        assert!(refused.contains("no \"name\" of s.t"), "{refused}");
    }
}

/// What a header that is skipped says of fields that go by position.
#[test]
fn a_header_that_names_the_columns_in_another_order_is_told_from_one_that_says_nothing() {
    let of = |header: &str, rows| misplaced(header.as_bytes(), rows, &CsvDialect::default(), &tables());
    let load = |header| of(header, RowSource::Load(T));
    for fine in [
        "id,name,note",
        "ID, Name ,\"note\"",
        "Op,id,name,note",
        "kind,id,name,note",
        "key,name,text",
        "id,id,note",
        "1,some,text",
        "a,b,c",
        "x,y,id",
        "id,name",
        "",
    ] {
        assert_eq!(load(fine), None, "{fine}");
    }
    for (swapped, column) in [
        ("name,id,note", "id is column 1"),
        ("id,note,name", "name is column 2"),
        ("Op,id,note,name", "name is column 2"),
        ("kind,id,note,name", "id is column 1"),
        ("id,extra,name,note", "name is column 2"),
    ] {
        let told = load(swapped).unwrap();
        assert!(told.contains(column), "{swapped}: {told}");
    }
    let changes = |header| of(header, RowSource::Changes);
    assert_eq!(changes("op,table,schema,id,name,note"), None);
    assert_eq!(
        changes("op,table,schema,id,amount"),
        None,
        "it is that of the other table"
    );
    assert!(changes("op,table,schema,name,id,note").is_some());
    // It names more columns of the first table than of the other, whose columns would be in place.
    let both = [
        table("t", &[("id", false), ("amount", false), ("note", true)]),
        table("u", &[("amount", false), ("id", true)]),
    ];
    let told = misplaced(
        b"op,table,schema,amount,id,note",
        RowSource::Changes,
        &CsvDialect::default(),
        &both,
    );
    assert!(told.unwrap().contains("id is column 1 of"));
}

#[test]
fn names_are_known_whatever_stands_around_them() {
    let load = |header: &[u8]| misplaced(header, RowSource::Load(T), &CsvDialect::default(), &tables());
    for header in [
        &b"'name','id','note'"[..],
        b"`name`,`id`,`note`",
        b"[name],[id],[note]",
        b"name,id,n\xf6te",
        b"name,id,\"note",
    ] {
        assert!(load(header).is_some(), "{}", String::from_utf8_lossy(header));
    }
}
