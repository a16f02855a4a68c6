//! The type of a column from the values that were seen of it. Pure: no I/O, no clock.

use super::shape::{DatePattern, Shape, shape_of};
use crate::model::ColumnType;
use crate::saturate;

/// Integers get the type that holds values so many times larger: keys grow.
const GROWTH: i128 = 100;
/// Digits before the point that a decimal column takes beyond those seen.
const SPARE_DIGITS: u8 = 2;
const DIGITS_MAX: u8 = 38;
const FRACTION_DIGITS_MAX: u8 = 31;
/// Shortest length that is proposed.
const LENGTH_MIN: u64 = 10;
/// Longest length that is proposed; what is longer is large text.
const LENGTH_MAX: u64 = 1_000_000;
/// Length of a column of which no value was seen.
const LENGTH_UNKNOWN: u32 = 255;

/// What was seen of a column.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ColumnSeen {
    /// Values that are not NULL.
    pub values: u64,
    /// NULLs.
    pub nulls: u64,
    /// Bytes of the shortest value.
    pub bytes_min: u64,
    /// Bytes of the longest value.
    pub bytes_max: u64,
    /// Values that are not UTF-8, which no text column takes.
    pub not_utf8: u64,
    /// Values with a NUL, at which DMS cuts.
    pub with_nul: u64,
    /// Nothing in quotes: a value of a text, and NULL in any other column.
    pub empties: u64,
    kinds: Kinds,
}

/// How many values of each shape, and how far they reach.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Kinds {
    booleans: u64,
    integers: u64,
    decimals: u64,
    exponents: u64,
    dates: u64,
    times: u64,
    date_times: u64,
    integer_min: i128,
    integer_max: i128,
    integer_digits: u8,
    fraction_digits: u8,
    second_digits: u8,
    pattern: Option<DatePattern>,
    /// Dates of more than one pattern.
    is_mixed: bool,
}

impl ColumnSeen {
    /// Adds a NULL.
    pub fn add_null(&mut self) {
        self.nulls += 1;
    }

    /// Adds a value that is not NULL.
    pub fn add(&mut self, text: &[u8]) {
        let bytes = saturate::to_u64(text.len());
        self.bytes_min = if self.values == 0 {
            bytes
        } else {
            self.bytes_min.min(bytes)
        };
        self.bytes_max = self.bytes_max.max(bytes);
        self.values += 1;
        self.not_utf8 += u64::from(std::str::from_utf8(text).is_err());
        self.with_nul += u64::from(text.contains(&0));
        if text.is_empty() {
            self.empties += 1;
        } else {
            self.kinds.add(shape_of(text));
        }
    }

    /// The narrowest type that takes every value and loses nothing of any.
    pub fn column_type(&self) -> ColumnType {
        let filled = self.values - self.empties;
        let of_values = (filled > 0).then(|| self.kinds.column_type(filled));
        of_values.flatten().unwrap_or_else(|| self.text_type())
    }

    /// Whether all values are dates that could be meant day first.
    pub fn is_ambiguous_date(&self) -> bool {
        let kinds = &self.kinds;
        kinds.pattern == Some(DatePattern::MonthFirst { is_certain: false })
            && kinds.dates + kinds.date_times == self.values - self.empties
    }

    /// A text with room for more than was seen.
    pub(super) fn text_type(&self) -> ColumnType {
        if self.values == 0 {
            return ColumnType::String {
                length: Some(LENGTH_UNKNOWN),
            };
        }
        let length = rounded_up(self.bytes_max.saturating_add(self.bytes_max / 2));
        match u32::try_from(length) {
            Ok(length) if u64::from(length) <= LENGTH_MAX => ColumnType::String { length: Some(length) },
            Ok(_) | Err(_) => ColumnType::Clob,
        }
    }
}

impl Kinds {
    fn add(&mut self, shape: Shape) {
        match shape {
            Shape::Boolean => self.booleans += 1,
            Shape::Integer(value) => {
                self.integers += 1;
                self.integer_min = self.integer_min.min(value);
                self.integer_max = self.integer_max.max(value);
                let digits = value.unsigned_abs().checked_ilog10().unwrap_or(0) + 1;
                self.integer_digits = self.integer_digits.max(saturate::to_u8(digits));
            }
            Shape::Decimal {
                integer_digits,
                fraction_digits,
            } => {
                self.decimals += 1;
                self.integer_digits = self.integer_digits.max(integer_digits);
                self.fraction_digits = self.fraction_digits.max(fraction_digits);
            }
            Shape::Exponent => self.exponents += 1,
            Shape::Date(pattern) => {
                self.dates += 1;
                self.add_pattern(pattern);
            }
            Shape::Time => self.times += 1,
            Shape::DateTime(pattern, digits) => {
                self.date_times += 1;
                self.second_digits = self.second_digits.max(digits);
                self.add_pattern(pattern);
            }
            Shape::Text => {}
        }
    }

