//! From the text of a field to its JSON value, by column type. Pure: no I/O, no clock.
//!
//! Values are written straight into the message; nothing is built in between. Where DMS cuts a value
//! silently (a text longer than its column, digits beyond its scale) or prints a number that is no longer the one in
//! the file, this program sets the row aside or prints the exact number, unless it is told to do as DMS does.

use std::{fmt, str};

use super::csv::{Field, Quoting};
use super::json_text::write_json_string;
use super::number::IntegerRange;
use super::{date_time, number};
use crate::model::{Column, ColumnType};
use crate::saturate;
use crate::settings::{Fit, MessageConfig, NonFinite, NumberFormat, TextFormat};

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
    /// What becomes of values that do not fit.
    pub fit: Fit,
}

impl ValueStyle {
    /// That of the messages of a task.
    pub fn of(message: &MessageConfig) -> Self {
        Self {
            number_format: message.number_format,
            hex_prefix: if message.no_hex_prefix {
                HexPrefix::Absent
            } else {
                HexPrefix::Present
            },
            fit: message.fit,
        }
    }
}

/// How a value was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// With all that it says.
    Whole,
    /// Cut or rounded.
    Truncated,
}

/// What fields mean, whatever their column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldRules {
    /// A bare field with this text is NULL.
    pub null_value: Vec<u8>,
    /// Where a text with a NUL ends.
    pub text_format: TextFormat,
    /// What NaN and infinity are.
    pub non_finite: NonFinite,
}

impl FieldRules {
    /// Those of a task.
    pub fn new(null_value: &str, message: &MessageConfig) -> Self {
        Self {
            null_value: null_value.into(),
            text_format: message.text_format,
            non_finite: message.non_finite,
        }
    }
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
    rules: &FieldRules,
) -> Result<FieldValue<'a>, ValueProblem> {
    let value = read_field_as(field, column.column_type, rules);
    if value != FieldValue::Null || column.nullable {
        return Ok(value);
    }
    Err(ValueProblem::new(
        "null_not_allowed",
        "the field is NULL, and the table definition does not make the column nullable",
    ))
}

/// The same, whether or not the column allows NULL. Nothing, in quotes or not, is NULL in all
/// types but texts and bytes, of which it is a value.
pub fn read_field_as<'a>(field: Field<'a>, column_type: ColumnType, rules: &FieldRules) -> FieldValue<'a> {
    let is_text = column_type.is_text();
    let text = if is_text {
        field.text
    } else {
        field.text.trim_ascii()
    };
    let is_marker = text == rules.null_value || field.text == rules.null_value;
    if (is_marker && field.quoting == Quoting::Bare) || (text.is_empty() && !column_type.holds_nothing()) {
        return FieldValue::Null;
    }
    if is_text && rules.text_format == TextFormat::Dms {
        return FieldValue::Text(until_nul(text));
    }
    let as_null = rules.non_finite == NonFinite::Null && column_type.is_number();
    if as_null && number::is_non_finite(text) {
        return FieldValue::Null;
    }
    FieldValue::Text(text)
}

/// DMS cuts texts at the first NUL for this target.
fn until_nul(text: &[u8]) -> &[u8] {
    let length = memchr::memchr(0, text).unwrap_or(text.len());
    text.get(..length).unwrap_or_default()
}

