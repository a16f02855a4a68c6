//! Dates and times as DMS prints them. Pure: no I/O, no clock.
//!
//! Without a declared format the general DMS notations are read, ISO 8601 among them. A date-time with `Z` or an
//! offset is converted to UTC; without, it is taken as it stands, as DMS does. Calendars are checked: there
//! is not 31 April. A fraction is left out when it is nothing but zeros. What the column has no room for (digits of the
//! fraction, a time of day in a date, a date in a time of day) is a surplus, cut and never rounded where that is
//! wanted; a declared format with both parts asks for the one that the column holds.

use jiff::SignedDuration;
use jiff::civil::{Date, DateTime, Time};

use super::convert::{Length, ValueProblem, Written, surplus};
use super::digits::has_value;
use crate::model::DateFormat;
use crate::settings::Fit;

/// Fraction digits of a second that are ever kept.
const FRACTION_DIGITS_MAX: u8 = 9;
/// Largest offset from UTC in hours.
const OFFSET_HOURS_MAX: i64 = 18;

/// Appends a date; a time after it must be one, and is left out.
///
/// # Errors
/// If the text is not a date in the format, or has a time of day other than midnight that no format asks for.
pub(super) fn write_date(
    out: &mut Vec<u8>,
    text: &[u8],
    format: Option<DateFormat>,
    fit: Fit,
) -> Result<Written, ValueProblem> {
    let mut rest = text;
    let read = (|| {
        let date = read_date(&mut rest, format)?;
        let mut has_time = false;
        if !rest.is_empty() {
            read_separator(&mut rest)?;
            let (time, fraction) = read_time(&mut rest)?;
            has_time = time != Time::midnight() || has_value(fraction);
        }
        rest.is_empty().then_some((date, has_time))
    })();
    let (date, has_time) = read.ok_or_else(|| {
        let pattern = date_pattern(format).unwrap_or("YYYY-MM-DD");
        problem("not_a_date", "a date", text, pattern)
    })?;
    let written = if has_time && format.is_none() {
        surplus(fit, || {
            format!(
                "the value ({}) has a time of day, and the column holds dates",
                Length(text)
            )
        })?
    } else {
        Written::Whole
    };
    out.push(b'"');
    push_date(out, date);
    out.push(b'"');
    Ok(written)
}

/// Appends a time of day; a date before it must be one, and is left out.
///
/// # Errors
/// If the text is not a time in the format, or has a date that no format asks for, or more than nine fraction digits.
pub(super) fn write_time(
    out: &mut Vec<u8>,
    text: &[u8],
    format: Option<DateFormat>,
    fit: Fit,
) -> Result<Written, ValueProblem> {
    let alone = |mut rest| read_time(&mut rest).filter(|_| rest.is_empty());
    let with_date = |mut rest| {
        read_date(&mut rest, format)?;
        read_separator(&mut rest)?;
        read_time(&mut rest).filter(|_| rest.is_empty())
    };
    let of_time = alone(text);
    let has_date = of_time.is_none();
    let (time, fraction) = of_time
        .or_else(|| with_date(text))
        .ok_or_else(|| problem("not_a_time", "a time of day", text, "HH:MM:SS.F"))?;
    let mut written = Written::Whole;
    if has_date && format.is_none() {
        written = surplus(fit, || {
            format!(
                "the value ({}) has a date, and the column holds times of day",
                Length(text)
            )
        })?;
    }
    // The type has no scale: as many digits as there are, without trailing zeros.
    let (digits, rest) = fraction
        .split_at_checked(FRACTION_DIGITS_MAX.into())
        .unwrap_or((fraction, b""));
    if has_value(rest) {
        written = surplus(fit, || too_many_digits(text, FRACTION_DIGITS_MAX))?;
    }
    let length = digits
        .iter()
        .rposition(|digit| *digit != b'0')
        .map_or(0, |last| last + 1);
    out.push(b'"');
    push_time(out, time);
    push_fraction(out, digits.get(..length).unwrap_or_default());
    out.push(b'"');
    Ok(written)
}

