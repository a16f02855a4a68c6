//! What one value looks like. Pure: no I/O, no clock.
//!
//! What would be printed otherwise than it stands, such as `007` or `+1`, is text. Dates are those of the documented
//! patterns of DMS, checked by the engine's own reading of them.

use std::str;

use crate::model::{ColumnType, DateFormat};
use crate::settings::{Fit, NumberFormat};
use crate::value::convert::{HexPrefix, ValueStyle, write_value};

/// Digits that an exact number can have.
const DIGITS_MAX: usize = 38;
/// Digits of a fraction of a second that are kept.
const FRACTION_DIGITS_MAX: usize = 9;
const STYLE: ValueStyle = ValueStyle {
    number_format: NumberFormat::Exact,
    hex_prefix: HexPrefix::Present,
    fit: Fit::Whole,
};

/// What a value looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// `true` or `false`, in words.
    Boolean,
    /// A whole number without leading zeros.
    Integer(i128),
    /// A number with a point.
    Decimal {
        /// Digits before the point.
        integer_digits: u8,
        /// Digits after it.
        fraction_digits: u8,
    },
    /// A number with an exponent.
    Exponent,
    /// A date.
    Date(DatePattern),
    /// A time of day.
    Time,
    /// A date and a time.
    DateTime(DatePattern, u8),
    /// Anything else.
    Text,
}

/// How a date is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DatePattern {
    /// `YYYY-MM-dd`
    Dashed,
    /// `YYYY/MM/dd`
    Slashed,
    /// `MM/dd/YYYY`; `is_certain` if the day is above 12 and so no month.
    MonthFirst {
        /// Whether it cannot be `dd/MM/YYYY`.
        is_certain: bool,
    },
    /// `YYYYMMdd`, only with a time after it.
    Plain,
}

impl DatePattern {
    /// The format of a column; `None` for the general notation, which needs none.
    pub fn format(self, fraction: bool) -> Option<DateFormat> {
        match self {
            Self::Dashed => None,
            Self::Slashed => Some(DateFormat::YearMonthDaySlashed { fraction }),
            Self::MonthFirst { .. } => Some(DateFormat::MonthDayYearSlashed { fraction }),
            Self::Plain => Some(DateFormat::YearMonthDayPlain { fraction }),
        }
    }

    /// Whether both are the same pattern, certain or not.
    pub fn is_like(self, other: Self) -> bool {
        self.format(false) == other.format(false)
    }
}

/// The shape of a value that is not NULL.
pub fn shape_of(text: &[u8]) -> Shape {
    if text.eq_ignore_ascii_case(b"true") || text.eq_ignore_ascii_case(b"false") {
        return Shape::Boolean;
    }
    number_of(text).or_else(|| moment_of(text)).unwrap_or(Shape::Text)
}

fn number_of(text: &[u8]) -> Option<Shape> {
    let unsigned = text.strip_prefix(b"-").unwrap_or(text);
    if let Some(at) = unsigned.iter().position(|byte| matches!(byte, b'e' | b'E')) {
        let (mantissa, exponent) = unsigned.split_at_checked(at)?;
        let exponent = exponent.get(1..)?;
        let exponent = exponent
            .strip_prefix(b"-")
            .or(exponent.strip_prefix(b"+"))
            .unwrap_or(exponent);
        fixed_of(mantissa)?;
        let is_exponent = !exponent.is_empty() && exponent.iter().all(u8::is_ascii_digit);
        return (is_exponent && accepts(ColumnType::Real8, text)).then_some(Shape::Exponent);
    }
    let (integer_digits, fraction_digits) = fixed_of(unsigned)?;
    if fraction_digits > 0 {
        return Some(Shape::Decimal {
            integer_digits: u8::try_from(integer_digits).ok()?,
            fraction_digits: u8::try_from(fraction_digits).ok()?,
        });
    }
    let value: i128 = str::from_utf8(text).ok()?.parse().ok()?;
    (value != 0 || unsigned == text).then_some(Shape::Integer(value))
}

/// Digits before and after the point of a number as it would be printed: no leading zeros, no bare point.
fn fixed_of(unsigned: &[u8]) -> Option<(usize, usize)> {
    let mut parts = unsigned.splitn(2, |byte| *byte == b'.');
    let (integer, fraction) = (parts.next()?, parts.next());
    let is_digits = |part: &[u8]| !part.is_empty() && part.iter().all(u8::is_ascii_digit);
    let has_leading_zero = integer.len() > 1 && integer.first() == Some(&b'0');
    if !is_digits(integer) || has_leading_zero || fraction.is_some_and(|part| !is_digits(part)) {
        return None;
    }
    let fraction_digits = fraction.map_or(0, <[u8]>::len);
    (integer.len() + fraction_digits <= DIGITS_MAX).then_some((integer.len(), fraction_digits))
}

