//! From the text of a field to its JSON value, by column type. Pure: no I/O, no clock.
//!
//! Values are written straight into the message; nothing is built in between. Where DMS cuts a value
//! silently (a text longer than its column) or prints a number that is no longer the one in the file, this
//! program sets the row aside or prints the exact number.

use std::fmt;

use super::csv::{Field, Quoting};
use super::json_text::write_json_string;
use super::number::IntegerRange;
use super::{date_time, number};
use crate::model::{Column, ColumnType};
use crate::settings::NumberFormat;

/// Why a value does not fit its column. It never repeats the value, nor a part of it: reasons are logged, stored and sent
/// to tracers, and the row stands beside them in its dead letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValueProblem {
    /// Short machine-readable cause.
    pub code: &'static str,
    /// One sentence for people.
    pub reason: String,
}

impl ValueProblem {
    pub(crate) fn new(code: &'static str, reason: impl Into<String>) -> Self {
        Self {
            code,
            reason: reason.into(),
        }
    }
}

/// Choices about the form of values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ValueStyle {
    /// Exact numbers, or as DMS prints them.
    pub number_format: NumberFormat,
    /// Whether binary values start with `0x`.
    pub hex_prefix: HexPrefix,
}

/// Whether binary values start with `0x`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HexPrefix {
    /// `0x00ff`
    Present,
    /// `00ff`
    Absent,
}

/// What a field says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldValue<'a> {
    /// NULL.
    Null,
    /// A text to be read by column type; blanks are trimmed where they mean nothing.
    Text(&'a [u8]),
}

/// Whether the field is NULL, and its text if not.
///
/// # Errors
/// If it is NULL and the column does not allow that.
pub fn read_field<'a>(
    field: Field<'a>,
    column: &Column,
    null_value: &[u8],
) -> Result<FieldValue<'a>, ValueProblem> {
    let value = read_field_as(field, column.column_type, null_value);
    if value != FieldValue::Null || column.nullable {
        return Ok(value);
    }
    Err(ValueProblem::new(
        "null_not_allowed",
        "the field is NULL, and the table definition does not make the column nullable",
    ))
}

/// The same, whether or not the column allows NULL.
pub fn read_field_as<'a>(field: Field<'a>, column_type: ColumnType, null_value: &[u8]) -> FieldValue<'a> {
    let (text, marker) = if column_type.is_text() {
        (until_nul(field.text), field.text)
    } else {
        (field.text.trim_ascii(), field.text.trim_ascii())
    };
    let is_marker = marker == null_value || field.text == null_value;
    if is_marker && field.quoting == Quoting::Bare {
        FieldValue::Null
    } else {
        FieldValue::Text(text)
    }
}

/// DMS cuts texts at the first NUL for this target.
fn until_nul(text: &[u8]) -> &[u8] {
    let length = memchr::memchr(0, text).unwrap_or(text.len());
    text.get(..length).unwrap_or_default()
}

/// Appends the JSON value of a text that is not NULL.
///
/// # Errors
/// If the text is not a value of the type; `out` may then hold a part of it.
pub fn write_value(
    out: &mut Vec<u8>,
    text: &[u8],
    column_type: ColumnType,
    style: ValueStyle,
) -> Result<(), ValueProblem> {
    let mut integer = |range| number::write_integer(out, text, range, style.number_format);
    match column_type {
        ColumnType::Int1 => integer(IntegerRange::signed(i8::MIN.into(), i8::MAX.into())),
        ColumnType::Int2 => integer(IntegerRange::signed(i16::MIN.into(), i16::MAX.into())),
        ColumnType::Int4 => integer(IntegerRange::signed(i32::MIN.into(), i32::MAX.into())),
        ColumnType::Int8 => integer(IntegerRange::signed(i64::MIN, i64::MAX)),
        ColumnType::Uint1 => integer(IntegerRange::unsigned(u8::MAX.into())),
        ColumnType::Uint2 => integer(IntegerRange::unsigned(u16::MAX.into())),
        ColumnType::Uint4 => integer(IntegerRange::unsigned(u32::MAX.into())),
        ColumnType::Uint8 => integer(IntegerRange::unsigned(u64::MAX)),
        ColumnType::Numeric { precision, scale } => {
            number::write_decimal(out, text, precision, scale, style.number_format)
        }
        ColumnType::Real4 => number::write_single(out, text),
        ColumnType::Real8 => number::write_double(out, text),
        ColumnType::Boolean => write_boolean(out, text),
        ColumnType::Date { format } => date_time::write_date(out, text, format),
        ColumnType::Time { format } => date_time::write_time(out, text, format),
        ColumnType::DateTime { scale, format } => date_time::write_date_time(out, text, scale, format),
        ColumnType::String { length } => write_text(out, text, length),
        ColumnType::Clob => write_text(out, text, None),
        ColumnType::Byte { length } => write_binary(out, text, Some(length), style.hex_prefix),
        ColumnType::Blob => write_binary(out, text, None, style.hex_prefix),
    }
}

