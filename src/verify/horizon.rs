//! How far back a stream can be judged. Pure: no I/O, no clock.

use crate::limits::RETENTION_MIN;
use crate::saturate;

/// The times that decide, each in milliseconds since the epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Times {
    /// When the task first started.
    pub(super) started: i64,
    /// When the oldest record that is still there was built.
    pub(super) oldest: i64,
    /// From when on is asked.
    pub(super) since: Option<i64>,
    /// Now.
    pub(super) now: i64,
}

impl Times {
    /// Whether the retention may have removed something that is asked for: time enough has passed since the task
    /// started, and the stream begins later than the task and than the question.
    pub(super) fn allow_a_cut(self) -> bool {
        let retention_ms = saturate::to_i64(RETENTION_MIN.as_millis());
        let asked_from = self.since.map_or(self.started, |since| since.max(self.started));
        self.now.saturating_sub(self.started) > retention_ms && self.oldest > asked_from
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR_MS: i64 = 3_600_000;

    #[test]
    fn a_stream_is_cut_only_if_time_enough_has_passed_for_it() {
        let old = Times {
            started: 0,
            oldest: HOUR_MS,
            since: None,
            now: 25 * HOUR_MS,
        };
        let cases = [
            (old, true, "old enough"),
            (
                Times {
                    now: 23 * HOUR_MS,
                    ..old
                },
                false,
                "too young",
            ),
            (Times { oldest: -1, ..old }, false, "it begins before the task"),
            (
                Times {
                    since: Some(2 * HOUR_MS),
                    ..old
                },
                false,
                "nothing older is asked for",
            ),
            (
                Times {
                    since: Some(-1),
                    ..old
                },
                true,
                "more is asked for than there ever was",
            ),
        ];
        for (times, expected, why) in cases {
            assert_eq!(times.allow_a_cut(), expected, "{why}");
        }
    }
}
