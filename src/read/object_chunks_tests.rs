//! Objects of all kinds through the one way to read them: damage, wherever it is, ends in an error and in nothing worse.

use std::sync::Arc;

use parquet::data_type::{ByteArray, ByteArrayType, Int64Type};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use proptest::prelude::*;

use super::*;
use crate::config::tests::loaded;
use crate::limits::RECORD_BYTES_DEFAULT;
use crate::model::{Column, ColumnType};
use crate::settings::{CompressionChoice, CsvColumns, CsvDialect, DataFormat, HeaderDrift, TextEncoding};
use crate::source::memory::MemorySource;

fn settings() -> ReadSettings {
    let column = |name: &str, column_type, nullable| Column {
        name: name.to_owned(),
        column_type,
        nullable,
        is_primary_key: false,
    };
    let table = Table {
        owner: "s".to_owned(),
        name: "t".to_owned(),
        path: "s/t/".to_owned(),
        columns: vec![
            column("id", ColumnType::Int8, false),
            column("note", ColumnType::Clob, true),
        ],
    };
    ReadSettings {
        framing: FramerConfig {
            dialect: CsvDialect::default(),
            row_bytes_max: 10_000,
            chunk_bytes_max: 500,
        },
        format: SourceFormat::default(),
        tables: vec![table].into(),
    }
}

/// A file of two row groups of several pages.
fn parquet() -> Vec<u8> {
    let schema = "message rows { required int64 id; optional binary note (utf8); }";
    let schema = Arc::new(parse_message_type(schema).unwrap());
    let properties = WriterProperties::builder()
        .set_compression(parquet::basic::Compression::SNAPPY)
        .set_data_page_row_count_limit(30)
        .set_write_batch_size(10)
        .build();
    let mut writer = SerializedFileWriter::new(Vec::new(), schema, Arc::new(properties)).unwrap();
    for start in [0, 100] {
        let mut group = writer.next_row_group().unwrap();
        let mut column = group.next_column().unwrap().unwrap();
        let ids: Vec<i64> = (start..start + 100).collect();
        column.typed::<Int64Type>().write_batch(&ids, None, None).unwrap();
        column.close().unwrap();
        let mut column = group.next_column().unwrap().unwrap();
        let levels: Vec<i16> = ids.iter().map(|id| i16::from(id % 5 != 0)).collect();
        let notes = ids.iter().filter(|id| **id % 5 != 0);
        let notes: Vec<_> = notes
            .map(|id| ByteArray::from(format!("note {id}").into_bytes()))
            .collect();
        column
            .typed::<ByteArrayType>()
            .write_batch(&notes, Some(&levels), None)
            .unwrap();
        column.close().unwrap();
        group.close().unwrap();
    }
    writer.into_inner().unwrap()
}

fn row(id: u64) -> String {
    if id.is_multiple_of(5) {
        format!("{id},")
    } else {
        format!("{id},note {id}")
    }
}

/// The rows of an object from a mark on, up to its end or to what is wrong with it.
async fn rows(
    source: &MemorySource,
    version: &ObjectVersion,
    start: Mark,
) -> (Vec<String>, Vec<Mark>, Result<(), SourceError>) {
    let (mut rows, mut marks) = (Vec::new(), Vec::new());
    let settings = settings();
    let mut object = match ObjectChunks::open(source, version, Some(TableIndex(0)), &settings, start).await {
        Ok(object) => object,
        Err(error) => return (rows, marks, Err(error)),
    };
    loop {
        match object.next().await {
            Ok(NextChunk::Chunk(chunk)) => {
                let place = |offset: u32| usize::try_from(offset).unwrap();
                let ranges = chunk
                    .records
                    .iter()
                    .map(|raw| place(raw.range.start)..place(raw.range.end));
                rows.extend(ranges.map(|range| String::from_utf8_lossy(&chunk.bytes[range]).into_owned()));
                marks.push(object.mark());
            }
            Ok(NextChunk::Pending) => {}
            Ok(NextChunk::End) => return (rows, marks, Ok(())),
            Err(error) => return (rows, marks, Err(error)),
        }
    }
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(work)
}

