//! What makes two records the same although they were built at different times. Pure: no I/O, no clock.
//!
//! Rendering is deterministic but for `metadata.timestamp`, the time at which a message was built. With that text
//! blanked, a row that was rendered twice is the same record twice.

use crate::saturate;

use std::ops::Range;

use memchr::memmem;
use sha2::{Digest, Sha256};

/// Length of the text of a timestamp.
const TIMESTAMP_BYTES: usize = "2025-06-21T12:06:47.878570Z".len();
/// What stands before it, without and with white space. Inside a value every quote has a backslash before it,
/// and no column is an object, so it stands there and nowhere else.
const MARKS: [&[u8]; 2] = [
    b"\"metadata\":{\"timestamp\":\"",
    b"\"metadata\":\t{\n\t\t\"timestamp\":\t\"",
];

/// 128 bits of the partition key and the message, the time of building left out.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Fingerprint(u128);

impl Fingerprint {
    /// The fingerprint of a record. A message without a timestamp counts as it is.
    pub fn of(partition_key: &[u8], payload: &[u8]) -> Self {
        let mut digest = Sha256::new();
        // The length keeps the border between key and message in its place.
        digest.update(saturate::to_u64(partition_key.len()).to_be_bytes());
        digest.update(partition_key);
        match timestamp_in(payload) {
            Some(timestamp) => {
                digest.update(payload.get(..timestamp.start).unwrap_or_default());
                digest.update([b' '; TIMESTAMP_BYTES]);
                digest.update(payload.get(timestamp.end..).unwrap_or_default());
            }
            None => digest.update(payload),
        }
        let digest: [u8; 32] = digest.finalize().into();
        let head = digest.first_chunk().copied().unwrap_or_default();
        Self(u128::from_be_bytes(head))
    }
}

/// Whether this can be a message of a task: each of them says when it was built. What does not is by another writer, and
/// has the fingerprint of no row.
pub fn is_message(payload: &[u8]) -> bool {
    timestamp_in(payload).is_some()
}

/// Where the text of the timestamp stands. Metadata comes last, so the search starts at the end.
fn timestamp_in(payload: &[u8]) -> Option<Range<usize>> {
    let behind = |mark: &[u8]| memmem::rfind(payload, mark).map(|place| place + mark.len());
    let start = MARKS.into_iter().filter_map(behind).max()?;
    let end = start + TIMESTAMP_BYTES;
    (end <= payload.len()).then_some(start..end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encode::control::{ControlOperation, encode_control};
    use crate::map::Mappings;
    use crate::model::RowSource;
    use crate::model::{
        Chunk, Column, ColumnType, Mark, ObjectVersion, RawRecord, RawRecordKind, Span, Table, TableIndex,
    };
    use crate::parse::row::RowRenderer;
    use crate::settings::{CsvDialect, MessageConfig, MessageFormat};
    use crate::value::timestamp::MessageTimestamp;

    const FORMATS: [MessageFormat; 2] = [MessageFormat::Json, MessageFormat::JsonUnformatted];

    fn table() -> Table {
        let column = |name: &str| Column {
            name: name.into(),
            column_type: ColumnType::String { length: None },
            nullable: true,
            is_primary_key: name == "id",
        };
        Table {
            owner: "hr".into(),
            name: "page".into(),
            path: "hr/page/".into(),
            columns: vec![column("id"), column("metadata")],
        }
    }

    /// The message of a row of two fields, built at a time.
    fn message(format: MessageFormat, row: &[u8], unix_us: i64) -> Vec<u8> {
        let config = MessageConfig {
            format,
            ..MessageConfig::default()
        };
        let dialect = CsvDialect::default();
        let mut rows = RowRenderer::new(&[table()], &Mappings::none(&[table()]), &dialect, &config);
        let raw = RawRecord {
            range: 0..u32::try_from(row.len()).unwrap(),
            line_delta: 0,
            kind: RawRecordKind::Whole,
        };
        let chunk = Chunk {
            span: Span {
                start: Mark::START,
                end: Mark::START,
            },
            bytes: row.to_vec().into(),
            records: vec![raw],
            header: None,
            columns: None,
            has_operation: None,
        };
        let source = RowSource::Load(TableIndex(0));
        let object = ObjectVersion {
            key: String::new(),
            etag: String::new(),
            size_bytes: 0,
            modified_ms: 0,
        };
        let rendered = rows.render_chunk(source, &object, &chunk, &MessageTimestamp::from_unix_us(unix_us));
        rendered.buffer[rendered.records[0].payload.clone()].to_vec()
    }

    #[test]
    fn the_time_of_building_makes_no_difference_and_everything_else_does() {
        for format in FORMATS {
            let of = |row: &[u8], time| Fingerprint::of(b"1", &message(format, row, time));
            assert!(is_message(&message(format, b"1,a", 0)), "{format:?}");
            assert_eq!(of(b"1,a", 0), of(b"1,a", 1_750_507_607_878_570), "{format:?}");
            assert_ne!(of(b"1,a", 0), of(b"1,b", 0), "{format:?}");
            let payload = message(format, b"1,a", 0);
            assert_ne!(Fingerprint::of(b"1", &payload), Fingerprint::of(b"2", &payload));
        }
        let [formatted, plain] = FORMATS.map(|format| message(format, b"1,a", 0));
        assert_ne!(Fingerprint::of(b"1", &formatted), Fingerprint::of(b"1", &plain));
    }

    #[test]
    fn control_records_are_the_same_whenever_they_are_built() {
        for format in FORMATS {
            for include_control_details in [false, true] {
                let config = MessageConfig {
                    format,
                    include_control_details,
                    ..MessageConfig::default()
                };
                let of = |operation, time| {
                    let timestamp = MessageTimestamp::from_unix_us(time);
                    let record = encode_control("t", &table(), operation, &config, &timestamp);
                    assert!(timestamp_in(&record.payload).is_some(), "{config:?}");
                    Fingerprint::of(&record.partition_key, &record.payload)
                };
                let create = ControlOperation::CreateTable;
                assert_eq!(of(create, 0), of(create, 7), "{config:?}");
                assert_ne!(of(create, 0), of(ControlOperation::DropTable, 0), "{config:?}");
            }
        }
    }

    #[test]
    fn a_value_that_looks_like_metadata_is_not_blanked() {
        let row = |time: &str| format!(r#"1,"""metadata"":{{""timestamp"":""{time}"""#).into_bytes();
        let times = ["2025-06-21T12:06:47.878570Z", "2026-06-21T12:06:47.878570Z"];
        for format in FORMATS {
            let [one, other] = times.map(|time| message(format, &row(time), 0));
            assert!(one.windows(4).any(|text| text == b"2025"), "{format:?}");
            assert_ne!(
                Fingerprint::of(b"1", &one),
                Fingerprint::of(b"1", &other),
                "{format:?}"
            );
        }
    }

    #[test]
    fn a_message_without_a_timestamp_counts_as_it_is() {
        let cut = br#"{"metadata":{"timestamp":"2025"#;
        assert_eq!(timestamp_in(cut), None);
        assert_ne!(Fingerprint::of(b"", cut), Fingerprint::of(b"", b""));
        assert_ne!(Fingerprint::of(b"ab", b"c"), Fingerprint::of(b"a", b"bc"));
    }
}
