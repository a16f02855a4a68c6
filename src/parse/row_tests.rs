//! Whole rows: operation columns, rejections, keys, and the forms of a message.

use proptest::prelude::*;

use super::row::{RenderedChunk, RowRenderer};
use crate::limits::{DEAD_LETTER_ROW_BYTES_MAX, PARTITION_KEY_CHARACTERS_MAX};
use crate::map::Mappings;
use crate::model::RowSource;
use crate::model::{
    Chunk, Column, ColumnType, Mark, ObjectVersion, Operation, RejectedRecord, Table, TableIndex,
};
use crate::read::framer::{Framer, FramerConfig};
use crate::settings::{ChangePartitionKey, CsvDialect, LoadOperationColumn, MessageConfig, MessageFormat};
use crate::value::timestamp::MessageTimestamp;

pub(super) const LOAD: RowSource = RowSource::Load(TableIndex(0));
const TIMESTAMP_US: i64 = 1_750_507_607_878_570;

/// The row limit of these tests.
const ROW_BYTES_MAX: usize = 100_000;

/// `hr.employee(id, name, note)`, `hr.pair(a, b)` whose key has two columns, and `hr.page(url)`.
pub(super) fn tables() -> Vec<Table> {
    let text = ColumnType::String { length: Some(10) };
    let column = |name: &str, column_type, nullable, is_primary_key| Column {
        name: name.into(),
        column_type,
        nullable,
        is_primary_key,
    };
    let table = |name: &str, columns| Table {
        owner: "hr".into(),
        name: name.into(),
        path: format!("hr/{name}/"),
        columns,
    };
    vec![
        table(
            "employee",
            vec![
                column("id", ColumnType::Int4, false, true),
                column("name", text, true, false),
                column("note", text, true, false),
            ],
        ),
        table(
            "pair",
            vec![
                column("a", ColumnType::Date { format: None }, true, true),
                column("b", text, true, true),
            ],
        ),
        table("page", vec![column("url", ColumnType::Clob, false, true)]),
    ]
}

pub(super) fn unformatted() -> MessageConfig {
    MessageConfig {
        format: MessageFormat::JsonUnformatted,
        ..MessageConfig::default()
    }
}

fn chunk(dialect: &CsvDialect, csv: &[u8]) -> Chunk {
    let config = FramerConfig {
        dialect: dialect.clone(),
        row_bytes_max: ROW_BYTES_MAX,
        chunk_bytes_max: 1_000_000,
    };
    let mut framer = Framer::new(&config, Mark::START);
    framer.push(csv);
    framer.finish();
    framer.next_chunk().unwrap()
}

fn object() -> ObjectVersion {
    ObjectVersion {
        key: "hr/1.csv".to_owned(),
        etag: "e".to_owned(),
        size_bytes: 0,
        modified_ms: 0,
    }
}

pub(super) fn render_with(
    dialect: &CsvDialect,
    message: &MessageConfig,
    source: RowSource,
    csv: &[u8],
) -> RenderedChunk {
    let mut renderer = RowRenderer::new(&tables(), &Mappings::none(&tables()), dialect, message);
    let timestamp = MessageTimestamp::from_unix_us(TIMESTAMP_US);
    renderer.render_chunk(source, &object(), &chunk(dialect, csv), &timestamp)
}

fn render(source: RowSource, csv: &str) -> RenderedChunk {
    render_with(&CsvDialect::default(), &unformatted(), source, csv.as_bytes())
}

/// The messages' `data` objects and the keys.
pub(super) fn data_and_keys(rendered: &RenderedChunk) -> Vec<(String, String)> {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let records = rendered.records.iter();
    records
        .map(|record| {
            let message = text(&rendered.buffer[record.payload.clone()]);
            let (data, _) = message.split_once(",\"metadata\":").unwrap();
            let data = data.strip_prefix("{\"data\":").unwrap().to_owned();
            (data, text(&rendered.buffer[record.key.clone()]))
        })
        .collect()
}

/// The first message.
fn message_text(rendered: &RenderedChunk) -> String {
    String::from_utf8(rendered.buffer[rendered.records[0].payload.clone()].to_vec()).unwrap()
}

fn codes(source: RowSource, csv: &str) -> Vec<&'static str> {
    let rendered = render(source, csv);
    rendered.rejected.iter().map(|rejected| rejected.code).collect()
}