    fn add_pattern(&mut self, pattern: DatePattern) {
        let is_certain = pattern == DatePattern::MonthFirst { is_certain: true };
        match self.pattern {
            Some(known) if !known.is_like(pattern) => self.is_mixed = true,
            Some(_) if !is_certain => {}
            Some(_) | None => self.pattern = Some(pattern),
        }
    }

    fn column_type(&self, values: u64) -> Option<ColumnType> {
        if self.booleans == values {
            return Some(ColumnType::Boolean);
        }
        if self.times == values {
            return Some(ColumnType::Time { format: None });
        }
        if self.integers == values {
            return Some(self.integer_type());
        }
        if self.integers + self.decimals == values {
            return self.decimal_type();
        }
        // A double keeps few digits: only where an exponent says that it is one.
        if self.exponents > 0 && self.integers + self.decimals + self.exponents == values {
            return Some(ColumnType::Real8);
        }
        if self.dates + self.date_times == values {
            return self.date_type();
        }
        None
    }

    fn integer_type(&self) -> ColumnType {
        let (min, max) = (self.integer_min, self.integer_max);
        let holds = |low: i128, high: i128, growth: i128| {
            min.saturating_mul(growth) >= low && max.saturating_mul(growth) <= high
        };
        if holds(i32::MIN.into(), i32::MAX.into(), GROWTH) {
            ColumnType::Int4
        } else if holds(i64::MIN.into(), i64::MAX.into(), 1) {
            ColumnType::Int8
        } else if holds(0, u64::MAX.into(), 1) {
            ColumnType::Uint8
        } else {
            ColumnType::Numeric {
                precision: DIGITS_MAX,
                scale: 0,
            }
        }
    }

    fn decimal_type(&self) -> Option<ColumnType> {
        let digits = self.integer_digits.checked_add(self.fraction_digits)?;
        let is_possible = digits <= DIGITS_MAX && self.fraction_digits <= FRACTION_DIGITS_MAX;
        is_possible.then(|| ColumnType::Numeric {
            precision: digits.saturating_add(SPARE_DIGITS).min(DIGITS_MAX),
            scale: self.fraction_digits,
        })
    }

    fn date_type(&self) -> Option<ColumnType> {
        let pattern = self.pattern.filter(|_| !self.is_mixed)?;
        if pattern == (DatePattern::MonthFirst { is_certain: false }) {
            return None;
        }
        let format = pattern.format(self.second_digits > 0);
        if self.date_times == 0 {
            return Some(ColumnType::Date { format });
        }
        let scale = self.second_digits.div_ceil(3) * 3;
        Some(ColumnType::DateTime { scale, format })
    }
}

