//! Numbers: what is read, how they are printed, and what is refused.

use proptest::prelude::*;

use super::convert_tests::{CUT, DMS, EXACT, check, check_style, cut, value};
use crate::model::ColumnType;

#[test]
fn integers_are_exact_and_checked_against_their_range() {
    const RANGE: Result<&str, &str> = Err("number_out_of_range");
    const NAN: Result<&str, &str> = Err("not_a_number");
    check(
        ColumnType::Int1,
        &[
            ("-128", Ok("-128")),
            ("+127", Ok("127")),
            ("128", RANGE),
            ("-129", RANGE),
            ("007", Ok("7")),
        ],
    );
    check(ColumnType::Int2, &[("-32768", Ok("-32768")), ("32768", RANGE)]);
    check(
        ColumnType::Int4,
        &[("2147483647", Ok("2147483647")), ("2147483648", RANGE)],
    );
    check(
        ColumnType::Int8,
        &[
            ("9223372036854775807", Ok("9223372036854775807")),
            ("-9223372036854775808", Ok("-9223372036854775808")),
            ("9223372036854775808", RANGE),
            ("99999999999999999999999", RANGE),
            ("-0", Ok("0")),
        ],
    );
    check(
        ColumnType::Uint1,
        &[("255", Ok("255")), ("256", RANGE), ("-1", RANGE)],
    );
    check(ColumnType::Uint2, &[("65536", RANGE)]);
    check(ColumnType::Uint4, &[("4294967295", Ok("4294967295"))]);
    check(
        ColumnType::Uint8,
        &[("18446744073709551615", Ok("18446744073709551615"))],
    );
    for text in ["", "-", "--1", "1 2", "0x1", "abc", "1,000", "1.2.3", "e3"] {
        check(ColumnType::Int4, &[(text, NAN)]);
    }
}

/// A number that is an integer is one however it is written: 5.00 of a decimal column, 1e3 of a spreadsheet.
#[test]
fn an_integer_may_be_written_with_a_point_or_an_exponent() {
    let cases = [
        ("5.00", Ok("5")),
        ("5.", Ok("5")),
        ("-7.0", Ok("-7")),
        ("-0.0", Ok("0")),
        (".0", Ok("0")),
        ("1e3", Ok("1000")),
        ("1.5E+1", Ok("15")),
        ("20e-1", Ok("2")),
        ("5.50", Err("too_precise")),
        ("0.1", Err("too_precise")),
        ("1e-1", Err("too_precise")),
        ("2147483648.0", Err("number_out_of_range")),
        ("1e99", Err("number_out_of_range")),
        ("99999999999999999999.5", Err("number_out_of_range")),
    ];
    check(ColumnType::Int4, &cases);
    for (text, expected, is_cut) in [("5.50", "6", true), ("-5.49", "-5", true), ("5.00", "5", false)] {
        assert_eq!(
            cut(text, ColumnType::Int4),
            Ok((expected.to_owned(), is_cut)),
            "{text}"
        );
    }
    assert_eq!(cut("127.5", ColumnType::Int1), Err("number_out_of_range"));
}

#[test]
fn decimals_drop_trailing_zeros_and_are_refused_with_digits_beyond_their_scale() {
    let numeric = ColumnType::Numeric {
        precision: 5,
        scale: 2,
    };
    check(
        numeric,
        &[
            ("12.50", Ok("12.5")),
            ("36.00", Ok("36")),
            ("36", Ok("36")),
            ("-0.00", Ok("0")),
            ("-0.004", Err("too_precise")),
            ("1.500000000000000000000", Ok("1.5")),
            ("0E-18", Ok("0")),
            ("1e2", Ok("100")),
            ("1E+2", Ok("100")),
            ("1.5e-1", Ok("0.15")),
            ("+1.50", Ok("1.5")),
            ("-0", Ok("0")),
            ("1e-3", Err("too_precise")),
            ("1e3", Err("number_out_of_range")),
            ("0.5", Ok("0.5")),
            (".5", Ok("0.5")),
            ("5.", Ok("5")),
            ("00012.3", Ok("12.3")),
            ("1.005", Err("too_precise")),
            ("999.994", Err("too_precise")),
            ("999.995", Err("too_precise")),
            ("1000", Err("number_out_of_range")),
            (".", Err("not_a_number")),
            ("", Err("not_a_number")),
            ("1.2.3", Err("not_a_number")),
            ("1e", Err("not_a_number")),
            ("Infinity", Err("not_a_number")),
            ("$5.00", Err("not_a_number")),
            ("(5.00)", Err("not_a_number")),
            ("5-", Err("not_a_number")),
            ("12345678901234567890.12", Err("number_out_of_range")),
        ],
    );
}

