//! `source.csv`: how text is cut into rows, fields and columns. Pure: no I/O, no clock.

use serde::Serialize;

/// How to cut a CSV file into rows and fields.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct CsvDialect {
    /// Field delimiter, one or more bytes.
    pub delimiter: Vec<u8>,
    /// Row delimiter, one or more bytes. With `\n` one `\r` before it is dropped.
    pub row_delimiter: Vec<u8>,
    /// A bare field with this text is NULL; empty by default.
    pub null_value: String,
    /// Rows to skip at the head of each file: 0 or 1.
    pub ignore_header_rows: u8,
    /// Whether double quotes protect delimiters.
    pub rfc4180: bool,
    /// Whether the first field of a full-load row is an operation.
    pub load_operation_column: LoadOperationColumn,
    /// How fields find their columns; left out of the fingerprint as long as it is by position.
    #[serde(skip_serializing_if = "CsvColumns::is_by_position")]
    pub columns: CsvColumns,
}

impl CsvDialect {
    /// Whether the first row of a file is not one of its rows.
    pub fn has_header(&self) -> bool {
        self.ignore_header_rows > 0 || !self.columns.is_by_position()
    }
}

impl Default for CsvDialect {
    fn default() -> Self {
        Self {
            delimiter: b",".to_vec(),
            row_delimiter: b"\n".to_vec(),
            null_value: String::new(),
            ignore_header_rows: 0,
            rfc4180: true,
            load_operation_column: LoadOperationColumn::Detect,
            columns: CsvColumns::ByPosition,
        }
    }
}

/// Whether full-load rows start with an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
pub enum LoadOperationColumn {
    /// Row by row: one field more than columns, and the first is `I`.
    Detect,
    /// Always.
    Present,
    /// Never.
    Absent,
}

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