fn write_text(out: &mut Vec<u8>, text: &[u8], length: Option<u32>) -> Result<(), ValueProblem> {
    check_length(text.len(), length)?;
    let text = std::str::from_utf8(text).map_err(|error| {
        let at = error.valid_up_to();
        ValueProblem::new(
            "invalid_utf8",
            format!("the text is not UTF-8 at byte {at} of the field"),
        )
    })?;
    write_json_string(out, text);
    Ok(())
}

fn check_length(bytes_count: usize, length: Option<u32>) -> Result<(), ValueProblem> {
    match length.map(usize::try_from) {
        Some(Ok(length)) if bytes_count > length => Err(ValueProblem::new(
            "too_long",
            format!("the value has {bytes_count} bytes, the column takes {length}"),
        )),
        Some(_) | None => Ok(()),
    }
}

fn write_boolean(out: &mut Vec<u8>, text: &[u8]) -> Result<(), ValueProblem> {
    let is_one_of = |spellings: [&str; 5]| {
        spellings
            .iter()
            .any(|spelling| text.eq_ignore_ascii_case(spelling.as_bytes()))
    };
    if is_one_of(["true", "1", "t", "y", "yes"]) {
        out.extend_from_slice(b"true");
    } else if is_one_of(["false", "0", "f", "n", "no"]) {
        out.extend_from_slice(b"false");
    } else {
        return Err(ValueProblem::new(
            "not_a_boolean",
            format!(
                "the value ({}) is not one of true, false, t, f, yes, no, y, n, 1, 0",
                Length(text)
            ),
        ));
    }
    Ok(())
}

fn write_binary(
    out: &mut Vec<u8>,
    text: &[u8],
    length: Option<u32>,
    hex_prefix: HexPrefix,
) -> Result<(), ValueProblem> {
    let digits = text
        .strip_prefix(b"0x")
        .or_else(|| text.strip_prefix(b"0X"))
        .unwrap_or(text);
    if !digits.len().is_multiple_of(2) {
        let count = digits.len();
        return Err(ValueProblem::new(
            "not_hexadecimal",
            format!("{count} hexadecimal digits are not a whole number of bytes"),
        ));
    }
    if !digits.iter().all(u8::is_ascii_hexdigit) {
        return Err(ValueProblem::new(
            "not_hexadecimal",
            format!("the value ({}) is not hexadecimal", Length(text)),
        ));
    }
    check_length(digits.len() / 2, length)?;
    out.push(b'"');
    if hex_prefix == HexPrefix::Present && !digits.is_empty() {
        out.extend_from_slice(b"0x");
    }
    out.extend(digits.iter().map(u8::to_ascii_lowercase));
    out.push(b'"');
    Ok(())
}

/// All that a reason says of a value: how long it is.
pub(crate) struct Length<'a>(pub(crate) &'a [u8]);

impl fmt::Display for Length<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.len() {
            1 => f.write_str("1 byte"),
            count => write!(f, "{count} bytes"),
        }
    }
}
