//! What is done about `ErrorBehavior` of a task. Pure: no I/O, no clock.

use super::rules::{Effect, Form, Rule};
use super::task_rules::TRANSACTIONS;

const NO_CONFLICTS: Effect = Effect::Ignored("a stream has no conflicts");
/// More is kept than DMS keeps, and nothing less.
const BAD_ROW: Form = Form::Words(&[
    ("LOG_ERROR", "DEAD_LETTER"),
    ("IGNORE_RECORD", "DEAD_LETTER"),
    ("SUSPEND_TABLE", "SUSPEND_TABLE"),
    ("STOP_TASK", "STOP_TASK"),
]);
/// DMS cuts the value and goes on, or leaves the row out.
const TRUNCATION: Form = Form::Words(&[
    ("LOG_ERROR", "TRUNCATE"),
    ("IGNORE_RECORD", "DEAD_LETTER"),
    ("SUSPEND_TABLE", "SUSPEND_TABLE"),
    ("STOP_TASK", "STOP_TASK"),
]);
const TABLE_ERROR: Form = Form::Words(&[("SUSPEND_TABLE", "suspend_table"), ("STOP_TASK", "stop")]);
const ESCALATION: Form = Form::Words(&[("SUSPEND_TABLE", "SUSPEND_TABLE"), ("STOP_TASK", "STOP_TASK")]);

/// `ErrorBehavior`.
pub(super) static ERRORS: &[Rule] = &[
    (
        "DataErrorPolicy",
        Effect::Key("errors.data_error_policy", BAD_ROW),
    ),
    (
        "DataTruncationErrorPolicy",
        Effect::Key("errors.data_truncation_error_policy", TRUNCATION),
    ),
    (
        "DataErrorEscalationPolicy",
        Effect::Key("errors.data_error_escalation.policy", ESCALATION),
    ),
    (
        "DataErrorEscalationCount",
        Effect::Key(
            "errors.data_error_escalation.count",
            Form::Number(0, 1_000_000_000),
        ),
    ),
    (
        "EventErrorPolicy",
        Effect::Key(
            "errors.event_error_policy",
            Form::Words(&[("IGNORE", "IGNORE"), ("STOP_TASK", "STOP_TASK")]),
        ),
    ),
    (
        "TableErrorPolicy",
        Effect::Key("source.changed_objects", TABLE_ERROR),
    ),
    (
        "TableErrorEscalationPolicy",
        Effect::Only(
            &["STOP_TASK"],
            "too many suspended tables stop the task",
            "too many suspended tables always stop the task",
        ),
    ),
    (
        "TableErrorEscalationCount",
        Effect::Key("errors.table_error_escalation_count", Form::Number(0, 1_000_000)),
    ),
    ("RecoverableErrorCount", Effect::RestartCount),
    (
        "RecoverableErrorInterval",
        Effect::Key("limits.restart_interval", Form::Seconds(1, 3_600)),
    ),
    (
        "RecoverableErrorThrottling",
        Effect::Key("limits.restart_throttling", Form::Boolean),
    ),
    (
        "RecoverableErrorThrottlingMax",
        Effect::Key("limits.restart_interval_max", Form::Seconds(1, 86_400)),
    ),
    (
        "RecoverableErrorStopRetryAfterThrottlingMax",
        Effect::Key("limits.restarts_end_at_interval_max", Form::Boolean),
    ),
    ("ApplyErrorDeletePolicy", NO_CONFLICTS),
    ("ApplyErrorInsertPolicy", NO_CONFLICTS),
    ("ApplyErrorUpdatePolicy", NO_CONFLICTS),
    ("ApplyErrorEscalationPolicy", NO_CONFLICTS),
    ("ApplyErrorEscalationCount", NO_CONFLICTS),
    ("ApplyErrorFailOnTruncationDdl", NO_CONFLICTS),
    ("FullLoadIgnoreConflicts", NO_CONFLICTS),
    ("FailOnTransactionConsistencyBreached", TRANSACTIONS),
    (
        "FailOnNoTablesCaptured",
        Effect::Only(
            &["true"],
            "mappings that select no table are refused",
            "mappings that select no table are always refused",
        ),
    ),
    (
        "DataMaskingErrorPolicy",
        Effect::Only(
            &["STOP_TASK"],
            "a mask that does not fit its column is an error of the mappings, before anything is sent",
            "a mask that does not fit its column is always an error of the mappings, before anything is sent",
        ),
    ),
];
