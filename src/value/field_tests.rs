//! What a field says: NULL, or a text, and where it ends.

use super::convert::{FieldRules, FieldValue, read_field};
use super::csv::{Field, Quoting};
use crate::model::{Column, ColumnType};
use crate::settings::{MessageConfig, NonFinite, TextFormat};

#[test]
fn null_is_a_bare_marker_and_only_where_the_column_allows_it() {
    let column = |column_type, nullable| Column {
        name: "c".into(),
        column_type,
        nullable,
        is_primary_key: false,
    };
    let text = column(ColumnType::Clob, true);
    let number = column(ColumnType::Int4, true);
    let field = |text: &'static str, quoting| Field {
        text: text.as_bytes(),
        quoting,
    };
    for (raw, quoting, column, marker, expected) in [
        ("", Quoting::Bare, &text, "", FieldValue::Null),
        ("", Quoting::Quoted, &text, "", FieldValue::Text(b"")),
        ("", Quoting::Bare, &text, "\\N", FieldValue::Text(b"")),
        ("\\N", Quoting::Bare, &text, "\\N", FieldValue::Null),
        ("\\N", Quoting::Quoted, &text, "\\N", FieldValue::Text(b"\\N")),
        ("  ", Quoting::Bare, &text, "", FieldValue::Text(b"  ")),
        ("  ", Quoting::Bare, &number, "", FieldValue::Null),
        (" 5\t", Quoting::Quoted, &number, "", FieldValue::Text(b"5")),
        ("a\0b", Quoting::Bare, &text, "", FieldValue::Text(b"a\0b")),
        ("\0b", Quoting::Bare, &text, "", FieldValue::Text(b"\0b")),
        ("", Quoting::Quoted, &number, "", FieldValue::Null),
        (" ", Quoting::Quoted, &number, "", FieldValue::Null),
        ("", Quoting::Bare, &number, "\\N", FieldValue::Null),
        ("", Quoting::Quoted, &number, "\\N", FieldValue::Null),
        ("\\N", Quoting::Quoted, &number, "\\N", FieldValue::Text(b"\\N")),
        ("NaN", Quoting::Bare, &number, "", FieldValue::Text(b"NaN")),
    ] {
        let rules = FieldRules::new(marker, &MessageConfig::default());
        let actual = read_field(field(raw, quoting), column, &rules);
        assert_eq!(actual, Ok(expected), "{raw:?} {quoting:?} with marker {marker:?}");
    }
    let strict = column(ColumnType::Clob, false);
    let rules = FieldRules::new("", &MessageConfig::default());
    let refused = read_field(field("", Quoting::Bare), &strict, &rules);
    assert_eq!(refused.unwrap_err().code, "null_not_allowed");
}

/// Exports that put everything into quotes write NULL as nothing in quotes.
#[test]
fn nothing_in_quotes_is_null_in_every_type_but_texts_and_bytes() {
    let rules = FieldRules::new("", &MessageConfig::default());
    let nothing = Field {
        text: b"",
        quoting: Quoting::Quoted,
    };
    for (column_type, is_null) in [
        (ColumnType::Int4, true),
        (
            ColumnType::Numeric {
                precision: 5,
                scale: 2,
            },
            true,
        ),
        (ColumnType::Real8, true),
        (ColumnType::Boolean, true),
        (ColumnType::Date { format: None }, true),
        (ColumnType::Time { format: None }, true),
        (
            ColumnType::DateTime {
                scale: 0,
                format: None,
            },
            true,
        ),
        (ColumnType::String { length: Some(4) }, false),
        (ColumnType::Clob, false),
        (ColumnType::Byte { length: 4 }, false),
        (ColumnType::Blob, false),
    ] {
        let column = |nullable| Column {
            name: "c".into(),
            column_type,
            nullable,
            is_primary_key: false,
        };
        let expected = if is_null {
            FieldValue::Null
        } else {
            FieldValue::Text(b"")
        };
        assert_eq!(
            read_field(nothing, &column(true), &rules),
            Ok(expected),
            "{column_type:?}"
        );
        let code = read_field(nothing, &column(false), &rules)
            .err()
            .map(|problem| problem.code);
        assert_eq!(code, is_null.then_some("null_not_allowed"), "{column_type:?}");
    }
}

#[test]
fn texts_end_at_a_nul_and_numbers_may_be_none_only_where_that_is_wanted() {
    let message = MessageConfig {
        text_format: TextFormat::Dms,
        non_finite: NonFinite::Null,
        ..MessageConfig::default()
    };
    let rules = FieldRules::new("", &message);
    let read = |text: &'static str, column_type| {
        let column = Column {
            name: "c".into(),
            column_type,
            nullable: true,
            is_primary_key: false,
        };
        let field = Field {
            text: text.as_bytes(),
            quoting: Quoting::Bare,
        };
        read_field(field, &column, &rules).unwrap()
    };
    assert_eq!(read("a\0b", ColumnType::Clob), FieldValue::Text(b"a"));
    assert_eq!(read("\0", ColumnType::Clob), FieldValue::Text(b""));
    for text in [
        "NaN",
        "nan",
        "-NaN",
        "Infinity",
        "-infinity",
        "+inf",
        "INF",
        "-Inf",
    ] {
        for column_type in [
            ColumnType::Real4,
            ColumnType::Real8,
            ColumnType::Int4,
            ColumnType::Numeric {
                precision: 5,
                scale: 2,
            },
        ] {
            assert_eq!(read(text, column_type), FieldValue::Null, "{text}");
        }
        assert_eq!(read(text, ColumnType::Clob), FieldValue::Text(text.as_bytes()));
    }
    assert_eq!(read("nano", ColumnType::Real8), FieldValue::Text(b"nano"));
}
