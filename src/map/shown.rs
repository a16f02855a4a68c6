//! The form in which rules see a value: what a message shows of it. Pure: no I/O, no clock.

use crate::model::ColumnType;
use crate::settings::{Fit, NumberFormat};
use crate::value::convert::{HexPrefix, ValueProblem, ValueStyle, Written, write_value};
use crate::value::json_text::unquoted;

/// What a message shows of a value, with every digit and without quotes. For types that are not text, which have no
/// escapes; overwrites `scratch`.
///
/// # Errors
/// If the text is not a value of the type.
pub(super) fn shown<'s>(
    text: &[u8],
    column_type: ColumnType,
    hex_prefix: HexPrefix,
    fit: Fit,
    scratch: &'s mut Vec<u8>,
) -> Result<(&'s [u8], Written), ValueProblem> {
    let style = ValueStyle {
        number_format: NumberFormat::Exact,
        hex_prefix,
        fit,
    };
    scratch.clear();
    let written = write_value(scratch, text, column_type, style)?;
    Ok((unquoted(scratch), written))
}