#[test]
fn rows_of_parquet_are_text_and_a_reading_begins_at_any_chunk() {
    block_on(async {
        let source = MemorySource::new().with_piece_bytes(7);
        let version = source.put("s/t/a", parquet());
        let expected: Vec<_> = (0..200).map(row).collect();
        let (all, marks, result) = rows(&source, &version, Mark::START).await;
        assert_eq!((&all, result.is_ok()), (&expected, true), "{result:?}");
        assert!(marks.len() > 4, "{marks:?}");
        for mark in marks {
            let (rest, ..) = rows(&source, &version, mark).await;
            assert_eq!(
                rest,
                expected[usize::try_from(mark.ordinal).unwrap()..],
                "{mark:?}"
            );
        }
    });
}

#[test]
fn text_that_begins_as_parquet_does_is_text() {
    block_on(async {
        let source = MemorySource::new().with_piece_bytes(1);
        let version = source.put("a.csv", "PAR1,x\n2,y\n");
        let (found, marks, result) = rows(&source, &version, Mark::START).await;
        assert_eq!(
            (found, result.is_ok()),
            (vec!["PAR1,x".to_owned(), "2,y".to_owned()], true)
        );
        let (found, ..) = rows(&source, &version, marks[0]).await;
        assert_eq!(found, Vec::<String>::new());
    });
}

#[test]
fn objects_shorter_than_what_is_looked_at_are_read_as_well() {
    block_on(async {
        let source = MemorySource::new().with_piece_bytes(1);
        for (text, expected) in [
            ("", vec![]),
            ("1", vec!["1"]),
            ("1\n", vec!["1"]),
            ("1\n2", vec!["1", "2"]),
        ] {
            let version = source.put("a.csv", text);
            let (found, _, result) = rows(&source, &version, Mark::START).await;
            assert_eq!(found, expected, "{text:?}");
            assert!(result.is_ok(), "{text:?}: {result:?}");
        }
    });
}

