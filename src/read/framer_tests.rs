//! What the framer promises, checked against a slow and obvious model, against the `csv` crate, and for
//! every way to split the input.

#![expect(clippy::as_conversions, reason = "test inputs are small")]

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::framer::{Framer, FramerConfig};
use super::framer_model::{Seen, slow_records};
use crate::model::{Chunk, Mark, RawRecordKind};
use crate::settings::CsvDialect;

fn config(dialect: CsvDialect, row_bytes_max: usize, chunk_bytes_max: usize) -> FramerConfig {
    FramerConfig {
        dialect,
        row_bytes_max,
        chunk_bytes_max,
    }
}

fn frame<'a>(config: &FramerConfig, start: Mark, pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<Chunk> {
    let mut framer = Framer::new(config, start);
    let mut chunks = Vec::new();
    for piece in pieces {
        framer.push(piece);
        while let Some(chunk) = framer.next_chunk() {
            chunks.push(chunk);
        }
        assert!(
            framer.buffered() <= config.row_bytes_max + config.chunk_bytes_max + 8,
            "{} bytes held",
            framer.buffered()
        );
    }
    framer.finish();
    while let Some(chunk) = framer.next_chunk() {
        chunks.push(chunk);
    }
    assert_eq!(framer.buffered(), 0, "bytes left behind");
    chunks
}

fn seen(chunks: &[Chunk]) -> Vec<Seen> {
    let mut all = Vec::new();
    for chunk in chunks {
        assert_eq!(chunk.span.records_count(), chunk.records.len() as u64);
        for record in &chunk.records {
            all.push(Seen {
                text: chunk.bytes[record.range.start as usize..record.range.end as usize].to_vec(),
                position: chunk.span.start.position + u64::from(record.range.start),
                line: chunk.span.start.line + u64::from(record.line_delta),
                kind: record.kind,
            });
        }
    }
    all
}

fn texts(config: &FramerConfig, input: &[u8]) -> Vec<(String, RawRecordKind)> {
    let chunks = frame(config, Mark::START, [input]);
    let all = seen(&chunks).into_iter();
    all.map(|record| (String::from_utf8(record.text).unwrap(), record.kind))
        .collect()
}

fn whole(rows: &[&str]) -> Vec<(String, RawRecordKind)> {
    rows.iter()
        .map(|row| ((*row).to_owned(), RawRecordKind::Whole))
        .collect()
}

fn assert_tiles(chunks: &[Chunk], start: Mark, input: &[u8]) {
    let mut at = start;
    for chunk in chunks {
        assert_eq!(chunk.span.start, at, "spans must tile");
        let from = usize::try_from(at.position).unwrap();
        assert!(
            input[from..].starts_with(&chunk.bytes),
            "bytes must be those of the span"
        );
        let is_cut = chunk
            .records
            .iter()
            .any(|record| record.kind == RawRecordKind::TooLong);
        assert!(is_cut || chunk.records.is_empty() || chunk.span.bytes_count() == chunk.bytes.len() as u64);
        at = chunk.span.end;
    }
    assert_eq!(
        at.position,
        input.len() as u64,
        "the last span must end at the end of the object"
    );
}

const TOKENS: &[&str] = &[
    "a", "bc", "\"", "\"", "\"\"", ",", ",", "\n", "\n", "\r\n", " ", "||", "|", "é", "'", "\\", "\\\"",
    "\\\n", "\r",
];

fn tokens() -> impl Strategy<Value = Vec<u8>> {
    vec(select(TOKENS), 0..40).prop_map(|tokens| tokens.concat().into_bytes())
}

/// Without a `\r` alone, at which the `csv` crate ends a row.
fn tokens_of_lines() -> impl Strategy<Value = Vec<u8>> {
    let tokens = &TOKENS[..TOKENS.len() - 1];
    vec(select(tokens), 0..40).prop_map(|tokens| tokens.concat().into_bytes())
}

