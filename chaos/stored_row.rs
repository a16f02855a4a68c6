//! A row as a file of the target holds it: a message in a line, with the number and the note of the row.

use serde::Deserialize;

#[derive(Deserialize)]
struct Line {
    payload: String,
}

#[derive(Deserialize)]
struct Message {
    data: StoredRow,
}

/// What is stored of a row.
#[derive(Deserialize)]
pub(crate) struct StoredRow {
    pub(crate) id: u64,
    pub(crate) note: String,
}

impl StoredRow {
    /// The row in a line of the target.
    pub(crate) fn of(line: &str) -> serde_json::Result<Self> {
        let line: Line = serde_json::from_str(line)?;
        let message: Message = serde_json::from_str(&line.payload)?;
        Ok(message.data)
    }
}
