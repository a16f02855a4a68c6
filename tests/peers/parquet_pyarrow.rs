//! Parquet files of another writer, pyarrow: every type, codec, encoding and page layout becomes the values that the same
//! rows have in CSV, and a reading can begin at the end of any chunk.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::print_stderr,
    reason = "a test that cannot be set up has to fail, and it says which file it is at"
)]

use std::fs;
use std::ops::ControlFlow;
use std::process::Command;

use bucket_brigade::config::{Config, SystemEnvironment, load_str};
use bucket_brigade::model::{Chunk, Mark, ObjectVersion, RowSource, TableIndex};
use bucket_brigade::read::object_chunks::{NextChunk, ObjectChunks, ReadSettings};
use bucket_brigade::read::rendered_rows::{RenderedRow, RowReader};
use bucket_brigade::source::ObjectSource;
use bucket_brigade::source::local::LocalSource;
use serde_json::Value;

use crate::servers;

const WRITER: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/support/pyarrow/write_files.py"
);
const CONFIGURATION: &str = "version: 1
task: types
migration_type: full-load
source:
  local:
    directory: ./source
  tables: ./table-definition.json
target:
  ndjson:
    path: ./out
    message_format: json-unformatted
    include_null_and_empty: true
errors:
  dead_letters: ./dead-letters
state:
  sled:
    path: ./state
";
const TABLE: TableIndex = TableIndex(0);

/// A file that pyarrow wrote, and the `data` of each of its rows.
struct Written {
    key: String,
    rows: Vec<String>,
}

struct World {
    source: LocalSource,
    config: Config,
    written: Vec<Written>,
    _folder: tempfile::TempDir,
}

/// The files, unless pyarrow cannot be had here.
fn world() -> Option<World> {
    let python = servers::or_skip("pyarrow", servers::install::pyarrow())?;
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(python)
        .arg(WRITER)
        .arg(folder.path())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let config = load_str(
        CONFIGURATION,
        &folder.path().join("brigade.yaml"),
        &SystemEnvironment,
    )
    .unwrap();
    let expected = fs::read_to_string(folder.path().join("expected.ndjson")).unwrap();
    let written = expected.lines().map(|line| {
        let line: Value = serde_json::from_str(line).unwrap();
        let rows = line["rows"].as_array().unwrap().iter();
        Written {
            key: line["key"].as_str().unwrap().to_owned(),
            rows: rows.map(|row| row.as_str().unwrap().to_owned()).collect(),
        }
    });
    let written: Vec<_> = written.collect();
    assert!(written.len() > 5, "the writer wrote {} files", written.len());
    Some(World {
        source: LocalSource::new(folder.path().join("source")),
        config: config.config,
        written,
        _folder: folder,
    })
}

impl World {
    async fn version(&self, file: &Written) -> ObjectVersion {
        let mut page = self.source.list(&file.key, None).await.unwrap();
        page.objects.pop().unwrap()
    }
}

/// The `data` of a message, as it stands.
fn data(payload: &[u8]) -> String {
    let text = std::str::from_utf8(payload).unwrap();
    let data = text.split_once("\"data\":").unwrap().1;
    let end = data.rfind(",\"metadata\":").unwrap();
    data[..end].to_owned()
}

#[tokio::test]
async fn every_type_in_every_file_is_the_value_that_it_is() {
    let Some(world) = world() else {
        return;
    };
    let mut reader = RowReader::new(&world.config, 1 << 20, 0);
    for file in &world.written {
        eprintln!("{}", file.key);
        let version = world.version(file).await;
        let mut expected = file.rows.iter();
        let mut take = |row: RenderedRow<'_>| {
            let found = row.outcome.message().map(|message| data(message.payload));
            let expected = expected.next().map(String::as_str);
            assert_eq!(
                found.as_deref(),
                expected,
                "{:?} in row {}",
                row.outcome,
                row.place.ordinal
            );
            ControlFlow::Continue(())
        };
        reader
            .read(&world.source, &version, RowSource::Load(TABLE), &mut take)
            .await
            .unwrap();
        assert_eq!(expected.next(), None, "rows are missing");
    }
}

async fn chunks(
    source: &LocalSource,
    version: &ObjectVersion,
    settings: &ReadSettings,
    start: Mark,
) -> Vec<Chunk> {
    let opened = ObjectChunks::open(source, version, Some(TABLE), settings, start).await;
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
async fn a_reading_that_begins_at_any_chunk_gives_the_ones_behind_it() {
    let Some(world) = world() else {
        return;
    };
    let source = &world.source;
    let mut settings = ReadSettings::new(&world.config);
    settings.framing.chunk_bytes_max = 97_001;
    for file in &world.written {
        eprintln!("{}", file.key);
        let version = world.version(file).await;
        let all = chunks(source, &version, &settings, Mark::START).await;
        assert!(all.len() > 10, "{} chunks", all.len());
        for (index, chunk) in all.iter().enumerate() {
            let rest = chunks(source, &version, &settings, chunk.span.start).await;
            assert!(rest == all[index..], "from chunk {index} on");
        }
        let end = all.last().unwrap().span.end;
        assert_eq!(chunks(source, &version, &settings, end).await, Vec::new());
    }
}