fn dialects() -> impl Strategy<Value = CsvDialect> {
    (
        select(vec![",", "||"]),
        select(vec!["\n", "|", "\r\n", "bc"]),
        any::<bool>(),
        0_u8..2,
        select(vec![b'"', b'"', b'\'']),
        select(vec![None, None, Some(b'\\')]),
    )
        .prop_map(
            |(delimiter, row_delimiter, rfc4180, ignore_header_rows, quote, escape)| CsvDialect {
                delimiter: delimiter.into(),
                row_delimiter: row_delimiter.into(),
                rfc4180,
                ignore_header_rows,
                quote,
                escape,
                ..CsvDialect::default()
            },
        )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// W3.
    #[test]
    fn the_pieces_do_not_matter_and_spans_tile(
        input in tokens(), dialect in dialects(), row_max in 1_usize..40, chunk_max in 1_usize..40,
        cuts in vec(1_usize..9, 1..20), with_mark: bool,
    ) {
        let input = if with_mark { [b"\xEF\xBB\xBF", &input[..]].concat() } else { input };
        let config = config(dialect, row_max, chunk_max);
        let at_once = frame(&config, Mark::START, [&input[..]]);
        assert_tiles(&at_once, Mark::START, &input);
        let mut pieces = Vec::new();
        let mut rest = &input[..];
        for cut in cuts.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (piece, remainder) = rest.split_at((*cut).min(rest.len()));
            pieces.push(piece);
            rest = remainder;
        }
        prop_assert_eq!(frame(&config, Mark::START, pieces), at_once);
    }

    #[test]
    fn a_resume_at_any_mark_gives_the_rest(
        input in tokens(), dialect in dialects(), row_max in 1_usize..40, chunk_max in 1_usize..20,
    ) {
        let config = config(dialect, row_max, chunk_max);
        let full = frame(&config, Mark::START, [&input[..]]);
        for (index, chunk) in full.iter().enumerate() {
            let mark = chunk.span.end;
            let rest = &input[usize::try_from(mark.position).unwrap()..];
            prop_assert_eq!(&frame(&config, mark, [rest])[..], &full[index + 1..]);
        }
    }

    #[test]
    fn records_do_not_depend_on_the_chunk_size(
        input in tokens(), dialect in dialects(), row_max in 1_usize..40, chunk_max in 1_usize..40,
    ) {
        let one = frame(&config(dialect.clone(), row_max, 1_000), Mark::START, [&input[..]]);
        let other = frame(&config(dialect, row_max, chunk_max), Mark::START, [&input[..]]);
        prop_assert_eq!(seen(&one), seen(&other));
    }

    #[test]
    fn records_are_those_of_the_slow_model(input in tokens(), dialect in dialects(), row_max in 1_usize..40) {
        let mut actual = seen(&frame(&config(dialect.clone(), row_max, 16), Mark::START, [&input[..]]));
        for record in &mut actual {
            // The model does not count lines.
            record.line = 0;
        }
        prop_assert_eq!(actual, slow_records(&dialect, row_max, &input));
    }

    #[test]
    fn rows_are_those_of_the_csv_crate(input in tokens_of_lines()) {
        let ours = seen(&frame(&config(CsvDialect::default(), 1_000, 16), Mark::START, [&input[..]]));
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .from_reader(&input[..]);
        let mut theirs = Vec::new();
        let mut record = csv::ByteRecord::new();
        while reader.read_byte_record(&mut record).unwrap() {
            let start = record.position().unwrap().byte();
            let is_blank = record.len() == 1
                && record[0].iter().all(u8::is_ascii_whitespace)
                && input.get(usize::try_from(start).unwrap()).is_none_or(u8::is_ascii_whitespace)
                && !record_has_quote(&input, start, reader.position().byte());
            if !is_blank {
                theirs.push(record.clone());
            }
        }
        for (mine, theirs) in ours.iter().zip(&theirs) {
            if mine.kind != RawRecordKind::Whole {
                return Ok(());
            }
            let mut alone = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(&mine.text[..]);
            let mut split = csv::ByteRecord::new();
            prop_assert!(alone.read_byte_record(&mut split).unwrap(), "{:?} must be a row", mine);
            prop_assert_eq!(&split, theirs);
            prop_assert!(!alone.read_byte_record(&mut split).unwrap(), "{:?} must be one row", mine);
        }
        let is_open = ours.iter().any(|record| record.kind != RawRecordKind::Whole);
        prop_assert!(is_open || ours.len() == theirs.len());
    }
}

