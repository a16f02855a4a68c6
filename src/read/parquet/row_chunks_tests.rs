//! Rows that are built are the rows that are read, and chunks do not depend on where a reading began.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::*;
use crate::saturate;
use crate::value::csv::{FieldSplitter, Quoting};

fn config(dialect: CsvDialect, chunk_bytes_max: usize) -> FramerConfig {
    FramerConfig {
        dialect,
        row_bytes_max: 60,
        chunk_bytes_max,
    }
}

type Rows = Vec<Vec<Option<String>>>;

fn chunks(config: &FramerConfig, rows: &[Vec<Option<String>>], start: Mark) -> Vec<Chunk> {
    let mut built = RowChunks::new(config, start).unwrap();
    let mut chunks = Vec::new();
    for row in rows {
        for field in row {
            match field {
                Some(text) => built.value(text.as_bytes()),
                None => built.null(),
            }
        }
        chunks.extend(built.end_row());
    }
    chunks.extend(built.finish());
    assert_eq!(built.finish(), None);
    chunks
}

fn any_rows() -> impl Strategy<Value = Rows> {
    let texts = prop_oneof![
        "[a-c,;\"'\\\\\n\r |]{0,8}",
        Just("\\N".to_owned()),
        Just(String::new()),
        "x{50,70}",
    ];
    vec(vec(option::of(texts), 1..4), 0..30)
}

fn any_dialect() -> impl Strategy<Value = CsvDialect> {
    let delimiters = prop_oneof![Just(","), Just(";"), Just("||"), Just("ab")];
    (
        delimiters,
        prop_oneof![Just("\n"), Just("\r\n"), Just("|")],
        prop_oneof![Just(""), Just("\\N"), Just("a")],
        prop_oneof![Just(b'"'), Just(b'\'')],
        prop_oneof![Just(None), Just(Some(b'\\'))],
    )
        .prop_filter("they must differ", |(field, row, ..)| !field.contains(row))
        .prop_map(
            |(delimiter, row_delimiter, null_value, quote, escape)| CsvDialect {
                delimiter: delimiter.into(),
                row_delimiter: row_delimiter.into(),
                null_value: null_value.into(),
                quote,
                escape,
                ..CsvDialect::default()
            },
        )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    /// W3, and every value comes back.
    #[test]
    fn rows_are_read_back_and_spans_tile(rows in any_rows(), dialect in any_dialect(), size in 1_usize..200) {
        let config = config(dialect.clone(), size);
        let mut splitter = FieldSplitter::new(&dialect);
        let (mut at, mut found) = (Mark::START, 0);
        for chunk in chunks(&config, &rows, Mark::START) {
            prop_assert_eq!(chunk.span.start, at);
            at = chunk.span.end;
            prop_assert_eq!(chunk.span.records_count(), saturate::to_u64(chunk.records.len()));
            for record in &chunk.records {
                let range = usize::try_from(record.range.start).unwrap()..usize::try_from(record.range.end).unwrap();
                let text = &chunk.bytes[range];
                if record.kind == RawRecordKind::TooLong {
                    prop_assert_eq!(text.len(), 60);
                } else {
                    let fields: Vec<_> = splitter.split(text).iter().map(|field| {
                        let is_null = field.quoting == Quoting::Bare && field.text == dialect.null_value.as_bytes();
                        (!is_null).then(|| String::from_utf8(field.text.to_vec()).unwrap())
                    }).collect();
                    prop_assert_eq!(&fields, &rows[found]);
                }
                found += 1;
            }
        }
        prop_assert_eq!(found, rows.len());
        prop_assert_eq!(at.line, at.ordinal);
    }

    #[test]
    fn a_reading_that_begins_at_a_chunk_gives_the_ones_after_it(rows in any_rows(), size in 1_usize..200) {
        let config = config(CsvDialect::default(), size);
        let all = chunks(&config, &rows, Mark::START);
        for (index, chunk) in all.iter().enumerate() {
            let start = chunk.span.start;
            let rest = &rows[usize::try_from(start.ordinal).unwrap()..];
            prop_assert_eq!(&chunks(&config, rest, start)[..], &all[index..]);
        }
    }
}

#[test]
fn a_dialect_that_cannot_protect_a_delimiter_is_refused() {
    let plain = CsvDialect {
        rfc4180: false,
        ..CsvDialect::default()
    };
    let quoted = CsvDialect {
        null_value: "\"".to_owned(),
        ..CsvDialect::default()
    };
    for dialect in [plain, quoted] {
        let refused = RowChunks::new(&config(dialect, 10), Mark::START).unwrap_err();
        assert!(refused.contains("rfc4180"), "{refused}");
    }
}
