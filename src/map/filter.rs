//! Source filters: whether a row is sent. Pure: no I/O, no clock.
//!
//! All filters of a table have to let a row pass. Within one filter, one of the inclusive conditions (`eq`, `lte`,
//! `gte`, `between`, `null`) has to hold, if there are any, and every negative one (`noteq`, `notbetween`, `notnull`).
//! NULL is nothing but `null`. That is the one reading which gives all three rules of DMS's guide about NULL.
//!
//! Values are compared as what the column holds: numbers as numbers, exactly; dates and times in the order of time;
//! texts byte by byte, as SQLite does.

use std::cmp::Ordering;

use serde::Serialize;

use super::decimal::Decimal;
use super::rules::{SourceFilter, Test};
use crate::config::NumberFormat;
use crate::config::problems::Report;
use crate::model::{Column, ColumnType, Table};
use crate::parse::convert::{
    Excerpt, FieldValue, HexPrefix, ValueProblem, ValueStyle, read_field_as, write_value,
};
use crate::parse::csv::Field;

const STYLE: ValueStyle = ValueStyle {
    number_format: NumberFormat::Exact,
    hex_prefix: HexPrefix::Absent,
};
/// Fraction digits of a second that are compared.
const COMPARED_SCALE: u8 = 9;

/// A filter on one column of a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RowFilter {
    /// Index of the column in the definition.
    pub column: usize,
    kind: ValueKind,
    tests: Vec<Test<String>>,
}

/// As what values are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
enum ValueKind {
    Decimal,
    Double,
    Text,
    /// Texts of this type, brought into the one form that sorts by time.
    Normal(ColumnType),
}

impl RowFilter {
    /// The filter on a column of a table; `None` if it cannot be, which is in the report.
    pub fn compile(filter: &SourceFilter, table: &Table, report: &mut Report) -> Option<Self> {
        let found = table
            .columns
            .iter()
            .enumerate()
            .find(|(_, column)| column.name == filter.column);
        let Some((index, column)) = found else {
            let message = format!(
                "the filter is on the column {:?}, which {} does not have (upper and lower case differ)",
                filter.column,
                table.full_name()
            );
            report.error(filter.place, message);
            return None;
        };
        let Some(kind) = ValueKind::of(column.column_type) else {
            let message = format!(
                "the filter is on the column {:?} of {}, which holds large or binary values: DMS does not filter those; use \
                 another column",
                filter.column,
                table.full_name()
            );
            report.error(filter.place, message);
            return None;
        };
        let mut tests = Vec::with_capacity(filter.conditions.len());
        for condition in &filter.conditions {
            match condition.test.try_map(|value| kind.operand(value)) {
                Ok(test) => tests.push(test),
                Err(problem) => {
                    let message = format!(
                        "the filter on the column {:?} of {} compares it with something it cannot hold: {}",
                        filter.column,
                        table.full_name(),
                        problem.reason
                    );
                    report.error(condition.place, message);
                }
            }
        }
        warn_about_null(filter, report);
        (tests.len() == filter.conditions.len()).then_some(Self {
            column: index,
            kind,
            tests,
        })
    }

    /// Whether the value of a field lets the row pass; `scratch` is overwritten.
    ///
    /// # Errors
    /// If the text of the field is not a value of the column's type.
    pub fn lets_pass(
        &self,
        field: Field<'_>,
        column: &Column,
        null_value: &[u8],
        scratch: &mut Vec<u8>,
    ) -> Result<bool, ValueProblem> {
        let value = match read_field_as(field, column.column_type, null_value) {
            FieldValue::Null => None,
            FieldValue::Text(text) => Some(self.kind.normal(text, scratch)?),
        };
        let mut has_inclusive = false;
        let mut is_included = false;
        for test in &self.tests {
            let holds = self.kind.holds(test, value);
            if test.is_negative() {
                if !holds {
                    return Ok(false);
                }
            } else {
                has_inclusive = true;
                is_included |= holds;
            }
        }
        Ok(is_included || !has_inclusive)
    }
}

/// What no row, or no NULL, can pass is allowed, and seldom meant.
fn warn_about_null(filter: &SourceFilter, report: &mut Report) {
    let has =
        |wanted: fn(&Test<String>) -> bool| filter.conditions.iter().any(|condition| wanted(&condition.test));
    let is_null = |test: &Test<String>| matches!(test, Test::Null);
    if !has(is_null) || !has(Test::is_negative) {
        return;
    }
    let has_other = filter
        .conditions
        .iter()
        .any(|condition| !condition.test.is_negative() && !is_null(&condition.test));
    let message = if has_other {
        "`null` beside a negative condition lets no NULL pass, as in DMS: negative conditions always have to hold"
    } else {
        "`null` beside negative conditions alone lets no row pass at all, as in DMS; take one of them out"
    };
    report.warning(filter.place, message);
}

