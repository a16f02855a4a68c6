//! The digits of a decimal number before and after its point, whichever way it is written. Pure: no I/O, no clock.

/// A point further right than this is beyond every column type.
const POINT_MAX: i64 = 64;
/// A point further left than this leaves no digit that any scale has room for.
const POINT_MIN: i64 = -64;

/// The digits of a number without its sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Digits<'a> {
    /// Those before the point.
    pub integer: &'a [u8],
    /// Those after it.
    pub fraction: &'a [u8],
}

impl<'a> Digits<'a> {
    /// The digits of a text without a sign. One with an exponent is written out into `scratch`; if its point is far
    /// beyond all that a column can hold, it is set there, still beyond.
    pub fn of(unsigned: &'a [u8], scratch: &'a mut Vec<u8>) -> Option<Self> {
        if let Some(digits) = Self::plain(unsigned) {
            return Some(digits);
        }
        write_out(unsigned, scratch)?;
        Self::plain(scratch)
    }

    /// The digits of a number without an exponent.
    pub fn plain(unsigned: &'a [u8]) -> Option<Self> {
        let mut parts = unsigned.splitn(2, |byte| *byte == b'.');
        let integer = parts.next().unwrap_or_default();
        let fraction = parts.next().unwrap_or_default();
        let is_decimal = integer.iter().chain(fraction).all(u8::is_ascii_digit);
        (is_decimal && integer.len() + fraction.len() > 0).then_some(Self { integer, fraction })
    }
}

/// Whether digits other than zero are among them.
pub fn has_value(digits: &[u8]) -> bool {
    digits.iter().any(|digit| *digit != b'0')
}

/// `1.5e-3` as `0.0015`.
fn write_out(unsigned: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let at = unsigned.iter().position(|byte| matches!(byte, b'e' | b'E'))?;
    let (mantissa, exponent) = unsigned.split_at_checked(at)?;
    let Digits { integer, fraction } = Digits::plain(mantissa)?;
    let exponent = exponent_of(exponent.get(1..)?)?;
    let digits: Vec<u8> = integer.iter().chain(fraction).copied().collect();
    let zeros = digits.iter().take_while(|digit| **digit == b'0').count();
    let digits = digits.get(zeros..).unwrap_or_default();
    out.clear();
    if digits.is_empty() {
        out.push(b'0');
        return Some(());
    }
    let before = i64::try_from(integer.len()).ok()? - i64::try_from(zeros).ok()?;
    let point = before.saturating_add(exponent).clamp(POINT_MIN, POINT_MAX);
    let leading = usize::try_from(-point).unwrap_or(0);
    let (whole, rest) = digits
        .split_at_checked(usize::try_from(point).unwrap_or(0))
        .unwrap_or((digits, &[]));
    out.extend_from_slice(whole);
    let trailing = usize::try_from(point).unwrap_or(0) - whole.len();
    out.resize(out.len() + trailing, b'0');
    out.push(b'.');
    out.resize(out.len() + leading, b'0');
    out.extend_from_slice(rest);
    Some(())
}

/// A signed number of any length; beyond 64 bits it is the largest or smallest one.
fn exponent_of(text: &[u8]) -> Option<i64> {
    let (is_negative, digits) = match text.split_first() {
        Some((b'-', rest)) => (true, rest),
        Some((b'+', rest)) => (false, rest),
        Some(_) | None => (false, text),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let magnitude = digits.iter().fold(0_i64, |value, digit| {
        value.saturating_mul(10).saturating_add(i64::from(digit - b'0'))
    });
    Some(if is_negative { -magnitude } else { magnitude })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(text: &str) -> Option<(String, String)> {
        let mut scratch = Vec::new();
        let Digits { integer, fraction } = Digits::of(text.as_bytes(), &mut scratch)?;
        let text = |digits: &[u8]| String::from_utf8(digits.to_vec()).unwrap();
        Some((text(integer), text(fraction)))
    }

    #[test]
    fn a_number_has_the_same_digits_with_and_without_an_exponent() {
        for (text, integer, fraction) in [
            ("1e2", "100", ""),
            ("1E+2", "100", ""),
            ("1.5e-1", "", "15"),
            ("1.5e-3", "", "0015"),
            ("12.345e1", "123", "45"),
            ("0.00120e4", "12", "0"),
            ("0E-18", "0", ""),
            ("0e99999999999999999999999", "0", ""),
            (".5", "", "5"),
            ("5.", "5", ""),
            ("007.10", "007", "10"),
        ] {
            assert_eq!(
                written(text),
                Some((integer.to_owned(), fraction.to_owned())),
                "{text}"
            );
        }
        for text in [
            "", ".", "e5", "1e", "1e+", "1.2.3", "1e5.5", "1e5e5", "0x1", "1 2", "1f",
        ] {
            assert_eq!(written(text), None, "{text}");
        }
        let (integer, _) = written("1e99999999999999999999999").unwrap();
        assert!(integer.len() > 38, "beyond every type, and not gigabytes long");
        let (_, fraction) = written("1e-99999999999999999999999").unwrap();
        assert!(fraction.starts_with(&[b'0'; 31].map(char::from).iter().collect::<String>()));
    }

    proptest! {
        #[test]
        fn exponents_move_the_point_and_nothing_else(number in any::<u32>(), exponent in -20_i32..20) {
            let (integer, fraction) = written(&format!("{number}e{exponent}")).unwrap();
            let text = format!("{integer}.{fraction}0");
            let expected = f64::from(number) * 10_f64.powi(exponent);
            let read: f64 = format!("0{text}").parse().unwrap();
            prop_assert!((read - expected).abs() <= expected.abs() * 1e-12, "{} is {}", text, expected);
        }
    }
}
