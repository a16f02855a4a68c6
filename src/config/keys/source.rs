//! Keys of the source. Pure: no I/O, no clock.

use std::time::Duration;

use super::text;
use super::{Choice, Group, Key, Kind, Presence, Secrecy};

/// The key `source`.
pub(super) const KEYS: &[Key] = &[Key {
    name: "source",
    kind: Kind::Group(&SOURCE),
    presence: Presence::Required(""),
    about: "Where the files are and how to read them.",
}];

static SOURCE: Group = Group {
    exactly_one_of: &["s3", "local"],
    parts: &[PLACES, &READING],
};

const PLACES: &[Key] = &[
    Key {
        name: "s3",
        kind: Kind::Group(&S3),
        presence: Presence::Optional(""),
        about: "Files in an S3 bucket. Credentials come from the provider chain of the AWS SDK, never from this file.",
    },
    Key {
        name: "local",
        kind: Kind::Group(&LOCAL),
        presence: Presence::Optional(""),
        about: "Files in a folder of this machine, laid out as in a bucket.",
    },
];

const READING: [Key; 10] = [
    Key {
        name: "tables",
        kind: Kind::Path,
        presence: Presence::Required("./sample/table-definition.json"),
        about: "The external table definition of DMS, as it is. A relative path starts at the folder of this file.",
    },
    Key {
        name: "data_format",
        kind: Kind::Choice(&Choice {
            words: &["auto", "csv", "parquet"],
            unavailable: &[],
        }),
        presence: Presence::Default("auto"),
        about: "What the files are; `DataFormat` of DMS. auto: a file whose name ends in .parquet, or that begins and\n\
                ends as Parquet does, is Parquet, every other is CSV.",
    },
    Key {
        name: "csv",
        kind: Kind::Group(&CSV),
        presence: Presence::Optional(""),
        about: "The CSV dialect.",
    },
    Key {
        name: "changes_from",
        kind: Kind::ChoiceOrGroup(
            &Choice {
                words: &["beginning", "now"],
                unavailable: &[],
            },
            &CHANGES_FROM,
        ),
        presence: Presence::Default("beginning"),
        about: "Where the changes begin; `CdcStartPosition` and `CdcStartTime` of DMS. now: after every change file that\n\
                exists when the task first starts. Files before the beginning are not read; the log and `brigade status`\n\
                count them. Decided once and kept with the checkpoint: a task that has begun refuses another value.",
    },
    super::files::FILES,
    Key {
        name: "archived_objects",
        kind: Kind::Choice(&Choice {
            words: &["quarantine", "stop"],
            unavailable: &[],
        }),
        presence: Presence::Default("quarantine"),
        about: "A file that S3 has put into an archive (Glacier, Deep Archive) and cannot be read before it is restored: set\n\
                it aside visibly, or stop the task. Once it is restored, `brigade files retry` reads it.",
    },
    Key {
        name: "late_files",
        kind: Kind::Choice(&Choice {
            words: &["process", "quarantine", "stop"],
            unavailable: &[],
        }),
        presence: Presence::Default("process"),
        about: "A late change file, whose name sorts before the last one read: read it now (its rows come out of\n\
                order), set it aside visibly (its rows are not sent), or stop the task. It is never skipped silently.",
    },
    Key {
        name: "changed_objects",
        kind: Kind::Choice(&Choice {
            words: &["quarantine", "suspend_table", "stop"],
            unavailable: &[],
        }),
        presence: Presence::Default("quarantine"),
        about: "A file that changes while it is read, or that cannot be decoded: set the rest of it aside visibly, suspend\n\
                its table (nothing more of it is sent until `brigade tables resume`; a change file, which has rows of any\n\
                table, is set aside), or stop the task.",
    },
    Key {
        name: "poll_interval",
        kind: Kind::Duration {
            minimum: Duration::from_millis(100),
            maximum: Duration::from_hours(1),
        },
        presence: Presence::Default("5s"),
        about: "Pause between two listings for new files. Shorter is fresher and costs more list requests.",
    },
    Key {
        name: "full_listing_interval",
        kind: Kind::Duration {
            minimum: Duration::from_secs(1),
            maximum: Duration::from_hours(24),
        },
        presence: Presence::Default("60s"),
        about: "Pause between two listings from the beginning, which find late files. Not below `poll_interval`. Ten times as\n\
                long is the pause between two looks for load files that came after the load of their table.",
    },
];

