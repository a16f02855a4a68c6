//! Objects in any encoding give the same rows as in UTF-8, from any mark; what is not text gives none.

use std::io::Write as _;

use flate2::Compression as Level;
use flate2::write::GzEncoder;

use crate::config::tests::loaded;
use crate::model::{Mark, ObjectVersion};
use crate::read::object_chunks::{NextChunk, ObjectChunks, ReadSettings};
use crate::settings::TextEncoding;
use crate::source::SourceError;
use crate::source::memory::MemorySource;

/// What came of reading an object.
struct Reading {
    rows: Vec<String>,
    marks: Vec<Mark>,
    result: Result<(), SourceError>,
}

fn settings(encoding: &str) -> ReadSettings {
    let mut settings = ReadSettings::new(&loaded());
    settings.framing.chunk_bytes_max = 100;
    settings.format.encoding = TextEncoding::of(encoding).unwrap();
    settings
}

async fn read(source: &MemorySource, version: &ObjectVersion, encoding: &str, start: Mark) -> Reading {
    let settings = settings(encoding);
    let (mut rows, mut marks) = (Vec::new(), Vec::new());
    let opened = ObjectChunks::open(source, version, None, &settings, start).await;
    let mut chunks = match opened {
        Ok(chunks) => chunks,
        Err(error) => {
            return Reading {
                rows,
                marks,
                result: Err(error),
            };
        }
    };
    let result = loop {
        match chunks.next().await {
            Ok(NextChunk::Chunk(chunk)) => {
                let texts = chunk.records.iter().map(|raw| chunk.text(raw));
                rows.extend(texts.map(|text| String::from_utf8(text.to_vec()).unwrap()));
                marks.push(chunks.mark());
            }
            Ok(NextChunk::Pending) => {}
            Ok(NextChunk::End) => break Ok(()),
            Err(error) => break Err(error),
        }
    };
    Reading { rows, marks, result }
}

fn encoded(text: &str, encoding: &str) -> Vec<u8> {
    match encoding {
        "utf-16le" => text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
        "utf-16be" => text.encode_utf16().flat_map(u16::to_be_bytes).collect(),
        other => TextEncoding::of(other)
            .unwrap()
            .encoding()
            .encode(text)
            .0
            .into_owned(),
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Level::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn rows_are_the_same_in_any_encoding_and_from_any_mark() {
    let expected: Vec<String> = (0..60).map(|id| format!("{id},\"caf\u{e9}, {id}\"")).collect();
    let text = expected.join("\n");
    for (encoding, mark) in [
        ("utf-16le", "\u{feff}"),
        ("utf-16le", ""),
        ("utf-16be", "\u{feff}"),
        ("latin1", ""),
        ("macintosh", ""),
        ("utf-8", "\u{feff}"),
    ] {
        let bytes = encoded(&format!("{mark}{text}"), encoding);
        for (key, bytes) in [("a.csv", bytes.clone()), ("a.csv.gz", gzip(&bytes))] {
            let source = MemorySource::new().with_piece_bytes(7);
            let version = source.put(key, bytes);
            let all = read(&source, &version, encoding, Mark::START).await;
            assert!(all.result.is_ok(), "{encoding} {key}: {:?}", all.result);
            assert_eq!(all.rows, expected, "{encoding} {key}");
            assert!(all.marks.len() > 5, "{encoding} {key}");
            for mark in all.marks {
                let rest = read(&source, &version, encoding, mark).await;
                let first = usize::try_from(mark.ordinal).unwrap();
                assert!(rest.result.is_ok(), "{:?}", rest.result);
                assert_eq!(rest.rows, expected[first..]);
            }
        }
    }
}

/// Also one that is shorter than what is looked at, and one whose beginning comes byte by byte.
#[tokio::test]
async fn what_is_no_text_gives_an_error_and_no_row() {
    let long = "1,a\n".repeat(1_000);
    for (bytes, encoding, name) in [
        (encoded("1,a\n2,b\n", "utf-16le"), "utf-8", "UTF-16"),
        (encoded(&long, "utf-16be"), "utf-8", "UTF-16"),
        (gzip(&gzip(long.as_bytes())), "utf-8", "gzip"),
        (gzip(&encoded(&long, "utf-16le")), "utf-8", "UTF-16"),
        (b"PK\x03\x04\n1,a\n".to_vec(), "utf-8", "zip"),
        (b"1,a\n2,b\n".to_vec(), "utf-16le", "ASCII"),
    ] {
        for piece_bytes in [1, 10_000] {
            let source = MemorySource::new().with_piece_bytes(piece_bytes);
            let version = source.put("a.csv", bytes.clone());
            let read = read(&source, &version, encoding, Mark::START).await;
            assert_eq!(read.rows, Vec::<String>::new(), "{name}");
            assert!(
                matches!(&read.result, Err(SourceError::Damaged { detail, .. }) if detail.contains(name)),
                "{name}: {:?}",
                read.result
            );
        }
    }
}

#[tokio::test]
async fn the_rows_before_bytes_of_no_character_are_read() {
    let source = MemorySource::new().with_piece_bytes(3);
    let mut bytes = encoded("1,東\n2,京\n3,", "shift_jis");
    bytes.extend_from_slice(b"\xFF\n4,x\n");
    let version = source.put("a.csv", bytes);
    let read = read(&source, &version, "shift_jis", Mark::START).await;
    assert_eq!(read.rows, ["1,東", "2,京"]);
    assert!(
        matches!(&read.result, Err(SourceError::Damaged { detail, .. }) if detail.contains("Shift_JIS")),
        "{:?}",
        read.result
    );
}

#[tokio::test]
async fn the_rows_before_damage_are_read_also_where_it_comes_in_what_is_looked_at() {
    let source = MemorySource::new();
    let mut bytes = gzip(b"1,a\n2,b\n");
    bytes.extend_from_slice(b"what is this");
    let version = source.put("a.csv.gz", bytes);
    let read = read(&source, &version, "utf-8", Mark::START).await;
    assert_eq!(read.rows, ["1,a", "2,b"]);
    assert!(
        matches!(&read.result, Err(SourceError::Damaged { .. })),
        "{:?}",
        read.result
    );
}

#[tokio::test]
async fn an_object_in_another_encoding_that_gives_fewer_bytes_than_it_has_is_not_at_its_end() {
    let source = MemorySource::new();
    let mut version = source.put("a.csv", encoded("1,x\n2,y\n", "utf-16le"));
    version.size_bytes += 2;
    let read = read(&source, &version, "utf-16le", Mark::START).await;
    assert!(
        matches!(&read.result, Err(SourceError::Unreachable { detail, .. }) if detail.contains("byte 16 of 18")),
        "{:?}",
        read.result
    );
}
