//! Types are those that take every value.

use proptest::collection::vec;
use proptest::prelude::*;

use super::super::shape::accepts;
use super::*;

fn seen(values: &[&str]) -> ColumnSeen {
    let mut seen = ColumnSeen::default();
    for value in values {
        seen.add(value.as_bytes(), 1);
    }
    seen
}

fn string(length: u32) -> ColumnType {
    ColumnType::String { length: Some(length) }
}

#[test]
fn a_type_is_taken_only_if_all_values_fit() {
    let numeric = |precision, scale| ColumnType::Numeric { precision, scale };
    let cases: [(&[&str], ColumnType); 19] = [
        (&["1", "2"], ColumnType::Int4),
        (&["1", "300000000"], ColumnType::Int8),
        (&["1", "18446744073709551615"], ColumnType::Uint8),
        (&["-1", "18446744073709551615"], numeric(38, 0)),
        (&["1", "007"], string(10)),
        (&["1", "x"], string(10)),
        (&["1", "2.50"], numeric(5, 2)),
        (&["1", "2.5e3"], ColumnType::Real8),
        (&["true", "False"], ColumnType::Boolean),
        (&["true", "1"], string(10)),
        (&["0", "1"], ColumnType::Int4),
        (&["2024-01-31", "2024-02-01"], ColumnType::Date { format: None }),
        (&["2024-01-31", "2024/02/01"], string(20)),
        (&["01/02/2024", "03/04/2024"], string(20)),
        (
            &["01/02/2024", "12/31/2024"],
            ColumnType::Date {
                format: DatePattern::MonthFirst { is_certain: true }.format(false),
            },
        ),
        (
            &["2024-01-31 10:00:00.25", "2024-01-31"],
            ColumnType::DateTime {
                scale: 3,
                format: None,
            },
        ),
        (
            &["20240131 10:00:00"],
            ColumnType::DateTime {
                scale: 0,
                format: DatePattern::Plain.format(false),
            },
        ),
        (&["10:00:00"], ColumnType::Time { format: None }),
        (&[""], string(10)),
    ];
    for (values, expected) in cases {
        assert_eq!(seen(values).column_type(), expected, "{values:?}");
    }
    assert!(seen(&["01/02/2024"]).is_ambiguous_date());
    assert_eq!(seen(&[]).column_type(), string(255));
}

#[test]
fn a_few_values_that_make_a_column_text_are_named_by_their_row() {
    let mut seen = ColumnSeen::default();
    for row in 1..=1_001 {
        let text = if row == 17 { "n/a" } else { "1.5" };
        seen.add(text.as_bytes(), row);
    }
    assert!(seen.column_type().is_text());
    assert_eq!(
        seen.outliers().unwrap(),
        "1000 of 1001 values are numbers; 1 are not, the first in row 17, so the column is text"
    );
    assert_eq!(self::seen(&["1"; 50]).outliers(), None);
    assert_eq!(self::seen(&["x"; 50]).outliers(), None);
}

#[test]
fn lengths_are_rounded_up_with_room_to_grow() {
    let cases = [
        (0, 10),
        (6, 10),
        (7, 10),
        (8, 20),
        (40, 100),
        (300, 500),
        (600_000, 1_000_000),
    ];
    for (length, expected) in cases {
        assert_eq!(
            seen(&[&"x".repeat(length)]).column_type(),
            string(expected),
            "{length}"
        );
    }
    assert_eq!(seen(&[&"x".repeat(700_000)]).column_type(), ColumnType::Clob);
}

/// Values of one type, as a program might write them.
fn typed_values() -> impl Strategy<Value = Vec<String>> {
    let date = || (1_i32..=9_999, 1_u8..=12, 1_u8..=28);
    let time = || (0_u8..24, 0_u8..60, 0_u8..60, "(\\.[0-9]{1,9})?");
    let joined = |separator: &'static str, fraction: &'static str| {
        (1_i32..=9_999, 1_u8..=12, 1_u8..=28, 0_u8..24, fraction).prop_map(
            move |(year, month, day, hour, fraction)| {
                format!("{year:04}{separator}{month:02}{separator}{day:02} {hour:02}:30:00{fraction}")
            },
        )
    };
    prop_oneof![
        vec(any::<i8>().prop_map(|value| value.to_string()), 1..20),
        vec(any::<i64>().prop_map(|value| value.to_string()), 1..20),
        vec(any::<u64>().prop_map(|value| value.to_string()), 1..20),
        vec(any::<i128>().prop_map(|value| value.to_string()), 1..20),
        vec(any::<f64>().prop_map(|value| value.to_string()), 1..20),
        vec(any::<f32>().prop_map(|value| format!("{value:e}")), 1..20),
        vec("-?[0-9]{1,20}(\\.[0-9]{1,20})?", 1..20),
        vec("true|false|TRUE|t|0|1", 1..20),
        vec(
            date().prop_map(|(y, m, d)| format!("{y:04}-{m:02}-{d:02}")),
            1..20
        ),
        vec(
            date().prop_map(|(y, m, d)| format!("{m:02}/{d:02}/{y:04}")),
            1..20
        ),
        vec(
            time().prop_map(|(h, m, s, f)| format!("{h:02}:{m:02}:{s:02}{f}")),
            1..20
        ),
        vec(joined("-", "(\\.[0-9]{1,9})?"), 1..20),
        vec(joined("/", ""), 1..20),
        vec(joined("", "(\\.[0-9]{1,6})?"), 1..20),
        vec("[ -~]{0,40}|\\PC{0,20}", 1..20),
    ]
}

proptest! {
    #[test]
    fn the_type_accepts_every_value_it_was_inferred_from(values in typed_values(), others in typed_values(), mix: bool) {
        let values = if mix { [values, others].concat() } else { values };
        let texts: Vec<_> = values.iter().map(String::as_str).collect();
        let column_type = seen(&texts).column_type();
        let is_null = |value: &&String| value.is_empty() && !column_type.holds_nothing();
        for value in values.iter().filter(|value| !is_null(value)) {
            prop_assert!(accepts(column_type, value.as_bytes()), "{value:?} as {column_type:?}");
        }
    }

    #[test]
    fn the_order_of_the_values_does_not_matter(values in typed_values(), others in typed_values()) {
        let forward: Vec<_> = values.iter().chain(&others).map(String::as_str).collect();
        let backward: Vec<_> = forward.iter().rev().copied().collect();
        prop_assert_eq!(seen(&forward).column_type(), seen(&backward).column_type());
    }
}
