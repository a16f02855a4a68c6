//! Keys of the task itself: name, errors, state, limits, telemetry. Pure: no I/O, no clock.

use std::time::Duration;

use super::errors::ERRORS;
use super::text;
use super::{Choice, Group, Key, Kind, Presence, Secrecy};

/// The first keys of the document.
pub(super) const HEAD: &[Key] = &[
    Key {
        name: "version",
        kind: Kind::Integer {
            minimum: 1,
            maximum: 1,
        },
        presence: Presence::Required("1"),
        about: "Version of this format.",
    },
    Key {
        name: "task",
        kind: Kind::Text(&text::TASK, Secrecy::Open),
        presence: Presence::Required("orders"),
        about: "Name of the task. It is part of control records and of the checkpoint's identity: a renamed task\n\
                does not continue where the old one stopped.",
    },
    Key {
        name: "migration_type",
        kind: Kind::Choice(&Choice {
            words: &["full-load", "cdc", "full-load-and-cdc"],
            unavailable: &[],
        }),
        presence: Presence::Required("full-load-and-cdc"),
        about: "What to read: the files of the tables, the change files, or first the one and then the other.",
    },
];

/// The keys between source and target.
pub(super) const MAPPINGS: &[Key] = &[
    Key {
        name: "table_mappings",
        kind: Kind::Path,
        presence: Presence::Optional("./sample/table-mappings.json"),
        about: "The table mappings of DMS, as they are: selection rules with filters, transformation rules with masks and\n\
            expressions, object mapping. Without them every table is read and sent as it is defined. `brigade validate`\n\
            says what they do.",
    },
    Key {
        name: "task_settings",
        kind: Kind::Path,
        presence: Presence::Optional("./sample/task-settings.json"),
        about: "The task settings document of DMS, as it is. Its members are the values of the keys they map to, where this\n\
                file says nothing; where both speak, this file wins, with a warning. Members that ask for something\n\
                unsupported are warnings too.",
    },
];

/// The last keys of the document.
pub(super) const TAIL: &[Key] = &[
    Key {
        name: "stop",
        kind: Kind::Group(&STOP),
        presence: Presence::Optional(""),
        about: "When the task stops by itself. It finishes the requests in flight, ends with exit code 0, and continues at its next start.",
    },
    Key {
        name: "errors",
        kind: Kind::Group(&ERRORS),
        presence: Presence::Optional(""),
        about: "What happens to rows that cannot become a message.",
    },
    Key {
        name: "state",
        kind: Kind::Group(&STATE),
        presence: Presence::Optional(""),
        about: "Where the progress of the task is kept.",
    },
    Key {
        name: "limits",
        kind: Kind::Group(&LIMITS),
        presence: Presence::Optional(""),
        about: "Limits on memory, parallelism and time.",
    },
    Key {
        name: "api",
        kind: Kind::Group(&API),
        presence: Presence::Optional(""),
        about: "Metrics, health and the state of the task over HTTP, while it runs.",
    },
    Key {
        name: "events",
        kind: Kind::Group(&super::events::EVENTS),
        presence: Presence::Optional(""),
        about: "Who is told when the task starts, stops, fails, or is ordered to do something.",
    },
    Key {
        name: "telemetry",
        kind: Kind::Group(&TELEMETRY),
        presence: Presence::Optional(""),
        about: "Where traces and the log go.",
    },
];

static STOP: Group = Group {
    exactly_one_of: &[],
    parts: &[&[
        Key {
            name: "at",
            kind: Kind::Text(&text::MOMENT, Secrecy::Open),
            presence: Presence::Optional("2026-11-23T20:00:00Z"),
            about: "At this time, by the clock of this machine; `CdcStopPosition` of DMS with `server_time:`. A task that\n\
                    is started later stops at once. `brigade run --stop-at` sets it for one run.",
        },
        Key {
            name: "after",
            kind: Kind::Choice(&Choice {
                words: &["never", "full_load", "cached_changes"],
                unavailable: &[],
            }),
            presence: Presence::Default("never"),
            about: "Once, after the full load. full_load: before the first change, `StopTaskCachedChangesNotApplied` of\n\
                    DMS. cached_changes: when every change file that exists by then is settled,\n\
                    `StopTaskCachedChangesApplied`. The next start continues with the changes.",
        },
    ]],
};