fn record_has_quote(input: &[u8], start: u64, end: u64) -> bool {
    let range = usize::try_from(start).unwrap()..usize::try_from(end).unwrap();
    input[range].contains(&b'"')
}

#[test]
fn blank_lines_headers_and_the_byte_order_mark_are_not_records() {
    let dialect = CsvDialect {
        ignore_header_rows: 1,
        ..CsvDialect::default()
    };
    let input = b"\xEF\xBB\xBFid,\"na\nme\"\r\n\n\n1,a\r\n \t\n\"2\",\"b\r\n,c\"\r\n\n3,\"\"";
    let chunks = frame(&config(dialect, 100, 1_000), Mark::START, [&input[..]]);
    let all = seen(&chunks);
    let rows: Vec<_> = all.iter().map(|row| (&row.text[..], row.line)).collect();
    assert_eq!(
        rows,
        [(&b"1,a"[..], 4), (b"\"2\",\"b\r\n,c\"", 6), (b"3,\"\"", 9)]
    );
    let end = chunks.last().unwrap().span.end;
    assert_eq!((end.position, end.ordinal, end.line), (input.len() as u64, 3, 9));
}

#[test]
fn white_space_that_delimits_fields_makes_a_record() {
    let tabs = CsvDialect {
        delimiter: b"\t".to_vec(),
        ..CsvDialect::default()
    };
    assert_eq!(
        texts(&config(tabs, 100, 100), b"\t\n\n \na\tb\n"),
        whole(&["\t", "a\tb"])
    );
}

#[test]
fn a_quote_that_never_closes_costs_one_line_only() {
    let input = b"1,a\n2,\"b\n3,c\n4,d\n";
    let mut expected = whole(&["1,a", "2,\"b", "3,c", "4,d"]);
    expected[1].1 = RawRecordKind::UnclosedQuote;
    let at_the_end = config(CsvDialect::default(), 1_000, 1_000);
    assert_eq!(texts(&at_the_end, input), expected);
    let beyond_the_limit = config(CsvDialect::default(), 8, 1_000);
    assert_eq!(texts(&beyond_the_limit, input), expected);
    let plain = CsvDialect {
        rfc4180: false,
        ..CsvDialect::default()
    };
    assert_eq!(
        texts(&config(plain, 1_000, 1_000), input),
        whole(&["1,a", "2,\"b", "3,c", "4,d"])
    );
}

#[test]
fn a_row_beyond_the_limit_is_kept_in_part_and_stands_alone() {
    let input = b"1,a\n23456789012345\n3,c";
    let chunks = frame(
        &config(CsvDialect::default(), 10, 1_000),
        Mark::START,
        input.chunks(3),
    );
    assert_tiles(&chunks, Mark::START, input);
    let rows = seen(&chunks);
    assert_eq!(rows[1].text, b"2345678901");
    assert_eq!(rows[1].kind, RawRecordKind::TooLong);
    assert_eq!((rows[2].position, rows[2].line), (19, 2));
    assert_eq!(chunks[1].span.bytes_count(), 15);
}

#[test]
fn the_longest_row_is_still_whole() {
    let config = config(CsvDialect::default(), 5, 5);
    assert_eq!(texts(&config, b"12345\n12345\r\n12345"), {
        let mut rows = whole(&["12345", "12345", "12345"]);
        rows[1].1 = RawRecordKind::TooLong;
        rows
    });
}