/// As much of a text as its column takes, where values are cut: whole characters.
pub fn fitted_text(text: &[u8], column_type: ColumnType, fit: Fit) -> &[u8] {
    let ColumnType::String { length: Some(length) } = column_type else {
        return text;
    };
    let mut end = saturate::to_usize(length);
    if fit.is_whole() || text.len() <= end {
        return text;
    }
    while end > 0 && text.get(end).is_some_and(|byte| byte & 0xC0 == 0x80) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
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
) -> Result<Written, ValueProblem> {
    let mut integer = |range| number::write_integer(out, text, range, style);
    match column_type {
        ColumnType::Int1 => integer(IntegerRange::signed(i8::MIN.into(), i8::MAX.into())),
        ColumnType::Int2 => integer(IntegerRange::signed(i16::MIN.into(), i16::MAX.into())),
        ColumnType::Int4 => integer(IntegerRange::signed(i32::MIN.into(), i32::MAX.into())),
        ColumnType::Int8 => integer(IntegerRange::signed(i64::MIN, i64::MAX)),
        ColumnType::Uint1 => integer(IntegerRange::unsigned(u8::MAX.into())),
        ColumnType::Uint2 => integer(IntegerRange::unsigned(u16::MAX.into())),
        ColumnType::Uint4 => integer(IntegerRange::unsigned(u32::MAX.into())),
        ColumnType::Uint8 => integer(IntegerRange::unsigned(u64::MAX)),
        ColumnType::Numeric { precision, scale } => number::write_decimal(out, text, precision, scale, style),
        ColumnType::Real4 => number::write_single(out, text),
        ColumnType::Real8 => number::write_double(out, text),
        ColumnType::Boolean => write_boolean(out, text),
        ColumnType::Date { format } => date_time::write_date(out, text, format, style.fit),
        ColumnType::Time { format } => date_time::write_time(out, text, format, style.fit),
        ColumnType::DateTime { scale, format } => {
            date_time::write_date_time(out, text, scale, format, style.fit)
        }
        ColumnType::String { .. } | ColumnType::Clob => write_text(out, text, column_type, style.fit),
        ColumnType::Byte { length } => write_binary(out, text, Some(length), style),
        ColumnType::Blob => write_binary(out, text, None, style),
    }
}

/// A value says more than its column has room for: it is cut where that is wanted.
///
/// # Errors
/// That it does, where values are written whole or not at all.
pub(super) fn surplus(fit: Fit, reason: impl FnOnce() -> String) -> Result<Written, ValueProblem> {
    match fit {
        Fit::Whole => Err(ValueProblem::new("too_precise", reason())),
        Fit::Truncate => Ok(Written::Truncated),
    }
}

fn write_text(
    out: &mut Vec<u8>,
    text: &[u8],
    column_type: ColumnType,
    fit: Fit,
) -> Result<Written, ValueProblem> {
    let kept = fitted_text(text, column_type, fit);
    if let ColumnType::String { length } = column_type {
        check_length(kept.len(), length)?;
    }
    let text_of = |bytes| {
        str::from_utf8(bytes).map_err(|error| {
            let at = error.valid_up_to();
            ValueProblem::new(
                "invalid_utf8",
                format!("the text is not UTF-8 at byte {at} of the field"),
            )
        })
    };
    let is_cut = kept.len() < text.len();
    if is_cut {
        text_of(text)?;
    }
    write_json_string(out, text_of(kept)?);
    Ok(written_if(is_cut))
}

fn written_if(is_cut: bool) -> Written {
    if is_cut {
        Written::Truncated
    } else {
        Written::Whole
    }
}

fn check_length(bytes_count: usize, length: Option<u32>) -> Result<(), ValueProblem> {
    match length.map(saturate::to_usize) {
        Some(length) if bytes_count > length => Err(ValueProblem::new(
            "too_long",
            format!("the value has {bytes_count} bytes, the column takes {length}"),
        )),
        Some(_) | None => Ok(()),
    }
}

fn write_boolean(out: &mut Vec<u8>, text: &[u8]) -> Result<Written, ValueProblem> {
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
    Ok(Written::Whole)
}

fn write_binary(
    out: &mut Vec<u8>,
    text: &[u8],
    length: Option<u32>,
    style: ValueStyle,
) -> Result<Written, ValueProblem> {
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
    let room = length.map(|length| saturate::to_usize(length).saturating_mul(2));
    let kept = match room.and_then(|room| digits.get(..room)) {
        Some(kept) if style.fit == Fit::Truncate => kept,
        Some(_) | None => digits,
    };
    check_length(kept.len() / 2, length)?;
    out.push(b'"');
    if style.hex_prefix == HexPrefix::Present && !kept.is_empty() {
        out.extend_from_slice(b"0x");
    }
    // A message of a real task has upper-case digits.
    out.extend(kept.iter().map(u8::to_ascii_uppercase));
    out.push(b'"');
    Ok(written_if(kept.len() < digits.len()))
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