impl ValueKind {
    fn of(column_type: ColumnType) -> Option<Self> {
        Some(match column_type {
            ColumnType::Int1
            | ColumnType::Int2
            | ColumnType::Int4
            | ColumnType::Int8
            | ColumnType::Uint1
            | ColumnType::Uint2
            | ColumnType::Uint4
            | ColumnType::Uint8
            | ColumnType::Numeric { .. } => Self::Decimal,
            ColumnType::Real4 | ColumnType::Real8 => Self::Double,
            ColumnType::String { .. } => Self::Text,
            ColumnType::Boolean => Self::Normal(ColumnType::Boolean),
            ColumnType::Date { format } => Self::Normal(ColumnType::Date { format }),
            ColumnType::Time { format } => Self::Normal(ColumnType::Time { format }),
            ColumnType::DateTime { format, .. } => Self::Normal(ColumnType::DateTime {
                scale: COMPARED_SCALE,
                format,
            }),
            ColumnType::Clob | ColumnType::Byte { .. } | ColumnType::Blob => return None,
        })
    }

    /// A value of a rule in the form in which values of rows are compared with it. Dates stand there in DMS's
    /// notation, whatever that of the column is.
    fn operand(self, value: &str) -> Result<String, ValueProblem> {
        let general = match self {
            Self::Normal(ColumnType::Date { .. }) => Self::Normal(ColumnType::Date { format: None }),
            Self::Normal(ColumnType::Time { .. }) => Self::Normal(ColumnType::Time { format: None }),
            Self::Normal(ColumnType::DateTime { scale, .. }) => {
                Self::Normal(ColumnType::DateTime { scale, format: None })
            }
            Self::Decimal | Self::Double | Self::Text | Self::Normal(_) => self,
        };
        let text = if self == Self::Text { value } else { value.trim() };
        let mut scratch = Vec::new();
        let normal = general.normal(text.as_bytes(), &mut scratch)?;
        Ok(String::from_utf8_lossy(normal).into_owned())
    }

    /// The text in the form in which it is compared.
    fn normal<'a>(self, text: &'a [u8], scratch: &'a mut Vec<u8>) -> Result<&'a [u8], ValueProblem> {
        match self {
            Self::Decimal => Decimal::parse(text).map(|_| text).ok_or_else(|| {
                ValueProblem::new("not_a_number", format!("{} is not a number", Excerpt(text)))
            }),
            Self::Double => double(text).map(|_| text).ok_or_else(|| {
                ValueProblem::new("not_a_number", format!("{} is not a number", Excerpt(text)))
            }),
            Self::Text => Ok(text),
            Self::Normal(column_type) => {
                scratch.clear();
                write_value(scratch, text, column_type, STYLE)?;
                let quoted = scratch
                    .strip_prefix(b"\"")
                    .and_then(|rest| rest.strip_suffix(b"\""));
                let text = quoted.unwrap_or(scratch);
                // Without the zone a time without a fraction is the beginning of those with one, and sorts in front.
                Ok(text.strip_suffix(b"Z").unwrap_or(text))
            }
        }
    }

    fn compare(self, value: &[u8], operand: &str) -> Option<Ordering> {
        match self {
            Self::Decimal => Decimal::parse(value)?.partial_cmp(&Decimal::parse(operand.as_bytes())?),
            Self::Double => double(value)?.partial_cmp(&double(operand.as_bytes())?),
            Self::Text | Self::Normal(_) => Some(value.cmp(operand.as_bytes())),
        }
    }

    /// Whether a test holds of a value, `None` being NULL.
    fn holds(self, test: &Test<String>, value: Option<&[u8]>) -> bool {
        let Some(value) = value else {
            return matches!(test, Test::Null);
        };
        let compared = |operand: &str| self.compare(value, operand);
        let at_least = |operand: &str| compared(operand).is_some_and(Ordering::is_ge);
        let at_most = |operand: &str| compared(operand).is_some_and(Ordering::is_le);
        match test {
            Test::AtMost(operand) => at_most(operand),
            Test::AtLeast(operand) => at_least(operand),
            Test::Equal(operand) => compared(operand) == Some(Ordering::Equal),
            Test::NotEqual(operand) => compared(operand).is_some_and(Ordering::is_ne),
            Test::Between(start, end) => at_least(start) && at_most(end),
            Test::NotBetween(start, end) => {
                compared(start).is_some_and(Ordering::is_lt) || compared(end).is_some_and(Ordering::is_gt)
            }
            Test::Null => false,
            Test::NotNull => true,
        }
    }
}

fn double(text: &[u8]) -> Option<f64> {
    let number: f64 = std::str::from_utf8(text).ok()?.parse().ok()?;
    number.is_finite().then_some(number)
}

#[cfg(test)]
#[path = "filter_tests.rs"]
mod tests;