static STATE: Group = Group {
    exactly_one_of: &[],
    parts: &[&[
        Key {
            name: "sled",
            kind: Kind::Group(&SLED),
            presence: Presence::Optional(""),
            about: "An embedded database on this machine.",
        },
        Key {
            name: "commit_interval",
            kind: Kind::Duration {
                minimum: Duration::from_millis(10),
                maximum: Duration::from_mins(1),
            },
            presence: Presence::Default("1s"),
            about: "Pause between two durable checkpoints. What is sent in that time may be sent twice after a crash;\n\
                    shorter means fewer repeats and more disk syncs.",
        },
    ]],
};

static SLED: Group = Group {
    exactly_one_of: &[],
    parts: &[&[Key {
        name: "path",
        kind: Kind::Path,
        presence: Presence::Default("./state"),
        about: "Folder of the database. It must survive a restart: no tmpfs, no container layer.",
    }]],
};

static LIMITS: Group = Group {
    exactly_one_of: &[],
    parts: &[&[
        Key {
            name: "in_flight",
            kind: Kind::Size {
                minimum: 1 << 20,
                maximum: 64 << 30,
            },
            presence: Presence::Default("64MiB"),
            about: "Bytes of records that are read and not yet settled. It bounds the memory of the process;\n\
                    too little keeps the shards waiting. At least twice `limits.row`.",
        },
        Key {
            name: "files_in_parallel",
            kind: Kind::Integer {
                minimum: 1,
                maximum: 256,
            },
            presence: Presence::Default("8"),
            about: "Tables that are loaded at the same time. The files of one table are read one after another.",
        },
        Key {
            name: "row",
            kind: Kind::Size {
                minimum: 1 << 10,
                maximum: 10 << 20,
            },
            presence: Presence::Default("1MiB"),
            about: "Longest row. A longer one is a dead letter, so that a missing quote cannot eat a file.",
        },
        Key {
            name: "drain_timeout",
            kind: Kind::Duration {
                minimum: Duration::from_secs(1),
                maximum: Duration::from_hours(1),
            },
            presence: Presence::Default("30s"),
            about: "Time for the requests in flight to end after SIGTERM; after it they are in doubt at the next start. Keep it below the grace period of the platform.",
        },
        Key {
            name: "outage_patience",
            kind: Kind::Duration {
                minimum: Duration::from_secs(1),
                maximum: Duration::from_hours(8_760),
            },
            presence: Presence::Optional("1h"),
            about: "How long the task waits for a source or a target that does not answer, before it ends with exit code 69. What\n\
                    does not need that side goes on meanwhile. Without it: for ever with `brigade run`, five minutes with\n\
                    `brigade run --once`.",
        },
        Key {
            name: "hang_timeout",
            kind: Kind::Duration {
                minimum: Duration::from_secs(1),
                maximum: Duration::from_hours(1),
            },
            presence: Presence::Default("1m"),
            about: "A thread of the data path that does not answer for this long hangs, and so does one of which nothing comes for\n\
                    five times as long, without a cause that is known. The data path is started again then; if the thread does\n\
                    not end, the process ends with exit code 70.",
        },
        Key {
            name: "restarts",
            kind: Kind::Integer {
                minimum: 0,
                maximum: 1_000,
            },
            presence: Presence::Default("5"),
            about: "Restarts of the data path within ten minutes of work before the process gives up.",
        },
        Key {
            name: "restarts_without_end",
            kind: Kind::Boolean,
            presence: Presence::Default("false"),
            about: "Restarts have no bound, whatever `restarts` says; a fault that needs a person still ends the task.",
        },
        Key {
            name: "restart_interval",
            kind: Kind::Duration {
                minimum: Duration::from_millis(1),
                maximum: Duration::from_hours(1),
            },
            presence: Presence::Default("500ms"),
            about: "Pause before the first restart.",
        },
        Key {
            name: "restart_throttling",
            kind: Kind::Boolean,
            presence: Presence::Default("true"),
            about: "Each further pause is twice as long as the one before.",
        },
        Key {
            name: "restart_interval_max",
            kind: Kind::Duration {
                minimum: Duration::from_millis(1),
                maximum: Duration::from_hours(24),
            },
            presence: Presence::Default("30s"),
            about: "Longest pause.",
        },
        Key {
            name: "restarts_end_at_interval_max",
            kind: Kind::Boolean,
            presence: Presence::Default("false"),
            about: "The process gives up when a restart after the longest pause fails.",
        },
    ]],
};