#[test]
fn change_rows_name_their_operation_table_and_schema() {
    let csv = "INSERT,employee,hr,1,Ann,x\nu,pair,hr,2020-01-02,b\nDelete,employee,hr,1,,\n";
    let rendered = render(RowSource::Changes, csv);
    assert_eq!(rendered.rejected, []);
    let targets: Vec<_> = rendered
        .records
        .iter()
        .map(|record| (record.ordinal, record.table, record.operation))
        .collect();
    assert_eq!(
        targets,
        [
            (0, TableIndex(0), Operation::Insert),
            (1, TableIndex(1), Operation::Update),
            (2, TableIndex(0), Operation::Delete),
        ]
    );
    let first = &rendered.buffer[rendered.records[0].payload.clone()];
    assert_eq!(
        std::str::from_utf8(first).unwrap(),
        "{\"data\":{\"id\":1,\"name\":\"Ann\",\"note\":\"x\"},\"metadata\":{\"timestamp\":\"2025-06-21T12:06:47.878570Z\",\
         \"record-type\":\"data\",\"operation\":\"insert\",\"partition-key-type\":\"schema-table\",\
         \"schema-name\":\"hr\",\"table-name\":\"employee\"}}\n"
    );
    assert_eq!(data_and_keys(&rendered)[1].1, "hr.pair");
}

#[test]
fn bad_change_rows_are_rejected_alone() {
    for (row, code) in [
        (",employee,hr,1,a,b", "no_operation"),
        ("TRUNCATE,employee,hr,1,a,b", "unknown_operation"),
        ("I,employee", "field_count"),
        ("I,employee,hr", "field_count"),
        ("I,employee,hr,1,a", "field_count"),
        ("I,employee,hr,1,a,b,c", "field_count"),
        ("I,nobody,hr,1,a,b", "unknown_table"),
        ("I,employee,nowhere,1,a,b", "unknown_schema"),
        ("I,employee,hr,x,a,b", "not_a_number"),
        ("I,employee,hr,,a,b", "null_not_allowed"),
    ] {
        let csv = format!("I,employee,hr,1,a,b\n{row}\nI,employee,hr,2,a,b\n");
        let rendered = render(RowSource::Changes, &csv);
        let ordinals: Vec<_> = rendered.records.iter().map(|record| record.ordinal).collect();
        assert_eq!(ordinals, [0, 2], "{row}");
        assert_eq!(rendered.rejected.len(), 1, "{row}");
        assert_eq!(rendered.rejected[0].code, code, "{row}");
        let messages: Vec<_> = data_and_keys(&rendered)
            .into_iter()
            .map(|(data, _)| data)
            .collect();
        assert_eq!(
            messages[1], "{\"id\":2,\"name\":\"a\",\"note\":\"b\"}",
            "nothing of {row} may stay"
        );
    }
}

#[test]
fn a_rejection_says_where_and_what() {
    let dialect = CsvDialect {
        ignore_header_rows: 1,
        ..CsvDialect::default()
    };
    let csv = b"id,name,note\n1,\"a\nb\",c\n\n2,a longer name,c\n";
    let rendered = render_with(&dialect, &unformatted(), LOAD, csv);
    assert_eq!(
        rendered.rejected,
        [RejectedRecord {
            ordinal: 1,
            line: 5,
            position: 24,
            table: Some(TableIndex(0)),
            column: Some("name".into()),
            code: "too_long",
            reason: "the value has 13 bytes, the column takes 10".into(),
            row: b"2,a longer name,c".to_vec(),
            is_cut: false,
            message: None,
        }]
    );
}

#[test]
fn rows_the_framer_could_not_cut_are_rejected_in_part() {
    assert_eq!(codes(LOAD, "1,\"a,b\n2,a,b\n"), ["unclosed_quote"]);
    let long = "9".repeat(ROW_BYTES_MAX + 1);
    let rendered = render(LOAD, &long);
    assert_eq!(rendered.rejected[0].code, "row_too_long");
    assert_eq!(rendered.rejected[0].row.len(), DEAD_LETTER_ROW_BYTES_MAX);
}

#[test]
fn the_operation_column_of_a_load_is_detected_row_by_row() {
    let with = |load_operation_column, csv: &str| {
        let dialect = CsvDialect {
            load_operation_column,
            ..CsvDialect::default()
        };
        let rendered = render_with(&dialect, &unformatted(), LOAD, csv.as_bytes());
        let rejected: Vec<_> = rendered.rejected.iter().map(|rejected| rejected.code).collect();
        (data_and_keys(&rendered).len(), rejected)
    };
    let rows = "I,1,a,b\n2,a,b\nU,3,a,b\n";
    assert_eq!(with(LoadOperationColumn::Detect, rows), (2, vec!["field_count"]));
    assert_eq!(
        with(LoadOperationColumn::Present, rows),
        (1, vec!["unknown_operation", "unknown_operation"])
    );
    assert_eq!(
        with(LoadOperationColumn::Absent, rows),
        (1, vec!["field_count", "field_count"])
    );
    let loaded = render(LOAD, "i,1,a,b\n");
    assert_eq!(loaded.records[0].operation, Operation::Load);
}