static CHANGES_FROM: Group = Group {
    exactly_one_of: &["after_key", "modified_since"],
    parts: &[&[
        Key {
            name: "after_key",
            kind: Kind::Text(&text::OBJECT_KEY, Secrecy::Open),
            presence: Presence::Conditional("cdc/0005.csv"),
            about: "Files whose keys sort after this one are read, whether or not it exists. It is a whole key, with\n\
                    `bucket_folder` and `cdc_path`.",
        },
        Key {
            name: "modified_since",
            kind: Kind::Text(&text::MOMENT, Secrecy::Open),
            presence: Presence::Conditional("2026-11-23T20:00:00Z"),
            about: "Files that were last modified at this time or later are read (`LastModified` of S3).",
        },
    ]],
};

const FOLDER: Key = Key {
    name: "bucket_folder",
    kind: Kind::Text(&text::FOLDER, Secrecy::Open),
    presence: Presence::Default(""),
    about: "Folder above every table path and `cdc_path`. One slash at the start is dropped, one at the end is\n\
            added.",
};

const CDC_PATH: Key = Key {
    name: "cdc_path",
    kind: Kind::Text(&text::FOLDER, Secrecy::Open),
    presence: Presence::Conditional("cdc"),
    about: "Folder of the change files of all tables, below `bucket_folder`. They are read in the order of their\n\
            names. Required when `migration_type` has changes, without effect when it has none. Only\n\
            `data_format: parquet` can do without: each table's change files then lie beside its full load,\n\
            recognized by their names, such as 20230405-094615814.parquet.",
};

static S3: Group = Group {
    exactly_one_of: &[],
    parts: &[&[
        Key {
            name: "bucket",
            kind: Kind::Text(&text::BUCKET, Secrecy::Open),
            presence: Presence::Required("blog-source"),
            about: "Bucket with all files.",
        },
        FOLDER,
        CDC_PATH,
        Key {
            name: "region",
            kind: Kind::Text(&text::REGION, Secrecy::Open),
            presence: Presence::Optional("us-west-2"),
            about: "Region of the bucket. Without it the provider chain decides.",
        },
        Key {
            name: "requester_pays",
            kind: Kind::Boolean,
            presence: Presence::Default("false"),
            about: "Whether this account pays for the requests to a bucket of another one that demands it.",
        },
        Key {
            name: "endpoint",
            kind: Kind::Text(&text::URL, Secrecy::Open),
            presence: Presence::Optional("http://127.0.0.1:9000"),
            about: "Another S3 than AWS's, such as MinIO.",
        },
        Key {
            name: "path_style",
            kind: Kind::Boolean,
            presence: Presence::Default("false"),
            about: "Puts the bucket into the path instead of the host name. Most servers other than AWS need it.",
        },
        Key {
            name: "expected_bucket_owner",
            kind: Kind::Text(&text::ACCOUNT, Secrecy::Open),
            presence: Presence::Optional("123456789012"),
            about: "Account that must own the bucket; a bucket of another account is refused.",
        },
    ]],
};

static LOCAL: Group = Group {
    exactly_one_of: &[],
    parts: &[&[
        Key {
            name: "directory",
            kind: Kind::Path,
            presence: Presence::Required("./sample"),
            about: "The folder that stands for the bucket.",
        },
        FOLDER,
        CDC_PATH,
    ]],
};

