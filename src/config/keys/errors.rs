//! Keys of what follows from errors. Pure: no I/O, no clock.

use super::{Choice, Group, Key, Kind, Presence};

/// What follows from errors.
pub(super) static ERRORS: Group = Group {
    exactly_one_of: &[],
    parts: &[&[
        Key {
            name: "data_error_policy",
            kind: Kind::Choice(&POLICY),
            presence: Presence::Default("DEAD_LETTER"),
            about: "What a bad row leads to. DEAD_LETTER: it is kept, with its place and the reason, before the task\n\
                    moves on. SUSPEND_TABLE: it is kept, and nothing of its table is sent after it, until\n\
                    `brigade tables resume`; files of its load are not read on, its change rows are kept as dead letters, and\n\
                    the other tables go on. STOP_TASK: the task ends before it with exit code 65, and every start meets it\n\
                    again.",
        },
        Key {
            name: "data_truncation_error_policy",
            kind: Kind::Choice(&TRUNCATION_POLICY),
            presence: Presence::Optional("DEAD_LETTER"),
            about: "The same for a row with a value that does not fit its column: a text or bytes longer than\n\
                    `ColumnLength`, a number out of range, digits other than 0 after the last one that\n\
                    `ColumnScale` has room for (of numbers and of seconds), a time of day in a DATE. Without it: what\n\
                    `data_error_policy` says. TRUNCATE does as DMS does with LOG_ERROR: texts and bytes are cut,\n\
                    decimals rounded half away from zero, times cut, and the rows counted (see `brigade tables`);\n\
                    for a number that is out of range there is nothing to cut, and `data_error_policy` applies.",
        },
        Key {
            name: "data_error_escalation",
            kind: Kind::Group(&DATA_ERROR_ESCALATION),
            presence: Presence::Optional(""),
            about: "What follows from too many bad rows of one table.",
        },
        Key {
            name: "table_error_escalation_count",
            kind: Kind::Integer {
                minimum: 0,
                maximum: 1_000_000,
            },
            presence: Presence::Default("0"),
            about: "This many suspended tables end the task, with exit code 65 and everything in flight settled;\n\
                    0: never.",
        },
        Key {
            name: "dead_letters",
            kind: Kind::Path,
            presence: Presence::Default("./state/dead-letters"),
            about: "Folder of the dead letters. Put it on the same durable disk as the state.",
        },
        Key {
            name: "dead_letters_max",
            kind: Kind::Size {
                minimum: 1 << 20,
                maximum: 1 << 40,
            },
            presence: Presence::Default("1GiB"),
            about: "Bytes of dead letters that one file may make within a minute. A file that makes more is set aside at\n\
                    that row, so that it cannot fill the disk; see `brigade files`. Of each row its first 64KiB are kept.",
        },
        Key {
            name: "event_error_policy",
            kind: Kind::Choice(&Choice {
                words: &["IGNORE", "STOP_TASK"],
                unavailable: &[],
            }),
            presence: Presence::Default("IGNORE"),
            about: "What to do if an event of the task (started, stopped, failed) cannot be written to `events.jsonl` in the\n\
                    state folder; `EventErrorPolicy` of DMS. IGNORE logs it. STOP_TASK does not start, or ends with\n\
                    exit code 74.",
        },
    ]],
};

static POLICY: Choice = Choice {
    words: &["DEAD_LETTER", "SUSPEND_TABLE", "STOP_TASK"],
    unavailable: &["LOG_ERROR", "IGNORE_RECORD"],
};

static TRUNCATION_POLICY: Choice = Choice {
    words: &["DEAD_LETTER", "TRUNCATE", "SUSPEND_TABLE", "STOP_TASK"],
    unavailable: &["LOG_ERROR", "IGNORE_RECORD"],
};

static DATA_ERROR_ESCALATION: Group = Group {
    exactly_one_of: &[],
    parts: &[&[
        Key {
            name: "count",
            kind: Kind::Integer {
                minimum: 0,
                maximum: 1_000_000_000,
            },
            presence: Presence::Default("0"),
            about: "The bad row of a table with this number, since the task began or the table was resumed, is one too\n\
                    many; 0: never.",
        },
        Key {
            name: "policy",
            kind: Kind::Choice(&Choice {
                words: &["SUSPEND_TABLE", "STOP_TASK"],
                unavailable: &[],
            }),
            presence: Presence::Default("SUSPEND_TABLE"),
            about: "What follows from it.",
        },
    ]],
};