/// Appends a date and time in UTC with `scale` fraction digits, or none if they are all zero. A date alone
/// is its midnight.
///
/// # Errors
/// If the text is not a date and time in the format, or has more fraction digits than the scale.
pub(super) fn write_date_time(
    out: &mut Vec<u8>,
    text: &[u8],
    scale: u8,
    format: Option<DateFormat>,
    fit: Fit,
) -> Result<Written, ValueProblem> {
    let (value, fraction) = read_date_time(text, format).ok_or_else(|| {
        let date = date_pattern(format);
        let pattern = date.map_or("YYYY-MM-DD HH:MM:SS.F".to_owned(), |date| {
            format!("{date} HH:mm:ss")
        });
        problem("not_a_date_time", "a date and time", text, &pattern)
    })?;
    let scale = scale.min(FRACTION_DIGITS_MAX);
    let digits = usize::from(scale);
    let (kept, rest) = fraction.split_at_checked(digits).unwrap_or((fraction, b""));
    let written = if has_value(rest) {
        surplus(fit, || too_many_digits(text, scale))?
    } else {
        Written::Whole
    };
    out.push(b'"');
    push_date(out, value.date());
    out.push(b'T');
    push_time(out, value.time());
    if has_value(kept) {
        push_fraction(out, kept);
        out.resize(out.len() + digits - kept.len(), b'0');
    }
    out.extend_from_slice(b"Z\"");
    Ok(written)
}

fn too_many_digits(text: &[u8], scale: u8) -> String {
    format!(
        "the value ({}) has more digits after its second than the {scale} that the column has room for{}",
        Length(text),
        if scale == 0 {
            " (ColumnScale, 0 unless it is set)"
        } else {
            ""
        }
    )
}

fn read_date_time(text: &[u8], format: Option<DateFormat>) -> Option<(DateTime, &[u8])> {
    let mut rest = text;
    let date = read_date(&mut rest, format)?;
    if rest.is_empty() {
        return Some((date.to_datetime(Time::midnight()), b""));
    }
    read_separator(&mut rest)?;
    let (time, fraction) = read_time(&mut rest)?;
    let local = date.to_datetime(time);
    if rest.is_empty() {
        return Some((local, fraction));
    }
    let utc = local.checked_sub(read_offset(rest)?).ok()?;
    // Only years of four digits can be written.
    (1..=9_999).contains(&utc.year()).then_some((utc, fraction))
}

fn read_date(rest: &mut &[u8], format: Option<DateFormat>) -> Option<Date> {
    let (year, month, day) = match format {
        Some(DateFormat::MonthDayYearSlashed { .. }) => {
            let month = read_digits(rest, 2)?;
            read_byte(rest, b'/')?;
            let day = read_digits(rest, 2)?;
            read_byte(rest, b'/')?;
            (read_digits(rest, 4)?, month, day)
        }
        Some(DateFormat::YearMonthDayPlain { .. }) => (
            read_digits(rest, 4)?,
            read_digits(rest, 2)?,
            read_digits(rest, 2)?,
        ),
        Some(DateFormat::YearMonthDayDashed { .. }) => read_year_month_day(rest, b"-")?,
        Some(DateFormat::YearMonthDaySlashed { .. }) => read_year_month_day(rest, b"/")?,
        None => read_year_month_day(rest, b"-:/")?,
    };
    if year == 0 {
        return None;
    }
    Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()
}

/// A date with one of the separators, the same one twice.
fn read_year_month_day(rest: &mut &[u8], separators: &[u8]) -> Option<(i16, i16, i16)> {
    let year = read_digits(rest, 4)?;
    let separator = *rest.first().filter(|byte| separators.contains(byte))?;
    read_byte(rest, separator)?;
    let month = read_digits(rest, 2)?;
    read_byte(rest, separator)?;
    Some((year, month, read_digits(rest, 2)?))
}

/// One `T`, or blanks.
fn read_separator(rest: &mut &[u8]) -> Option<()> {
    if read_byte(rest, b'T').is_none() {
        read_byte(rest, b' ')?;
        *rest = rest.trim_ascii_start();
    }
    Some(())
}

