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
use super::shown::shown;
use crate::model::{Column, ColumnType, Table, TypeClass};
use crate::settings::Fit;
use crate::settings::problems::Report;
use crate::value::convert::{FieldRules, FieldValue, HexPrefix, Length, ValueProblem, read_field_as};
use crate::value::csv::Field;

/// Fraction digits of a second that are compared.
const COMPARED_SCALE: u8 = 9;

/// A filter on one column of a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RowFilter {
    /// Index of the column in the definition.
    pub column: usize,
    kind: ValueKind,
    tests: Vec<Test<Operand>>,
}

/// As what values are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
enum ValueKind {
    Integer,
    Decimal,
    Double,
    Text,
    /// Texts of this type, brought into the one form that sorts by time.
    Normal(ColumnType),
}

/// What a rule compares with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
enum Operand {
    Integer(i128),
    Text(String),
}

/// The value of a row.
#[derive(Clone, Copy)]
enum Comparable<'a> {
    Integer(i128),
    Decimal(Decimal<'a>),
    Double(f64),
    Text(&'a [u8]),
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
        let kind = kind.widened(filter);
        let mut tests = Vec::with_capacity(filter.conditions.len());
        for condition in &filter.conditions {
            let operand = |value: &String| kind.operand(value).map_err(|problem| (value.clone(), problem));
            match condition.test.try_map(operand) {
                Ok(test) => tests.push(test),
                Err((value, problem)) => {
                    let message = format!(
                        "the filter on the column {:?} of {} compares it with {value:?}, which it cannot hold: {}",
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

    /// Whether the value of a field lets the row pass; `scratch` is overwritten. Of a value that does not fit its column,
    /// what fits is compared, and numbers whole: whether such a row can be sent is decided when it is written.
    ///
    /// # Errors
    /// If the text of the field is not a value of the column's type.
    pub fn lets_pass(
        &self,
        field: Field<'_>,
        column: &Column,
        rules: &FieldRules,
        scratch: &mut Vec<u8>,
    ) -> Result<bool, ValueProblem> {
        let value = match read_field_as(field, column.column_type, rules) {
            FieldValue::Null => None,
            FieldValue::Text(text) => Some(self.kind.value(text, Fit::Truncate, scratch)?),
        };
        let mut has_inclusive = false;
        let mut is_included = false;
        for test in &self.tests {
            let holds = holds(test, value);
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
        Some(match column_type.class() {
            TypeClass::Integer { .. } => Self::Integer,
            TypeClass::Decimal { .. } => Self::Decimal,
            TypeClass::Float => Self::Double,
            TypeClass::Text => Self::Text,
            TypeClass::Boolean | TypeClass::Date | TypeClass::Time | TypeClass::DateTime => {
                Self::Normal(column_type.with_second_digits(COMPARED_SCALE))
            }
            TypeClass::LargeText | TypeClass::Bytes | TypeClass::LargeBytes => return None,
        })
    }

    /// A rule may compare integers with fractions.
    fn widened(self, filter: &SourceFilter) -> Self {
        let is_integer = |value: &String| integer(value.trim().as_bytes()).ok_or(());
        let mut conditions = filter.conditions.iter();
        if self == Self::Integer && conditions.any(|condition| condition.test.try_map(is_integer).is_err()) {
            return Self::Decimal;
        }
        self
    }

    /// A value of a rule in the form in which values of rows are compared with it. Dates stand there in DMS's
    /// notation, whatever that of the column is.
    fn operand(self, value: &str) -> Result<Operand, ValueProblem> {
        let general = match self {
            Self::Normal(ColumnType::Date { .. }) => Self::Normal(ColumnType::Date { format: None }),
            Self::Normal(ColumnType::Time { .. }) => Self::Normal(ColumnType::Time { format: None }),
            Self::Normal(ColumnType::DateTime { scale, .. }) => {
                Self::Normal(ColumnType::DateTime { scale, format: None })
            }
            Self::Integer | Self::Decimal | Self::Double | Self::Text | Self::Normal(_) => self,
        };
        let text = if self == Self::Text { value } else { value.trim() };
        let mut scratch = Vec::new();
        Ok(match general.value(text.as_bytes(), Fit::Whole, &mut scratch)? {
            Comparable::Integer(number) => Operand::Integer(number),
            Comparable::Decimal(_) | Comparable::Double(_) => Operand::Text(text.to_owned()),
            Comparable::Text(normal) => Operand::Text(String::from_utf8_lossy(normal).into_owned()),
        })
    }

    /// The value of a text, in the form in which it is compared.
    fn value<'a>(
        self,
        text: &'a [u8],
        fit: Fit,
        scratch: &'a mut Vec<u8>,
    ) -> Result<Comparable<'a>, ValueProblem> {
        let number = match self {
            Self::Integer => match integer(text) {
                Some(number) => Some(Comparable::Integer(number)),
                // Written as 5.00 or 1e3.
                None => Decimal::parse(text, scratch).map(Comparable::Decimal),
            },
            Self::Decimal => Decimal::parse(text, scratch).map(Comparable::Decimal),
            Self::Double => double(text).map(Comparable::Double),
            Self::Text => return Ok(Comparable::Text(text)),
            Self::Normal(column_type) => {
                let (text, _) = shown(text, column_type, HexPrefix::Absent, fit, scratch)?;
                // Without the zone a time without a fraction is the beginning of those with one, and sorts before them.
                return Ok(Comparable::Text(text.strip_suffix(b"Z").unwrap_or(text)));
            }
        };
        number.ok_or_else(|| {
            ValueProblem::new(
                "not_a_number",
                format!("the value ({}) is not a number", Length(text)),
            )
        })
    }
}

fn compare(value: Comparable<'_>, operand: &Operand) -> Option<Ordering> {
    match (value, operand) {
        (Comparable::Integer(value), Operand::Integer(operand)) => Some(value.cmp(operand)),
        (Comparable::Decimal(value), Operand::Text(operand)) => {
            value.partial_cmp(&Decimal::parse(operand.as_bytes(), &mut Vec::new())?)
        }
        (Comparable::Decimal(value), Operand::Integer(operand)) => {
            value.partial_cmp(&Decimal::parse(operand.to_string().as_bytes(), &mut Vec::new())?)
        }
        (Comparable::Double(value), Operand::Text(operand)) => {
            value.partial_cmp(&double(operand.as_bytes())?)
        }
        (Comparable::Text(value), Operand::Text(operand)) => Some(value.cmp(operand.as_bytes())),
        // A filter has operands of the kind of its values.
        (Comparable::Integer(_), Operand::Text(_))
        | (Comparable::Double(_) | Comparable::Text(_), Operand::Integer(_)) => None,
    }
}

/// Whether a test holds of a value, `None` being NULL.
fn holds(test: &Test<Operand>, value: Option<Comparable<'_>>) -> bool {
    let Some(value) = value else {
        return matches!(test, Test::Null);
    };
    let compared = |operand: &Operand| compare(value, operand);
    let at_least = |operand: &Operand| compared(operand).is_some_and(Ordering::is_ge);
    let at_most = |operand: &Operand| compared(operand).is_some_and(Ordering::is_le);
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

/// An integer of any type that a column can have.
fn integer(text: &[u8]) -> Option<i128> {
    let (is_negative, digits) = match text.split_first() {
        Some((b'-', rest)) => (true, rest),
        Some((b'+', rest)) => (false, rest),
        Some(_) | None => (false, text),
    };
    if digits.is_empty() {
        return None;
    }
    let magnitude = digits.iter().try_fold(0_i128, |value, digit| {
        let digit = digit.is_ascii_digit().then(|| i128::from(digit - b'0'))?;
        value.checked_mul(10)?.checked_add(digit)
    })?;
    Some(if is_negative { -magnitude } else { magnitude })
}

fn double(text: &[u8]) -> Option<f64> {
    let number: f64 = std::str::from_utf8(text).ok()?.parse().ok()?;
    number.is_finite().then_some(number)
}

#[cfg(test)]
#[path = "filter_tests.rs"]
mod tests;