static CSV: Group = Group {
    exactly_one_of: &[],
    parts: &[&[
        Key {
            name: "delimiter",
            kind: Kind::Separator,
            presence: Presence::Default(","),
            about: "Field delimiter.",
        },
        Key {
            name: "row_delimiter",
            kind: Kind::Separator,
            presence: Presence::Default(r"\n"),
            about: "Row delimiter. With a newline, one carriage return before it is dropped. A carriage return at the\n\
                    end of a file is what is left of a line end that was cut (also with \\r\\n), and dropped.",
        },
        Key {
            name: "null_value",
            kind: Kind::Text(&text::ANY, Secrecy::Open),
            presence: Presence::Default(""),
            about: "A field with this text is NULL, unless it is in quotes or something in it is escaped. If it is not\n\
                    empty, an empty field is an empty string.\n\
                    Write \\N in single quotes: '\\N'.",
        },
        Key {
            name: "ignore_header_rows",
            kind: Kind::Integer {
                minimum: 0,
                maximum: 1,
            },
            presence: Presence::Default("0"),
            about: "Rows to skip at the head of each load file. With `columns: by_header` it is 1, whatever is set here.",
        },
        Key {
            name: "ignore_header_rows_in_changes",
            kind: Kind::Integer {
                minimum: 0,
                maximum: 1,
            },
            presence: Presence::Default("0"),
            about: "The same for change files: what writes changes seldom writes a header, and without one the first change of\n\
                    each file would be skipped.",
        },
        Key {
            name: "rfc4180",
            kind: Kind::Boolean,
            presence: Presence::Default("true"),
            about: "Whether quotes protect delimiters. With false, quotes are ordinary characters. A quote opens at the start of\n\
                    a field and closes before a delimiter or the end of the row. One that does not costs its line: that\n\
                    is a dead letter, and reading goes on at the next line.",
        },
        Key {
            name: "quote",
            kind: Kind::Text(&text::ANY, Secrecy::Open),
            presence: Presence::Default("\""),
            about: "The quote, one ASCII character. Two of them in a quoted field are one.",
        },
        Key {
            name: "escape",
            kind: Kind::Text(&text::ANY, Secrecy::Open),
            presence: Presence::Default(""),
            about: "One ASCII character that makes a delimiter, a quote, an end of a line or itself part of the field, in quotes\n\
                    and without: \\ for files of Spark, Hive, MySQL or Redshift. Before any other character it is text, so\n\
                    null_value may be '\\N'. None by default.",
        },
        Key {
            name: "load_operation_column",
            kind: Kind::Choice(&Choice {
                words: &["detect", "present", "absent"],
                unavailable: &[],
            }),
            presence: Presence::Default("detect"),
            about: "Whether full-load rows start with an operation, as DMS writes them with IncludeOpForFullLoad.\n\
                    detect: file by file, if its first row has one field too many and the first one is I.",
        },
        Key {
            name: "narrow_rows",
            kind: Kind::Choice(&Choice {
                words: &["reject", "prefix"],
                unavailable: &[],
            }),
            presence: Presence::Default("reject"),
            about: "Rows with fewer fields than the table has columns. reject: they are bad rows. prefix: their fields are the\n\
                    first columns, as before the others were added to the table, and those are NULL; a column that may not\n\
                    be NULL makes such a row a bad one. Of full-load rows that begin with an operation, say so in\n\
                    load_operation_column. Not with `columns: by_header`, where each header says what its rows have.",
        },
        Key {
            name: "columns",
            kind: Kind::Choice(&Choice {
                words: &["by_position", "by_header"],
                unavailable: &[],
            }),
            presence: Presence::Default("by_position"),
            about: "How fields find their columns. by_position: in the order of the definition, as with DMS. by_header: by the\n\
                    names in the first row of each file, in any order; where no name is the same, one that differs in\n\
                    upper and lower case only will do. In change files the first three fields stay operation, table and\n\
                    schema, whatever they are called; a header may name the columns of several tables, and a row has\n\
                    nothing in those of others. It costs a request of up to 64 KiB per file.",
        },
        Key {
            name: "header_drift",
            kind: Kind::Choice(&Choice {
                words: &["accept", "quarantine", "stop"],
                unavailable: &[],
            }),
            presence: Presence::Default("quarantine"),
            about: "A file whose header is not that of its table. With `columns: by_position` and a header that is skipped, that\n\
                    is one that names its columns in another order, so that values would go out under wrong names:\n\
                    accept sends them by position all the same. With `columns: by_header`, it is one with other columns\n\
                    than the definition. accept: those that\n\
                    only the file has are left out, those that only the definition has are NULL; both are logged.\n\
                    quarantine: the file is set aside visibly. stop: the task ends. A column that may not be NULL has to be\n\
                    there, and once: accept sets such a file aside. Of a change file with columns of other tables, rows of a\n\
                    table that lacks one are dead letters.",
        },
        Key {
            name: "compression",
            kind: Kind::Choice(&Choice {
                words: &["auto", "none", "gzip", "zstd"],
                unavailable: &[],
            }),
            presence: Presence::Default("auto"),
            about: "How the files are compressed; `CompressionType` of DMS. auto: the first bytes of each file decide,\n\
                    and a file named .gz, .gzip, .zst or .zstd that is not compressed is set aside. Positions in a file\n\
                    are positions in its text; after a restart the text is decoded again from its beginning.",
        },
        Key {
            name: "encoding",
            kind: Kind::Text(&text::ANY, Secrecy::Open),
            presence: Presence::Default("utf-8"),
            about: "What the bytes of the text mean: utf-8, utf-16le, utf-16be, windows-1252 (also called latin1), shift_jis or\n\
                    any other name of the WHATWG Encoding Standard. Messages are in UTF-8. With another encoding than\n\
                    utf-8, positions in a file are positions in the text in UTF-8, and after a restart the file is read\n\
                    again from its beginning. A file that has bytes of no character is set aside.",
        },
        Key {
            name: "expansion_max",
            kind: Kind::Integer {
                minimum: 2,
                maximum: 1_000_000,
            },
            presence: Presence::Default("1000"),
            about: "Bytes of text that one byte of a compressed file may expand to; a file that exceeds this is set aside.\n\
                    Checked from 16 MiB of text on. gzip reaches about 1030 at most.",
        },
    ]],
};