fn moment_of(text: &[u8]) -> Option<Shape> {
    if time_of(text).is_some() {
        return accepts(ColumnType::Time { format: None }, text).then_some(Shape::Time);
    }
    let at = text.iter().position(|byte| *byte == b' ').unwrap_or(text.len());
    let (date, behind) = text.split_at_checked(at)?;
    let pattern = date_of(date)?;
    if behind.is_empty() {
        let format = pattern.format(false);
        // Eight digits alone are a number.
        let is_date = pattern != DatePattern::Plain && accepts(ColumnType::Date { format }, text);
        return is_date.then_some(Shape::Date(pattern));
    }
    let fraction_digits = time_of(behind.get(1..)?)?;
    let column_type = ColumnType::DateTime {
        scale: 9,
        format: pattern.format(false),
    };
    accepts(column_type, text).then_some(Shape::DateTime(pattern, fraction_digits))
}

/// `HH:mm:ss` with or without a fraction: how many digits the fraction has.
fn time_of(text: &[u8]) -> Option<u8> {
    let (time, fraction) = text.split_at_checked(8)?;
    if !matches(time, b"00:00:00") {
        return None;
    }
    match fraction.split_first() {
        None => Some(0),
        Some((b'.', digits)) => {
            let is_fraction = !digits.is_empty()
                && digits.len() <= FRACTION_DIGITS_MAX
                && digits.iter().all(u8::is_ascii_digit);
            is_fraction.then_some(())?;
            u8::try_from(digits.len()).ok()
        }
        Some(_) => None,
    }
}

fn date_of(text: &[u8]) -> Option<DatePattern> {
    if matches(text, b"0000-00-00") {
        Some(DatePattern::Dashed)
    } else if matches(text, b"0000/00/00") {
        Some(DatePattern::Slashed)
    } else if matches(text, b"00/00/0000") {
        let is_certain = text.get(3..5)? > b"12".as_slice();
        Some(DatePattern::MonthFirst { is_certain })
    } else if matches(text, b"00000000") {
        Some(DatePattern::Plain)
    } else {
        None
    }
}

/// Whether a text has digits where the pattern has zeros, and the same bytes elsewhere.
fn matches(text: &[u8], pattern: &[u8]) -> bool {
    let fits = |(byte, wanted): (&u8, &u8)| match wanted {
        b'0' => byte.is_ascii_digit(),
        other => byte == other,
    };
    text.len() == pattern.len() && text.iter().zip(pattern).all(fits)
}

/// Whether the engine takes the value for the type.
pub fn accepts(column_type: ColumnType, text: &[u8]) -> bool {
    write_value(&mut Vec::new(), text, column_type, STYLE).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_be_printed_otherwise_is_text() {
        for text in [
            "007",
            "+1",
            "-0",
            "1.",
            ".5",
            " 1",
            "1 ",
            "1e",
            "0x10",
            "1.2.3",
            "",
            "yes",
            "1/2/2024",
            "2024-02-30",
            "2024-01-01T10:00:00",
            "25:00:00",
            "1_000",
            "1,5",
            "NaN",
        ] {
            assert_eq!(shape_of(text.as_bytes()), Shape::Text, "{text:?}");
        }
    }

    #[test]
    fn shapes_are_told_apart() {
        let certain = DatePattern::MonthFirst { is_certain: true };
        let decimal = |integer_digits, fraction_digits| Shape::Decimal {
            integer_digits,
            fraction_digits,
        };
        for (text, shape) in [
            ("TRUE", Shape::Boolean),
            ("0", Shape::Integer(0)),
            ("-42", Shape::Integer(-42)),
            ("0.50", decimal(1, 2)),
            ("-12.5", decimal(2, 1)),
            ("1.5e-3", Shape::Exponent),
            ("20240131", Shape::Integer(20_240_131)),
            ("2024-01-31", Shape::Date(DatePattern::Dashed)),
            ("01/31/2024", Shape::Date(certain)),
            ("23:59:59.5", Shape::Time),
            ("20240131 10:00:00", Shape::DateTime(DatePattern::Plain, 0)),
            (
                "2024/01/31 10:00:00.123",
                Shape::DateTime(DatePattern::Slashed, 3),
            ),
        ] {
            assert_eq!(shape_of(text.as_bytes()), shape, "{text:?}");
        }
    }
}
