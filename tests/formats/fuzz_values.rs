//! Any bytes in any dialect, cut anywhere: every row has the values that a slow and obvious reader finds in it, or is
//! refused where that reader refuses it. `BRIGADE_FUZZ` as for the rows.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::collections::BTreeMap;
use std::sync::LazyLock;

use bucket_brigade::config::Config;
use bucket_brigade::model::{Mark, RowSource, TableIndex};
use bucket_brigade::parse::row::RowRenderer;
use bucket_brigade::read::framer::{Framer, FramerConfig};
use bucket_brigade::settings::{CsvDialect, LoadOperationColumn, NarrowRows};
use bucket_brigade::value::timestamp::MessageTimestamp;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::fuzz::{Shown, cases, loaded, mutated, object};
use crate::fuzz_rows::{LOADS, dialects};
use crate::slow_csv::{Field, rows};

/// The values of a row; `None` for one that is refused.
type Outcome = Option<Vec<Option<String>>>;

/// Tables of so many columns, all of them text.
const WIDTHS: [usize; 3] = [1, 3, 9];

static CONFIG: LazyLock<Config> = LazyLock::new(|| {
    let tables = WIDTHS.map(|width| {
        let columns = (0..width).map(|number| {
            serde_json::json!({"ColumnName": format!("c{number}"), "ColumnType": "STRING", "ColumnNullable": "true"})
        });
        serde_json::json!({"TableName": format!("t{width}"), "TablePath": format!("s/t{width}/"), "TableOwner": "s",
            "TableColumns": columns.collect::<Vec<_>>(), "TableColumnsTotal": width.to_string()})
    });
    let definition =
        serde_json::json!({"TableCount": WIDTHS.len().to_string(), "Tables": tables}).to_string();
    let configuration = "version: 1\ntask: t\nmigration_type: full-load\nsource:\n  local: { directory: data }\n  \
        tables: definition.json\ntarget:\n  ndjson: { path: out, message_format: json-unformatted, include_null_and_empty: true }\n";
    let loaded = loaded(configuration.as_bytes(), definition.as_bytes(), b"");
    loaded.unwrap().config
});

/// How the bytes arrive, and how large chunks become.
#[derive(Debug, Clone)]
struct Cuts {
    pieces: Vec<usize>,
    chunk_bytes_max: usize,
}

fn cuts() -> impl Strategy<Value = Cuts> {
    let pieces = prop_oneof![vec(1..9_usize, 1..20), Just(vec![usize::MAX])];
    let chunks = prop_oneof![1..60_usize, Just(1 << 20)];
    (pieces, chunks).prop_map(|(pieces, chunk_bytes_max)| Cuts {
        pieces,
        chunk_bytes_max,
    })
}

