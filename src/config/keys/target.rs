//! Keys of the target; the ones about messages carry the names of DMS's `KinesisSettings`. Pure: no I/O, no
//! clock.

use std::time::Duration;

use super::text;
use super::{Choice, Group, Key, Kind, Presence, Secrecy};

/// The key `target`.
pub(super) const KEYS: &[Key] = &[Key {
    name: "target",
    kind: Kind::Group(&TARGET),
    presence: Presence::Required(""),
    about: "Where the records go and what they look like.",
}];

static TARGET: Group = Group {
    exactly_one_of: &["kinesis", "ndjson"],
    parts: &[&[
        Key {
            name: "kinesis",
            kind: Kind::Group(&KINESIS),
            presence: Presence::Optional(""),
            about: "An Amazon Kinesis data stream, which must exist.",
        },
        Key {
            name: "ndjson",
            kind: Kind::Group(&NDJSON),
            presence: Presence::Optional(""),
            about: "Files on this machine instead of a stream, no AWS needed: one file per shard, one line per record.",
        },
    ]],
};

static KINESIS: Group = Group {
    exactly_one_of: &[],
    parts: &[
        &[
            Key {
                name: "stream",
                kind: Kind::Text(&text::STREAM, Secrecy::Open),
                presence: Presence::Required("orders"),
                about: "Name of the stream. One of another account is given by its ARN, which names its region as well.",
            },
            Key {
                name: "region",
                kind: Kind::Text(&text::REGION, Secrecy::Open),
                presence: Presence::Optional("us-west-2"),
                about: "Region of the stream. Without it the provider chain decides.",
            },
            Key {
                name: "endpoint",
                kind: Kind::Text(&text::URL, Secrecy::Open),
                presence: Presence::Optional("http://127.0.0.1:4567"),
                about: "Another Kinesis than AWS's, for tests.",
            },
            Key {
                name: "request_timeout",
                kind: Kind::Duration {
                    minimum: Duration::from_secs(1),
                    maximum: Duration::from_mins(5),
                },
                presence: Presence::Default("30s"),
                about: "Time for one request. A request that takes longer is in doubt, and its records may come twice.",
            },
            Key {
                name: "settle",
                kind: Kind::Duration {
                    minimum: Duration::ZERO,
                    maximum: Duration::from_mins(10),
                },
                presence: Presence::Default("15s"),
                about: "How long a request may outlive the process that sent it, or the wait for its answer. dedupe looks\n\
                        after that time; a request that is stored later may come twice. 6m is safe against all but\n\
                        delays within the service: it takes no request that was signed 5 minutes ago.",
            },
            Key {
                name: "out_of_retention",
                kind: Kind::Choice(&Choice {
                    words: &["resend", "stop"],
                    unavailable: &[],
                }),
                presence: Presence::Default("resend"),
                about: "What to do with records in doubt after an outage that was longer than the stream's retention, when\n\
                        the stream no longer shows whether they arrived. resend: send them, they may come\n\
                        twice; stop: exit with code 65 and leave it to a person.",
            },
            Key {
                name: "aggregation",
                kind: Kind::Choice(&Choice {
                    words: &["none", "kpl"],
                    unavailable: &[],
                }),
                presence: Presence::Default("none"),
                about: "none: each row is a record. kpl: the rows of a request travel in one record, in the format of the\n\
                        Kinesis Producer Library, so a shard takes 1 MiB and not 1,000 rows a second, and a request is\n\
                        stored whole or not at all. Only for consumers that take such records apart: the Kinesis Client\n\
                        Library does, Firehose does, a Lambda function has to do it itself.",
            },
            pace("service"),
        ],
        MESSAGE,
        SENDING,
    ],
};

static NDJSON: Group = Group {
    exactly_one_of: &[],
    parts: &[
        &[
            Key {
                name: "path",
                kind: Kind::Path,
                presence: Presence::Required("./out"),
                about: "Folder of the files.",
            },
            Key {
                name: "shards",
                kind: Kind::Integer {
                    minimum: 1,
                    maximum: 10_000,
                },
                presence: Presence::Default("1"),
                about: "How many shards to pretend; records are spread as Kinesis would.",
            },
            pace("off"),
        ],
        MESSAGE,
        SENDING,
    ],
};

/// The pace is the service's with Kinesis; nothing needs pacing before a file.
const fn pace(default: &'static str) -> Key {
    Key {
        name: "pace",
        kind: Kind::ChoiceOrGroup(
            &Choice {
                words: &["service", "off"],
                unavailable: &[],
            },
            &PACE,
        ),
        presence: Presence::Default(default),
        about: "How fast a shard is written to. service: the documented limits of a shard, so that requests are not\n\
                throttled; off: as fast as it goes; or own limits, to leave room for other writers.",
    }
}

static PACE: Group = Group {
    exactly_one_of: &[],
    parts: &[&[
        Key {
            name: "records_per_second",
            kind: Kind::Integer {
                minimum: 1,
                maximum: 1_000_000,
            },
            presence: Presence::Required("1000"),
            about: "Records per second and shard.",
        },
        Key {
            name: "bytes_per_second",
            kind: Kind::Size {
                minimum: 1 << 10,
                maximum: 1 << 30,
            },
            presence: Presence::Required("1MiB"),
            about: "Bytes per second and shard.",
        },
    ]],
};

