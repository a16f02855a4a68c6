//! Numbers: integers, exact decimals and IEEE numbers, as JSON. Pure: no I/O, no clock.
//!
//! Exact by default. In the DMS form, integers and decimals go through a double and are printed as the C
//! library cJSON does: an integer that fits 32 bits as such, else the shorter of `%.15g` and `%.17g` that
//! reads back as the same double.

use std::io::Write as _;
use std::str;

use super::convert::{Length, ValueProblem};
use super::general_format::{parse_written, write_general, write_round_trip};
use crate::settings::NumberFormat;

/// Digits of a single that `%.9g` prints.
const SINGLE_DIGITS: u8 = 9;

/// The integers of a type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct IntegerRange {
    min: i64,
    max: u64,
}

impl IntegerRange {
    /// From a negative number to a positive one.
    pub(super) fn signed(min: i64, max: i64) -> Self {
        Self {
            min,
            max: max.unsigned_abs(),
        }
    }

    /// From zero on.
    pub(super) fn unsigned(max: u64) -> Self {
        Self { min: 0, max }
    }
}

/// Appends an integer of the range.
///
/// # Errors
/// If the text is not an integer or out of range.
pub(super) fn write_integer(
    out: &mut Vec<u8>,
    text: &[u8],
    range: IntegerRange,
    format: NumberFormat,
) -> Result<(), ValueProblem> {
    let (is_negative, digits) = split_sign(text);
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(ValueProblem::new(
            "not_a_number",
            format!("the value ({}) is not an integer", Length(text)),
        ));
    }
    let magnitude = digits.iter().try_fold(0_u64, |value, digit| {
        value.checked_mul(10)?.checked_add(u64::from(digit - b'0'))
    });
    let IntegerRange { min, max } = range;
    let limit = if is_negative { min.unsigned_abs() } else { max };
    let Some(magnitude) = magnitude.filter(|magnitude| *magnitude <= limit) else {
        return Err(ValueProblem::new(
            "number_out_of_range",
            format!("the value ({}) is not between {min} and {max}", Length(text)),
        ));
    };
    let start = out.len();
    if is_negative && magnitude != 0 {
        out.push(b'-');
    }
    out.extend_from_slice(itoa::Buffer::new().format(magnitude).as_bytes());
    match format {
        NumberFormat::Exact => {}
        NumberFormat::Dms => reprint_through_double(out, start),
    }
    Ok(())
}

/// Appends a decimal of at most `precision` digits, `scale` of them after the point: surplus fraction digits
/// are rounded half away from zero, trailing zeros of the fraction are left out.
///
/// # Errors
/// If the text is not a decimal or has too many digits before the point.
pub(super) fn write_decimal(
    out: &mut Vec<u8>,
    text: &[u8],
    precision: u8,
    scale: u8,
    format: NumberFormat,
) -> Result<(), ValueProblem> {
    let (is_negative, unsigned) = split_sign(text);
    let mut parts = unsigned.splitn(2, |byte| *byte == b'.');
    let integer = parts.next().unwrap_or_default();
    let fraction = parts.next().unwrap_or_default();
    let is_decimal = integer.iter().chain(fraction).all(u8::is_ascii_digit);
    if !is_decimal || integer.len() + fraction.len() == 0 {
        return Err(ValueProblem::new(
            "not_a_number",
            format!("the value ({}) is not a decimal number", Length(text)),
        ));
    }
    let start = out.len();
    if is_negative {
        out.push(b'-');
    }
    let digits_start = out.len();
    // A leading zero takes the carry of 9.99; it goes if it is not needed.
    out.push(b'0');
    out.extend_from_slice(integer);
    let integer_end = out.len();
    let kept = fraction.get(..scale.into()).unwrap_or(fraction);
    out.extend_from_slice(kept);
    if fraction.get(kept.len()).is_some_and(|digit| *digit >= b'5') {
        add_one(out.get_mut(digits_start..).unwrap_or_default());
    }
    let zeros = out
        .get(digits_start..integer_end)
        .unwrap_or_default()
        .iter()
        .take_while(|digit| **digit == b'0')
        .count();
    let integer_digits = integer_end - digits_start - zeros;
    if integer_digits > usize::from(precision.saturating_sub(scale)) {
        return Err(ValueProblem::new(
            "number_out_of_range",
            format!(
                "the value ({}) does not fit NUMERIC({precision},{scale})",
                Length(text)
            ),
        ));
    }
    finish_decimal(out, start, digits_start, integer_end, zeros);
    match format {
        NumberFormat::Exact => {}
        NumberFormat::Dms => reprint_through_double(out, start),
    }
    Ok(())
}

