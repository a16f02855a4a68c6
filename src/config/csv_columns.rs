//! `source.csv.columns` and `source.csv.header_drift`. Pure: no I/O, no clock.

use serde::Serialize;

/// How the fields of a CSV row find their columns.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize)]
pub enum CsvColumns {
    /// By their position, as with DMS.
    #[default]
    ByPosition,
    /// By the names in the first row of each file.
    ByHeader {
        /// What to do with a file whose header is not that of its table. Not part of what is sent: a file that is not
        /// read sends nothing.
        #[serde(skip)]
        drift: HeaderDrift,
    },
}

/// What to do with a file whose header is not that of its table.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum HeaderDrift {
    /// Columns that the definition lacks are left out, those that the file lacks are NULL.
    Accept,
    /// Set it aside, visibly.
    #[default]
    Quarantine,
    /// Stop the task.
    Stop,
}

impl CsvColumns {
    /// Whether they go by position.
    pub fn is_by_position(&self) -> bool {
        matches!(self, Self::ByPosition)
    }
}
