//! Rows that nobody meant to write: arbitrary bytes, and rows of every kind with a few things done to them, in many
//! dialects, through the framer, the table mappings and the encoder. Nothing may panic, every row becomes one message,
//! one rejection with its place, or is left out, and every message is JSON.
//!
//! `BRIGADE_FUZZ=100 cargo test --test formats fuzz` tries a hundred times as many.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::sync::LazyLock;

use bucket_brigade::config::Config;
use bucket_brigade::model::{Chunk, Mark, RowSource, TableIndex};
use bucket_brigade::parse::row::RowRenderer;
use bucket_brigade::read::framer::{Framer, FramerConfig};
use bucket_brigade::settings::{CsvColumns, CsvDialect, LoadOperationColumn, NarrowRows};
use bucket_brigade::value::timestamp::MessageTimestamp;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::fuzz::{CONFIGURATION, TABLE_DEFINITION, TABLE_MAPPINGS, cases, loaded, mutated, object};

pub(crate) const LOADS: &[u8] =
    b"1,abc,3.25,00ff,4111 1111 1111 1111,06/04/2014 00:00:00,2020-08-03 22:05:57.5,1.5e-3,true\n\
    2,\"a \"\"b\"\", c\",-7,0x1A2B,\\N,12/31/1999,2020-08-03,0,F\nI,3,,12.30,\\N,\\N,\\N,\\N,\\N,\\N\n\
    4,\"two\nlines\",2000,,,,,,\n\n9007199254740993,\xC3\xA9,0,\\N,x,02/29/2024,\\N,1e308,1\n";
const CHANGES: &[u8] = b"INSERT,t,s,1,abc,3.25,00ff,4111,06/04/2014,2020-08-03 22:05:57,1,true\n\
    U,u,s,65535,\"long, text\"\nD,u,s,7,\\N\ni,none,s,1\nUPDATE,t,other,1\nX,t,s,1\n";

static CONFIG: LazyLock<Config> = LazyLock::new(|| {
    let loaded = loaded(
        CONFIGURATION.as_bytes(),
        TABLE_DEFINITION.as_bytes(),
        TABLE_MAPPINGS.as_bytes(),
    );
    loaded.unwrap().config
});

prop_compose! {
    pub(crate) fn dialects()(
        delimiter in select(vec![",", ",", ",", ";", "\t", "||", "\u{1}"]),
        row_delimiter in select(vec!["\n", "\n", "\n", "\r\n", "\r", "~~"]),
        null_value in select(vec!["", "\\N", "\\N", "NULL"]),
        ignore_header_rows in 0..2_u8,
        rfc4180: bool,
        quote in select(vec![b'"', b'"', b'\'']),
        escape in select(vec![None, None, Some(b'\\')]),
        load_operation_column in select(vec![
            LoadOperationColumn::Detect, LoadOperationColumn::Present, LoadOperationColumn::Absent,
        ]),
        narrow_rows in select(vec![NarrowRows::Reject, NarrowRows::Prefix]),
    ) -> CsvDialect {
        CsvDialect {
            delimiter: delimiter.into(),
            row_delimiter: row_delimiter.into(),
            null_value: null_value.to_owned(),
            ignore_header_rows,
            ignore_header_rows_in_changes: 0,
            rfc4180,
            quote,
            escape,
            load_operation_column,
            narrow_rows,
            columns: CsvColumns::default(),
        }
    }
}

fn chunks(text: &[u8], dialect: &CsvDialect) -> Vec<Chunk> {
    let framing = FramerConfig {
        dialect: dialect.clone(),
        row_bytes_max: 300,
        chunk_bytes_max: 100,
    };
    let mut framer = Framer::new(&framing, Mark::START);
    framer.push(text);
    framer.finish();
    std::iter::from_fn(|| framer.next_chunk()).collect()
}

