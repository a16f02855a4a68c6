//! Rows with fewer fields than their table has columns.

use super::row_tests::{LOAD, data_and_keys, render_with, unformatted};
use crate::model::{RowSource, TableIndex};
use crate::settings::{CsvDialect, LoadOperationColumn, MessageConfig, NarrowRows};

/// The `data` of the rows that are messages, and what is wrong with the others: code and column.
fn rendered(
    (narrow_rows, load_operation_column): (NarrowRows, LoadOperationColumn),
    source: RowSource,
    csv: &str,
) -> (Vec<String>, Vec<(&'static str, Option<String>)>) {
    let dialect = CsvDialect {
        load_operation_column,
        narrow_rows,
        ..CsvDialect::default()
    };
    let message = MessageConfig {
        include_null_and_empty: true,
        ..unformatted()
    };
    let rendered = render_with(&dialect, &message, source, csv.as_bytes());
    let sent = data_and_keys(&rendered).into_iter().map(|(data, _)| data);
    let rejected = rendered.rejected.iter().map(|row| (row.code, row.column.clone()));
    (sent.collect(), rejected.collect())
}

const PREFIX: (NarrowRows, LoadOperationColumn) = (NarrowRows::Prefix, LoadOperationColumn::Detect);

#[test]
fn a_row_with_fewer_fields_is_a_bad_one_unless_it_may_be_the_first_columns() {
    let rows = "1\n2,Ann\n3,Ann,x\n4,Ann,x,y\n";
    let reject = (NarrowRows::Reject, LoadOperationColumn::Detect);
    let (sent, rejected) = rendered(reject, LOAD, rows);
    assert_eq!((sent.len(), rejected.len()), (1, 3));
    let (sent, rejected) = rendered(PREFIX, LOAD, rows);
    assert_eq!(
        sent,
        [
            r#"{"id":1,"name":null,"note":null}"#,
            r#"{"id":2,"name":"Ann","note":null}"#,
            r#"{"id":3,"name":"Ann","note":"x"}"#,
        ]
    );
    assert_eq!(rejected, [("field_count", None)], "more fields than columns");
}

#[test]
fn a_change_row_may_be_narrow_as_well_and_has_to_have_a_value() {
    let rows = "U,employee,hr,7\nD,employee,hr\nI,pair,hr,2020-01-02\n";
    let (sent, rejected) = rendered(PREFIX, RowSource::Changes, rows);
    assert_eq!(sent[0], r#"{"id":7,"name":null,"note":null}"#);
    assert_eq!(sent.len(), 2, "{sent:?}");
    assert_eq!(rejected, [("field_count", None)]);
    // In the files of one table rows may name it or not.
    let own = RowSource::ChangesOf(TableIndex(0));
    let (sent, rejected) = rendered(PREFIX, own, "U,7\nU,employee,hr,8\nU,employee,hr,9,Ann,x\n");
    let id = |data: &String| serde_json::from_str::<serde_json::Value>(data).unwrap()["id"].as_u64();
    let ids: Vec<_> = sent.iter().map(id).collect();
    assert_eq!((ids, rejected), (vec![Some(7), Some(8), Some(9)], vec![]));
}

#[test]
fn a_missing_column_that_may_not_be_null_makes_a_bad_row() {
    let not_null = RowSource::Values {
        table: TableIndex(2),
        operation: crate::model::Operation::Insert,
    };
    assert_eq!(rendered(PREFIX, not_null, "x\n").0.len(), 1);
    let by_key = (NarrowRows::Prefix, LoadOperationColumn::Absent);
    let (sent, rejected) = rendered(by_key, RowSource::Load(TableIndex(1)), "2020-01-02\n");
    assert_eq!(
        (sent, rejected),
        (vec![], vec![("null_in_partition_key", Some("b".to_owned()))])
    );
}

#[test]
fn an_operation_is_not_taken_for_a_value_of_a_narrow_row() {
    for rows in ["I,1,Ann\n", "i,1\n"] {
        assert_eq!(
            rendered(PREFIX, LOAD, rows),
            (vec![], vec![("field_count", None)]),
            "{rows}"
        );
    }
    let present = (NarrowRows::Prefix, LoadOperationColumn::Present);
    let (sent, rejected) = rendered(present, LOAD, "I,1,Ann\nI,2\n");
    assert_eq!((sent.len(), rejected), (2, vec![]));
}
