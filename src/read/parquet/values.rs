//! Values of Parquet as text, in forms that the conversion of CSV fields understands. Pure: no I/O, no clock.
//!
//! What cannot be said in such a form is written as the plain number or as hexadecimal digits: the conversion refuses
//! it by its column type, and the row becomes a dead letter that shows it. A column of text would take it for what it
//! is not, so it is said with it that it has no text.

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
/// Nanoseconds of a day: a time stamp of old writers lies at most so far from the midnight of its day.
const NANOSECONDS_PER_DAY: i64 = SECONDS_PER_DAY * 1_000_000_000;
/// Bytes of the largest decimal that is written; its digits are computed in steps, as many as the square of this.
const DECIMAL_BYTES_MAX: usize = 1024;
/// The largest power of ten of 32 bits, and its zeros.
const DECIMAL_STEP: u64 = 1_000_000_000;
const DECIMAL_STEP_DIGITS: usize = 9;

/// Writes values of one column as text; `out` is the text of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TextForm {
    /// How the definition wants dates.
    pub dates: Option<DateFormat>,
    /// Whether booleans are numbers.
    pub booleans_are_numbers: bool,
    /// Whether the column takes any text.
    pub is_text: bool,
}

/// Whether a value has a form as text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Said {
    /// It has.
    Whole,
    /// It has not; something stands for it.
    StandIn,
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
            is_text: target.is_text(),
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
    pub fn number(self, out: &mut Vec<u8>, kind: NumberKind, value: i64) -> Said {
        match kind {
            NumberKind::Signed => push(out, format_args!("{value}")),
            NumberKind::Unsigned32 => {
                let bits = value.rem_euclid(1 << 32);
                push(out, format_args!("{bits}"));
            }
            NumberKind::Unsigned64 => push(out, format_args!("{}", value.cast_unsigned())),
            NumberKind::Decimal { scale } => {
                decimal(out, value < 0, &value.unsigned_abs().to_string(), scale);
            }
            NumberKind::Date => match date_time(value.checked_mul(SECONDS_PER_DAY)) {
                Some(at) => self.date(out, at),
                None => return stand_in(out, format_args!("{value}")),
            },
            NumberKind::Time { digits } => return time(out, value, digits),
            NumberKind::Timestamp { digits } => {
                let per_second = 10_i64.pow(digits);
                let fraction = value.rem_euclid(per_second);
                match date_time(Some(value.div_euclid(per_second))) {
                    Some(at) => self.timestamp(out, at, fraction, digits),
                    None => return stand_in(out, format_args!("{value}")),
                }
            }
        }
        Said::Whole
    }

    /// Writes a time stamp of old writers: nanoseconds from the midnight of a Julian day on, or back from it. With more
    /// of them than a day has it is none.
    pub fn int96(self, out: &mut Vec<u8>, value: &Int96) -> Said {
        let [low, high, day] = value.data() else {
            return Said::StandIn;
        };
        let (day, high) = (day.cast_signed(), high.cast_signed());
        let nanoseconds = (i64::from(high) << 32) | i64::from(*low);
        let seconds = nanoseconds.div_euclid(1_000_000_000);
        let fraction = nanoseconds.rem_euclid(1_000_000_000);
        let is_of_day = (-NANOSECONDS_PER_DAY..=NANOSECONDS_PER_DAY).contains(&nanoseconds);
        let midnight = (i64::from(day) - JULIAN_DAY_OF_EPOCH).checked_mul(SECONDS_PER_DAY);
        let at = midnight
            .and_then(|midnight| midnight.checked_add(seconds))
            .filter(|_| is_of_day);
        match date_time(at) {
            Some(at) => {
                self.timestamp(out, at, fraction, 9);
                Said::Whole
            }
            None => stand_in(out, format_args!("{day}:{nanoseconds}")),
        }
    }

    /// Writes bytes.
    pub fn bytes(self, out: &mut Vec<u8>, kind: BytesKind, value: &[u8]) -> Said {
        match kind {
            BytesKind::Text => out.extend_from_slice(value),
            BytesKind::Binary => hexadecimal(out, value),
            BytesKind::Decimal { scale } if value.len() <= DECIMAL_BYTES_MAX => {
                let (is_negative, digits) = big_endian(value);
                decimal(out, is_negative, &digits, scale);
            }
            BytesKind::Uuid if value.len() == 16 => {
                let bytes = value.first_chunk().copied().unwrap_or_default();
                out.extend_from_slice(hex::uuid(&bytes).as_bytes());
            }
            BytesKind::Half if value.len() == 2 => {
                let bits = value.first_chunk().copied().unwrap_or_default();
                push(out, format_args!("{}", half(u16::from_le_bytes(bits))));
            }
            BytesKind::Decimal { .. } | BytesKind::Uuid | BytesKind::Half => {
                hexadecimal(out, value);
                return Said::StandIn;
            }
        }
        Said::Whole
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
pub fn float(out: &mut Vec<u8>, value: impl std::fmt::Display) -> Said {
    push(out, format_args!("{value}"));
    Said::Whole
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

fn stand_in(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) -> Said {
    push(out, text);
    Said::StandIn
}

fn time(out: &mut Vec<u8>, value: i64, digits: u32) -> Said {
    let per_second = 10_i64.pow(digits);
    let seconds = value.div_euclid(per_second);
    if !(0..SECONDS_PER_DAY).contains(&seconds) {
        return stand_in(out, format_args!("{value}"));
    }
    let (hours, minutes) = (seconds / 3_600, seconds / 60 % 60);
    push(out, format_args!("{hours:02}:{minutes:02}:{:02}", seconds % 60));
    push_fraction(out, value.rem_euclid(per_second), digits);
    Said::Whole
}

/// Whether a big-endian number of two's complement is negative, and its decimal digits.
fn big_endian(bytes: &[u8]) -> (bool, String) {
    let is_negative = bytes.first().is_some_and(|first| first & 0x80 != 0);
    let (sign, flip) = if is_negative { (0xFF, 0xFF) } else { (0, 0) };
    let mut number = [sign; size_of::<i128>()];
    let start = number.len().checked_sub(bytes.len());
    if let Some(place) = start.and_then(|start| number.get_mut(start..)) {
        place.copy_from_slice(bytes);
        return (
            is_negative,
            i128::from_be_bytes(number).unsigned_abs().to_string(),
        );
    }
    // The magnitude of a negative number is its complement and one.
    let mut carry = u8::from(is_negative);
    let mut magnitude: Vec<u8> = bytes.iter().map(|byte| byte ^ flip).collect();
    for byte in magnitude.iter_mut().rev() {
        let (sum, overflows) = byte.overflowing_add(carry);
        (*byte, carry) = (sum, u8::from(overflows));
    }
    (is_negative, digits_of(&magnitude))
}

/// The decimal digits of a big-endian number without a sign: the rest of one division after the other.
fn digits_of(magnitude: &[u8]) -> String {
    let mut limbs: Vec<u64> = magnitude
        .rchunks(size_of::<u32>())
        .rev()
        .map(|bytes| bytes.iter().fold(0, |limb, byte| limb << 8 | u64::from(*byte)))
        .collect();
    let mut steps = Vec::new();
    while limbs.iter().any(|limb| *limb != 0) {
        let mut rest = 0;
        for limb in &mut limbs {
            let value = rest << 32 | *limb;
            (*limb, rest) = (value / DECIMAL_STEP, value % DECIMAL_STEP);
        }
        steps.push(rest);
    }
    let mut digits = Vec::with_capacity(steps.len() * DECIMAL_STEP_DIGITS);
    for step in steps.iter().rev() {
        push(&mut digits, format_args!("{step:0DECIMAL_STEP_DIGITS$}"));
    }
    let digits = String::from_utf8(digits).unwrap_or_default();
    digits.trim_start_matches('0').to_owned()
}

fn decimal(out: &mut Vec<u8>, is_negative: bool, digits: &str, scale: u32) {
    let scale = usize::try_from(scale).unwrap_or(0);
    let digits = format!("{digits:0>width$}", width = scale + 1);
    if is_negative {
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
