//! A dead letter: one line of JSON with the row, its place and the reason. Pure: no I/O, no clock.

use serde::{Deserialize, Serialize};

use crate::hex;
use crate::limits::DEAD_LETTER_ROW_BYTES_MAX;
use crate::model::{ObjectId, ObjectVersion, RejectedRecord};

/// Version of the JSON shape; consumers ignore members they do not know.
pub const SCHEMA_VERSION: u32 = 1;

/// One dead letter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadLetter {
    /// Version of this shape.
    pub schema_version: u32,
    /// The same for the same row of the same object version: a crash may write a row twice, `id` shows it.
    pub id: String,
    /// When it was written, RFC 3339.
    pub time: String,
    /// The task.
    pub task: String,
    /// `s3://bucket/key`, or a path.
    pub object: String,
    /// The object's key.
    pub key: String,
    /// The object's entity tag.
    pub etag: String,
    /// Queue and number of the object.
    pub object_id: ObjectId,
    /// 0-based number of the row in its object.
    pub ordinal: u64,
    /// 1-based line at which the row starts.
    pub line: u64,
    /// Byte offset of the row in the decompressed object.
    pub byte: u64,
    /// `schema.table`, if it is known.
    pub table: Option<String>,
    /// The column at fault, if one is.
    pub column: Option<String>,
    /// Machine-readable cause.
    pub code: String,
    /// One sentence for people.
    pub reason: String,
    /// The row as text, if it is UTF-8.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub row: Option<String>,
    /// The row as hexadecimal digits, if it is not UTF-8.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub row_hex: Option<String>,
    /// The message of the row, if the service refused it; its beginning, if it is a long one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub message: Option<String>,
    /// Whether only the beginning of the row is kept, or nothing of it.
    pub is_row_cut: bool,
}

/// Where a dead letter comes from, as far as all rows of a chunk share it.
#[derive(Debug, Clone, Copy)]
pub struct Origin<'a> {
    /// The task.
    pub task: &'a str,
    /// `s3://bucket/key`, or a path.
    pub location: &'a str,
    /// The object.
    pub id: &'a ObjectId,
    /// Its version.
    pub version: &'a ObjectVersion,
    /// When, RFC 3339.
    pub time: &'a str,
}

impl DeadLetter {
    /// The dead letter of a rejected row; `table` is its `schema.table`, if it is known.
    pub fn new(origin: Origin<'_>, record: &RejectedRecord, table: Option<String>) -> Self {
        let (row, row_hex) = match std::str::from_utf8(&record.row) {
            Ok(text) => (Some(text.to_owned()), None),
            Err(_) => (None, Some(hex::text(&record.row))),
        };
        Self {
            schema_version: SCHEMA_VERSION,
            id: format!(
                "{}@{}#{}",
                origin.version.key, origin.version.etag, record.ordinal
            ),
            time: origin.time.to_owned(),
            task: origin.task.to_owned(),
            object: origin.location.to_owned(),
            key: origin.version.key.clone(),
            etag: origin.version.etag.clone(),
            object_id: origin.id.clone(),
            ordinal: record.ordinal,
            line: record.line,
            byte: record.position,
            table,
            column: record.column.clone(),
            code: record.code.to_owned(),
            reason: record.reason.clone(),
            row,
            row_hex,
            message: record.message.as_ref().map(|message| {
                let kept = message.get(..DEAD_LETTER_ROW_BYTES_MAX).unwrap_or(message);
                String::from_utf8_lossy(kept).into_owned()
            }),
            is_row_cut: record.is_cut,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::QueueName;

    #[test]
    fn a_row_that_is_not_utf8_is_kept_as_hexadecimal() {
        let id = ObjectId {
            queue: QueueName::changes(),
            number: 4,
        };
        let version = ObjectVersion {
            key: "cdc/1".into(),
            etag: "e".into(),
            size_bytes: 9,
            modified_ms: 0,
        };
        let origin = Origin {
            task: "t",
            location: "s3://b/cdc/1",
            id: &id,
            version: &version,
            time: "now",
        };
        let record = RejectedRecord {
            ordinal: 7,
            line: 8,
            position: 90,
            table: None,
            column: None,
            code: "not_utf8",
            reason: "bytes".into(),
            row: vec![0xff, 0x0a],
            is_cut: false,
            message: None,
        };
        let letter = DeadLetter::new(origin, &record, None);
        assert_eq!((letter.row, letter.row_hex.as_deref()), (None, Some("ff0a")));
        assert_eq!(letter.id, "cdc/1@e#7");
    }
}
