//! Values at the edges of their types. What whole files become is tested against another writer.

use super::*;
use crate::settings::{Fit, NumberFormat};
use crate::value::convert::{HexPrefix, ValueStyle, write_value};

const PLAIN: TextForm = TextForm {
    dates: None,
    booleans_are_numbers: false,
    is_text: false,
};

fn number(kind: NumberKind, value: i64) -> String {
    let mut out = Vec::new();
    PLAIN.number(&mut out, kind, value);
    String::from_utf8(out).unwrap()
}

fn bytes(kind: BytesKind, value: &[u8]) -> String {
    let mut out = Vec::new();
    PLAIN.bytes(&mut out, kind, value);
    String::from_utf8(out).unwrap()
}

/// What the conversion of CSV makes of a text.
fn json(text: &str, target: ColumnType) -> Result<String, &'static str> {
    let mut out = Vec::new();
    let style = ValueStyle {
        number_format: NumberFormat::Exact,
        hex_prefix: HexPrefix::Present,
        fit: Fit::Whole,
    };
    let written = write_value(&mut out, text.as_bytes(), target, style);
    written.map_err(|problem| problem.code)?;
    Ok(String::from_utf8(out).unwrap())
}

#[test]
fn integers_have_their_sign_or_none() {
    assert_eq!(number(NumberKind::Signed, i64::MIN), i64::MIN.to_string());
    assert_eq!(number(NumberKind::Unsigned32, -1), u32::MAX.to_string());
    assert_eq!(number(NumberKind::Unsigned32, 7), "7");
    assert_eq!(number(NumberKind::Unsigned64, -1), u64::MAX.to_string());
}

#[test]
fn decimals_have_every_digit_of_their_scale() {
    let decimal = |value, scale| number(NumberKind::Decimal { scale }, value);
    assert_eq!(
        [
            decimal(12_345, 2),
            decimal(-5, 3),
            decimal(0, 2),
            decimal(7, 0),
            decimal(-100, 2)
        ],
        ["123.45", "-0.005", "0.00", "7", "-1.00"]
    );
    let bytes = |value: &[u8]| bytes(BytesKind::Decimal { scale: 2 }, value);
    assert_eq!(bytes(&[0x30, 0x39]), "123.45");
    assert_eq!(bytes(&[0xFF, 0xFF, 0xFF, 0x85]), "-1.23");
    assert_eq!(bytes(&[]), "0.00");
    let nines = 10_i128.pow(38) - 1;
    assert_eq!(bytes(&nines.to_be_bytes()), format!("{}.99", "9".repeat(36)));
    assert_eq!(bytes(&(-nines).to_be_bytes()), format!("-{}.99", "9".repeat(36)));
    let longer = [&[0xFF; 4][..], &(-nines).to_be_bytes()].concat();
    assert_eq!(bytes(&longer), format!("-{}.99", "9".repeat(36)));
}

/// Powers of two beyond 128 bits, whose digits are known.
#[test]
fn decimals_beyond_128_bits_are_their_digits() {
    let power = [&[0x01][..], &[0; 16]].concat();
    let digits = "340282366920938463463374607431768211456";
    assert_eq!(bytes(BytesKind::Decimal { scale: 0 }, &power), digits);
    let negative = [&[0xFF][..], &[0; 16]].concat();
    assert_eq!(
        bytes(BytesKind::Decimal { scale: 0 }, &negative),
        format!("-{digits}")
    );
    assert_eq!(
        bytes(BytesKind::Decimal { scale: 38 }, &power),
        digits.replacen('3', "3.", 1)
    );
    let ones = [0xFF; 20];
    assert_eq!(bytes(BytesKind::Decimal { scale: 2 }, &ones), "-0.01");
    let large = [&[0x01][..], &[0; 32]].concat();
    assert_eq!(
        bytes(BytesKind::Decimal { scale: 0 }, &large),
        "115792089237316195423570985008687907853269984665640564039457584007913129639936"
    );
    let numeric = ColumnType::Numeric {
        precision: 38,
        scale: 0,
    };
    assert_eq!(json(digits, numeric), Err("number_out_of_range"));
    let mut out = Vec::new();
    let said = PLAIN.bytes(
        &mut out,
        BytesKind::Decimal { scale: 0 },
        &[1; DECIMAL_BYTES_MAX + 1],
    );
    assert_eq!(said, Said::StandIn);
}

