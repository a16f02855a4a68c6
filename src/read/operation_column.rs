//! Whether the rows of a load file begin with an operation, where the configuration leaves that to the file. Its first row
//! says so for all of them: if each row spoke for itself, one that has a value too many and begins with the letter of an
//! operation would be sent with its values in the wrong columns.

use std::sync::Arc;

use bytes::Bytes;

use crate::model::{Chunk, RawRecordKind};
use crate::parse::target::begins_with_operation;
use crate::settings::CsvDialect;
use crate::value::csv::FieldSplitter;

/// What is known of the operation column of a file.
#[derive(Debug, Clone)]
pub(super) enum OperationColumn {
    /// It is not asked for: the rows are changes, or say themselves what their columns are, or the configuration knows.
    NotAsked,
    /// The first row will tell. So many columns has the table.
    Unknown(Arc<CsvDialect>, usize),
    /// Whether there is one.
    Known(bool),
}

impl OperationColumn {
    /// Asks a chunk, and tells it.
    pub(super) fn mark(&mut self, chunk: &mut Chunk) {
        if matches!(self, Self::Unknown(..))
            && let Some(row) = first_row(chunk)
        {
            self.decide(&row);
        }
        chunk.has_operation = match self {
            Self::Known(has_operation) => Some(*has_operation),
            Self::NotAsked | Self::Unknown(..) => None,
        };
    }

    /// Lets the first row decide.
    pub(super) fn decide(&mut self, row: &[u8]) {
        if let Self::Unknown(dialect, columns_count) = self {
            let mut splitter = FieldSplitter::new(dialect);
            let has_operation = begins_with_operation(splitter.split(row), *columns_count);
            *self = Self::Known(has_operation);
        }
    }
}

/// The first row of a chunk that is whole: those before it are rows of nothing.
pub(super) fn first_row(chunk: &Chunk) -> Option<Bytes> {
    let mut records = chunk.records.iter();
    let first = records.find(|raw| raw.kind == RawRecordKind::Whole)?;
    Some(Bytes::copy_from_slice(chunk.text(first)))
}
