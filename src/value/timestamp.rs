//! The time in `metadata.timestamp`: when the message was built. Pure: no I/O, no clock.

use std::fmt;

use jiff::Timestamp;
use jiff::tz::Offset;

/// Length of the text.
const TEXT_BYTES: usize = "2025-06-21T12:06:47.878570Z".len();

/// A time, rendered once and used for all records of a chunk: always six fraction digits, always UTC.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct MessageTimestamp([u8; TEXT_BYTES]);

impl MessageTimestamp {
    /// The text of a time in microseconds since the Unix epoch. Times outside the years 0 to 9999 become
    /// the nearest one inside.
    pub fn from_unix_us(unix_us: i64) -> Self {
        let timestamp = Timestamp::from_microsecond(unix_us).unwrap_or(if unix_us < 0 {
            Timestamp::MIN
        } else {
            Timestamp::MAX
        });
        let time = Offset::UTC.to_datetime(timestamp);
        let mut text = *b"0000-00-00T00:00:00.000000Z";
        let microsecond = time.subsec_nanosecond().unsigned_abs() / 1_000;
        for (end, value) in [
            (4, u32::from(time.year().max(0).unsigned_abs())),
            (7, time.month().unsigned_abs().into()),
            (10, time.day().unsigned_abs().into()),
            (13, time.hour().unsigned_abs().into()),
            (16, time.minute().unsigned_abs().into()),
            (19, time.second().unsigned_abs().into()),
            (26, microsecond),
        ] {
            write_digits_before(&mut text, end, value);
        }
        Self(text)
    }

    /// The text, without quotes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for MessageTimestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.escape_ascii())
    }
}

/// Writes the digits of a value before `end`, over zeros.
fn write_digits_before(text: &mut [u8], end: usize, value: u32) {
    let mut rest = value;
    for byte in text.iter_mut().take(end).rev() {
        if rest == 0 {
            return;
        }
        *byte = b'0' + u8::try_from(rest % 10).unwrap_or(0);
        rest /= 10;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn six_digits_of_the_second_are_always_there() {
        for (unix_us, expected) in [
            (1_750_507_607_878_570, "2025-06-21T12:06:47.878570Z"),
            (0, "1970-01-01T00:00:00.000000Z"),
            (-1, "1969-12-31T23:59:59.999999Z"),
            (i64::MAX, "9999-12-30T22:00:00.999999Z"),
        ] {
            let text = MessageTimestamp::from_unix_us(unix_us);
            assert_eq!(std::str::from_utf8(text.as_bytes()).unwrap(), expected);
        }
    }
}
