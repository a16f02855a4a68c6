//! Values of Parquet as text, in forms that the conversion of CSV fields understands. Pure: no I/O, no clock.
//!
//! What cannot be said in such a form is written as the plain number or as hexadecimal digits: the conversion refuses
//! it by its column type, and the row becomes a dead letter that shows it.

use std::io::Write;

use jiff::SignedDuration;
use jiff::civil::DateTime;
use parquet::data_type::Int96;

use super::kinds::{BytesKind, NumberKind};
use crate::hex;
use crate::model::{ColumnType, DateFormat};

/// The Julian day of 1970-01-01.
const JULIAN_DAY_OF_EPOCH: i64 = 2_440_588;
const SECONDS_PER_DAY: i64 = 86_400;
const EPOCH: DateTime = DateTime::constant(1970, 1, 1, 0, 0, 0, 0);
/// Bytes of the largest decimal that is written.
const DECIMAL_BYTES_MAX: usize = 16;

/// Writes values of one column as text; `out` is the text of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TextForm {
    /// How the definition wants dates.
    pub dates: Option<DateFormat>,
    /// Whether booleans are numbers.
    pub booleans_are_numbers: bool,
}

impl TextForm {
    /// The form that a column of the definition reads.
    pub fn of(target: ColumnType) -> Self {
        let dates = if let ColumnType::Date { format }
        | ColumnType::Time { format }
        | ColumnType::DateTime { format, .. } = target
        {
            format
        } else {
            None
        };
        Self {
            dates,
            booleans_are_numbers: target.is_exact_number(),
        }
    }

    /// Writes a boolean.
    pub fn boolean(self, out: &mut Vec<u8>, value: bool) {
        out.extend_from_slice(match (value, self.booleans_are_numbers) {
            (true, true) => b"1",
            (false, true) => b"0",
            (true, false) => b"true",
            (false, false) => b"false",
        });
    }

    /// Writes a number.
    pub fn number(self, out: &mut Vec<u8>, kind: NumberKind, value: i64) {
        match kind {
            NumberKind::Signed => push(out, format_args!("{value}")),
            NumberKind::Unsigned32 => {
                let bits = value.rem_euclid(1 << 32);
                push(out, format_args!("{bits}"));
            }
            NumberKind::Unsigned64 => push(out, format_args!("{}", value.cast_unsigned())),
            NumberKind::Decimal { scale } => decimal(out, i128::from(value), scale),
            NumberKind::Date => match date_time(value.checked_mul(SECONDS_PER_DAY)) {
                Some(at) => self.date(out, at),
                None => push(out, format_args!("{value}")),
            },
            NumberKind::Time { digits } => time(out, value, digits),
            NumberKind::Timestamp { digits } => {
                let per_second = 10_i64.pow(digits);
                let fraction = value.rem_euclid(per_second);
                match date_time(Some(value.div_euclid(per_second))) {
                    Some(at) => self.timestamp(out, at, fraction, digits),
                    None => push(out, format_args!("{value}")),
                }
            }
        }
    }

    /// Writes a time stamp of old writers: nanoseconds of a Julian day.
    pub fn int96(self, out: &mut Vec<u8>, value: &Int96) {
        let [low, high, day] = value.data() else {
            return;
        };
        let nanoseconds = (u64::from(*high) << 32) | u64::from(*low);
        let seconds = i64::try_from(nanoseconds / 1_000_000_000).ok();
        let fraction = i64::try_from(nanoseconds % 1_000_000_000).unwrap_or(0);
        let midnight = (i64::from(*day) - JULIAN_DAY_OF_EPOCH).checked_mul(SECONDS_PER_DAY);
        let at = midnight
            .zip(seconds)
            .and_then(|(midnight, seconds)| midnight.checked_add(seconds));
        match date_time(at) {
            Some(at) => self.timestamp(out, at, fraction, 9),
            None => push(out, format_args!("{day}:{nanoseconds}")),
        }
    }

    /// Writes bytes.
    pub fn bytes(self, out: &mut Vec<u8>, kind: BytesKind, value: &[u8]) {
        match kind {
            BytesKind::Text => out.extend_from_slice(value),
            BytesKind::Binary => hexadecimal(out, value),
            BytesKind::Decimal { scale } => match big_endian(value) {
                Some(value) => decimal(out, value, scale),
                None => hexadecimal(out, value),
            },
            BytesKind::Uuid => match <&[u8; 16]>::try_from(value) {
                Ok(bytes) => out.extend_from_slice(hex::uuid(bytes).as_bytes()),
                Err(_) => hexadecimal(out, value),
            },
            BytesKind::Half => match <[u8; 2]>::try_from(value) {
                Ok(bytes) => push(out, format_args!("{}", half(u16::from_le_bytes(bytes)))),
                Err(_) => hexadecimal(out, value),
            },
        }
    }

