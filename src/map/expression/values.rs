//! Values of columns as values of SQLite. Pure: no I/O, no clock.

use rusqlite::types::Value;

use super::super::shown::shown;
use crate::model::ColumnType;
use crate::value::convert::{FieldValue, HexPrefix, ValueProblem, read_field_as};
use crate::value::csv::Field;
use crate::value::json_text::hexadecimal;

/// Fraction digits of a second that an expression sees.
const SEEN_SCALE: u8 = 9;

/// The value of a field: numbers as numbers, dates and times as texts that SQLite's functions read, binary as bytes.
pub(super) fn value_of(
    field: Field<'_>,
    column_type: ColumnType,
    null_value: &[u8],
) -> Result<Value, ValueProblem> {
    let text = match read_field_as(field, column_type, null_value) {
        FieldValue::Null => return Ok(Value::Null),
        FieldValue::Text(text) => text,
    };
    if column_type.is_text() {
        return match std::str::from_utf8(text) {
            Ok(text) => Ok(Value::Text(text.to_owned())),
            Err(_) => Err(ValueProblem::new("invalid_utf8", "the text is not UTF-8")),
        };
    }
    let written = written(text, column_type)?;
    let real = |written: &str| written.parse().map_or(Value::Null, Value::Real);
    Ok(match column_type {
        ColumnType::Int1
        | ColumnType::Int2
        | ColumnType::Int4
        | ColumnType::Int8
        | ColumnType::Uint1
        | ColumnType::Uint2
        | ColumnType::Uint4
        | ColumnType::Uint8 => match written.parse() {
            Ok(number) => Value::Integer(number),
            // Above the integers of SQLite: the digits, which it takes for a number where it needs one.
            Err(_) => Value::Text(written),
        },
        ColumnType::Numeric { .. } => written.parse().map_or_else(|_| real(&written), Value::Integer),
        ColumnType::Real4 | ColumnType::Real8 => real(&written),
        ColumnType::Boolean => Value::Integer(i64::from(written == "true")),
        ColumnType::DateTime { .. } => {
            Value::Text(written.replace('T', " ").trim_end_matches('Z').to_owned())
        }
        ColumnType::Byte { .. } | ColumnType::Blob => Value::Blob(bytes_of(&written)),
        ColumnType::Date { .. } | ColumnType::Time { .. } | ColumnType::String { .. } | ColumnType::Clob => {
            Value::Text(written)
        }
    })
}

/// The value as a message would show it, without quotes.
fn written(text: &[u8], column_type: ColumnType) -> Result<String, ValueProblem> {
    let column_type = if let ColumnType::DateTime { format, .. } = column_type {
        ColumnType::DateTime {
            scale: SEEN_SCALE,
            format,
        }
    } else {
        column_type
    };
    let mut scratch = Vec::new();
    let written = shown(text, column_type, HexPrefix::Absent, &mut scratch)?;
    Ok(String::from_utf8_lossy(written).into_owned())
}

fn bytes_of(digits: &str) -> Vec<u8> {
    let digit = |character: &u8| u8::try_from(char::from(*character).to_digit(16).unwrap_or(0)).unwrap_or(0);
    let pairs = digits.as_bytes().chunks(2);
    pairs
        .map(|pair| {
            pair.iter()
                .fold(0_u8, |byte, character| byte << 4 | digit(character))
        })
        .collect()
}

/// Appends bytes as hexadecimal digits.
pub(super) fn hexadecimal_of(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend(bytes.iter().flat_map(|byte| hexadecimal(*byte)));
}

/// Each character that stands in `from` becomes the one at its place in `to`, or goes if there is none.
pub(super) fn replace_characters(text: &str, from: &str, to: &str) -> String {
    let replace = |character: char| match from.chars().position(|other| other == character) {
        None => Some(character),
        Some(index) => to.chars().nth(index),
    };
    text.chars().filter_map(replace).collect()
}
