//! Places inside an object. Pure: no I/O, no clock.

use serde::{Deserialize, Serialize};

/// A border between two records of an object.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Mark {
    /// Byte offset at which the next record starts: in the object, in its text if it is compressed, and in the rows of
    /// text that are made of it if it is Parquet.
    pub position: u64,
    /// 0-based number of the next record inside the object; header rows and blank lines do not count.
    pub ordinal: u64,
    /// 0-based number of the line at which the next record starts; every row delimiter counts.
    pub line: u64,
}

impl Mark {
    /// The beginning of an object.
    pub const START: Self = Self {
        position: 0,
        ordinal: 0,
        line: 0,
    };

    /// The same row, at a place that is not known any more: it has to be counted to.
    #[must_use]
    pub fn unplaced(self) -> Self {
        Self { position: 0, ..self }
    }

    /// Whether the place is not known: no row but the first stands at the beginning.
    pub fn is_unplaced(self) -> bool {
        self.position == 0 && self.ordinal > 0
    }
}

/// A half-open range of whole records, `[start, end)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Span {
    /// Where the first record starts.
    pub start: Mark,
    /// Where the record after the last one would start.
    pub end: Mark,
}

impl Span {
    /// Number of records in the span.
    pub fn records_count(&self) -> u64 {
        self.end.ordinal.saturating_sub(self.start.ordinal)
    }

    /// Number of bytes in the span.
    pub fn bytes_count(&self) -> u64 {
        self.end.position.saturating_sub(self.start.position)
    }
}
