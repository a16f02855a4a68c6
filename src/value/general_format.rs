//! C's `%.<n>g`: a double with at most so many significant digits. Pure: no I/O, no clock.
//!
//! Rounding to a given number of digits needs big integers; the shortest digits that tell a double from its
//! neighbours do not. Where they are few enough, both are the same, and the fast way is taken.

use std::fmt::{self, Write as _};
use std::str;

/// Room for the digits, the point and the exponent of any double in scientific notation.
const SCIENTIFIC_BYTES_MAX: usize = 40;
/// Values with a smaller exponent are written in scientific notation.
const FIXED_EXPONENT_MIN: i32 = -4;
/// Every decimal of so many digits survives the way through a double.
const DOUBLE_DIGITS: u8 = 15;
/// So many digits distinguish all doubles.
const DOUBLE_DIGITS_EXACT: u8 = 17;

/// Appends the finite double as C's `%.15g` if that reads back as the same double, else as `%.17g`.
pub(super) fn write_round_trip(out: &mut Vec<u8>, value: f64) {
    let mut shortest = StackText::default();
    let written = write!(shortest, "{:e}", value.abs());
    debug_assert!(written.is_ok(), "every double fits into the buffer");
    let (mantissa, _) = split_exponent(shortest.as_bytes());
    let digits_count = mantissa.iter().filter(|byte| byte.is_ascii_digit()).count();
    if value.is_subnormal() {
        // These carry fewer digits, which says nothing about what `%.15g` prints: try it.
        let start = out.len();
        write_general(out, value, DOUBLE_DIGITS);
        if parse_written(out, start).is_none_or(|back| back.total_cmp(&value).is_ne()) {
            out.truncate(start);
            write_general(out, value, DOUBLE_DIGITS_EXACT);
        }
    } else if digits_count <= usize::from(DOUBLE_DIGITS) {
        // Fifteen digits survive the way through any other double, so the shortest text is `%.15g` here,
        // and where it has more digits, `%.15g` is another double.
        lay_out(out, value, shortest.as_bytes(), DOUBLE_DIGITS);
    } else {
        write_general(out, value, DOUBLE_DIGITS_EXACT);
    }
}

/// The number that was written since `start`.
pub(super) fn parse_written(out: &[u8], start: usize) -> Option<f64> {
    str::from_utf8(out.get(start..)?).ok()?.parse().ok()
}

/// Appends the finite double as C's `%.<digits_max>g` does; zero has no sign.
pub(super) fn write_general(out: &mut Vec<u8>, value: f64, digits_max: u8) {
    let mut scientific = StackText::default();
    let precision = usize::from(digits_max.saturating_sub(1));
    let written = write!(scientific, "{:.precision$e}", value.abs());
    debug_assert!(written.is_ok(), "every double fits into the buffer");
    lay_out(out, value, scientific.as_bytes(), digits_max);
}

/// Brings a text in scientific notation, without sign, into the form of `%g`.
fn lay_out(out: &mut Vec<u8>, value: f64, scientific: &[u8], digits_max: u8) {
    if value == 0.0 {
        out.push(b'0');
        return;
    }
    let (mantissa, exponent) = split_exponent(scientific);
    let first = mantissa.get(..1).unwrap_or_default();
    let others = trim_zeros(mantissa.get(2..).unwrap_or_default());
    if value < 0.0 {
        out.push(b'-');
    }
    if (FIXED_EXPONENT_MIN..i32::from(digits_max)).contains(&exponent) {
        write_fixed(out, first, others, exponent);
    } else {
        write_scientific(out, first, others, exponent);
    }
}

fn split_exponent(scientific: &[u8]) -> (&[u8], i32) {
    let mark = scientific
        .iter()
        .position(|byte| *byte == b'e')
        .unwrap_or(scientific.len());
    let (mantissa, exponent) = scientific.split_at_checked(mark).unwrap_or_default();
    (mantissa, parse_exponent(exponent))
}

/// `e-7` as a number.
fn parse_exponent(text: &[u8]) -> i32 {
    let digits = text.get(1..).and_then(|digits| str::from_utf8(digits).ok());
    digits.and_then(|digits| digits.parse().ok()).unwrap_or(0)
}

fn trim_zeros(digits: &[u8]) -> &[u8] {
    let length = digits
        .iter()
        .rposition(|digit| *digit != b'0')
        .map_or(0, |last| last + 1);
    digits.get(..length).unwrap_or_default()
}

