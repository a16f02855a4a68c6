//! Messages and control records that DMS wrote, reproduced from the rows they came from.
//!
//! Each file in `tests/data/golden` says where it comes from and what in it was observed. The first two are
//! compared byte for byte; of the others the white space was not observed, so they are compared in the form
//! without any.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a broken fixture must fail the test"
)]

use bucket_brigade::chain::position::ChainPosition;
use bucket_brigade::encode::chain::ChainMembers;
use bucket_brigade::encode::control::{ControlOperation, encode_control};
use bucket_brigade::map::Mappings;
use bucket_brigade::model::{Column, ColumnType, Mark, ObjectVersion, RowSource, Table, TableIndex};
use bucket_brigade::parse::row::RowRenderer;
use bucket_brigade::read::framer::{Framer, FramerConfig};
use bucket_brigade::route::lane::LaneIndex;
use bucket_brigade::route::shard_map::HashKey;
use bucket_brigade::settings::{CsvDialect, MessageConfig, MessageFormat};
use bucket_brigade::value::timestamp::MessageTimestamp;
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DataFile {
    #[serde(rename = "about")]
    _about: String,
    settings: Settings,
    tables: Vec<GoldenTable>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    format: String,
    #[serde(default)]
    include_null_and_empty: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GoldenTable {
    owner: String,
    name: String,
    columns: Vec<String>,
    rows: Vec<GoldenRow>,
    /// The key type of an object-mapping rule, for which there is no setting.
    key_type_by_mapping: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GoldenRow {
    csv: String,
    timestamp_us: i64,
    partition_key: Option<String>,
    message: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ControlFile {
    #[serde(rename = "about")]
    _about: String,
    records: Vec<GoldenControl>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GoldenControl {
    owner: String,
    name: String,
    columns: Vec<String>,
    task: String,
    operation: String,
    details: bool,
    timestamp_us: i64,
    partition_key: String,
    message: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ChainFile {
    #[serde(rename = "about")]
    _about: String,
    records: Vec<GoldenLink>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GoldenLink {
    of: String,
    queue: String,
    explicit_hash_key: String,
    message: String,
}

/// A column as the fixtures write it: name, type, then `key` and `nullable` where they apply.
fn column(text: &str) -> Column {
    let words: Vec<_> = text.split(' ').collect();
    let [name, type_text, marks @ ..] = &words[..] else {
        panic!("{text} needs a name and a type");
    };
    let (kind, parameter) = match type_text.trim_end_matches(')').split_once('(') {
        Some((kind, parameter)) => (kind, Some(parameter)),
        None => (*type_text, None),
    };
    let column_type = match kind {
        "INT1" => ColumnType::Int1,
        "INT2" => ColumnType::Int2,
        "INT4" => ColumnType::Int4,
        "INT8" => ColumnType::Int8,
        "REAL4" => ColumnType::Real4,
        "REAL8" => ColumnType::Real8,
        "BOOLEAN" => ColumnType::Boolean,
        "DATE" => ColumnType::Date { format: None },
        "DATETIME" => ColumnType::DateTime {
            scale: parameter.map_or(0, |scale| scale.parse().unwrap()),
            format: None,
        },
        "STRING" => ColumnType::String {
            length: parameter.map(|length| length.parse().unwrap()),
        },
        "CLOB" => ColumnType::Clob,
        other => panic!("unknown column type {other}"),
    };
    Column {
        name: (*name).to_owned(),
        column_type,
        nullable: marks.contains(&"nullable"),
        is_primary_key: marks.contains(&"key"),
    }
}

fn table(owner: &str, name: &str, columns: &[String]) -> Table {
    Table {
        owner: owner.to_owned(),
        name: name.to_owned(),
        path: format!("{owner}/{name}/"),
        columns: columns.iter().map(|text| column(text)).collect(),
    }
}

/// Message and partition key of one full-load row, through the framer and the renderer.
fn render(table: &Table, csv: &str, message: &MessageConfig, timestamp_us: i64) -> (String, String) {
    let dialect = CsvDialect::default();
    let config = FramerConfig {
        dialect: dialect.clone(),
        row_bytes_max: 1 << 20,
        chunk_bytes_max: 1 << 20,
    };
    let mut framer = Framer::new(&config, Mark::START);
    framer.push(csv.as_bytes());
    framer.finish();
    let chunk = framer.next_chunk().expect("one row makes a chunk");
    let mut row_renderer = RowRenderer::new(
        std::slice::from_ref(table),
        &Mappings::none(std::slice::from_ref(table)),
        &dialect,
        message,
    );
    let timestamp = MessageTimestamp::from_unix_us(timestamp_us);
    let object = ObjectVersion {
        key: "1.csv".to_owned(),
        etag: String::new(),
        size_bytes: 0,
        modified_ms: 0,
    };
    let rendered = row_renderer.render_chunk(RowSource::Load(TableIndex(0)), &object, &chunk, &timestamp);
    assert!(rendered.rejected.is_empty(), "{:?}", rendered.rejected);
    let [record] = rendered.records.as_slice() else {
        panic!("one row makes one record");
    };
    let text = |range: std::ops::Range<usize>| {
        String::from_utf8(rendered.buffer.get(range).unwrap().to_vec()).unwrap()
    };
    (text(record.payload.clone()), text(record.key.clone()))
}

fn check_data(file: &str) {
    let file: DataFile = serde_json::from_str(file).unwrap();
    let message = MessageConfig {
        format: match file.settings.format.as_str() {
            "json" => MessageFormat::Json,
            "json-unformatted" => MessageFormat::JsonUnformatted,
            other => panic!("unknown format {other}"),
        },
        include_null_and_empty: file.settings.include_null_and_empty,
        ..MessageConfig::default()
    };
    for golden in &file.tables {
        let table = table(&golden.owner, &golden.name, &golden.columns);
        for row in &golden.rows {
            let (mut payload, key) = render(&table, &row.csv, &message, row.timestamp_us);
            if let Some(key_type) = &golden.key_type_by_mapping {
                let own = "\"partition-key-type\":\"primary-key\"";
                assert!(payload.contains(own), "{payload}");
                payload = payload.replace(own, &format!("\"partition-key-type\":\"{key_type}\""));
            }
            assert_eq!(payload, row.message, "message of {}", row.csv);
            if let Some(expected) = &row.partition_key {
                assert_eq!(&key, expected, "partition key of {}", row.csv);
            }
        }
    }
}

#[test]
fn a_formatted_load_message_is_reproduced_byte_for_byte() {
    check_data(include_str!("../data/golden/load-formatted.json"));
}

#[test]
fn an_unformatted_load_message_is_reproduced_byte_for_byte() {
    check_data(include_str!("../data/golden/load-unformatted.json"));
}

#[test]
fn values_of_all_observed_types_and_nulls_are_reproduced() {
    check_data(include_str!("../data/golden/types-and-nulls.json"));
}

#[test]
fn control_records_are_reproduced_with_their_keys() {
    let file: ControlFile =
        serde_json::from_str(include_str!("../data/golden/control-records.json")).unwrap();
    for golden in &file.records {
        let message = MessageConfig {
            format: MessageFormat::JsonUnformatted,
            include_control_details: golden.details,
            include_partition_value: true,
            ..MessageConfig::default()
        };
        let operation = match golden.operation.as_str() {
            "drop-table" => ControlOperation::DropTable,
            "create-table" => ControlOperation::CreateTable,
            other => panic!("unknown operation {other}"),
        };
        let table = table(&golden.owner, &golden.name, &golden.columns);
        let timestamp = MessageTimestamp::from_unix_us(golden.timestamp_us);
        let record = encode_control(&golden.task, &table, operation, &message, &timestamp);
        assert_eq!(String::from_utf8(record.payload).unwrap(), golden.message);
        assert_eq!(
            String::from_utf8(record.partition_key).unwrap(),
            golden.partition_key
        );
    }
}

#[test]
fn a_link_of_a_chain_is_the_message_of_dms_with_four_members_more() {
    let file: ChainFile = serde_json::from_str(include_str!("../data/golden/chain.json")).unwrap();
    for golden in &file.records {
        let (format, text) = match golden.of.as_str() {
            "formatted" => (
                MessageFormat::Json,
                include_str!("../data/golden/load-formatted.json"),
            ),
            "unformatted" => (
                MessageFormat::JsonUnformatted,
                include_str!("../data/golden/load-unformatted.json"),
            ),
            other => panic!("unknown format {other}"),
        };
        let data: DataFile = serde_json::from_str(text).unwrap();
        let (definition, row) = data
            .tables
            .first()
            .and_then(|table| Some((table, table.rows.first()?)))
            .unwrap();
        let message = MessageConfig {
            format,
            ..MessageConfig::default()
        };
        let own = table(&definition.owner, &definition.name, &definition.columns);
        let (payload, key) = render(&own, &row.csv, &message, row.timestamp_us);
        let lane = LaneIndex::of(HashKey::of_partition_key(key.as_bytes()));
        assert_eq!(lane.point().0.to_string(), golden.explicit_hash_key);
        let mut linked = Vec::new();
        let at = |object, record| ChainPosition { object, record };
        ChainMembers::new("nightly", &golden.queue, 1_793_000_000_000, format).append(
            &mut linked,
            payload.as_bytes(),
            lane,
            at(5, 1),
            at(4, 7_001),
        );
        assert_eq!(String::from_utf8(linked).unwrap(), golden.message);
    }
}
