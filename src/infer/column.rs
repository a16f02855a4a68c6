//! The type of a column from the values that were seen of it. Pure: no I/O, no clock.

use std::collections::BTreeMap;

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

/// From so many values on, a few of another kind are outliers.
const OUTLIERS_AMONG_MIN: u64 = 20;
/// One value of so many may be an outlier.
const OUTLIER_SHARE: u64 = 20;

/// Shapes that have a type in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Family {
    Boolean,
    Number,
    Date,
    Time,
    Text,
}

impl Family {
    fn of(shape: Shape) -> Self {
        match shape {
            Shape::Boolean => Self::Boolean,
            Shape::Integer(_) | Shape::Decimal { .. } | Shape::Exponent => Self::Number,
            Shape::Date(_) | Shape::DateTime(..) => Self::Date,
            Shape::Time => Self::Time,
            Shape::Text => Self::Text,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Boolean => "booleans",
            Self::Number => "numbers",
            Self::Date => "dates",
            Self::Time => "times",
            Self::Text => "texts",
        }
    }
}

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
    /// How many values of each family there are, and the first row with one.
    first_rows: BTreeMap<Family, (u64, u64)>,
}

impl ColumnSeen {
    /// Adds a NULL.
    pub fn add_null(&mut self) {
        self.nulls += 1;
    }

    /// Adds a value that is not NULL, of a row that is counted from 1.
    pub fn add(&mut self, text: &[u8], row: u64) {
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
            self.kinds.add(shape_of(text), row);
        }
    }

    /// The narrowest type that takes every value and loses nothing of any.
    pub fn column_type(&self) -> ColumnType {
        let filled = self.values - self.empties;
        let of_values = (filled > 0).then(|| self.kinds.column_type(filled));
        of_values.flatten().unwrap_or_else(|| self.text_type())
    }

    /// What keeps the column from the type of nearly all of its values, if that is what makes it text.
    pub fn outliers(&self) -> Option<String> {
        let families = || self.kinds.first_rows.iter();
        let total: u64 = families().map(|(_, (count, _))| count).sum();
        let (most, (count, _)) = families().max_by_key(|(_, (count, _))| *count)?;
        let others = total - count;
        let is_few = total >= OUTLIERS_AMONG_MIN && others > 0 && others * OUTLIER_SHARE <= total;
        if *most == Family::Text || !is_few || !self.column_type().is_text() {
            return None;
        }
        let rest = families().filter(|(family, _)| *family != most);
        let first = rest.map(|(_, (_, row))| *row).min()?;
        Some(format!(
            "{count} of {total} values are {}; {others} are not, the first in row {first}, so the column is text",
            most.name()
        ))
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
    fn add(&mut self, shape: Shape, row: u64) {
        let first = self.first_rows.entry(Family::of(shape)).or_insert((0, row));
        *first = (first.0 + 1, first.1.min(row));
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
#[path = "column_tests.rs"]
mod tests;
