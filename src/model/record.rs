//! One row on its way to one message. Pure: no I/O, no clock.

use std::fmt;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::TableIndex;

/// What a record does to its table; becomes `metadata.operation`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Operation {
    /// A row of a full load.
    Load,
    /// An inserted row.
    Insert,
    /// An updated row.
    Update,
    /// A deleted row.
    Delete,
}

impl Operation {
    /// The text of `metadata.operation`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Load => "load",
            Self::Insert => "insert",
            Self::Update => "update",
            Self::Delete => "delete",
        }
    }
}

/// A record that cannot become a message, with its place inside the object.
///
/// The object itself is known to whoever holds the chunk.
#[derive(Clone, PartialEq, Eq)]
pub struct RejectedRecord {
    /// 0-based number of the record in its object.
    pub ordinal: u64,
    /// 1-based line at which the record starts.
    pub line: u64,
    /// Byte offset of the record in the decompressed object.
    pub position: u64,
    /// The table, if it is known.
    pub table: Option<TableIndex>,
    /// The column at fault, if one is.
    pub column: Option<String>,
    /// Short machine-readable cause, for example `field_count` or `number_out_of_range`.
    pub code: &'static str,
    /// One sentence for people: what is wrong with the value and what the definition allows. The value is not in it.
    pub reason: String,
    /// The bytes of the row as read, cut at the dead-letter limit.
    pub row: Vec<u8>,
    /// Whether the row is longer, or not kept at all.
    pub is_cut: bool,
    /// The message of the row, if it has one and the service refuses it.
    pub message: Option<Bytes>,
}

/// All but the row and its message: what is shown this way may be logged.
impl fmt::Debug for RejectedRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RejectedRecord")
            .field("ordinal", &self.ordinal)
            .field("line", &self.line)
            .field("position", &self.position)
            .field("table", &self.table)
            .field("column", &self.column)
            .field("code", &self.code)
            .field("reason", &self.reason)
            .field("row_bytes", &self.row.len())
            .field("is_cut", &self.is_cut)
            .field("message_bytes", &self.message.as_ref().map(Bytes::len))
            .finish()
    }
}