/// The next of 10, 20, 50, 100, 200, 500, ...
fn rounded_up(length: u64) -> u64 {
    let mut decade = LENGTH_MIN;
    loop {
        for factor in [1, 2, 5] {
            let step = decade.saturating_mul(factor);
            if step >= length {
                return step;
            }
        }
        decade = decade.saturating_mul(10);
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::super::shape::accepts;
    use super::*;

    fn seen(values: &[&str]) -> ColumnSeen {
        let mut seen = ColumnSeen::default();
        for value in values {
            seen.add(value.as_bytes());
        }
        seen
    }

    fn string(length: u32) -> ColumnType {
        ColumnType::String { length: Some(length) }
    }

    #[test]
    fn a_type_is_taken_only_if_all_values_fit() {
        let numeric = |precision, scale| ColumnType::Numeric { precision, scale };
        let cases: [(&[&str], ColumnType); 19] = [
            (&["1", "2"], ColumnType::Int4),
            (&["1", "300000000"], ColumnType::Int8),
            (&["1", "18446744073709551615"], ColumnType::Uint8),
            (&["-1", "18446744073709551615"], numeric(38, 0)),
            (&["1", "007"], string(10)),
            (&["1", "x"], string(10)),
            (&["1", "2.50"], numeric(5, 2)),
            (&["1", "2.5e3"], ColumnType::Real8),
            (&["true", "False"], ColumnType::Boolean),
            (&["true", "1"], string(10)),
            (&["0", "1"], ColumnType::Int4),
            (&["2024-01-31", "2024-02-01"], ColumnType::Date { format: None }),
            (&["2024-01-31", "2024/02/01"], string(20)),
            (&["01/02/2024", "03/04/2024"], string(20)),
            (
                &["01/02/2024", "12/31/2024"],
                ColumnType::Date {
                    format: DatePattern::MonthFirst { is_certain: true }.format(false),
                },
            ),
            (
                &["2024-01-31 10:00:00.25", "2024-01-31"],
                ColumnType::DateTime {
                    scale: 3,
                    format: None,
                },
            ),
            (
                &["20240131 10:00:00"],
                ColumnType::DateTime {
                    scale: 0,
                    format: DatePattern::Plain.format(false),
                },
            ),
            (&["10:00:00"], ColumnType::Time { format: None }),
            (&[""], string(10)),
        ];
        for (values, expected) in cases {
            assert_eq!(seen(values).column_type(), expected, "{values:?}");
        }
        assert!(seen(&["01/02/2024"]).is_ambiguous_date());
        assert_eq!(seen(&[]).column_type(), string(255));
    }

    #[test]
    fn lengths_are_rounded_up_with_room_to_grow() {
        let cases = [
            (0, 10),
            (6, 10),
            (7, 10),
            (8, 20),
            (40, 100),
            (300, 500),
            (600_000, 1_000_000),
        ];
        for (length, expected) in cases {
            assert_eq!(
                seen(&[&"x".repeat(length)]).column_type(),
                string(expected),
                "{length}"
            );
        }
        assert_eq!(seen(&[&"x".repeat(700_000)]).column_type(), ColumnType::Clob);
    }

    /// Values of one type, as a program might write them.
    fn typed_values() -> impl Strategy<Value = Vec<String>> {
        let date = || (1_i32..=9_999, 1_u8..=12, 1_u8..=28);
        let time = || (0_u8..24, 0_u8..60, 0_u8..60, "(\\.[0-9]{1,9})?");
        let joined = |separator: &'static str, fraction: &'static str| {
            (1_i32..=9_999, 1_u8..=12, 1_u8..=28, 0_u8..24, fraction).prop_map(
                move |(year, month, day, hour, fraction)| {
                    format!("{year:04}{separator}{month:02}{separator}{day:02} {hour:02}:30:00{fraction}")
                },
            )
        };
        prop_oneof![
            vec(any::<i8>().prop_map(|value| value.to_string()), 1..20),
            vec(any::<i64>().prop_map(|value| value.to_string()), 1..20),
            vec(any::<u64>().prop_map(|value| value.to_string()), 1..20),
            vec(any::<i128>().prop_map(|value| value.to_string()), 1..20),
            vec(any::<f64>().prop_map(|value| value.to_string()), 1..20),
            vec(any::<f32>().prop_map(|value| format!("{value:e}")), 1..20),
            vec("-?[0-9]{1,20}(\\.[0-9]{1,20})?", 1..20),
            vec("true|false|TRUE|t|0|1", 1..20),
            vec(
                date().prop_map(|(y, m, d)| format!("{y:04}-{m:02}-{d:02}")),
                1..20
            ),
            vec(
                date().prop_map(|(y, m, d)| format!("{m:02}/{d:02}/{y:04}")),
                1..20
            ),
            vec(
                time().prop_map(|(h, m, s, f)| format!("{h:02}:{m:02}:{s:02}{f}")),
                1..20
            ),
            vec(joined("-", "(\\.[0-9]{1,9})?"), 1..20),
            vec(joined("/", ""), 1..20),
            vec(joined("", "(\\.[0-9]{1,6})?"), 1..20),
            vec("[ -~]{0,40}|\\PC{0,20}", 1..20),
        ]
    }

    proptest! {
        #[test]
        fn the_type_accepts_every_value_it_was_inferred_from(values in typed_values(), others in typed_values(), mix: bool) {
            let values = if mix { [values, others].concat() } else { values };
            let texts: Vec<_> = values.iter().map(String::as_str).collect();
            let column_type = seen(&texts).column_type();
            let is_null = |value: &&String| value.is_empty() && !column_type.holds_nothing();
            for value in values.iter().filter(|value| !is_null(value)) {
                prop_assert!(accepts(column_type, value.as_bytes()), "{value:?} as {column_type:?}");
            }
        }

        #[test]
        fn the_order_of_the_values_does_not_matter(values in typed_values(), others in typed_values()) {
            let forward: Vec<_> = values.iter().chain(&others).map(String::as_str).collect();
            let backward: Vec<_> = forward.iter().rev().copied().collect();
            prop_assert_eq!(seen(&forward).column_type(), seen(&backward).column_type());
        }
    }
}