fn write_fixed(out: &mut Vec<u8>, first: &[u8], others: &[u8], exponent: i32) {
    let Ok(digits_before_point) = usize::try_from(exponent) else {
        let zeros = usize::try_from(-exponent - 1).unwrap_or(0);
        out.extend_from_slice(b"0.");
        out.resize(out.len() + zeros, b'0');
        out.extend_from_slice(first);
        out.extend_from_slice(others);
        return;
    };
    out.extend_from_slice(first);
    if let Some((integer, fraction)) = others.split_at_checked(digits_before_point) {
        out.extend_from_slice(integer);
        if !fraction.is_empty() {
            out.push(b'.');
            out.extend_from_slice(fraction);
        }
    } else {
        out.extend_from_slice(others);
        out.resize(out.len() + digits_before_point - others.len(), b'0');
    }
}

fn write_scientific(out: &mut Vec<u8>, first: &[u8], others: &[u8], exponent: i32) {
    out.extend_from_slice(first);
    if !others.is_empty() {
        out.push(b'.');
        out.extend_from_slice(others);
    }
    out.extend_from_slice(if exponent < 0 { b"e-" } else { b"e+" });
    let magnitude = exponent.unsigned_abs();
    if magnitude < 10 {
        out.push(b'0');
    }
    out.extend_from_slice(itoa::Buffer::new().format(magnitude).as_bytes());
}

/// A short text that needs no allocation.
struct StackText {
    bytes: [u8; SCIENTIFIC_BYTES_MAX],
    length: usize,
}

impl Default for StackText {
    fn default() -> Self {
        Self {
            bytes: [0; SCIENTIFIC_BYTES_MAX],
            length: 0,
        }
    }
}

impl StackText {
    fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}

impl fmt::Write for StackText {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let end = self.length + text.len();
        let room = self.bytes.get_mut(self.length..end).ok_or(fmt::Error)?;
        room.copy_from_slice(text.as_bytes());
        self.length = end;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn general(value: f64, digits_max: u8) -> String {
        let mut out = Vec::new();
        write_general(&mut out, value, digits_max);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn it_prints_what_c_prints() {
        for (value, digits_max, expected) in [
            (0.0, 15, "0"),
            (-0.0, 15, "0"),
            (20.2, 15, "20.2"),
            (55.0, 15, "55"),
            (-100.0, 15, "-100"),
            (f64::from(2.2_f32), 9, "2.20000005"),
            (f64::from(1.1_f32), 9, "1.10000002"),
            (f64::from(4.4_f32), 9, "4.4000001"),
            (1e15, 15, "1e+15"),
            (999_999_999_999_999.0, 15, "999999999999999"),
            (12_345_678_901_234_567.0, 17, "12345678901234568"),
            (1e17, 17, "1e+17"),
            (0.0001, 15, "0.0001"),
            (0.000_012_5, 15, "1.25e-05"),
            (1.5e300, 15, "1.5e+300"),
            (5e-324, 17, "4.9406564584124654e-324"),
            (9.999_999_999_9, 9, "10"),
        ] {
            assert_eq!(
                general(value, digits_max),
                expected,
                "%.{digits_max}g of {value:e}"
            );
        }
    }

    proptest! {
        #[test]
        fn the_fast_way_prints_what_the_slow_way_prints(
            value in prop_oneof![
                any::<f64>().prop_filter("finite", |v| v.is_finite()),
                (1_u64..1 << 52).prop_map(f64::from_bits),
                (-1_000_000_i32..1_000_000, -8_i32..8).prop_map(|(digits, exponent)| f64::from(digits) * 10_f64.powi(exponent)),
            ],
        ) {
            let mut fast = Vec::new();
            write_round_trip(&mut fast, value);
            let fifteen = general(value, 15);
            // Subnormal numbers included: they carry fewer digits than the others.
            let reads_back = fifteen.parse::<f64>().unwrap().total_cmp(&value).is_eq() || value == 0.0;
            let slow = if reads_back { fifteen } else { general(value, 17) };
            prop_assert_eq!(String::from_utf8(fast).unwrap(), slow);
        }

        #[test]
        fn seventeen_digits_read_back_as_the_same_double(value in any::<f64>().prop_filter("finite", |v| v.is_finite())) {
            let back: f64 = general(value, 17).parse().unwrap();
            prop_assert!(back.total_cmp(&value).is_eq() || value == 0.0, "{} became {}", value, back);
        }
    }
}