static API: Group = Group {
    exactly_one_of: &[],
    parts: &[&[
        Key {
            name: "listen",
            kind: Kind::Text(&text::LISTEN, Secrecy::Open),
            presence: Presence::Optional("127.0.0.1:8686"),
            about: "Address and port, or off. Without it 127.0.0.1:8686, unless that is taken: then the log says so and nothing is\n\
                    served. A task that is given an address it cannot have does not start.",
        },
        Key {
            name: "token",
            kind: Kind::Text(&text::TOKEN, Secrecy::Secret),
            presence: Presence::Optional("${file:/run/secrets/brigade-token}"),
            about: "Who sends it (`Authorization: Bearer`) may read everything. At an address that is not of this machine alone,\n\
                    nothing but health is served without it.",
        },
        Key {
            name: "health",
            kind: Kind::Group(&HEALTH),
            presence: Presence::Optional(""),
            about: "When /healthz says that the task is not well.",
        },
    ]],
};

static HEALTH: Group = Group {
    exactly_one_of: &[],
    parts: &[&[
        Key {
            name: "no_progress",
            kind: Kind::Duration {
                minimum: Duration::from_secs(1),
                maximum: Duration::from_hours(24),
            },
            presence: Presence::Default("10m"),
            about: "Nothing was settled for this long, and there is work.",
        },
        Key {
            name: "dead_letters",
            kind: Kind::Integer {
                minimum: 0,
                maximum: 1_000_000_000_000,
            },
            presence: Presence::Optional("1000"),
            about: "More rows than this are dead letters. Without it any number is fine.",
        },
    ]],
};

static TELEMETRY: Group = Group {
    exactly_one_of: &[],
    parts: &[&[
        Key {
            name: "otlp",
            kind: Kind::Group(&OTLP),
            presence: Presence::Optional(""),
            about: "OpenTelemetry over HTTP/protobuf.",
        },
        Key {
            name: "emf",
            kind: Kind::Boolean,
            presence: Presence::Default("false"),
            about: "Whether a line a minute goes to standard output in the embedded metric format of CloudWatch, with the names\n\
                of DMS's metrics.",
        },
    ]],
};

static OTLP: Group = Group {
    exactly_one_of: &[],
    parts: &[&[
        Key {
            name: "endpoint",
            kind: Kind::Text(&text::COLLECTOR, Secrecy::Open),
            presence: Presence::Optional("http://127.0.0.1:4318"),
            about: "Endpoint without a path, for traces, metrics and the log. Without it nothing is sent.",
        },
        Key {
            name: "objects_per_second",
            kind: Kind::Integer {
                minimum: 1,
                maximum: 1_000_000,
            },
            presence: Presence::Default("10"),
            about: "How many files that begin in a second are traced. Of the others only what ends with an error is sent.",
        },
        Key {
            name: "logs",
            kind: Kind::Boolean,
            presence: Presence::Default("true"),
            about: "Send the lines of the log there as well, those of this program.",
        },
        Key {
            name: "old_names",
            kind: Kind::Boolean,
            presence: Presence::Default("false"),
            about: "Also write `messaging.system`, the older name of `messaging.system.name`.",
        },
    ]],
};
