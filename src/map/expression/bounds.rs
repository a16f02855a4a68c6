//! How much an expression may take for one row: a query that never ends, or a text without measure, costs its row and
//! not the task. Pure: no I/O, no clock. The bound is on steps and not on time, because a row has to give the same
//! message whenever it is rendered.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use rusqlite::limits::Limit;
use rusqlite::{Connection, Error, ErrorCode};

/// Steps of SQLite's machine between two looks at the count.
const STEPS_AT_ONCE: i32 = 10_000;
/// So many looks end an evaluation: some ten million steps, a good part of a second.
const LOOKS_MAX: u32 = 1_000;
/// Longest text and longest value on the way to one: no record can be longer.
const TEXT_BYTES_MAX: i32 = 10 * 1024 * 1024;

/// What SQLite says of a row in words that never change. All its other texts may repeat values of the row.
const TEXTS_WITHOUT_VALUES: &[&str] = &[
    "ESCAPE expression must be a single character",
    "JSON cannot hold BLOB values",
    "JSON nested too deep",
    "LIKE or GLOB pattern too complex",
    "integer overflow",
    "invalid Unicode escape",
    "json_object() labels must be TEXT",
    "malformed JSON",
    "out of memory",
    "string or blob too big",
];
/// The same, with an index and the name of a type after it: what our own functions refuse.
const WRONG_PARAMETER: &str = "Invalid function or filter parameter type ";

/// Counts the steps of an evaluation.
#[derive(Debug)]
pub(super) struct Bounds {
    looks: Arc<AtomicU32>,
}

impl Bounds {
    /// Puts bounds on everything that a connection evaluates.
    pub(super) fn of(connection: &mut Connection) -> rusqlite::Result<Self> {
        connection.set_limit(Limit::SQLITE_LIMIT_LENGTH, TEXT_BYTES_MAX)?;
        let looks = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&looks);
        let is_too_much = move || counted.fetch_add(1, Ordering::Relaxed) >= LOOKS_MAX;
        connection.progress_handler(STEPS_AT_ONCE, Some(is_too_much))?;
        Ok(Self { looks })
    }

    /// An evaluation begins.
    pub(super) fn begin(&self) {
        self.looks.store(0, Ordering::Relaxed);
    }
}

/// Why SQLite does not take an expression, as one sentence.
#[expect(clippy::needless_pass_by_value, reason = "it stands in map_err")]
pub(super) fn said(error: Error) -> String {
    if error.sqlite_error_code() == Some(ErrorCode::OperationInterrupted) {
        return "it was ended after 10 million steps; does a recursive query in it ever end?".to_owned();
    }
    format!("SQLite says {error}")
}

/// Why SQLite did not go through with an expression for a row, as one sentence without any value of the row.
pub(super) fn said_of_row(error: Error) -> String {
    let Error::SqliteFailure(failure, Some(text)) = &error else {
        // Other errors hold what was given to SQLite, or what it gave.
        return match error.sqlite_error() {
            Some(_) => said(error),
            None => "the answer of SQLite is not a value".to_owned(),
        };
    };
    let is_without_values =
        TEXTS_WITHOUT_VALUES.contains(&text.as_str()) || text.starts_with(WRONG_PARAMETER);
    if is_without_values || failure.code == ErrorCode::OperationInterrupted {
        return said(error);
    }
    format!("SQLite says {failure}; the rest is left out, because it may repeat values of the row")
}
