//! Values of Parquet at the edges of what a column takes, from the file to the message.
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::fs;
use std::sync::Arc;

use parquet::data_type::{
    DoubleType, FixedLenByteArray, FixedLenByteArrayType, FloatType, Int32Type, Int96, Int96Type,
};
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;
use serde_json::json;

use crate::task_folder::TaskFolder;
use crate::values::{dead_letters, lines_of, sent, task};

type Group<'a> = SerializedRowGroupWriter<'a, Vec<u8>>;

/// A Parquet file of one row group.
fn write_parquet(task: &TaskFolder, schema: &str, write: impl FnOnce(&mut Group<'_>)) {
    let schema = Arc::new(parse_message_type(schema).unwrap());
    let mut writer = SerializedFileWriter::new(Vec::new(), schema, Arc::default()).unwrap();
    let mut group = writer.next_row_group().unwrap();
    write(&mut group);
    group.close().unwrap();
    fs::remove_file(task.path().join("data/shop/orders/LOAD1.csv")).unwrap();
    fs::write(
        task.path().join("data/shop/orders/LOAD1.parquet"),
        writer.into_inner().unwrap(),
    )
    .unwrap();
}

macro_rules! column {
    ($group:expr, $kind:ty, $values:expr) => {{
        let mut column = $group.next_column().unwrap().unwrap();
        column.typed::<$kind>().write_batch($values, None, None).unwrap();
        column.close().unwrap();
    }};
}

fn old_time_stamp(day: u32, nanoseconds: i64) -> Int96 {
    let bytes = nanoseconds.to_le_bytes();
    let half = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
    let mut value = Int96::new();
    value.set_data(half(0), half(4), day);
    value
}

/// Julian days with nanoseconds back from midnight, with a whole day of them, and what no writer means.
#[test]
fn a_time_stamp_of_old_writers_is_the_right_time_or_a_dead_letter() {
    for (kind, more, expected, refused) in [
        (
            "DATETIME",
            r#","ColumnScale":"6""#,
            "1969-12-31T23:59:59Z",
            "not_a_date_time",
        ),
        (
            "STRING",
            r#","ColumnLength":"40""#,
            "1969-12-31 23:59:59",
            "no_text",
        ),
    ] {
        let task = task(&[("moment", kind, more)], "", "./dead-letters");
        let schema = "message rows { required int32 id; required int96 moment; }";
        write_parquet(&task, schema, |group| {
            column!(group, Int32Type, &[1, 2, 3, 4]);
            let times = [
                old_time_stamp(2_440_588, -1_000_000_000),
                old_time_stamp(111_940_588, 0),
                old_time_stamp(u32::MAX - 4, 0),
                old_time_stamp(2_440_588, i64::MIN),
            ];
            column!(group, Int96Type, &times);
        });
        task.brigade(&["run", "--once"]).expect(0);
        assert_eq!(sent(&task), [json!({ "id": 1, "moment": expected })]);
        let letters = dead_letters(&task);
        assert_eq!(lines_of(&letters), [(2, refused), (3, refused), (4, refused)]);
    }
}

#[test]
fn nan_and_infinity_of_parquet_are_dead_letters_or_null() {
    for (target, is_null) in [("", false), ("    non_finite_numbers: as_null\n", true)] {
        let columns = [("single", "REAL4", ""), ("double", "REAL8", "")];
        let task = task(&columns, target, "./dead-letters");
        let schema = "message rows { required int32 id; required float single; required double double; }";
        write_parquet(&task, schema, |group| {
            column!(group, Int32Type, &[1, 2, 3]);
            column!(group, FloatType, &[1.5, f32::NAN, 2.5]);
            column!(group, DoubleType, &[0.1, f64::NEG_INFINITY, f64::INFINITY]);
        });
        task.brigade(&["run", "--once"]).expect(0);
        let mut expected = vec![json!({ "id": 1, "single": 1.5, "double": 0.1 })];
        if is_null {
            expected.push(json!({ "id": 2, "single": null, "double": null }));
            expected.push(json!({ "id": 3, "single": 2.5, "double": null }));
        }
        assert_eq!(sent(&task), expected);
        assert_eq!(dead_letters(&task).len(), if is_null { 0 } else { 2 });
    }
}

#[test]
fn a_decimal_of_parquet_is_an_integer_if_it_is_one_and_a_text_whatever_its_size() {
    let columns = [
        ("count", "INT4", ""),
        ("wide", "STRING", r#","ColumnLength":"90""#),
    ];
    let task = task(&columns, "", "./dead-letters");
    let schema = "message rows { required int32 id; required int32 count (decimal(9,2)); \
                  required fixed_len_byte_array(17) wide (decimal(40,1)); }";
    let wide = |first: u8| {
        let mut bytes = vec![0; 17];
        bytes[0] = first;
        FixedLenByteArray::from(bytes)
    };
    write_parquet(&task, schema, |group| {
        column!(group, Int32Type, &[1, 2]);
        column!(group, Int32Type, &[500, 550]);
        column!(group, FixedLenByteArrayType, &[wide(1), wide(0xFF)]);
    });
    task.brigade(&["run", "--once"]).expect(0);
    let wide = "34028236692093846346337460743176821145.6";
    assert_eq!(sent(&task), [json!({ "id": 1, "count": 5, "wide": wide })]);
    assert_eq!(
        dead_letters(&task),
        [(2, "count".to_owned(), "too_precise".to_owned())]
    );
}
