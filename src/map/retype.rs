//! Values of one type as values of another: `change-data-type`. Pure: no I/O, no clock.

use super::shown::shown;
use crate::model::ColumnType;
use crate::value::convert::{ValueProblem, ValueStyle, Written};

/// Brings a text of one type into a form that another type reads: what its message would show, so that nothing is
/// rounded on the way. Of a date and time the part is taken that the other type holds. Overwrites `scratch`.
///
/// # Errors
/// If the text is not a value of the type it comes from.
pub fn readable_as<'a>(
    text: &'a [u8],
    from: ColumnType,
    to: ColumnType,
    style: ValueStyle,
    scratch: &'a mut Vec<u8>,
) -> Result<(&'a [u8], Written), ValueProblem> {
    if from.is_text() {
        let text = if to.is_text() { text } else { text.trim_ascii() };
        return Ok((text, Written::Whole));
    }
    let (shown, written) = shown(text, from, style.hex_prefix, style.fit, scratch)?;
    let (date, time) = match memchr::memchr(b'T', shown).and_then(|at| shown.split_at_checked(at)) {
        Some((date, time)) => (date, time.get(1..).unwrap_or_default()),
        None => (shown, shown),
    };
    let readable = match (from, to) {
        (ColumnType::Boolean, to) if to.is_number() => {
            if shown == b"true" {
                b"1"
            } else {
                b"0"
            }
        }
        (ColumnType::DateTime { .. }, ColumnType::Date { .. }) => date,
        (ColumnType::DateTime { .. }, ColumnType::Time { .. }) => time.strip_suffix(b"Z").unwrap_or(time),
        _ => shown,
    };
    Ok((readable, written))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{Fit, NumberFormat};
    use crate::value::convert::{HexPrefix, write_value};

    const TEXT: ColumnType = ColumnType::String { length: None };
    const DATE_TIME: ColumnType = ColumnType::DateTime {
        scale: 3,
        format: None,
    };

    fn changed(text: &str, from: ColumnType, to: ColumnType) -> Result<String, &'static str> {
        let (mut scratch, mut out) = (Vec::new(), Vec::new());
        let style = ValueStyle {
            number_format: NumberFormat::Exact,
            hex_prefix: HexPrefix::Present,
            fit: Fit::Whole,
        };
        readable_as(text.as_bytes(), from, to, style, &mut scratch)
            .and_then(|(text, _)| write_value(&mut out, text, to, style))
            .map_err(|problem| problem.code)?;
        Ok(String::from_utf8(out).unwrap())
    }

    #[test]
    fn a_changed_value_is_what_the_message_would_have_shown() {
        let numeric = ColumnType::Numeric {
            precision: 5,
            scale: 2,
        };
        for (text, from, to, expected) in [
            (
                "12345678901234567890",
                ColumnType::Uint8,
                TEXT,
                "\"12345678901234567890\"",
            ),
            ("007", ColumnType::Int4, TEXT, "\"7\""),
            ("3.50", numeric, TEXT, "\"3.5\""),
            (" 42 ", TEXT, ColumnType::Int4, "42"),
            ("t", ColumnType::Boolean, ColumnType::Int1, "1"),
            ("t", ColumnType::Boolean, TEXT, "\"true\""),
            ("0", ColumnType::Int1, ColumnType::Boolean, "false"),
            (
                "2020-08-03 22:05:57.25",
                DATE_TIME,
                ColumnType::Date { format: None },
                "\"2020-08-03\"",
            ),
            (
                "2020-08-03 22:05:57.25",
                DATE_TIME,
                ColumnType::Time { format: None },
                "\"22:05:57.25\"",
            ),
            (
                "2020:08:03",
                TEXT,
                ColumnType::Date { format: None },
                "\"2020-08-03\"",
            ),
            ("FF", ColumnType::Blob, TEXT, "\"0xFF\""),
        ] {
            assert_eq!(
                changed(text, from, to).as_deref(),
                Ok(expected),
                "{text} from {from:?} to {to:?}"
            );
        }
    }

    #[test]
    fn what_does_not_fit_is_refused_and_not_cut() {
        assert_eq!(
            changed("70000", ColumnType::Int4, ColumnType::Int2),
            Err("number_out_of_range")
        );
        assert_eq!(
            changed("1.5", ColumnType::Real8, ColumnType::Int4),
            Err("too_precise")
        );
        assert_eq!(changed("x", ColumnType::Int4, TEXT), Err("not_a_number"));
        let short = ColumnType::String { length: Some(2) };
        assert_eq!(changed("123", ColumnType::Int4, short), Err("too_long"));
    }
}
