//! Every column type but numbers: what is read, how it is printed, and what is refused.

use proptest::prelude::*;

use super::convert::{HexPrefix, ValueStyle, Written, write_value};
use crate::model::{ColumnType, DateFormat};
use crate::settings::{Fit, NumberFormat};

pub(super) const EXACT: ValueStyle = ValueStyle {
    number_format: NumberFormat::Exact,
    hex_prefix: HexPrefix::Present,
    fit: Fit::Whole,
};
/// Values that do not fit are cut.
pub(super) const CUT: ValueStyle = ValueStyle {
    fit: Fit::Truncate,
    ..EXACT
};
pub(super) const DMS: ValueStyle = ValueStyle {
    number_format: NumberFormat::Dms,
    hex_prefix: HexPrefix::Absent,
    fit: Fit::Whole,
};

pub(super) fn value(text: &[u8], column_type: ColumnType, style: ValueStyle) -> Result<String, &'static str> {
    let mut out = Vec::new();
    write_value(&mut out, text, column_type, style).map_err(|problem| problem.code)?;
    Ok(String::from_utf8(out).unwrap())
}

pub(super) fn check(column_type: ColumnType, cases: &[(&str, Result<&str, &'static str>)]) {
    check_style(EXACT, column_type, cases);
}

pub(super) fn check_style(
    style: ValueStyle,
    column_type: ColumnType,
    cases: &[(&str, Result<&str, &'static str>)],
) {
    for (text, expected) in cases {
        let actual = value(text.as_bytes(), column_type, style);
        assert_eq!(
            actual.as_deref().map_err(|code| *code),
            *expected,
            "{text:?} as {column_type:?}"
        );
    }
}

/// What is written where values are cut, and whether it was.
pub(super) fn cut(text: &str, column_type: ColumnType) -> Result<(String, bool), &'static str> {
    let mut out = Vec::new();
    let written = write_value(&mut out, text.as_bytes(), column_type, CUT).map_err(|problem| problem.code)?;
    Ok((String::from_utf8(out).unwrap(), written == Written::Truncated))
}

#[test]
fn booleans_have_many_spellings_and_two_values() {
    for text in ["true", "TRUE", "t", "1", "y", "Yes"] {
        check(ColumnType::Boolean, &[(text, Ok("true"))]);
    }
    for text in ["false", "False", "F", "0", "n", "NO"] {
        check(ColumnType::Boolean, &[(text, Ok("false"))]);
    }
    check(
        ColumnType::Boolean,
        &[("2", Err("not_a_boolean")), ("", Err("not_a_boolean"))],
    );
}

#[test]
fn date_times_become_utc_and_keep_their_fraction_or_are_refused() {
    let date_time = |scale| ColumnType::DateTime { scale, format: None };
    check(
        date_time(6),
        &[
            ("2010-11-01 00:02:00.1", Ok("\"2010-11-01T00:02:00.100000Z\"")),
            ("2010-11-01 00:00:00.000", Ok("\"2010-11-01T00:00:00Z\"")),
            ("2017-05-29 11:01:31.0004019", Err("too_precise")),
            (
                "2017-05-29 11:01:31.0004010",
                Ok("\"2017-05-29T11:01:31.000401Z\""),
            ),
            ("2014-06-04", Ok("\"2014-06-04T00:00:00Z\"")),
            ("2014:06:04 01:02:03", Ok("\"2014-06-04T01:02:03Z\"")),
            ("2014-06-04T01:02:03Z", Ok("\"2014-06-04T01:02:03Z\"")),
            ("2014-01-01T00:30:00+01:00", Ok("\"2013-12-31T23:30:00Z\"")),
            (
                "2013-12-31 23:30:00.5 -0130",
                Ok("\"2014-01-01T01:00:00.500000Z\""),
            ),
            ("2013-12-31T23:30:00-01", Ok("\"2014-01-01T00:30:00Z\"")),
            ("9999-12-31T23:30:00-01", Err("not_a_date_time")),
        ],
    );
    check(
        date_time(0),
        &[
            ("2010-11-01 00:00:59.999", Err("too_precise")),
            ("2010-11-01 00:00:59.000", Ok("\"2010-11-01T00:00:59Z\"")),
        ],
    );
    check(date_time(3), &[("2010-11-01 00:00:59.0009", Err("too_precise"))]);
    for text in [
        "",
        "2014-02-30 00:00:00",
        "2015-02-29",
        "0000-00-00 00:00:00",
        "2014-06-04 24:00:00",
        "2014-06-04 23:59:60",
        "2014-06-04 1:02:03",
        "2014-06-04 01:02",
        "2014-06-04 01:02:03.",
        "2014-06-04 01:02:03+25:00",
        "2014-06-04 01:02:03 UTC",
        "2014-06:04",
        "04.06.2014",
    ] {
        check(date_time(6), &[(text, Err("not_a_date_time"))]);
    }
}

#[test]
fn declared_date_formats_are_the_only_ones_read() {
    for (fraction, time) in [(false, "01:02:03"), (true, "01:02:03.5")] {
        let formats = [
            (DateFormat::YearMonthDayDashed { fraction }, "2014-06-04"),
            (DateFormat::YearMonthDaySlashed { fraction }, "2014/06/04"),
            (DateFormat::MonthDayYearSlashed { fraction }, "06/04/2014"),
            (DateFormat::YearMonthDayPlain { fraction }, "20140604"),
        ];
        for ((format, _), (own, date)) in formats.iter().flat_map(|one| formats.map(|other| (*one, other))) {
            let expected = |value| if own == format { Ok(value) } else { Err(()) };
            let format = Some(format);
            let with_time = format!("{date} {time}");
            let rendered =
                |text: &str, column_type| value(text.as_bytes(), column_type, EXACT).map_err(|_| ());
            let date_time = rendered(&with_time, ColumnType::DateTime { scale: 1, format });
            assert_eq!(date_time, expected(format!("\"2014-06-04T{time}Z\"")));
            let date_only = rendered(date, ColumnType::Date { format });
            assert_eq!(date_only, expected("\"2014-06-04\"".to_owned()));
            let date_of_both = rendered(&with_time, ColumnType::Date { format });
            assert_eq!(date_of_both, expected("\"2014-06-04\"".to_owned()));
        }
    }
}

#[test]
fn times_keep_their_fraction() {
    let time = ColumnType::Time { format: None };
    check(
        time,
        &[
            ("01:30:00", Ok("\"01:30:00\"")),
            ("01:30:00.250", Ok("\"01:30:00.25\"")),
            ("01:30:00.000", Ok("\"01:30:00\"")),
            ("01:30:00.1234567890", Ok("\"01:30:00.123456789\"")),
            ("01:30:00.1234567891", Err("too_precise")),
            ("2014-06-04 01:30:00", Err("too_precise")),
            ("25:00:00", Err("not_a_time")),
            ("01:30", Err("not_a_time")),
        ],
    );
    let date = ColumnType::Date { format: None };
    check(
        date,
        &[
            ("2018-01-01", Ok("\"2018-01-01\"")),
            ("2018-01-01 00:00:00.000", Ok("\"2018-01-01\"")),
            ("2018-01-01 00:00:01", Err("too_precise")),
            ("2018-01-01 00:00:00.001", Err("too_precise")),
            ("2018-13-01", Err("not_a_date")),
        ],
    );
}

#[test]
fn where_values_are_cut_it_is_said_of_each_that_was() {
    let date_time = ColumnType::DateTime {
        scale: 3,
        format: None,
    };
    let time = ColumnType::Time { format: None };
    let date = ColumnType::Date { format: None };
    let text = ColumnType::String { length: Some(4) };
    let bytes = ColumnType::Byte { length: 2 };
    for (given, column_type, expected, is_cut) in [
        (
            "2010-11-01 00:00:59.9999",
            date_time,
            "\"2010-11-01T00:00:59.999Z\"",
            true,
        ),
        (
            "2010-11-01 00:00:59.9990",
            date_time,
            "\"2010-11-01T00:00:59.999Z\"",
            false,
        ),
        (
            "2010-11-01 00:00:59.0009",
            date_time,
            "\"2010-11-01T00:00:59Z\"",
            true,
        ),
        ("2014-06-04 01:30:00", time, "\"01:30:00\"", true),
        ("01:30:00.1234567899", time, "\"01:30:00.123456789\"", true),
        ("2014-06-04 01:30:00", date, "\"2014-06-04\"", true),
        ("2014-06-04", date, "\"2014-06-04\"", false),
        ("abcde", text, "\"abcd\"", true),
        ("abcd", text, "\"abcd\"", false),
        ("ééé", text, "\"éé\"", true),
        ("aéé", text, "\"aé\"", true),
        ("0xAB01FF", bytes, "\"0xAB01\"", true),
        ("0xAB01", bytes, "\"0xAB01\"", false),
    ] {
        assert_eq!(
            cut(given, column_type),
            Ok((expected.to_owned(), is_cut)),
            "{given}"
        );
    }
    assert_eq!(cut("12345x", ColumnType::Int4), Err("not_a_number"));
    assert_eq!(
        value(b"abcd\xFF", text, CUT),
        Err("invalid_utf8"),
        "also in what is cut off"
    );
}

#[test]
fn a_reason_shows_the_form_of_its_own_type() {
    let reason = |text: &str, column_type| {
        write_value(&mut Vec::new(), text.as_bytes(), column_type, EXACT)
            .unwrap_err()
            .reason
    };
    let format = Some(DateFormat::MonthDayYearSlashed { fraction: false });
    for (column_type, expected) in [
        (
            ColumnType::Date { format: None },
            "not a date in the form YYYY-MM-DD",
        ),
        (ColumnType::Date { format }, "not a date in the form MM/dd/YYYY"),
        (
            ColumnType::Time { format: None },
            "not a time of day in the form HH:MM:SS.F",
        ),
        (
            ColumnType::Time { format },
            "not a time of day in the form HH:MM:SS.F",
        ),
        (
            ColumnType::DateTime {
                scale: 0,
                format: None,
            },
            "not a date and time in the form YYYY-MM-DD HH:MM:SS.F",
        ),
        (
            ColumnType::DateTime { scale: 0, format },
            "not a date and time in the form MM/dd/YYYY HH:mm:ss",
        ),
    ] {
        let reason = reason("yesterday", column_type);
        assert!(reason.ends_with(expected), "{reason}");
    }
}

#[test]
fn texts_are_escaped_and_never_cut() {
    let text = ColumnType::String { length: Some(4) };
    check(
        text,
        &[
            ("a\"b", Ok("\"a\\\"b\"")),
            ("éé", Ok("\"éé\"")),
            ("ééé", Err("too_long")),
            (" a ", Ok("\" a \"")),
        ],
    );
    check(ColumnType::Clob, &[("a longer text", Ok("\"a longer text\""))]);
    assert_eq!(value(b"a\xFF", ColumnType::Clob, EXACT), Err("invalid_utf8"));
}

#[test]
fn binaries_are_upper_case_hexadecimal() {
    let bytes = ColumnType::Byte { length: 2 };
    check(
        bytes,
        &[
            ("0xAB01", Ok("\"0xAB01\"")),
            ("ab", Ok("\"0xAB\"")),
            ("", Ok("\"\"")),
            ("abc", Err("not_hexadecimal")),
            ("0xzz", Err("not_hexadecimal")),
            ("000000", Err("too_long")),
        ],
    );
    check_style(DMS, ColumnType::Blob, &[("0XAB", Ok("\"AB\""))]);
}

proptest! {
    #[test]
    fn no_bytes_whatever_break_a_conversion(text: Vec<u8>, kind in 0_usize..9) {
        let types = [
            ColumnType::Int8,
            ColumnType::Numeric { precision: 5, scale: 2 },
            ColumnType::Real4,
            ColumnType::Real8,
            ColumnType::Boolean,
            ColumnType::DateTime { scale: 3, format: None },
            ColumnType::Time { format: None },
            ColumnType::Clob,
            ColumnType::Blob,
        ];
        if let Ok(json) = value(&text, types[kind], EXACT) {
            let parsed: Result<serde_json::Value, _> = serde_json::from_str(&json);
            prop_assert!(parsed.is_ok(), "{} must be JSON", json);
        }
    }
}
