//! Numbers: integers, exact decimals and IEEE numbers, as JSON. Pure: no I/O, no clock.
//!
//! Exact by default. In the DMS form, integers and decimals go through a double and are printed as the C
//! library cJSON does: an integer that fits 32 bits as such, else the shorter of `%.15g` and `%.17g` that
//! reads back as the same double.

use std::io::Write as _;
use std::str;

use super::convert::{Length, ValueProblem, ValueStyle, Written, surplus};
use super::digits::{Digits, has_value};
use super::general_format::{parse_written, write_general, write_round_trip};
use crate::settings::{Fit, NumberFormat};

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

/// Appends an integer of the range. A fraction of nothing but zeros says nothing; another one is a surplus.
///
/// # Errors
/// If the text is not a number, has a fraction, or is out of range.
pub(super) fn write_integer(
    out: &mut Vec<u8>,
    text: &[u8],
    range: IntegerRange,
    style: ValueStyle,
) -> Result<Written, ValueProblem> {
    let (is_negative, digits) = split_sign(text);
    let (magnitude, written) = if !digits.is_empty() && digits.iter().all(u8::is_ascii_digit) {
        (magnitude_of(digits), Written::Whole)
    } else {
        whole_part(text, digits, style.fit)?
    };
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
    match style.number_format {
        NumberFormat::Exact => {}
        NumberFormat::Dms => reprint_through_double(out, start),
    }
    Ok(written)
}

fn magnitude_of(digits: &[u8]) -> Option<u64> {
    digits.iter().try_fold(0_u64, |value, digit| {
        value.checked_mul(10)?.checked_add(u64::from(digit - b'0'))
    })
}

/// The integer that a number with a point or an exponent is, rounded half away from zero where values are cut.
fn whole_part(text: &[u8], unsigned: &[u8], fit: Fit) -> Result<(Option<u64>, Written), ValueProblem> {
    let mut scratch = Vec::new();
    let Digits { integer, fraction } =
        Digits::of(unsigned, &mut scratch).ok_or_else(|| not_a_number(text, "an integer"))?;
    let magnitude = magnitude_of(integer);
    if !has_value(fraction) || magnitude.is_none() {
        return Ok((magnitude, Written::Whole));
    }
    let written = surplus(fit, || {
        format!(
            "the value ({}) has digits after the point, and the column holds integers",
            Length(text)
        )
    })?;
    let carry = u64::from(fraction.first().is_some_and(|digit| *digit >= b'5'));
    Ok((
        magnitude.and_then(|magnitude| magnitude.checked_add(carry)),
        written,
    ))
}

/// Appends a decimal of at most `precision` digits, `scale` of them after the point; trailing zeros of the fraction
/// are left out. Where values are cut, surplus digits are rounded half away from zero.
///
/// # Errors
/// If the text is not a number, or has too many digits before the point, or others than zeros too many after it.
pub(super) fn write_decimal(
    out: &mut Vec<u8>,
    text: &[u8],
    precision: u8,
    scale: u8,
    style: ValueStyle,
) -> Result<Written, ValueProblem> {
    let (is_negative, unsigned) = split_sign(text);
    let mut scratch = Vec::new();
    let Digits { integer, fraction } =
        Digits::of(unsigned, &mut scratch).ok_or_else(|| not_a_number(text, "a decimal number"))?;
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
    let rest = fraction.get(kept.len()..).unwrap_or_default();
    let has_surplus = has_value(rest);
    if has_surplus && style.fit == Fit::Truncate && rest.first().is_some_and(|digit| *digit >= b'5') {
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
        let reason = format!(
            "the value ({}) does not fit NUMERIC({precision},{scale})",
            Length(text)
        );
        return Err(ValueProblem::new("number_out_of_range", reason));
    }
    let written = if has_surplus {
        beyond_scale(text, precision, scale, style.fit)?
    } else {
        Written::Whole
    };
    finish_decimal(out, start, digits_start, integer_end, zeros);
    match style.number_format {
        NumberFormat::Exact => {}
        NumberFormat::Dms => reprint_through_double(out, start),
    }
    Ok(written)
}

fn beyond_scale(text: &[u8], precision: u8, scale: u8, fit: Fit) -> Result<Written, ValueProblem> {
    surplus(fit, || {
        format!(
            "the value ({}) has more digits after the point than NUMERIC({precision},{scale})",
            Length(text)
        )
    })
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
pub(super) fn write_single(out: &mut Vec<u8>, text: &[u8]) -> Result<Written, ValueProblem> {
    let value: f32 = parse_within(text, |value: f32| value.is_finite(), |value| value == 0.0)?;
    write_general(out, f64::from(value), SINGLE_DIGITS);
    Ok(Written::Whole)
}

/// Appends an IEEE double, the shorter of `%.15g` and `%.17g` that reads back the same.
///
/// # Errors
/// If the text is not a number, or one that JSON or the type cannot hold.
pub(super) fn write_double(out: &mut Vec<u8>, text: &[u8]) -> Result<Written, ValueProblem> {
    let value: f64 = parse_within(text, |value: f64| value.is_finite(), |value| value == 0.0)?;
    write_round_trip(out, value);
    Ok(Written::Whole)
}

/// The number of a text, rounded as its type does it: not to infinity, and not to zero unless it is zero.
fn parse_within<T: str::FromStr + Copy>(
    text: &[u8],
    is_finite: fn(T) -> bool,
    is_zero: fn(T) -> bool,
) -> Result<T, ValueProblem> {
    let starts_as_number = text
        .iter()
        .all(|byte| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E'));
    let value = str::from_utf8(text)
        .ok()
        .filter(|_| starts_as_number)
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| not_a_number(text, "a finite number"))?;
    let has_vanished = || {
        let mut mantissa = text.iter().take_while(|byte| !matches!(byte, b'e' | b'E'));
        mantissa.any(|byte| matches!(byte, b'1'..=b'9'))
    };
    if is_finite(value) && !(is_zero(value) && has_vanished()) {
        return Ok(value);
    }
    Err(ValueProblem::new(
        "number_out_of_range",
        format!("the value ({}) is beyond the range of the type", Length(text)),
    ))
}

fn not_a_number(text: &[u8], what: &str) -> ValueProblem {
    let reason = if is_non_finite(text) {
        format!(
            "the value ({}) is NaN or infinity, which JSON does not have; `non_finite_numbers: as_null` makes it NULL",
            Length(text)
        )
    } else {
        format!("the value ({}) is not {what}", Length(text))
    };
    ValueProblem::new("not_a_number", reason)
}

/// Whether a text says that a number is none, or has no bound.
pub(super) fn is_non_finite(text: &[u8]) -> bool {
    let (_, name) = split_sign(text);
    name.first().is_some_and(u8::is_ascii_alphabetic)
        && ["nan", "inf", "infinity"]
            .iter()
            .any(|spelling| name.eq_ignore_ascii_case(spelling.as_bytes()))
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