#[test]
fn dates_and_times_are_read_back_as_what_they_are() {
    let target = ColumnType::DateTime {
        scale: 9,
        format: None,
    };
    let timestamp = |value, digits| json(&number(NumberKind::Timestamp { digits }, value), target);
    assert_eq!(timestamp(0, 3).unwrap(), "\"1970-01-01T00:00:00Z\"");
    assert_eq!(timestamp(-1, 3).unwrap(), "\"1969-12-31T23:59:59.999000000Z\"");
    assert_eq!(
        timestamp(1_700_000_000_123_456, 6).unwrap(),
        "\"2023-11-14T22:13:20.123456000Z\""
    );
    assert_eq!(timestamp(-1, 9).unwrap(), "\"1969-12-31T23:59:59.999999999Z\"");
    assert_eq!(
        timestamp(253_402_300_799_999, 3).unwrap(),
        "\"9999-12-31T23:59:59.999000000Z\""
    );
    for beyond in [i64::MAX, i64::MIN, 253_402_300_800_000, -62_135_596_800_001] {
        assert_eq!(timestamp(beyond, 3), Err("not_a_date_time"), "{beyond}");
    }
    let date = |value| {
        json(
            &number(NumberKind::Date, value),
            ColumnType::Date { format: None },
        )
    };
    assert_eq!(
        (date(0), date(-1)),
        (Ok("\"1970-01-01\"".into()), Ok("\"1969-12-31\"".into()))
    );
    assert_eq!(date(i64::from(i32::MAX)), Err("not_a_date"));
    let time = |value, digits| {
        json(
            &number(NumberKind::Time { digits }, value),
            ColumnType::Time { format: None },
        )
    };
    assert_eq!(time(86_399_999, 3).unwrap(), "\"23:59:59.999\"");
    assert_eq!(time(3_600_000_000, 6).unwrap(), "\"01:00:00\"");
    assert_eq!(
        (time(86_400_000, 3), time(-1, 3)),
        (Err("not_a_time"), Err("not_a_time"))
    );
}

#[test]
fn dates_are_written_as_the_definition_reads_them() {
    let formats = [
        DateFormat::YearMonthDayDashed { fraction: true },
        DateFormat::YearMonthDaySlashed { fraction: true },
        DateFormat::MonthDayYearSlashed { fraction: true },
        DateFormat::YearMonthDayPlain { fraction: true },
    ];
    for format in formats {
        let target = ColumnType::DateTime {
            scale: 6,
            format: Some(format),
        };
        let mut out = Vec::new();
        let kind = NumberKind::Timestamp { digits: 6 };
        TextForm::of(target).number(&mut out, kind, 1_700_000_000_000_001);
        let text = String::from_utf8(out).unwrap();
        assert_eq!(
            json(&text, target).unwrap(),
            "\"2023-11-14T22:13:20.000001Z\"",
            "{text}"
        );
    }
}

#[test]
fn time_stamps_of_old_writers_are_days_and_nanoseconds() {
    let mut value = Int96::new();
    // 2000-01-01 is Julian day 2451545; one second and one nanosecond after midnight.
    value.set_data(1_000_000_001, 0, 2_451_545);
    let mut out = Vec::new();
    PLAIN.int96(&mut out, &value);
    assert_eq!(out, b"2000-01-01 00:00:01.000000001");
}

