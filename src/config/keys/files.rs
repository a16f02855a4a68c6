//! Keys of `source.files`: which files are data. Pure: no I/O, no clock.

use super::text;
use super::{Choice, Group, Key, Kind, Presence};

/// The key `files`.
pub(super) const FILES: Key = Key {
    name: "files",
    kind: Kind::Group(&OF_ALL),
    presence: Presence::Optional(""),
    about: "Which files of a folder are data. What is left out is counted, logged once and shown by `brigade status` and\n\
            `brigade plan`. A file that was begun is read to its end whatever these keys say later; one that they let in\n\
            later is a late change file, or came after the load of its table.",
};

const RULE: &Choice = &Choice {
    words: &["ignore", "read"],
    unavailable: &[],
};
const INCLUDE_ABOUT: &str = "Patterns of which a file has to fit one. One without a slash is compared with the name of the file, one\n\
     with a slash with its path below the folder.";
const EXCLUDE_ABOUT: &str = "Patterns of which a file may fit none.";
const RECURSIVE_ABOUT: &str = "Whether files in folders below the folder are read.";
const SIDE_FILES_ABOUT: &str = "Files that programs leave beside their data: names, and folders below the table's, that begin with `_` or\n\
     `.` (`_SUCCESS`, `_temporary/`, `_delta_log/`), and `.crc`. A folder of a partition such as `_day=1/` is none.";

const INCLUDE: Key = Key {
    name: "include",
    kind: Kind::Texts(&text::PATTERN),
    presence: Presence::Optional("*.csv"),
    about: INCLUDE_ABOUT,
};
const EXCLUDE: Key = Key {
    name: "exclude",
    kind: Kind::Texts(&text::PATTERN),
    presence: Presence::Optional("manifest"),
    about: EXCLUDE_ABOUT,
};

static OF_ALL: Group = Group {
    exactly_one_of: &[],
    parts: &[&[
        INCLUDE,
        EXCLUDE,
        Key {
            name: "recursive",
            kind: Kind::Boolean,
            presence: Presence::Default("true"),
            about: RECURSIVE_ABOUT,
        },
        Key {
            name: "side_files",
            kind: Kind::Choice(RULE),
            presence: Presence::Default("ignore"),
            about: SIDE_FILES_ABOUT,
        },
        Key {
            name: "changes_beside_loads",
            kind: Kind::Boolean,
            presence: Presence::Default("false"),
            about: "Whether the change files of a table lie in its folder, beside its load files, where DMS writes them\n\
                    without `CdcPath`; they are told by their names (`20240102-030405678.csv`). Their rows are operation and\n\
                    values. Then there is no `cdc_path`. With `data_format: parquet` and no `cdc_path` it is so anyway.",
        },
        Key {
            name: "named_by_time",
            kind: Kind::Choice(&Choice {
                words: &["changes", "load"],
                unavailable: &[],
            }),
            presence: Presence::Default("changes"),
            about: "Files in the folder of a table that are named as DMS names change files: changes, which are not part of a\n\
                    load, or load files like any other.",
        },
        Key {
            name: "changes",
            kind: Kind::Group(&OF_ONE),
            presence: Presence::Optional(""),
            about: "The same for the change files below `cdc_path`, where it is not as above.",
        },
        Key {
            name: "tables",
            kind: Kind::Named(&OF_ONE),
            presence: Presence::Optional("shop.orders"),
            about: "The same for the folders of single tables, where it is not as above; by `schema.table`.",
        },
    ]],
};

static OF_ONE: Group = Group {
    exactly_one_of: &[],
    parts: &[&[
        INCLUDE,
        EXCLUDE,
        Key {
            name: "recursive",
            kind: Kind::Boolean,
            presence: Presence::Optional("false"),
            about: RECURSIVE_ABOUT,
        },
        Key {
            name: "side_files",
            kind: Kind::Choice(RULE),
            presence: Presence::Optional("read"),
            about: SIDE_FILES_ABOUT,
        },
    ]],
};
