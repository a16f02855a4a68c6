//! `source.csv`: how text is cut into rows, fields and columns. Pure: no I/O, no clock.

use serde::Serialize;

/// How to cut a CSV file into rows and fields.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct CsvDialect {
    /// Field delimiter, one or more bytes.
    pub delimiter: Vec<u8>,
    /// Row delimiter, one or more bytes. With `\n` one `\r` before it is dropped; with `\n` and `\r\n` one at the end of
    /// the file, which was cut there.
    pub row_delimiter: Vec<u8>,
    /// A bare field with this text is NULL; empty by default.
    pub null_value: String,
    /// Rows to skip at the head of each load file: 0 or 1.
    pub ignore_header_rows: u8,
    /// Rows to skip at the head of each change file: 0 or 1; left out of the fingerprint as long as it is none.
    #[serde(skip_serializing_if = "is_none")]
    pub ignore_header_rows_in_changes: u8,
    /// Whether quotes protect delimiters.
    pub rfc4180: bool,
    /// The quote; left out of the fingerprint as long as it is that of RFC 4180.
    #[serde(skip_serializing_if = "is_double_quote")]
    pub quote: u8,
    /// A character that takes the meaning of the delimiter, quote or end of a line after it, or of itself, in quotes and
    /// without; before anything else it is text. A doubled quote is a quote with it too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub escape: Option<u8>,
    /// Whether the first field of a full-load row is an operation.
    pub load_operation_column: LoadOperationColumn,
    /// Rows with fewer fields than the table has columns; left out of the fingerprint as long as they are bad.
    #[serde(skip_serializing_if = "NarrowRows::are_rejected")]
    pub narrow_rows: NarrowRows,
    /// How fields find their columns; left out of the fingerprint as long as it is by position.
    #[serde(skip_serializing_if = "CsvColumns::is_by_position")]
    pub columns: CsvColumns,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_none(rows: &u8) -> bool {
    *rows == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_double_quote(quote: &u8) -> bool {
    *quote == b'"'
}

impl CsvDialect {
    /// The quote, if there is one.
    pub fn quote(&self) -> Option<u8> {
        self.rfc4180.then_some(self.quote)
    }

    /// Whether an escape takes the meaning of this byte. Ends of lines are among them whatever the row delimiter is.
    pub fn is_escapable(&self, byte: u8) -> bool {
        let delimiters = [self.delimiter.first(), self.row_delimiter.first()];
        matches!(byte, b'\n' | b'\r')
            || self.quote() == Some(byte)
            || self.escape == Some(byte)
            || delimiters.contains(&Some(&byte))
    }

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
            ignore_header_rows_in_changes: 0,
            rfc4180: true,
            quote: b'"',
            escape: None,
            load_operation_column: LoadOperationColumn::Detect,
            narrow_rows: NarrowRows::Reject,
            columns: CsvColumns::default(),
        }
    }
}

/// What a row is that has fewer fields than its table has columns.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize)]
pub enum NarrowRows {
    /// Not a row of the table.
    #[default]
    Reject,
    /// Its first columns: the others were added to the table later, and are NULL.
    Prefix,
}

impl NarrowRows {
    /// Whether they are bad rows.
    pub fn are_rejected(&self) -> bool {
        *self == Self::Reject
    }
}

/// Whether full-load rows start with an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
pub enum LoadOperationColumn {
    /// File by file: its first row has one field more than columns, and the first of them is `I`.
    Detect,
    /// Always.
    Present,
    /// Never.
    Absent,
}

impl LoadOperationColumn {
    /// That of a file that has one, or has none.
    pub fn of_file(has_operation: bool) -> Self {
        if has_operation {
            Self::Present
        } else {
            Self::Absent
        }
    }
}

/// How the fields of a CSV row find their columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
pub enum CsvColumns {
    /// By their position, as with DMS.
    ByPosition {
        /// What to do with a file whose header, which is skipped, says that they stand elsewhere. As below.
        #[serde(skip)]
        drift: HeaderDrift,
    },
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

impl Default for CsvColumns {
    fn default() -> Self {
        Self::ByPosition {
            drift: HeaderDrift::default(),
        }
    }
}

impl CsvColumns {
    /// Whether they go by position.
    pub fn is_by_position(&self) -> bool {
        matches!(self, Self::ByPosition { .. })
    }
}