/// What a text is made of.
#[derive(Debug, Clone)]
enum Piece {
    Delimiter,
    RowDelimiter,
    Quote,
    Escape,
    Null,
    Text(&'static [u8]),
    Bytes(Vec<u8>),
}

const TEXTS: &[&[u8]] = &[
    b"a",
    b"bc",
    b" ",
    b"\t",
    b"\n",
    b"\r",
    b"\r\n",
    b"\0",
    b"\"",
    b"\"\"",
    b"'",
    b"\\",
    b"\\N",
    b"N",
    b"|",
    b"~",
    b",",
    b"\xC3\xA9",
    b"\xC3",
    b"\xFF",
    b"\xEF\xBB\xBF",
    b"\xE2\x80\xA8",
    b"\xED\xA0\x80",
];

fn pieces() -> impl Strategy<Value = Vec<Piece>> {
    let piece = prop_oneof![
        6 => Just(Piece::Delimiter),
        3 => Just(Piece::RowDelimiter),
        5 => Just(Piece::Quote),
        2 => Just(Piece::Escape),
        2 => Just(Piece::Null),
        8 => select(TEXTS).prop_map(Piece::Text),
        1 => vec(any::<u8>(), 1..4).prop_map(Piece::Bytes),
    ];
    vec(piece, 0..60)
}

/// Rows of a few fields, most of which are quoted or not as a writer would have them, with an odd byte here and there.
fn text_of(pieces: &[Piece], dialect: &CsvDialect) -> Shown {
    let bytes = pieces.iter().flat_map(|piece| match piece {
        Piece::Delimiter => dialect.delimiter.clone(),
        Piece::RowDelimiter => dialect.row_delimiter.clone(),
        Piece::Quote => vec![dialect.quote],
        Piece::Escape => dialect.escape.into_iter().collect(),
        Piece::Null => dialect.null_value.clone().into_bytes(),
        Piece::Text(text) => text.to_vec(),
        Piece::Bytes(bytes) => bytes.clone(),
    });
    Shown(bytes.collect())
}

/// What the values of a row are in a table of this width.
fn expected(fields: &[Field], dialect: &CsvDialect, width: usize) -> Outcome {
    let is_narrow = fields.len() < width && dialect.narrow_rows == NarrowRows::Prefix;
    if fields.len() != width && !is_narrow {
        return None;
    }
    let mut values = Vec::with_capacity(width);
    for field in fields {
        let is_null = !field.is_certainly_text && field.text == dialect.null_value.as_bytes();
        values.push(if is_null {
            None
        } else {
            Some(String::from_utf8(field.text.clone()).ok()?)
        });
    }
    values.resize(width, None);
    Some(values)
}

/// What the engine makes of a text, row by row.
fn rendered(text: &[u8], dialect: &CsvDialect, table: usize, cuts: &Cuts) -> Vec<Outcome> {
    let config = &*CONFIG;
    let framing = FramerConfig {
        dialect: dialect.clone(),
        row_bytes_max: 1 << 20,
        chunk_bytes_max: cuts.chunk_bytes_max,
    };
    let mut framer = Framer::new(&framing, Mark::START);
    if WIDTHS[table] == 1 {
        framer = framer.with_blank_rows();
    }
    let mut rows = RowRenderer::new(&config.tables, &config.mappings, dialect, &config.message);
    let object = object();
    let source = RowSource::Load(TableIndex(table));
    let mut outcomes = BTreeMap::new();
    let mut take = |framer: &mut Framer| {
        while let Some(chunk) = framer.next_chunk() {
            let rendered = rows.render_chunk(source, &object, &chunk, &MessageTimestamp::from_unix_us(0));
            let refused = rendered.rejected.iter().map(|row| (row.ordinal, None));
            outcomes.extend(refused);
            for record in &rendered.records {
                let message = &rendered.buffer[record.payload.clone()];
                let message: serde_json::Value = serde_json::from_slice(message).unwrap();
                let values = (0..WIDTHS[table]).map(|number| {
                    let value = &message["data"][format!("c{number}")];
                    assert!(value.is_string() || value.is_null(), "{message}");
                    value.as_str().map(ToOwned::to_owned)
                });
                outcomes.insert(record.ordinal, Some(values.collect()));
            }
        }
    };
    let mut rest = text;
    for piece in cuts.pieces.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let (now, later) = rest.split_at((*piece).min(rest.len()));
        framer.push(now);
        take(&mut framer);
        rest = later;
    }
    framer.finish();
    take(&mut framer);
    let ordinals: Vec<u64> = outcomes.keys().copied().collect();
    assert!(
        (0..).zip(&ordinals).all(|(number, ordinal)| number == *ordinal),
        "each row once: {ordinals:?}"
    );
    outcomes.into_values().collect()
}