#[test]
fn an_object_that_gives_fewer_bytes_than_it_has_is_not_at_its_end() {
    block_on(async {
        let source = MemorySource::new();
        let mut version = source.put("a.csv", "1,x\n2,y\n");
        version.size_bytes += 1;
        let (found, _, result) = rows(&source, &version, Mark::START).await;
        assert_eq!(found.len(), 2);
        assert!(
            matches!(&result, Err(SourceError::Unreachable { detail, .. }) if detail.contains("byte 8 of 9")),
            "{result:?}"
        );
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Pages have no checksum here, so a flipped bit may make another value; what it must not make is a panic of the
    /// task, an object that never ends, or other trouble than damage.
    #[test]
    fn a_parquet_file_with_flipped_bits_ends(flips in proptest::collection::vec((any::<prop::sample::Index>(), 0_u8..8), 1..4)) {
        let mut bytes = parquet();
        for (at, bit) in flips {
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
        }
        block_on(async {
            let source = MemorySource::new();
            let version = source.put("a.parquet", bytes);
            let (_, _, result) = rows(&source, &version, Mark::START).await;
            let is_damage = matches!(result, Ok(()) | Err(SourceError::Damaged { .. }));
            prop_assert!(is_damage, "{result:?}");
            Ok(())
        })?;
    }
}

async fn chunks_from(source: &MemorySource, version: &ObjectVersion, start: Mark) -> Vec<Chunk> {
    let mut settings = settings();
    settings.framing.chunk_bytes_max = 50_000;
    settings.framing.dialect.columns = CsvColumns::ByHeader {
        drift: HeaderDrift::Stop,
    };
    let opened = ObjectChunks::open(source, version, Some(TableIndex(0)), &settings, start).await;
    let (mut object, mut chunks) = (opened.unwrap(), Vec::new());
    loop {
        match object.next().await.unwrap() {
            NextChunk::Chunk(chunk) => chunks.push(chunk),
            NextChunk::Pending => {}
            NextChunk::End => return chunks,
        }
    }
}

#[tokio::test]
async fn a_reading_that_begins_in_the_middle_needs_only_the_header_again() {
    let rows: Vec<String> = (0..40_000).map(|id| format!("note {id},{id}\n")).collect();
    let text = format!("\u{feff}note,ID\n{}", rows.concat());
    let source = MemorySource::new().with_piece_bytes(1_000);
    let version = source.put("s/t/1.csv", text.into_bytes());
    let all = chunks_from(&source, &version, Mark::START).await;
    assert!(all.len() > 10, "{} chunks", all.len());
    let last = all.last().unwrap();
    let columns = last.columns.as_ref().unwrap();
    assert_eq!(columns.order(TableIndex(0)).unwrap().places, [Some(1), Some(0)]);

    let before = source.bytes_read();
    let again = chunks_from(&source, &version, last.span.start).await;
    assert_eq!(again, all[all.len() - 1..]);
    let read = source.bytes_read() - before;
    let rest = version.size_bytes - last.span.start.position;
    assert!(read <= rest + 2_000, "{read} bytes were read for {rest}");
}

/// Whether the rows of a load file begin with an operation, as each of its chunks from a mark on says.
async fn operations_of(text: &str, start: Mark) -> (Vec<Option<bool>>, Vec<Mark>) {
    let source = MemorySource::new().with_piece_bytes(9);
    let version = source.put("s/t/1.csv", text.to_owned().into_bytes());
    let mut settings = settings();
    settings.framing.chunk_bytes_max = 1;
    let opened = ObjectChunks::open(&source, &version, Some(TableIndex(0)), &settings, start).await;
    let (mut object, mut found, mut marks) = (opened.unwrap(), Vec::new(), Vec::new());
    loop {
        match object.next().await.unwrap() {
            NextChunk::Chunk(chunk) => {
                found.push(chunk.has_operation);
                marks.push(object.mark());
            }
            NextChunk::Pending => {}
            NextChunk::End => return (found, marks),
        }
    }
}

#[tokio::test]
async fn the_first_row_that_is_whole_says_for_all_rows_of_a_load_whether_they_begin_with_an_operation() {
    let long = "x".repeat(3_000);
    for (text, expected) in [
        ("1,abc\nI,2,abc\n".to_owned(), false),
        ("A,abc,5\nI,abc,6\n".to_owned(), false),
        ("I,1,abc\n2,abc\n".to_owned(), true),
        ("1,\"abc\"d\nI,2,abc\n3,c\n".to_owned(), true),
        (format!("I,1,{long}\n2,abc\n"), true),
    ] {
        let (found, marks) = operations_of(&text, Mark::START).await;
        let broken = found.iter().take_while(|found| found.is_none()).count();
        assert!(found.len() > broken, "{text}");
        let is_expected = |found: &[Option<bool>]| found.iter().all(|found| *found == Some(expected));
        assert!(is_expected(&found[broken..]), "{text}: {found:?}");
        // Wherever a restart goes on.
        for mark in marks {
            let (found, _) = operations_of(&text, mark).await;
            assert!(is_expected(&found), "{text}: {mark:?}: {found:?}");
        }
    }
}

/// Does not compile once there is an input of framer or decoder that nobody has decided about: whatever changes which
/// bytes are a record, or how many there are before it, belongs to the fingerprint, because a cut counts records (D3).
#[test]
fn what_is_read_to_cut_records_belongs_to_the_fingerprint() {
    let config = loaded();
    let ReadSettings {
        framing:
            FramerConfig {
                dialect,
                row_bytes_max,
                // Only where chunks end.
                chunk_bytes_max: _,
            },
        format:
            SourceFormat {
                data,
                compression,
                encoding,
                // Only whether a file is set aside.
                expansion_max: _,
            },
        tables,
    } = ReadSettings::new(&config);
    let fingerprint = |config: &Config| config.fingerprint(RECORD_BYTES_DEFAULT);
    let changed = |change: &dyn Fn(&mut Config)| {
        let mut other = config.clone();
        change(&mut other);
        assert_ne!(fingerprint(&other), fingerprint(&config));
    };
    changed(&|other| {
        other.source.csv = CsvDialect {
            ignore_header_rows: dialect.ignore_header_rows + 1,
            ..dialect.clone()
        };
    });
    changed(&|other| other.source.csv.ignore_header_rows_in_changes = 1);
    changed(&|other| other.limits.row_bytes_max = row_bytes_max + 1);
    assert_eq!((data, compression), Default::default());
    assert!(encoding.is_utf_8());
    changed(&|other| other.source.format.encoding = TextEncoding::of("utf-16le").unwrap());
    changed(&|other| other.source.csv.quote = b'\'');
    changed(&|other| other.source.csv.escape = Some(b'\\'));
    changed(&|other| other.source.format.data = DataFormat::Csv);
    changed(&|other| other.source.format.compression = CompressionChoice::Zstd);
    changed(&|other| other.tables = tables[1..].to_vec());
}
