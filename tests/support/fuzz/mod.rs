//! Documents that were valid and are not quite any more, and how many of them to try.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use bucket_brigade::config::{Environment, Loaded, load};
use bucket_brigade::model::ObjectVersion;
use bucket_brigade::settings::ConfigProblems;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

/// A table definition with columns of many types.
pub(crate) const TABLE_DEFINITION: &str = include_str!("table-definition.json");
/// Table mappings with a rule of most kinds.
pub(crate) const TABLE_MAPPINGS: &str = include_str!("table-mappings.json");
/// A task that has both.
pub(crate) const CONFIGURATION: &str = "version: 1\ntask: t\nmigration_type: full-load-and-cdc\n\
    source:\n  local: { directory: data, cdc_path: cdc }\n  tables: definition.json\n\
    \x20 csv: { delimiter: ',', null_value: '\\N', ignore_header_rows: 0 }\ntable_mappings: mappings.json\n\
    target:\n  ndjson: { path: out, message_format: json-unformatted }\nlimits: { in_flight: 64MiB, row: 1MiB }\n";

/// Cases of each property: so many that all of them take seconds, times `BRIGADE_FUZZ` (1 if it is not set).
pub(crate) fn cases(usual: u32) -> ProptestConfig {
    let factor = std::env::var("BRIGADE_FUZZ").map_or(1, |factor| factor.parse().unwrap());
    ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(usual * factor)
    }
}

/// An object that rows are said to be of.
pub(crate) fn object() -> ObjectVersion {
    ObjectVersion {
        key: "k".to_owned(),
        etag: "e".to_owned(),
        size_bytes: 1,
        modified_ms: 1,
    }
}

/// Files of one folder.
#[derive(Debug, Default)]
pub(crate) struct Files(BTreeMap<PathBuf, Vec<u8>>);

impl Environment for Files {
    fn variable(&self, _name: &str) -> Result<Option<String>, OsString> {
        Ok(None)
    }

    fn read_file(&self, path: &Path) -> io::Result<Vec<u8>> {
        self.0.get(path).cloned().ok_or(io::ErrorKind::NotFound.into())
    }
}

/// Loads a task of three documents.
pub(crate) fn loaded(
    configuration: &[u8],
    definition: &[u8],
    mappings: &[u8],
) -> Result<Loaded, ConfigProblems> {
    let files = [
        ("brigade.yaml", configuration),
        ("definition.json", definition),
        ("mappings.json", mappings),
    ];
    let files = files.map(|(name, text)| (Path::new("/task").join(name), text.to_vec()));
    load(Path::new("/task/brigade.yaml"), &Files(files.into()))
}

/// One thing done to a document.
#[derive(Debug, Clone)]
enum Mutation {
    Remove(Index, usize),
    Repeat(Index, usize, usize),
    Insert(Index, Vec<u8>),
    Replace(Index, Vec<u8>),
    Truncate(Index),
}

/// What documents are made of, and what they are not to be made of.
const PIECES: &[&str] = &[
    "\"",
    "'",
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\n",
    "\r",
    "\t",
    " ",
    "- ",
    "# ",
    "&a ",
    "*a",
    "!!",
    "|",
    ">",
    "---\n",
    "null",
    "true",
    "~",
    "0",
    "-1",
    "1e999",
    "0x1F",
    "18446744073709551616",
    "99999999999999999999999",
    "NaN",
    "\\",
    "\\u0000",
    "\\ud800",
    "\\x",
    "\u{0}",
    "\u{7f}",
    "\u{85}",
    "\u{a0}",
    "\u{feff}",
    "\u{201c}",
    "\u{1f600}",
    "%",
    "_",
    "$",
    "$id",
    "${",
    "${X}",
    "${X:-",
    "\"ColumnType\"",
    "\"NUMERIC\"",
    "\"38\"",
    "\"rule-type\"",
    "\"object-mapping\"",
    "(((",
    "'||",
    "random()",
    ".",
    "*",
    "1MiB",
    "-1s",
];

fn piece() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        8 => select(PIECES).prop_map(|piece| piece.as_bytes().to_vec()),
        1 => (select(PIECES), 2..3_000_usize).prop_map(|(piece, times)| piece.repeat(times).into_bytes()),
        2 => vec(any::<u8>(), 1..6),
        1 => any::<char>().prop_map(|character| character.to_string().into_bytes()),
    ]
}

fn mutation() -> impl Strategy<Value = Mutation> {
    prop_oneof![
        3 => (any::<Index>(), 1..40_usize).prop_map(|(at, length)| Mutation::Remove(at, length)),
        1 => (any::<Index>(), 1..80_usize, 1..4_usize).prop_map(|(at, length, times)| Mutation::Repeat(at, length, times)),
        5 => (any::<Index>(), piece()).prop_map(|(at, piece)| Mutation::Insert(at, piece)),
        5 => (any::<Index>(), piece()).prop_map(|(at, piece)| Mutation::Replace(at, piece)),
        1 => any::<Index>().prop_map(Mutation::Truncate),
    ]
}

fn mutate(document: &mut Vec<u8>, mutation: &Mutation) {
    let place = |at: &Index| at.index(document.len() + 1);
    let end = |from: usize, length: usize| (from + length).min(document.len());
    match mutation {
        Mutation::Remove(at, length) => {
            let at = place(at);
            document.drain(at..end(at, *length));
        }
        Mutation::Repeat(at, length, times) => {
            let at = place(at);
            let again = document[at..end(at, *length)].repeat(*times);
            document.splice(at..at, again);
        }
        Mutation::Insert(at, piece) => {
            let at = place(at);
            document.splice(at..at, piece.iter().copied());
        }
        Mutation::Replace(at, piece) => {
            let at = place(at);
            document.splice(at..end(at, piece.len()), piece.iter().copied());
        }
        Mutation::Truncate(at) => document.truncate(place(at)),
    }
}

/// Bytes that are shown as text where a test fails.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Shown(pub(crate) Vec<u8>);

impl fmt::Debug for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "b\"{}\"", self.0.escape_ascii())
    }
}

/// A document with a few things done to it.
pub(crate) fn mutated(document: &'static [u8]) -> impl Strategy<Value = Shown> {
    vec(mutation(), 1..4).prop_map(move |mutations| {
        let mut document = document.to_vec();
        for mutation in &mutations {
            mutate(&mut document, mutation);
        }
        Shown(document)
    })
}