/// Every row of a text becomes one of the three, and what it becomes is what it has to be. How many of each there are.
fn check(
    config: &Config,
    text: &[u8],
    dialect: &CsvDialect,
    source: RowSource,
) -> Result<[usize; 3], TestCaseError> {
    let mut rows = RowRenderer::new(&config.tables, &config.mappings, dialect, &config.message);
    let object = object();
    let lines = text.split(|byte| *byte == dialect.row_delimiter[0]).count();
    let (mut counts, mut end) = ([0; 3], Mark::START);
    for chunk in chunks(text, dialect) {
        prop_assert_eq!(chunk.span.start, end, "chunks tile the text (W3)");
        end = chunk.span.end;
        let rendered = rows.render_chunk(source, &object, &chunk, &MessageTimestamp::from_unix_us(0));
        counts[0] += rendered.records.len();
        counts[1] += rendered.rejected.len();
        counts[2] += rendered.filtered.len();
        let mut ordinals: Vec<u64> = rendered.records.iter().map(|record| record.ordinal).collect();
        ordinals.extend(rendered.rejected.iter().map(|record| record.ordinal));
        ordinals.extend(rendered.filtered.iter().map(|record| record.ordinal));
        ordinals.sort_unstable();
        let expected: Vec<u64> = (chunk.span.start.ordinal..chunk.span.end.ordinal).collect();
        prop_assert_eq!(ordinals, expected, "each row is counted once (Q1)");
        for record in &rendered.records {
            let message = &rendered.buffer[record.payload.clone()];
            let message: serde_json::Value = serde_json::from_slice(message).map_err(|error| {
                TestCaseError::fail(format!("{error}: {}", String::from_utf8_lossy(message)))
            })?;
            prop_assert!(message.is_object() && !record.key.is_empty(), "{}", message);
            prop_assert!(std::str::from_utf8(&rendered.buffer[record.key.clone()]).is_ok());
        }
        for rejected in &rendered.rejected {
            let place = usize::try_from(rejected.position).unwrap();
            prop_assert!(
                text[place..].starts_with(&rejected.row),
                "not where it is: {:?}",
                rejected
            );
            let line = usize::try_from(rejected.line).unwrap();
            prop_assert!((1..=lines).contains(&line), "no such line: {:?}", rejected);
            let is_clean = !rejected.reason.chars().any(char::is_control);
            prop_assert!(
                is_clean && !rejected.reason.is_empty(),
                "not for people: {:?}",
                rejected
            );
        }
    }
    Ok(counts)
}

#[test]
fn the_rows_are_of_every_kind_before_anything_is_done_to_them() {
    let config = &*CONFIG;
    let mut counts = [0; 3];
    let sources = [
        (LOADS, RowSource::Load(TableIndex(0))),
        (CHANGES, RowSource::Changes),
    ];
    for (text, source) in sources {
        let found = check(config, text, &config.source.csv, source).unwrap();
        for (count, found) in counts.iter_mut().zip(found) {
            *count += found;
        }
    }
    assert!(counts.iter().all(|count| *count > 0), "{counts:?}");
}

proptest! {
    #![proptest_config(cases(2_000))]

    #[test]
    fn mutated_rows_of_a_load_are_sent_refused_or_left_out(text in mutated(LOADS), dialect in dialects()) {
        check(&CONFIG, &text.0, &dialect, RowSource::Load(TableIndex(0)))?;
    }

    #[test]
    fn mutated_changes_are_sent_refused_or_left_out(text in mutated(CHANGES), dialect in dialects()) {
        check(&CONFIG, &text.0, &dialect, RowSource::Changes)?;
    }

    #[test]
    fn arbitrary_bytes_are_sent_refused_or_left_out(text in vec(any::<u8>(), 0..400), dialect in dialects()) {
        check(&CONFIG, &text, &dialect, RowSource::Load(TableIndex(1)))?;
        check(&CONFIG, &text, &dialect, RowSource::Changes)?;
    }

    #[test]
    fn arbitrary_fields_are_sent_refused_or_left_out(
        fields in vec(vec("[-+0-9a-zA-Z:/. \"\\\\N]{0,12}|\\PC{0,6}", 9..10), 1..5), dialect in dialects(),
    ) {
        let delimiter = String::from_utf8(dialect.delimiter.clone()).unwrap();
        let rows: Vec<String> = fields.iter().map(|fields| fields.join(&delimiter)).collect();
        let text = rows.join(std::str::from_utf8(&dialect.row_delimiter).unwrap());
        check(&CONFIG, text.as_bytes(), &dialect, RowSource::Load(TableIndex(0)))?;
    }
}