    fn date(self, out: &mut Vec<u8>, at: DateTime) {
        let (year, month, day) = (at.year(), at.month(), at.day());
        match self.dates {
            None | Some(DateFormat::YearMonthDayDashed { .. }) => {
                push(out, format_args!("{year:04}-{month:02}-{day:02}"));
            }
            Some(DateFormat::YearMonthDaySlashed { .. }) => {
                push(out, format_args!("{year:04}/{month:02}/{day:02}"));
            }
            Some(DateFormat::MonthDayYearSlashed { .. }) => {
                push(out, format_args!("{month:02}/{day:02}/{year:04}"));
            }
            Some(DateFormat::YearMonthDayPlain { .. }) => {
                push(out, format_args!("{year:04}{month:02}{day:02}"));
            }
        }
    }

    fn timestamp(self, out: &mut Vec<u8>, at: DateTime, fraction: i64, digits: u32) {
        self.date(out, at);
        let (hour, minute, second) = (at.hour(), at.minute(), at.second());
        push(out, format_args!(" {hour:02}:{minute:02}:{second:02}"));
        push_fraction(out, fraction, digits);
    }
}

/// Writes a single or a double: the shortest text that is read as the same number.
pub fn float(out: &mut Vec<u8>, value: impl std::fmt::Display) {
    push(out, format_args!("{value}"));
}

fn push(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    // Writing into memory cannot fail.
    out.write_fmt(text).ok();
}

fn push_fraction(out: &mut Vec<u8>, fraction: i64, digits: u32) {
    if fraction != 0 {
        let width = usize::try_from(digits).unwrap_or(0);
        push(out, format_args!(".{fraction:0width$}"));
    }
}

/// A point in time with a year of four digits.
fn date_time(seconds: Option<i64>) -> Option<DateTime> {
    let at = EPOCH.checked_add(SignedDuration::from_secs(seconds?)).ok()?;
    (at.year() > 0).then_some(at)
}

fn time(out: &mut Vec<u8>, value: i64, digits: u32) {
    let per_second = 10_i64.pow(digits);
    let seconds = value.div_euclid(per_second);
    if !(0..SECONDS_PER_DAY).contains(&seconds) {
        push(out, format_args!("{value}"));
        return;
    }
    let (hours, minutes) = (seconds / 3_600, seconds / 60 % 60);
    push(out, format_args!("{hours:02}:{minutes:02}:{:02}", seconds % 60));
    push_fraction(out, value.rem_euclid(per_second), digits);
}

/// A number of the size of any decimal that DMS knows; `None` if it is larger.
fn big_endian(bytes: &[u8]) -> Option<i128> {
    let is_negative = bytes.first().is_some_and(|first| first & 0x80 != 0);
    let sign = if is_negative { 0xFF } else { 0 };
    let zeros = bytes.iter().take_while(|byte| **byte == sign).count();
    let redundant = bytes.len().saturating_sub(DECIMAL_BYTES_MAX);
    if zeros < redundant {
        return None;
    }
    let mut number = [sign; DECIMAL_BYTES_MAX];
    let digits = bytes.get(redundant..)?;
    let start = DECIMAL_BYTES_MAX.checked_sub(digits.len())?;
    number.get_mut(start..)?.copy_from_slice(digits);
    let number = i128::from_be_bytes(number);
    ((number < 0) == is_negative).then_some(number)
}

fn decimal(out: &mut Vec<u8>, value: i128, scale: u32) {
    let scale = usize::try_from(scale).unwrap_or(0);
    let digits = format!("{:0width$}", value.unsigned_abs(), width = scale + 1);
    if value < 0 {
        out.push(b'-');
    }
    let (integer, fraction) = digits
        .split_at_checked(digits.len() - scale)
        .unwrap_or((&digits, ""));
    out.extend_from_slice(integer.as_bytes());
    if !fraction.is_empty() {
        out.push(b'.');
        out.extend_from_slice(fraction.as_bytes());
    }
}

/// Digits as the conversion reads them.
fn hexadecimal(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(b"0x");
    hex::push(out, bytes);
}

/// A half-precision float; every one of them is a single.
fn half(bits: u16) -> f32 {
    let (exponent, fraction) = ((bits >> 10) & 0x1F, u32::from(bits & 0x3FF));
    let magnitude = match exponent {
        // Subnormal: a multiple of the smallest one, 2^-24.
        0 => f32::from(bits & 0x3FF) * f32::from_bits(0x3380_0000),
        0x1F => f32::from_bits(0x7F80_0000 | (fraction << 13)),
        exponent => f32::from_bits((u32::from(exponent) + 112) << 23 | (fraction << 13)),
    };
    if bits & 0x8000 == 0 { magnitude } else { -magnitude }
}

#[cfg(test)]
#[path = "values_tests.rs"]
mod tests;