const SENDING: &[Key] = &[
    Key {
        name: "delivery",
        kind: Kind::Choice(&Choice {
            words: &["dedupe", "at_least_once"],
            unavailable: &[],
        }),
        presence: Presence::Optional("dedupe"),
        about: "What happens to records in doubt after a crash or a request without an answer; none is lost either\n\
                way. dedupe: the stream is read back and only what is not there is sent again; a duplicate is possible\n\
                only if a request that was given up is stored later than settle, if the outage outlasted the stream's\n\
                retention, or if the configuration changed across a crash. at_least_once: they are sent again and may\n\
                come twice. Without this key: dedupe where the role may read the stream, else at_least_once.",
    },
    Key {
        name: "recreated_stream",
        kind: Kind::Choice(&Choice {
            words: &["stop", "continue"],
            unavailable: &[],
        }),
        presence: Presence::Default("stop"),
        about: "What to do if the stream was deleted and created again under its name. stop: exit with 76, because what\n\
                was delivered is gone; continue: carry on where the old stream ended.",
    },
    Key {
        name: "ordering",
        kind: Kind::Choice(&Choice {
            words: &["strict", "final", "none"],
            unavailable: &[],
        }),
        presence: Presence::Default("final"),
        about: "What a partial failure may do to the order. strict: a request has at most one record per partition key,\n\
                so none can overtake another, which is slow for a hot key; final: the failed records and later ones of\n\
                the same partition key are sent again before anything newer, so the newest row of a key always arrives\n\
                last; none: only the failed records are sent again.",
    },
    Key {
        name: "linger",
        kind: Kind::Duration {
            minimum: Duration::ZERO,
            maximum: Duration::from_secs(10),
        },
        presence: Presence::Default("100ms"),
        about: "How long a batch may wait for more records. Longer makes fewer and fuller requests.",
    },
];

const MESSAGE: &[Key] = &[
    Key {
        name: "message_format",
        kind: Kind::Choice(&Choice {
            words: &["json", "json-unformatted"],
            unavailable: &[],
        }),
        presence: Presence::Default("json"),
        about: "json: indented with tabs, as DMS does; json-unformatted: one line, smaller.",
    },
    Key {
        name: "include_control_details",
        kind: Kind::Boolean,
        presence: Presence::Default("false"),
        about: "Adds the table definition to control records.",
    },
    Key {
        name: "include_null_and_empty",
        kind: Kind::Boolean,
        presence: Presence::Default("false"),
        about: "Keeps NULL and empty columns; without it they are left out of the message.",
    },
    Key {
        name: "include_partition_value",
        kind: Kind::Boolean,
        presence: Presence::Default("false"),
        about: "Adds the partition key to the metadata, unless it is schema.table.",
    },
    Key {
        name: "partition_include_schema_table",
        kind: Kind::Boolean,
        presence: Presence::Default("false"),
        about: "Prefixes primary-key partition keys with schema.table., so that equal keys of different tables do not\n\
                all go to one shard.",
    },
    Key {
        name: "no_hex_prefix",
        kind: Kind::Boolean,
        presence: Presence::Default("false"),
        about: "Leaves the 0x of binary values out.",
    },
    Key {
        name: "control_records",
        kind: Kind::Boolean,
        presence: Presence::Default("true"),
        about: "Sends a drop-table and a create-table record per table before its rows, as DMS does.",
    },
    Key {
        name: "task_resource_id",
        kind: Kind::Text(&text::RESOURCE_ID, Secrecy::Open),
        presence: Presence::Optional("ABCDEFGHIJKLMNOPQRSTUVWXYZ"),
        about: "What stands for the task in the partition keys of control records, and in their partition-key-value. DMS puts\n\
                the last part of the task's ARN there; by default it is the name of the task.",
    },
    Key {
        name: "number_format",
        kind: Kind::Choice(&Choice {
            words: &["exact", "dms"],
            unavailable: &[],
        }),
        presence: Presence::Default("exact"),
        about: "exact: every digit as it is in the file; dms: through a double, as DMS prints numbers, which loses\n\
                digits beyond the 15th.",
    },
    Key {
        name: "text_format",
        kind: Kind::Choice(&Choice {
            words: &["exact", "dms"],
            unavailable: &[],
        }),
        presence: Presence::Default("exact"),
        about: "exact: a NUL (U+0000) in a text is a character like any other; dms: a text ends before its first NUL, as\n\
                DMS cuts it. Rows of which something was cut are counted, see `brigade tables`.",
    },
    Key {
        name: "non_finite_numbers",
        kind: Kind::Choice(&Choice {
            words: &["refuse", "as_null"],
            unavailable: &[],
        }),
        presence: Presence::Default("refuse"),
        about: "NaN, Infinity and -Infinity in a column of numbers, which JSON cannot hold. refuse: the row is bad, as\n\
                `errors.data_error_policy` says; as_null: the value is NULL.",
    },
    Key {
        name: "change_partition_key",
        kind: Kind::Choice(&Choice {
            words: &["schema-table", "primary-key"],
            unavailable: &[],
        }),
        presence: Presence::Default("schema-table"),
        about: "Partition key of changes. schema-table: keeps the order of a table and sends all of it to one shard,\n\
                as DMS does with ParallelApplyThreads 0; primary-key: keeps the order of a row and uses all shards.",
    },
    Key {
        name: "source_position",
        kind: Kind::Choice(&Choice {
            words: &["none", "chain"],
            unavailable: &[],
        }),
        presence: Presence::Default("none"),
        about: "What a message says about its place in the source. chain: its lane, its position and the previous one, in\n\
                the metadata; a consumer that uses the filter in the folder consumers then processes every row once and in\n\
                the order of its lane, whatever was sent twice. Each queue has 64 lanes, by partition key. Delivery is\n\
                then at_least_once; ordering none and aggregation kpl do not go with it.",
    },
];
