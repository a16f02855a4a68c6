//! Values of columns as values of SQLite. Pure: no I/O, no clock.

use rusqlite::types::Value;

use super::super::shown::shown;
use super::ExpressionRow;
use crate::hex;
use crate::model::{ColumnType, TypeClass};
use crate::value::convert::{FieldValue, HexPrefix, ValueProblem, Written, read_field_as};
use crate::value::csv::Field;

/// Fraction digits of a second that an expression sees.
const SEEN_SCALE: u8 = 9;

/// The value of a field: numbers as numbers, dates and times as texts that SQLite's functions read, binary as bytes.
pub(super) fn value_of(
    field: Field<'_>,
    column_type: ColumnType,
    row: ExpressionRow<'_>,
) -> Result<Value, ValueProblem> {
    let text = match read_field_as(field, column_type, row.rules) {
        FieldValue::Null => return Ok(Value::Null),
        FieldValue::Text(text) => text,
    };
    if column_type.is_text() {
        return match std::str::from_utf8(text) {
            Ok(text) if text.contains('\0') => Err(ValueProblem::new(
                "nul_in_expression",
                "the text has a NUL, and functions of SQLite do not look beyond one",
            )),
            Ok(text) => Ok(Value::Text(text.to_owned())),
            Err(_) => Err(ValueProblem::new("invalid_utf8", "the text is not UTF-8")),
        };
    }
    let written = written(text, column_type, row)?;
    let real = |written: &str| written.parse().map_or(Value::Null, Value::Real);
    Ok(match column_type.class() {
        TypeClass::Integer { .. } => match written.parse() {
            Ok(number) => Value::Integer(number),
            // Above the integers of SQLite: the digits, which it takes for a number where it needs one.
            Err(_) => Value::Text(written),
        },
        TypeClass::Decimal { .. } => written.parse().map_or_else(|_| real(&written), Value::Integer),
        TypeClass::Float => real(&written),
        TypeClass::Boolean => Value::Integer(i64::from(written == "true")),
        TypeClass::DateTime => Value::Text(written.replace('T', " ").trim_end_matches('Z').to_owned()),
        TypeClass::Bytes | TypeClass::LargeBytes => {
            // What the conversion wrote is digits in pairs.
            Value::Blob(hex::bytes(written.as_bytes()).unwrap_or_default())
        }
        TypeClass::Date | TypeClass::Time | TypeClass::Text | TypeClass::LargeText => Value::Text(written),
    })
}

/// The value as a message would show it, without quotes.
fn written(text: &[u8], column_type: ColumnType, row: ExpressionRow<'_>) -> Result<String, ValueProblem> {
    let column_type = column_type.with_second_digits(SEEN_SCALE);
    let mut scratch = Vec::new();
    let (shown, written) = shown(text, column_type, HexPrefix::Absent, row.fit, &mut scratch)?;
    if written == Written::Truncated {
        row.is_truncated.set(true);
    }
    Ok(String::from_utf8_lossy(shown).into_owned())
}

/// Each character that stands in `from` becomes the one at its place in `to`, or goes if there is none.
pub(super) fn replace_characters(text: &str, from: &str, to: &str) -> String {
    let replace = |character: char| match from.chars().position(|other| other == character) {
        None => Some(character),
        Some(index) => to.chars().nth(index),
    };
    text.chars().filter_map(replace).collect()
}
