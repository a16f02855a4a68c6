//! What follows from errors. Pure: no I/O, no clock.

use std::path::Path;

use super::joined;
use crate::config::values::Section;
use crate::settings::{DataErrorPolicy, ErrorsConfig, Escalation, EventErrorPolicy, Fit, RowPolicies};

const POLICIES: [(&str, DataErrorPolicy); 3] = [
    ("DEAD_LETTER", DataErrorPolicy::DeadLetter),
    ("SUSPEND_TABLE", DataErrorPolicy::SuspendTable),
    ("STOP_TASK", DataErrorPolicy::StopTask),
];

/// What is left to be judged after everything was cut that can be is bad in the way of all other values.
const TRUNCATION_POLICIES: [(&str, Option<DataErrorPolicy>); 4] = [
    ("DEAD_LETTER", Some(DataErrorPolicy::DeadLetter)),
    ("TRUNCATE", None),
    ("SUSPEND_TABLE", Some(DataErrorPolicy::SuspendTable)),
    ("STOP_TASK", Some(DataErrorPolicy::StopTask)),
];

const EVENT_POLICIES: [(&str, EventErrorPolicy); 2] = [
    ("IGNORE", EventErrorPolicy::Ignore),
    ("STOP_TASK", EventErrorPolicy::StopTask),
];

/// What the keys below `errors` say.
pub(super) fn errors(root: &Section<'_>, folder: &Path) -> Option<ErrorsConfig> {
    let section = root.section("errors")?;
    let escalation = section.section("data_error_escalation")?;
    let data = section.choice("data_error_policy", &POLICIES)?;
    let count = escalation.number("count")?;
    let policy = escalation.choice("policy", &POLICIES)?;
    Some(ErrorsConfig {
        dead_letters: joined(folder, section.text("dead_letters")?),
        dead_letters_max: section.number("dead_letters_max")?,
        rows: RowPolicies {
            data,
            truncation: section
                .choice("data_truncation_error_policy", &TRUNCATION_POLICIES)
                .flatten()
                .unwrap_or(data),
            escalation: (count > 0).then_some(Escalation { count, policy }),
        },
        suspended_tables_max: section.number("table_error_escalation_count")?,
        event_error_policy: section.choice("event_error_policy", &EVENT_POLICIES)?,
    })
}

/// What becomes of values that do not fit their column.
pub(super) fn fit(root: &Section<'_>) -> Option<Fit> {
    let policy = root.section("errors")?.word("data_truncation_error_policy");
    Some(if policy == Some("TRUNCATE") {
        Fit::Truncate
    } else {
        Fit::Whole
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::loaded_with;

    fn rows(errors: &str) -> RowPolicies {
        loaded_with("target:", &format!("errors: {{ {errors} }}\ntarget:"))
            .errors
            .rows
    }

    #[test]
    fn a_value_that_does_not_fit_is_as_bad_as_any_unless_it_is_said() {
        use DataErrorPolicy::{DeadLetter, StopTask, SuspendTable};
        assert_eq!(rows(""), RowPolicies::default());
        let both = rows("data_error_policy: SUSPEND_TABLE");
        assert_eq!((both.data, both.truncation), (SuspendTable, SuspendTable));
        let own = rows("data_error_policy: STOP_TASK, data_truncation_error_policy: DEAD_LETTER");
        assert_eq!((own.data, own.truncation), (StopTask, DeadLetter));
    }

    #[test]
    fn where_values_are_cut_the_rest_is_as_bad_as_any() {
        let config = |errors: &str| loaded_with("target:", &format!("errors: {{ {errors} }}\ntarget:"));
        let cut = config("data_error_policy: SUSPEND_TABLE, data_truncation_error_policy: TRUNCATE");
        assert_eq!(cut.message.fit, Fit::Truncate);
        assert_eq!(cut.errors.rows.truncation, DataErrorPolicy::SuspendTable);
        assert_eq!(
            config("data_truncation_error_policy: STOP_TASK").message.fit,
            Fit::Whole
        );
    }

    #[test]
    fn an_escalation_with_a_count_of_zero_is_none() {
        assert_eq!(
            rows("data_error_escalation: { policy: STOP_TASK }").escalation,
            None
        );
        assert_eq!(
            rows("data_error_escalation: { count: 3 }").escalation,
            Some(Escalation {
                count: 3,
                policy: DataErrorPolicy::SuspendTable
            })
        );
    }
}