/// Hour, minute and second, and the digits of the fraction.
fn read_time<'a>(rest: &mut &'a [u8]) -> Option<(Time, &'a [u8])> {
    let hour = read_digits(rest, 2)?;
    read_byte(rest, b':')?;
    let minute = read_digits(rest, 2)?;
    read_byte(rest, b':')?;
    let second = read_digits(rest, 2)?;
    let narrow = |value: i16| i8::try_from(value).ok();
    if second > 59 {
        return None;
    }
    let time = Time::new(narrow(hour)?, narrow(minute)?, narrow(second)?, 0).ok()?;
    if read_byte(rest, b'.').is_none() {
        return Some((time, b""));
    }
    let length = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (fraction, behind) = rest.split_at_checked(length)?;
    *rest = behind;
    (length > 0).then_some((time, fraction))
}

/// `Z`, `+hh`, `+hhmm` or `+hh:mm` to the end of the text.
fn read_offset(text: &[u8]) -> Option<SignedDuration> {
    let mut rest = text.trim_ascii_start();
    if rest.eq_ignore_ascii_case(b"Z") {
        return Some(SignedDuration::ZERO);
    }
    let is_negative = read_byte(&mut rest, b'-').is_some();
    if !is_negative {
        read_byte(&mut rest, b'+')?;
    }
    let hours = i64::from(read_digits(&mut rest, 2)?);
    let minutes = if rest.is_empty() {
        0
    } else {
        // The colon is optional.
        let _colon = read_byte(&mut rest, b':');
        i64::from(read_digits(&mut rest, 2)?)
    };
    if !rest.is_empty() || hours > OFFSET_HOURS_MAX || minutes > 59 {
        return None;
    }
    let offset = SignedDuration::from_mins(hours * 60 + minutes);
    Some(if is_negative { -offset } else { offset })
}

fn read_byte(rest: &mut &[u8], byte: u8) -> Option<()> {
    *rest = rest.strip_prefix(&[byte])?;
    Some(())
}

/// Exactly so many digits, at most four.
fn read_digits(rest: &mut &[u8], count: usize) -> Option<i16> {
    let (digits, behind) = rest.split_at_checked(count)?;
    *rest = behind;
    digits.iter().try_fold(0_i16, |value, digit| {
        digit
            .is_ascii_digit()
            .then(|| value * 10 + i16::from(digit - b'0'))
    })
}

fn push_date(out: &mut Vec<u8>, date: Date) {
    let year = date.year().unsigned_abs();
    for part in [year / 100, year % 100] {
        push_two_digits(out, part);
    }
    for part in [date.month(), date.day()] {
        out.push(b'-');
        push_two_digits(out, part.unsigned_abs().into());
    }
}

fn push_time(out: &mut Vec<u8>, time: Time) {
    push_two_digits(out, time.hour().unsigned_abs().into());
    for part in [time.minute(), time.second()] {
        out.push(b':');
        push_two_digits(out, part.unsigned_abs().into());
    }
}

fn push_two_digits(out: &mut Vec<u8>, value: u16) {
    let digit = |value: u16| b'0' + u8::try_from(value % 10).unwrap_or(0);
    out.extend_from_slice(&[digit(value / 10), digit(value)]);
}

fn push_fraction(out: &mut Vec<u8>, digits: &[u8]) {
    if !digits.is_empty() {
        out.push(b'.');
        out.extend_from_slice(digits);
    }
}

/// The date of a declared format.
fn date_pattern(format: Option<DateFormat>) -> Option<&'static str> {
    Some(match format? {
        DateFormat::YearMonthDayDashed { .. } => "YYYY-MM-dd",
        DateFormat::YearMonthDaySlashed { .. } => "YYYY/MM/dd",
        DateFormat::MonthDayYearSlashed { .. } => "MM/dd/YYYY",
        DateFormat::YearMonthDayPlain { .. } => "YYYYMMdd",
    })
}

fn problem(code: &'static str, what: &str, text: &[u8], pattern: &str) -> ValueProblem {
    ValueProblem::new(
        code,
        format!("the value ({}) is not {what} in the form {pattern}", Length(text)),
    )
}