#[test]
fn a_quote_closes_before_a_delimiter_or_the_end_of_the_row_only() {
    let open = RawRecordKind::UnclosedQuote;
    let rows = |input: &str| texts(&config(CsvDialect::default(), 1_000, 1_000), input.as_bytes());
    let kinds = |input: &str| rows(input).into_iter().map(|row| row.1).collect::<Vec<_>>();
    for (line, kind) in [
        ("1,\"a\"b,ccc", open),
        ("2,5\" pipe,ddd", RawRecordKind::Whole),
        ("3,\"5\"\" pipe\",e", RawRecordKind::Whole),
        ("4,\"abc\" ,f", open),
        ("5, \"abc\",g", RawRecordKind::Whole),
        ("6,\"unclosed,h", open),
        ("7,\"\",\"\"", RawRecordKind::Whole),
        ("8,\"\"x,k", open),
        ("9,\"a\"\r\r", open),
    ] {
        let input = format!("0,x\n{line}\n10,\"last\"\r\n11,\"a\nb\"");
        let kinds = kinds(&input);
        let whole = RawRecordKind::Whole;
        assert_eq!(kinds, [whole, kind, whole, whole], "{:?}", rows(&input));
    }
}

#[test]
fn a_stray_quote_far_from_the_next_one_costs_one_line() {
    let rows: Vec<_> = (3..1_000).map(|row| format!("{row},row {row}\n")).collect();
    let rows = rows.concat();
    let input = format!("1,a\n2,\"6 inch\n{rows}1000,\"b\"\n");
    let rows = texts(&config(CsvDialect::default(), 1 << 20, 4_096), input.as_bytes());
    assert_eq!(rows.len(), 1_000);
    let bad: Vec<_> = rows.iter().filter(|row| row.1 != RawRecordKind::Whole).collect();
    assert_eq!(bad, [&("2,\"6 inch".to_owned(), RawRecordKind::UnclosedQuote)]);
}

#[test]
fn many_stray_quotes_take_linear_time() {
    // Each line opens a quote that the next line closes and opens again: no row ever ends.
    let input = b"a\",\",x\n".repeat(60_000);
    let config = config(CsvDialect::default(), 200_000, 4_096);
    let rows = seen(&frame(&config, Mark::START, input.chunks(8_192)));
    assert_eq!(rows.len(), 60_000);
    assert!(rows.iter().all(|row| row.kind == RawRecordKind::UnclosedQuote));
}

#[test]
fn many_stray_quotes_before_one_with_text_after_it_take_linear_time() {
    let mut input = b"a\",\",x\n".repeat(60_000);
    input.extend_from_slice(b"\"x\"y\n1,2\n");
    let config = config(CsvDialect::default(), 4 << 20, 4_096);
    let rows = seen(&frame(&config, Mark::START, input.chunks(8_192)));
    assert_eq!(rows.len(), 60_002);
    let open = rows.iter().filter(|row| row.kind == RawRecordKind::UnclosedQuote);
    assert_eq!(open.count(), 60_001);
}

#[test]
fn an_escaped_line_end_outside_of_quotes_is_no_way_to_an_earlier_open_quote() {
    let escaped = config(
        CsvDialect {
            escape: Some(b'\\'),
            ..CsvDialect::default()
        },
        1_000,
        1_000,
    );
    // The first line opens a quote in vain; what it takes for an escaped line end is in quotes for the second one.
    let mut expected = whole(&["\"", "\",\\\n,\""]);
    expected[0].1 = RawRecordKind::UnclosedQuote;
    assert_eq!(texts(&escaped, b"\"\n\",\\\n,\""), expected);
}

#[test]
fn many_stray_quotes_among_escaped_line_ends_take_linear_time() {
    let input = b"a,\\\nb\",\"x\n".repeat(60_000);
    let dialect = CsvDialect {
        escape: Some(b'\\'),
        ..CsvDialect::default()
    };
    let rows = seen(&frame(
        &config(dialect, 200_000, 4_096),
        Mark::START,
        input.chunks(8_192),
    ));
    assert_eq!(rows.len(), 120_000);
    assert!(rows.iter().all(|row| row.kind == RawRecordKind::UnclosedQuote));
}