/// Compares both readings; gives how many rows have values, and how many are refused.
fn check(text: &[u8], dialect: &CsvDialect, table: usize, cuts: &Cuts) -> Result<[usize; 2], TestCaseError> {
    let dialect = CsvDialect {
        load_operation_column: LoadOperationColumn::Absent,
        ..dialect.clone()
    };
    let width = WIDTHS[table];
    let expected: Vec<Outcome> = rows(&dialect, width == 1, text)
        .into_iter()
        .map(|row| row.ok().and_then(|fields| expected(&fields, &dialect, width)))
        .collect();
    let actual = rendered(text, &dialect, table, cuts);
    prop_assert_eq!(&actual, &expected, "left: the engine, right: the reference");
    let with_values = expected.iter().flatten().count();
    Ok([with_values, expected.len() - with_values])
}

#[test]
fn the_reference_reads_what_everybody_can_see() {
    let some = |values: &[&str]| -> Outcome {
        let value = |value: &&str| (*value != "NULL").then(|| (*value).to_owned());
        Some(values.iter().map(value).collect())
    };
    let usual = CsvDialect {
        null_value: "\\N".to_owned(),
        ..CsvDialect::default()
    };
    let escaped = CsvDialect {
        escape: Some(b'\\'),
        ..usual.clone()
    };
    let plain = CsvDialect {
        rfc4180: false,
        ..usual.clone()
    };
    for (text, dialect, outcomes) in [
        (
            "a,b,c\nd,\\N,\"\\N\"\r\n",
            &usual,
            vec![some(&["a", "b", "c"]), some(&["d", "NULL", "\\N"])],
        ),
        ("\n \na,,\"\"\r", &usual, vec![some(&["a", "", ""])]),
        (
            "\"a,\n\"\"b\"\"\",b,c",
            &usual,
            vec![some(&["a,\n\"b\"", "b", "c"])],
        ),
        ("\"a\"x,b,c\na,b,c", &usual, vec![None, some(&["a", "b", "c"])]),
        (
            "a,\"b,c\n1,2,3\n4,5",
            &usual,
            vec![None, some(&["1", "2", "3"]), None],
        ),
        (
            "a\\,\\\n,\\x,\"\\\"\"\n",
            &escaped,
            vec![some(&["a,\n", "\\x", "\""])],
        ),
        ("\\N,\\\\N,N\n", &escaped, vec![some(&["NULL", "\\N", "N"])]),
        ("\"a\",b\"\",c", &plain, vec![some(&["\"a\"", "b\"\"", "c"])]),
    ] {
        let read: Vec<Outcome> = rows(dialect, false, text.as_bytes())
            .into_iter()
            .map(|row| row.ok().and_then(|fields| expected(&fields, dialect, 3)))
            .collect();
        assert_eq!(read, outcomes, "{text:?}");
    }
}

#[test]
fn rows_of_both_kinds_are_compared() {
    let cuts = Cuts {
        pieces: vec![7],
        chunk_bytes_max: 30,
    };
    let counts = check(LOADS, &CsvDialect::default(), 2, &cuts).unwrap();
    assert!(counts.iter().all(|count| *count > 0), "{counts:?}");
}

proptest! {
    #![proptest_config(cases(3_000))]

    #[test]
    fn pieces_of_csv_have_the_values_of_the_reference(
        pieces in pieces(), dialect in dialects(), table in 0..WIDTHS.len(), cuts in cuts(),
    ) {
        let text = text_of(&pieces, &dialect);
        check(&text.0, &dialect, table, &cuts).map_err(|error| TestCaseError::fail(format!("{text:?}: {error}")))?;
    }

    #[test]
    fn mutated_rows_have_the_values_of_the_reference(
        text in mutated(LOADS), dialect in dialects(), cuts in cuts(),
    ) {
        check(&text.0, &dialect, 2, &cuts)?;
    }

    #[test]
    fn arbitrary_bytes_have_the_values_of_the_reference(
        text in vec(any::<u8>(), 0..200), dialect in dialects(), table in 0..WIDTHS.len(), cuts in cuts(),
    ) {
        check(&text, &dialect, table, &cuts)?;
    }
}