#[test]
fn decimals_of_every_precision_are_refused_beyond_it() {
    let wide = ColumnType::Numeric {
        precision: 38,
        scale: 0,
    };
    let digits = "99999999999999999999999999999999999999";
    check(
        wide,
        &[
            (digits, Ok(digits)),
            ("0.5", Err("too_precise")),
            ("0.0", Ok("0")),
        ],
    );
    let fraction = ColumnType::Numeric {
        precision: 2,
        scale: 2,
    };
    check(
        fraction,
        &[
            ("0.99", Ok("0.99")),
            ("0.995", Err("too_precise")),
            ("1", Err("number_out_of_range")),
        ],
    );
}

#[test]
fn where_values_are_cut_decimals_are_rounded_half_away_from_zero() {
    let numeric = ColumnType::Numeric {
        precision: 5,
        scale: 2,
    };
    for (text, expected, is_cut) in [
        ("12.50", "12.5", false),
        ("-0.004", "0", true),
        ("-0.005", "-0.01", true),
        ("1.005", "1.01", true),
        ("9.994", "9.99", true),
        ("9.995", "10", true),
        ("999.994", "999.99", true),
        ("1.005e-1", "0.1", true),
    ] {
        assert_eq!(cut(text, numeric), Ok((expected.to_owned(), is_cut)), "{text}");
    }
    for text in ["999.995", "1000", "1000.005"] {
        assert_eq!(cut(text, numeric), Err("number_out_of_range"), "{text}");
    }
}

#[test]
fn the_dms_form_goes_through_a_double() {
    check_style(
        DMS,
        ColumnType::Int8,
        &[
            ("-2147483648", Ok("-2147483648")),
            ("0", Ok("0")),
            ("4294967296", Ok("4294967296")),
            ("12345678901234567", Ok("12345678901234568")),
            ("1000000000000000", Ok("1e+15")),
            ("100000000000000000", Ok("1e+17")),
        ],
    );
    let numeric = ColumnType::Numeric {
        precision: 38,
        scale: 10,
    };
    check_style(
        DMS,
        numeric,
        &[
            ("12.50", Ok("12.5")),
            ("0.1", Ok("0.1")),
            ("1.2345678901", Ok("1.2345678901")),
            ("0.00001", Ok("1e-05")),
        ],
    );
}

#[test]
fn singles_print_nine_digits_and_doubles_what_reads_back() {
    check(
        ColumnType::Real4,
        &[
            ("2.2", Ok("2.20000005")),
            ("1.1", Ok("1.10000002")),
            ("3.3", Ok("3.29999995")),
            ("4.4", Ok("4.4000001")),
            ("0", Ok("0")),
            ("1e39", Err("number_out_of_range")),
            ("1e-60", Err("number_out_of_range")),
            ("0e-60", Ok("0")),
        ],
    );
    check(
        ColumnType::Real8,
        &[
            ("20.2", Ok("20.2")),
            ("0.23", Ok("0.23")),
            ("55", Ok("55")),
            ("5.0", Ok("5")),
            ("-0", Ok("0")),
            ("0.30000000000000004", Ok("0.30000000000000004")),
            ("1E3", Ok("1000")),
            ("1e400", Err("number_out_of_range")),
            ("-1e-400", Err("number_out_of_range")),
            ("NaN", Err("not_a_number")),
            ("Infinity", Err("not_a_number")),
            ("-inf", Err("not_a_number")),
            ("1,5", Err("not_a_number")),
        ],
    );
}

proptest! {
    #[test]
    fn decimals_are_those_of_integer_arithmetic(hundredths in -99_999_i64..=99_999, more in 0_i64..=99) {
        // A number with four fraction digits, rounded to two by hand.
        let scaled = hundredths * 100 + hundredths.signum() * more;
        let sign = if scaled < 0 { "-" } else { "" };
        let magnitude = scaled.unsigned_abs();
        let text = format!("{sign}{}.{:04}", magnitude / 10_000, magnitude % 10_000);
        let rounded = (magnitude + 50) / 100;
        let fixed = format!("{}.{:02}", rounded / 100, rounded % 100);
        let short = fixed.trim_end_matches('0').trim_end_matches('.');
        let expected = if rounded == 0 { "0".to_owned() } else { format!("{sign}{short}") };
        let numeric = ColumnType::Numeric { precision: 6, scale: 2 };
        prop_assert_eq!(value(text.as_bytes(), numeric, CUT), Ok(expected.clone()));
        let whole = if more == 0 { Ok(expected) } else { Err("too_precise") };
        prop_assert_eq!(value(text.as_bytes(), numeric, EXACT), whole);
    }

    #[test]
    fn doubles_read_back_as_the_same_double(number in any::<f64>().prop_filter("finite", |v| v.is_finite())) {
        let printed = value(number.to_string().as_bytes(), ColumnType::Real8, EXACT).unwrap();
        let back: f64 = printed.parse().unwrap();
        prop_assert!(back.total_cmp(&number).is_eq() || number == 0.0, "{} became {}", number, printed);
    }
}
