//! How fast rows are cut and rendered on this machine: `cargo test --release --test formats throughput -- --ignored --nocapture`.

#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::expect_used,
    reason = "measures real time and prints what it measured"
)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use bucket_brigade::config::dms::table_mappings;
use bucket_brigade::limits::CHUNK_BYTES_MAX;
use bucket_brigade::map::Mappings;
use bucket_brigade::map::plan::MappedTables;
use bucket_brigade::model::{Chunk, Column, ColumnType, Mark, ObjectVersion, RowSource, Table, TableIndex};
use bucket_brigade::parse::row::RowRenderer;
use bucket_brigade::read::framer::{Framer, FramerConfig};
use bucket_brigade::settings::problems::Report;
use bucket_brigade::settings::{CsvDialect, MessageConfig, MessageFormat};
use bucket_brigade::value::timestamp::MessageTimestamp;

/// Size of the pieces in which the input is pushed, about that of an HTTP frame.
const PIECE_BYTES: usize = 16 * 1024;
const ROWS: usize = 400_000;
/// The best of this many runs counts.
const RUNS: usize = 3;

fn orders() -> Table {
    let text = ColumnType::String { length: Some(60) };
    let columns = [
        ("id", ColumnType::Int8),
        ("customer", text),
        ("city", text),
        (
            "ordered_at",
            ColumnType::DateTime {
                scale: 3,
                format: None,
            },
        ),
        (
            "amount",
            ColumnType::Numeric {
                precision: 12,
                scale: 2,
            },
        ),
        ("weight", ColumnType::Real8),
        ("paid", ColumnType::Boolean),
        ("note", text),
    ];
    let columns = columns.map(|(name, column_type)| Column {
        name: name.to_owned(),
        column_type,
        nullable: name != "id",
        is_primary_key: name == "id",
    });
    Table {
        owner: "shop".to_owned(),
        name: "orders".to_owned(),
        path: "shop/orders/".to_owned(),
        columns: columns.into(),
    }
}

/// Rows of eight fields; one in eleven has a quoted field.
fn rows() -> Vec<u8> {
    let row = |number: usize| {
        let note = if number.is_multiple_of(11) {
            "\"left, \"\"at the door\"\"\""
        } else {
            "left at the door"
        };
        format!("{number},customer {number},Amsterdam,2024-05-06 07:08:09.123,{number}.50,1.25,true,{note}\n")
    };
    (0..ROWS).map(row).collect::<String>().into_bytes()
}

fn frame(input: &[u8]) -> Vec<Chunk> {
    let config = FramerConfig {
        dialect: CsvDialect::default(),
        row_bytes_max: 1 << 20,
        chunk_bytes_max: CHUNK_BYTES_MAX,
    };
    let mut framer = Framer::new(&config, Mark::START);
    let mut chunks = Vec::new();
    for piece in input.chunks(PIECE_BYTES) {
        framer.push(piece);
        while let Some(chunk) = framer.next_chunk() {
            chunks.push(chunk);
        }
    }
    framer.finish();
    while let Some(chunk) = framer.next_chunk() {
        chunks.push(chunk);
    }
    chunks
}

fn best_time(mut run: impl FnMut()) -> Duration {
    let times = (0..RUNS).map(|_| {
        let start = Instant::now();
        run();
        start.elapsed()
    });
    times.min().expect("there is at least one run")
}

fn print(what: &str, bytes_count: usize, time: Duration) {
    let microseconds = time.as_micros().max(1);
    let per_second = |count: usize| u128::try_from(count).unwrap_or_default() * 1_000_000 / microseconds;
    let megabytes_per_second = per_second(bytes_count) / 1_000_000;
    let rows_per_second = per_second(ROWS);
    println!("{what}: {megabytes_per_second} MB/s of input, {rows_per_second} rows/s");
}

#[test]
#[ignore = "measures, run by hand"]
fn rows_are_cut_and_rendered() {
    let input = rows();
    let chunks = frame(&input);
    let framing = best_time(|| drop(black_box(frame(&input))));
    print("framing", input.len(), framing);
    measure_rendering("rendering", &input, &chunks, &Mappings::none(&[orders()]));
    measure_rendering("rendering, renamed", &input, &chunks, &mappings(RENAMED));
    measure_rendering("rendering, filtered", &input, &chunks, &mappings(FILTERED));
    measure_rendering("rendering, masked", &input, &chunks, &mappings(MASKED));
    measure_rendering(
        "rendering, with an expression",
        &input,
        &chunks,
        &mappings(COMPUTED),
    );
}

const RENAMED: &str = r#","rule-target":"column","rule-action":"add-prefix","value":"c_""#;
/// A filter that every row passes.
const FILTERED: &str = "";
const MASKED: &str = r#","rule-target":"column","rule-action":"data-masking-digits-mask","value":"*""#;
const COMPUTED: &str = r#","rule-target":"column","rule-action":"add-column","value":"where",
    "expression":"$customer||' in '||$city","data-type":{"type":"string"}"#;

/// What one transformation rule on the customer of an order makes of it; without one, what a filter does.
fn mappings(transformation: &str) -> Mappings {
    let rule = |kind: &str, id: u64, column: &str, more: &str| {
        format!(
            "{{\"rule-type\":\"{kind}\",\"rule-id\":{id},\"rule-name\":\"x\",\
             \"object-locator\":{{\"schema-name\":\"shop\",\"table-name\":\"orders\"{column}}}{more}}}"
        )
    };
    let filter = r#","rule-action":"include","filters":[{"filter-type":"source","column-name":"id",
        "filter-conditions":[{"filter-operator":"gte","value":"0"}]}]"#;
    let include = if transformation.is_empty() {
        filter
    } else {
        r#","rule-action":"include""#
    };
    let mut rules = vec![rule("selection", 1, "", include)];
    if !transformation.is_empty() {
        let column = if transformation == RENAMED {
            "%"
        } else {
            "customer"
        };
        let column = format!(",\"column-name\":\"{column}\"");
        rules.push(rule("transformation", 2, &column, transformation));
    }
    let mut report = Report::new("mappings");
    let document = format!("{{\"rules\":[{}]}}", rules.join(","));
    let rules = table_mappings::parse(&document, &mut report).expect("the rules are right");
    MappedTables::of(&rules, vec![orders()], &mut report).mappings
}

fn measure_rendering(what: &str, input: &[u8], chunks: &[Chunk], mappings: &Mappings) {
    let message = MessageConfig {
        format: MessageFormat::JsonUnformatted,
        ..MessageConfig::default()
    };
    let mut renderer = RowRenderer::new(&[orders()], mappings, &CsvDialect::default(), &message);
    let timestamp = MessageTimestamp::from_unix_us(0);
    let object = ObjectVersion {
        key: "orders/1.csv".to_owned(),
        etag: String::new(),
        size_bytes: 0,
        modified_ms: 0,
    };
    let rendering = best_time(|| {
        for chunk in chunks {
            let messages = renderer.render_chunk(RowSource::Load(TableIndex(0)), &object, chunk, &timestamp);
            assert_eq!(messages.rejected, [], "every row must become a message");
            drop(black_box(messages));
        }
    });
    print(what, input.len(), rendering);
}
