//! Where the changes of a task begin, when it stops by itself, and what its events are worth. Pure: no I/O, no clock.

use std::fmt;

use jiff::civil::DateTime;
use jiff::{Timestamp, tz::TimeZone};
use serde::{Deserialize, Serialize};

/// Where the changes of a task begin, as it is configured. DMS: `CdcStartPosition` and `CdcStartTime`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangesFrom {
    /// At the first change file.
    #[default]
    Beginning,
    /// After the files that are there when the task is started for the first time.
    Now,
    /// After this key.
    AfterKey(String),
    /// With the files that were modified at this time or later, in milliseconds since the epoch.
    ModifiedSince(i64),
}

impl fmt::Display for ChangesFrom {
    /// As the configuration has it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Beginning => f.write_str("beginning"),
            Self::Now => f.write_str("now"),
            Self::AfterKey(key) => write!(f, "{{ after_key: {key:?} }}"),
            Self::ModifiedSince(ms) => write!(f, "{{ modified_since: \"{}\" }}", moment_text(*ms)),
        }
    }
}

/// When a task stops by itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StopConfig {
    /// At this time, in milliseconds since the epoch. DMS: `CdcStopPosition` with `server_time:`.
    pub at_ms: Option<i64>,
    /// Once, after the full load.
    pub after: StopAfter,
}

/// Where after its full load a task stops once. DMS: `StopTaskCachedChangesNotApplied` and
/// `StopTaskCachedChangesApplied`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum StopAfter {
    /// Nowhere: it goes on with the changes.
    #[default]
    Never,
    /// Before the first change.
    FullLoad,
    /// When every change file that a whole listing after the load finds is settled.
    CachedChanges,
}

/// What is done if an event about the task cannot be written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum EventErrorPolicy {
    /// It is logged, and the task goes on.
    #[default]
    Ignore,
    /// The task does not start, or fails at its end.
    StopTask,
}

/// A time in RFC 3339, or without an offset, which is UTC; in milliseconds since the epoch.
pub fn parse_moment(text: &str) -> Option<i64> {
    if let Ok(time) = text.parse::<Timestamp>() {
        return Some(time.as_millisecond());
    }
    let time: DateTime = text.parse().ok()?;
    let time = time.to_zoned(TimeZone::UTC).ok()?;
    Some(time.timestamp().as_millisecond())
}

/// A time in RFC 3339, without a fraction that is zero.
pub fn moment_text(epoch_ms: i64) -> String {
    Timestamp::from_millisecond(epoch_ms)
        .unwrap_or_default()
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_without_an_offset_is_utc() {
        for text in [
            "2026-11-23T20:00:00Z",
            "2026-11-23T20:00:00",
            "2026-11-23 20:00:00",
            "2026-11-23T21:00:00+01:00",
        ] {
            assert_eq!(parse_moment(text), Some(1_795_464_000_000), "{text}");
        }
        assert_eq!(parse_moment("2026-11-23T20:00:00.25Z"), Some(1_795_464_000_250));
        for text in ["", "20:00:00", "2026-13-01T00:00:00", "now", "1795464000"] {
            assert_eq!(parse_moment(text), None, "{text}");
        }
        assert_eq!(moment_text(1_795_464_000_000), "2026-11-23T20:00:00Z");
    }

    #[test]
    fn a_beginning_is_shown_as_the_configuration_has_it() {
        let cases = [
            (ChangesFrom::Beginning, "beginning"),
            (ChangesFrom::Now, "now"),
            (
                ChangesFrom::AfterKey("cdc/7.csv".to_owned()),
                "{ after_key: \"cdc/7.csv\" }",
            ),
            (
                ChangesFrom::ModifiedSince(1_795_464_000_000),
                "{ modified_since: \"2026-11-23T20:00:00Z\" }",
            ),
        ];
        for (from, expected) in cases {
            assert_eq!(from.to_string(), expected);
        }
    }
}