/// Drops needless zeros on both sides, sets the point, and takes the sign off zero.
fn finish_decimal(out: &mut Vec<u8>, start: usize, digits_start: usize, integer_end: usize, zeros: usize) {
    while out.len() > integer_end && out.last() == Some(&b'0') {
        out.pop();
    }
    if out.len() > integer_end {
        out.insert(integer_end, b'.');
    }
    let is_zero = out.len() == integer_end && digits_start + zeros == integer_end;
    // One zero stays before the point.
    let surplus = zeros.min(integer_end - digits_start - 1);
    let cut_from = if is_zero { start } else { digits_start };
    let cut_to = digits_start + surplus;
    out.drain(cut_from..cut_to);
}

/// Adds one in the last place. The first digit is never a nine.
fn add_one(digits: &mut [u8]) {
    for digit in digits.iter_mut().rev() {
        if *digit == b'9' {
            *digit = b'0';
        } else {
            *digit += 1;
            return;
        }
    }
}

/// Appends an IEEE single as `%.9g`.
///
/// # Errors
/// If the text is not a number, or one that JSON or the type cannot hold.
pub(super) fn write_single(out: &mut Vec<u8>, text: &[u8]) -> Result<(), ValueProblem> {
    let value: f32 = parse_finite(text, |value: f32| value.is_finite())?;
    write_general(out, f64::from(value), SINGLE_DIGITS);
    Ok(())
}

/// Appends an IEEE double, the shorter of `%.15g` and `%.17g` that reads back the same.
///
/// # Errors
/// If the text is not a number, or one that JSON or the type cannot hold.
pub(super) fn write_double(out: &mut Vec<u8>, text: &[u8]) -> Result<(), ValueProblem> {
    let value: f64 = parse_finite(text, |value: f64| value.is_finite())?;
    write_round_trip(out, value);
    Ok(())
}

fn parse_finite<T: str::FromStr + Copy>(text: &[u8], is_finite: fn(T) -> bool) -> Result<T, ValueProblem> {
    let starts_as_number = text
        .iter()
        .all(|byte| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E'));
    let value = str::from_utf8(text)
        .ok()
        .filter(|_| starts_as_number)
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| {
            ValueProblem::new(
                "not_a_number",
                format!("the value ({}) is not a finite number", Length(text)),
            )
        })?;
    if is_finite(value) {
        return Ok(value);
    }
    Err(ValueProblem::new(
        "number_out_of_range",
        format!("the value ({}) is beyond the range of the type", Length(text)),
    ))
}

/// Replaces the number written since `start` by what DMS makes of it.
fn reprint_through_double(out: &mut Vec<u8>, start: usize) {
    let Some(value) = parse_written(out, start) else {
        return;
    };
    out.truncate(start);
    let fits_32_bits = value >= f64::from(i32::MIN) && value <= f64::from(i32::MAX);
    if fits_32_bits && value.fract() == 0.0 {
        // Writing to a vector cannot fail; a minus zero prints as zero.
        let written = write!(out, "{}", value + 0.0);
        debug_assert!(written.is_ok(), "a vector takes every write");
    } else {
        write_round_trip(out, value);
    }
}

fn split_sign(text: &[u8]) -> (bool, &[u8]) {
    match text.strip_prefix(b"-") {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix(b"+").unwrap_or(text)),
    }
}
