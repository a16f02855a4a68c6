//! The first rows of an object, rendered, in the order of the file.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use serde::Serialize;

use crate::fault::Fault;
use crate::limits::CHUNK_BYTES_MAX;
use crate::model::{ObjectVersion, Operation, RowSource, TableIndex};
use crate::read::rendered_rows::{RenderedRow, RowOutcome, RowPlace, RowReader};
use crate::saturate;
use crate::source::ObjectSource;

/// Bytes of an object that are looked through for the rows of one table.
const SEARCHED_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// A row that outlives its chunk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FirstRow {
    /// Where it stands.
    pub(super) place: RowPlace,
    /// Length of the row without its delimiter.
    pub(super) row_bytes: usize,
    /// Its table, if it is known.
    pub(super) table: Option<TableIndex>,
    /// What becomes of it.
    pub(super) outcome: FirstOutcome,
}

/// What becomes of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum FirstOutcome {
    /// It is sent.
    Record(FirstRecord),
    /// It would be a dead letter, and why.
    Rejected(String),
    /// A filter of the table mappings leaves it out.
    Filtered,
}

/// A record as it would be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FirstRecord {
    /// What it does.
    pub(super) operation: Operation,
    /// Its partition key.
    pub(super) partition_key: Vec<u8>,
    /// The message.
    pub(super) payload: Vec<u8>,
}

impl FirstRecord {
    /// Its size as the stream counts it.
    pub(super) fn bytes(&self) -> usize {
        self.payload.len() + self.partition_key.len()
    }
}

/// Which rows of an object are wanted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wish {
    /// What kind of rows it has.
    pub(super) rows: RowSource,
    /// The table whose rows they are to be; `None` for any.
    pub(super) table: Option<TableIndex>,
    /// How many.
    pub(super) count: usize,
}

/// A file of which no rows can be shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct UnreadableFile {
    pub(super) object: String,
    /// Why, and what to do.
    pub(super) reason: String,
}

impl UnreadableFile {
    /// The file with this key.
    pub(super) fn new(key: &str, reason: String) -> Self {
        Self {
            object: key.to_owned(),
            reason,
        }
    }
}

/// Reads the first rows of an object, of all tables or of one, in file order. Rows that are rejected before their table is
/// known count for each table. If the object itself cannot be read, the answer is why; others may be.
///
/// # Errors
/// As [`ObjectSource::read`], if it is the source that fails.
pub(super) async fn first_rows(
    reader: &mut RowReader,
    source: &dyn ObjectSource,
    version: &ObjectVersion,
    Wish { rows, table, count }: Wish,
) -> Result<Result<Vec<FirstRow>, String>, Fault> {
    let mut first: BTreeMap<u64, FirstRow> = BTreeMap::new();
    if count == 0 {
        return Ok(Ok(Vec::new()));
    }
    let chunk_bytes = saturate::to_u64(CHUNK_BYTES_MAX);
    let mut take = |row: RenderedRow<'_>| {
        let last = first.last_entry().map(|last| last.get().place);
        // Rejected rows come at the end of their chunk: only a later chunk shows that none is left to come.
        let is_full = first.len() >= count;
        let is_later = |last: RowPlace| row.place.byte > last.byte.saturating_add(chunk_bytes);
        if (is_full && last.is_some_and(is_later)) || row.place.byte > SEARCHED_BYTES_MAX {
            return ControlFlow::Break(());
        }
        let is_asked_for = table.is_none() || row.table.is_none() || row.table == table;
        let is_after = is_full && last.is_some_and(|last| last.ordinal < row.place.ordinal);
        if is_asked_for && !is_after {
            first.insert(row.place.ordinal, FirstRow::of(row));
            if first.len() > count {
                first.pop_last();
            }
        }
        ControlFlow::Continue(())
    };
    match reader.read(source, version, rows, &mut take).await {
        Ok(()) => Ok(Ok(first.into_values().collect())),
        Err(error) if error.spares_others() => Ok(Err(error.to_string())),
        Err(error) => Err(Fault::from(error)),
    }
}

impl FirstRow {
    fn of(row: RenderedRow<'_>) -> Self {
        let outcome = match row.outcome {
            RowOutcome::Message(message) => FirstOutcome::Record(FirstRecord {
                operation: message.operation,
                partition_key: message.partition_key.to_vec(),
                payload: message.payload.to_vec(),
            }),
            RowOutcome::Rejected(reason) => FirstOutcome::Rejected(reason.to_owned()),
            RowOutcome::Filtered => FirstOutcome::Filtered,
        };
        Self {
            place: row.place,
            row_bytes: row.text.len(),
            table: row.table,
            outcome,
        }
    }
}
