//! How restarts follow on each other. Pure: no I/O, no clock.

use crate::config::values::Section;
use crate::settings::RestartDelays;
use crate::settings::problems::Report;

/// What the keys below `limits` say of restarts.
pub(super) fn restarts(section: &Section<'_>, report: &mut Report) -> Option<RestartDelays> {
    let delays = RestartDelays {
        are_unbounded: section.boolean("restarts_without_end")?,
        interval: section.duration("restart_interval")?,
        is_throttled: section.boolean("restart_throttling")?,
        interval_max: section.duration("restart_interval_max")?,
        end_at_interval_max: section.boolean("restarts_end_at_interval_max")?,
    };
    if delays.interval > delays.interval_max {
        let message = "`limits.restart_interval` is longer than `limits.restart_interval_max`; lower the one or raise \
                       the other";
        report.error(section.place("restart_interval"), message);
    }
    Some(delays)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::config::tests::{check, loaded, loaded_with};

    #[test]
    fn pauses_are_those_of_dms_where_that_is_wanted_and_short_otherwise() {
        assert_eq!(loaded().limits.restart, RestartDelays::default());
        let keys = "restarts_without_end: true, restart_interval: 5s, restart_interval_max: 30m, restart_throttling: false, \
                    restarts_end_at_interval_max: true";
        let delays = loaded_with("target:", &format!("limits: {{ {keys} }}\ntarget:"))
            .limits
            .restart;
        let expected = RestartDelays {
            are_unbounded: true,
            interval: Duration::from_secs(5),
            is_throttled: false,
            interval_max: Duration::from_mins(30),
            end_at_interval_max: true,
        };
        assert_eq!(delays, expected);
    }

    #[test]
    fn a_first_pause_above_the_longest_is_a_mistake() {
        let limits = "limits: { restart_interval: 1m }\ntarget:";
        check("target:", limits, "longer than `limits.restart_interval_max`");
    }
}
