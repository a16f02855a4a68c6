//! Durations (`500ms`, `30s`, `5m`, `1h`) and sizes (`512B`, `64KiB`, `1MB`, `8MiB`), with their units in the
//! value. Pure: no I/O, no clock.

use crate::saturate;

use std::fmt;
use std::time::Duration;

/// Units of time and what they are in milliseconds, largest first.
const DURATION_UNITS: &[(&str, u64)] = &[("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// Units of size and what they are in bytes, largest first.
const SIZE_UNITS: &[(&str, u64)] = &[
    ("GiB", 1 << 30),
    ("GB", 1_000_000_000),
    ("MiB", 1 << 20),
    ("MB", 1_000_000),
    ("KiB", 1 << 10),
    ("KB", 1_000),
    ("B", 1),
];

/// Why a value with a unit could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnitError {
    /// A bare number.
    #[error("has no unit; write one of {allowed} right after the number, for example `{given}{example}`")]
    NoUnit {
        /// What was given.
        given: String,
        /// The units there are.
        allowed: String,
        /// The unit that is most likely meant.
        example: &'static str,
    },
    /// A unit that does not exist.
    #[error("has the unknown unit `{unit}`; use one of {allowed}")]
    UnknownUnit {
        /// The unit given.
        unit: String,
        /// The units there are.
        allowed: String,
    },
    /// No whole number before the unit.
    #[error("does not start with a whole number; write a number and a unit, for example `30{example}`")]
    NoNumber {
        /// A unit.
        example: &'static str,
    },
    /// Too large to be counted.
    #[error("is too large to be counted")]
    TooLarge,
}

/// A duration in whole milliseconds, written with the largest unit that divides it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DurationText(pub Duration);

impl fmt::Display for DurationText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let milliseconds = saturate::to_u64(self.0.as_millis());
        write_with_unit(f, milliseconds, DURATION_UNITS, "s")
    }
}

/// A number of bytes, written with the largest binary or decimal unit that divides it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SizeText(pub u64);

impl fmt::Display for SizeText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_with_unit(f, self.0, SIZE_UNITS, "B")
    }
}

/// Reads a duration.
///
/// # Errors
/// [`UnitError`] if it is not a whole number with a unit of time.
pub fn parse_duration(text: &str) -> Result<Duration, UnitError> {
    parse(text, DURATION_UNITS, "s").map(Duration::from_millis)
}

/// Reads a size in bytes.
///
/// # Errors
/// [`UnitError`] if it is not a whole number with a unit of size.
pub fn parse_size(text: &str) -> Result<u64, UnitError> {
    parse(text, SIZE_UNITS, "MiB")
}

fn parse(text: &str, units: &[(&str, u64)], example: &'static str) -> Result<u64, UnitError> {
    let unit = text.trim_start_matches(|character: char| character.is_ascii_digit());
    let digits = text.strip_suffix(unit).unwrap_or_default();
    let unit = unit.trim_start();
    if digits.is_empty() {
        return Err(UnitError::NoNumber { example });
    }
    let allowed = || {
        let names: Vec<_> = units.iter().rev().map(|(name, _)| format!("`{name}`")).collect();
        names.join(", ")
    };
    if unit.is_empty() {
        return Err(UnitError::NoUnit {
            given: digits.to_owned(),
            allowed: allowed(),
            example,
        });
    }
    let Some((_, factor)) = units.iter().find(|(name, _)| *name == unit) else {
        return Err(UnitError::UnknownUnit {
            unit: unit.to_owned(),
            allowed: allowed(),
        });
    };
    let number: u64 = digits.parse().map_err(|_| UnitError::TooLarge)?;
    number.checked_mul(*factor).ok_or(UnitError::TooLarge)
}

fn write_with_unit(
    f: &mut fmt::Formatter<'_>,
    value: u64,
    units: &[(&str, u64)],
    unit_of_zero: &str,
) -> fmt::Result {
    match units
        .iter()
        .find(|(_, factor)| value != 0 && value.is_multiple_of(*factor))
    {
        Some((unit, factor)) => write!(f, "{}{unit}", value / factor),
        None => write!(f, "0{unit_of_zero}"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn documented_units_are_read() {
        for (text, milliseconds) in [
            ("500ms", 500),
            ("30s", 30_000),
            ("5m", 300_000),
            ("1h", 3_600_000),
            ("0ms", 0),
        ] {
            assert_eq!(
                parse_duration(text),
                Ok(Duration::from_millis(milliseconds)),
                "{text}"
            );
        }
        for (text, bytes) in [
            ("8MiB", 8 << 20),
            ("64KiB", 64 << 10),
            ("1MB", 1_000_000),
            ("512B", 512),
            ("2 GiB", 2 << 30),
            ("3KB", 3_000),
            ("1GB", 1_000_000_000),
        ] {
            assert_eq!(parse_size(text), Ok(bytes), "{text}");
        }
    }

    #[test]
    fn wrong_values_say_what_is_wrong_and_what_to_do() {
        for (text, part) in [
            (
                "30",
                "has no unit; write one of `ms`, `s`, `m`, `h` right after the number, for example `30s`",
            ),
            ("30sec", "unknown unit `sec`"),
            ("30S", "unknown unit `S`"),
            ("1.5s", "unknown unit `.5s`"),
            ("", "whole number"),
            ("-1s", "whole number"),
            ("99999999999999999999s", "too large"),
            ("18446744073709551615h", "too large"),
        ] {
            let error = parse_duration(text).unwrap_err().to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
        assert!(
            parse_size("8mb")
                .unwrap_err()
                .to_string()
                .contains("`B`, `KB`, `KiB`, `MB`"),
            "sizes"
        );
    }

    proptest! {
        #[test]
        fn what_is_shown_is_read_back(value: u64) {
            prop_assert_eq!(parse_size(&SizeText(value).to_string()), Ok(value));
            let duration = Duration::from_millis(value);
            prop_assert_eq!(parse_duration(&DurationText(duration).to_string()), Ok(duration));
        }

        #[test]
        fn any_text_is_read_or_refused(text: String) {
            drop(parse_duration(&text));
            drop(parse_size(&text));
        }
    }
}