/// The time before the epoch is 1969, and what no writer means is refused.
#[test]
fn time_stamps_of_old_writers_are_the_right_time_or_none() {
    let target = ColumnType::DateTime {
        scale: 9,
        format: None,
    };
    let time = |day: u32, nanoseconds: i64| {
        let mut value = Int96::new();
        let bits = nanoseconds.cast_unsigned();
        let half = |bits: u64| u32::try_from(bits & u64::from(u32::MAX)).unwrap();
        value.set_data(half(bits), half(bits >> 32), day);
        let mut out = Vec::new();
        let said = PLAIN.int96(&mut out, &value);
        let json = json(&String::from_utf8(out).unwrap(), target);
        assert_eq!(json.is_ok(), said == Said::Whole, "{json:?}");
        json
    };
    let epoch = 2_440_588;
    for (nanoseconds, expected) in [
        (-1_000_000_000, "1969-12-31T23:59:59Z"),
        (-1, "1969-12-31T23:59:59.999999999Z"),
        (86_399_999_999_999, "1970-01-01T23:59:59.999999999Z"),
        (86_400_000_000_000, "1970-01-02T00:00:00Z"),
        (-86_400_000_000_000, "1969-12-31T00:00:00Z"),
    ] {
        assert_eq!(
            time(epoch, nanoseconds),
            Ok(format!("\"{expected}\"")),
            "{nanoseconds}"
        );
    }
    for nanoseconds in [i64::MIN, i64::MAX, 86_400_000_000_001, -86_400_000_000_001] {
        assert_eq!(time(epoch, nanoseconds), Err("not_a_date_time"), "{nanoseconds}");
    }
    for day in [0, 1_721_000, 5_373_485, 111_940_588, u32::MAX, 0x8000_0000] {
        assert_eq!(time(day, 0), Err("not_a_date_time"), "day {day}");
    }
}

#[test]
fn what_has_no_form_as_text_is_told() {
    let said = |kind, value| PLAIN.number(&mut Vec::new(), kind, value);
    assert_eq!(said(NumberKind::Date, 0), Said::Whole);
    assert_eq!(said(NumberKind::Date, i64::from(i32::MAX)), Said::StandIn);
    assert_eq!(said(NumberKind::Time { digits: 3 }, -1), Said::StandIn);
    assert_eq!(said(NumberKind::Timestamp { digits: 3 }, i64::MAX), Said::StandIn);
    let uuid = PLAIN.bytes(&mut Vec::new(), BytesKind::Uuid, &[1, 2, 3]);
    assert_eq!(uuid, Said::StandIn);
}

#[test]
fn bytes_are_text_or_hexadecimal() {
    assert_eq!(bytes(BytesKind::Text, "é".as_bytes()), "é");
    assert_eq!(bytes(BytesKind::Binary, &[0, 0xFF]), "0x00ff");
    assert_eq!(
        json(&bytes(BytesKind::Binary, &[]), ColumnType::Blob).unwrap(),
        "\"\""
    );
    let uuid: Vec<u8> = (0..16).collect();
    assert_eq!(
        bytes(BytesKind::Uuid, &uuid),
        "00010203-0405-0607-0809-0a0b0c0d0e0f"
    );
}

#[test]
fn every_half_is_the_single_that_it_is() {
    let half = |bits: u16| bytes(BytesKind::Half, &bits.to_le_bytes());
    let cases = [
        (0x0000, "0"),
        (0x3C00, "1"),
        (0xC000, "-2"),
        (0x3555, "0.33325195"),
        (0x7BFF, "65504"),
        (0x0400, "0.000061035156"),
        (0x0001, "0.000000059604645"),
        (0x7C00, "inf"),
        (0x7E00, "NaN"),
    ];
    for (bits, expected) in cases {
        assert_eq!(half(bits), expected, "{bits:#06x}");
    }
}

#[test]
fn floats_are_read_back_as_the_same_number() {
    let text = |value: f64| {
        let mut out = Vec::new();
        float(&mut out, value);
        String::from_utf8(out).unwrap()
    };
    for value in [0.1, 1e300, -5e-324, f64::MAX, 20.2, 0.0] {
        let read: f64 = json(&text(value), ColumnType::Real8).unwrap().parse().unwrap();
        assert_eq!(read.to_bits(), value.to_bits(), "{value}");
    }
    assert!(
        json(&text(f64::NAN), ColumnType::Real8).is_err(),
        "JSON has no NaN"
    );
    assert!(
        json(&text(f64::INFINITY), ColumnType::Real8).is_err(),
        "nor infinity"
    );
}