#[test]
fn nulls_and_empty_texts_are_left_out_or_kept_by_setting() {
    let csv = b"1,,\"\"\n";
    let dialect = CsvDialect::default();
    let left_out = render_with(&dialect, &unformatted(), LOAD, csv);
    assert_eq!(data_and_keys(&left_out)[0].0, "{\"id\":1}");
    let message = MessageConfig {
        include_null_and_empty: true,
        ..unformatted()
    };
    let kept = render_with(&dialect, &message, LOAD, csv);
    assert_eq!(
        data_and_keys(&kept)[0].0,
        "{\"id\":1,\"name\":null,\"note\":\"\"}"
    );
}

#[test]
fn keys_are_the_values_as_the_message_shows_them() {
    let source = RowSource::Load(TableIndex(1));
    let rendered = render(source, "2020:01:02,\"q\"\"uo\"\n2020-01-02,\"\"\n");
    let keys: Vec<_> = data_and_keys(&rendered).into_iter().map(|(_, key)| key).collect();
    assert_eq!(keys, ["2020-01-02.q\"uo", "2020-01-02."]);
    assert_eq!(codes(source, ",b\n"), ["null_in_partition_key"]);
}

#[test]
fn the_partition_key_is_shown_unless_it_is_the_table() {
    let message = MessageConfig {
        include_partition_value: true,
        partition_include_schema_table: true,
        change_partition_key: ChangePartitionKey::PrimaryKey,
        ..unformatted()
    };
    let show = |message: &MessageConfig, row: &str| {
        let rendered = render_with(
            &CsvDialect::default(),
            message,
            RowSource::Changes,
            row.as_bytes(),
        );
        message_text(&rendered)
    };
    let by_key = show(&message, "I,employee,hr,7,,");
    assert!(
        by_key.contains(
            "\"partition-key-type\":\"primary-key\",\"partition-key-value\":\"hr.employee.7\",\"schema-name\""
        ),
        "{by_key}"
    );
    let by_table = MessageConfig {
        change_partition_key: ChangePartitionKey::SchemaTable,
        ..message
    };
    let by_table = show(&by_table, "I,employee,hr,7,,");
    assert!(
        by_table.contains("\"partition-key-type\":\"schema-table\",\"schema-name\""),
        "{by_table}"
    );
}

#[test]
fn an_empty_data_object_has_the_white_space_of_the_c_library() {
    let message = MessageConfig::default();
    let rendered = render_with(
        &CsvDialect::default(),
        &message,
        RowSource::Changes,
        b"D,pair,hr,,\n",
    );
    let text = message_text(&rendered);
    assert!(
        text.starts_with("{\n\t\"data\":\t{\n\t},\n\t\"metadata\":\t{\n\t\t\"timestamp\":\t\""),
        "{text}"
    );
    assert!(text.ends_with("\t\t\"table-name\":\t\"pair\"\n\t}\n}"), "{text}");
}

#[test]
fn a_long_key_is_hashed_and_shown_in_full() {
    let message = MessageConfig {
        include_partition_value: true,
        ..unformatted()
    };
    let url = "a".repeat(PARTITION_KEY_CHARACTERS_MAX + 1);
    let source = RowSource::Load(TableIndex(2));
    let rendered = render_with(&CsvDialect::default(), &message, source, url.as_bytes());
    assert_eq!(rendered.records[0].key.len(), 64);
    let text = message_text(&rendered);
    assert!(
        text.contains(&format!("\"partition-key-value\":\"{url}\"")),
        "{text}"
    );
}

proptest! {
    #[test]
    fn every_record_becomes_one_json_message_or_one_rejection(
        rows in proptest::collection::vec("[IUDx]?,?(employee|pair|page)?,?(hr)?,?[0-9a\"\\\\, -]{0,12}\n", 1..20),
        noise in proptest::collection::vec(any::<u8>(), 0..30),
        formatted: bool,
    ) {
        let csv = [rows.concat().as_bytes(), &noise].concat();
        let dialect = CsvDialect::default();
        let message = MessageConfig {
            format: if formatted { MessageFormat::Json } else { MessageFormat::JsonUnformatted },
            ..MessageConfig::default()
        };
        for source in [LOAD, RowSource::Load(TableIndex(2)), RowSource::Changes] {
            let rendered = render_with(&dialect, &message, source, &csv);
            let mut ordinals: Vec<_> = rendered.records.iter().map(|record| record.ordinal).collect();
            ordinals.extend(rendered.rejected.iter().map(|rejected| rejected.ordinal));
            ordinals.sort_unstable();
            let expected: Vec<_> = (0..chunk(&dialect, &csv).span.end.ordinal).collect();
            prop_assert_eq!(ordinals, expected);
            let mut end = 0;
            for record in &rendered.records {
                prop_assert_eq!((record.payload.start, record.key.start), (end, record.payload.end));
                end = record.key.end;
                let json: Result<serde_json::Value, _> = serde_json::from_slice(&rendered.buffer[record.payload.clone()]);
                prop_assert!(json.is_ok(), "{:?}", json);
            }
            prop_assert_eq!(end, rendered.buffer.len());
        }
    }
}
