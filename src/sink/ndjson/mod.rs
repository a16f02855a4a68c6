//! Records to files on this machine: one file of JSON lines per pretended shard.
//!
//! A line is `{"partition_key":…,"payload":…}`, the message as a JSON string, and `explicit_hash_key` if the record has
//! one. The sequence number of a record is the byte offset of its line. A put is answered after `fdatasync`, because
//! the checkpoint that follows says "delivered" and must not outlive the data in a power cut. A last line that a
//! crash cut off is removed when the folder is opened: its put was never answered.
//!
//! `stream.json` in the folder gives the stream its identity; a folder that was emptied and filled again is
//! another stream. One process at a time: the task's state lock sees to that.

mod folder;
mod reader;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use serde::Serialize;

use self::reader::NdjsonReader;
use super::{PutEntry, ReadStart, RecordSink, ShardReader, SinkError, StreamDescription};
use crate::durable::json_lines::{self, JsonLines, TornLine};
use crate::limits::RECORD_BYTES_DEFAULT;
use crate::model::BatchRecord;
use crate::route::lineage::Lineage;
use crate::route::shard_map::{Shard, ShardMap};
use crate::saturate;

/// A folder of JSON-lines files.
pub struct NdjsonSink {
    directory: PathBuf,
    description: StreamDescription,
    files: Vec<Arc<Mutex<JsonLines>>>,
}

/// One line of a file.
#[derive(Serialize)]
struct Line<'a> {
    partition_key: &'a str,
    payload: &'a str,
    /// Decimal, as the service has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    explicit_hash_key: Option<String>,
}

impl NdjsonSink {
    /// Opens or creates the folder with this many pretended shards. Blocks.
    ///
    /// # Errors
    /// [`SinkError::Io`] if the folder has another number of shards, or cannot be written.
    pub fn open(directory: impl Into<PathBuf>, shards_count: u32) -> Result<Self, SinkError> {
        let directory = directory.into();
        let shards = ShardMap::uniform(shards_count).map_err(|error| failed("open", &directory, &error))?;
        let identity =
            folder::open(&directory, shards_count).map_err(|error| failed("open", &directory, &error))?;
        let files = shards.shards().iter().enumerate().map(|(index, _)| {
            let path = path_of(&directory, index);
            let file =
                JsonLines::open(&path, TornLine::CutOff).map_err(|error| failed("open", &path, &error))?;
            Ok(Arc::new(Mutex::new(file)))
        });
        let files = files.collect::<Result<_, SinkError>>()?;
        let description = StreamDescription {
            lineage: Lineage::of_open(&shards),
            shards,
            record_bytes_max: RECORD_BYTES_DEFAULT,
            identity,
        };
        Ok(Self {
            directory,
            description,
            files,
        })
    }

    fn index_of(&self, shard: &Shard) -> Result<usize, SinkError> {
        let shards = self.description.shards.shards();
        let index = shards.iter().position(|own| own.id == shard.id);
        index.ok_or_else(|| {
            failed(
                "find",
                &self.directory,
                &format!("{} is not a shard of it", shard.id),
            )
        })
    }
}

#[async_trait]
impl RecordSink for NdjsonSink {
    async fn describe(&self) -> Result<StreamDescription, SinkError> {
        Ok(self.description.clone())
    }

    async fn put(&self, shard: &Shard, records: &[BatchRecord]) -> Result<Vec<PutEntry>, SinkError> {
        let file = self.files.get(self.index_of(shard)?).map(Arc::clone);
        let file = file.ok_or_else(|| failed("put", &self.directory, &"a file is missing"))?;
        let (lines, starts) = lines_of(records).map_err(|detail| failed("put", &self.directory, &detail))?;
        let appending = tokio::task::spawn_blocking(move || match file.lock() {
            Ok(mut file) => file.append(&lines),
            Err(_poisoned) => Err(std::io::Error::other("an earlier put panicked")),
        });
        let appended = match appending.await {
            Ok(appended) => appended,
            Err(error) => Err(std::io::Error::other(error)),
        };
        let start = appended.map_err(|error| failed("put", &self.directory, &error))?;
        let shard_id: Arc<str> = shard.id.as_str().into();
        let entries = starts.into_iter().map(|offset| PutEntry::Stored {
            sequence_number: start.saturating_add(offset).to_string(),
            shard_id: Arc::clone(&shard_id),
        });
        Ok(entries.collect())
    }

    async fn read(&self, shard: &Shard, start: ReadStart) -> Result<Box<dyn ShardReader>, SinkError> {
        let path = path_of(&self.directory, self.index_of(shard)?);
        Ok(Box::new(NdjsonReader::new(path, &start)?))
    }
}

/// A shard by its name, and who reads it.
pub type NamedReader = (String, Box<dyn ShardReader>);

/// Readers of all shards of a folder, each at its end: for whoever looks on while a task writes. Unlike
/// [`NdjsonSink::open`] it repairs nothing, and what a task is about to write stays whole. Blocks.
///
/// # Errors
/// [`SinkError::Missing`] if a file is not there, or what keeps it from being read.
pub fn readers_at_end(directory: &Path, shards_count: u32) -> Result<Vec<NamedReader>, SinkError> {
    let shards = ShardMap::uniform(shards_count).map_err(|error| failed("read", directory, &error))?;
    let readers = shards.shards().iter().enumerate().map(|(index, shard)| {
        let path = path_of(directory, index);
        let reader = NdjsonReader::new(path, &ReadStart::Latest)?;
        let reader: Box<dyn ShardReader> = Box::new(reader);
        Ok((shard.id.clone(), reader))
    });
    readers.collect()
}

/// The file of the pretended shard at an index.
fn path_of(directory: &Path, index: usize) -> PathBuf {
    directory.join(format!("shard-{index:03}.ndjson"))
}

/// The lines of a request, and where each of them starts.
fn lines_of(records: &[BatchRecord]) -> Result<(Vec<u8>, Vec<u64>), String> {
    let mut lines = Vec::with_capacity(records.iter().map(BatchRecord::bytes_count).sum());
    let mut starts = Vec::with_capacity(records.len());
    for record in records {
        let text = |bytes| {
            let text = std::str::from_utf8(bytes);
            text.map_err(|error| format!("record #{} is not text: {error}", record.ordinal))
        };
        let line = Line {
            partition_key: text(record.partition_key())?,
            payload: text(record.payload())?,
            explicit_hash_key: record.explicit_hash_key().map(|key| key.0.to_string()),
        };
        starts.push(saturate::to_u64(lines.len()));
        json_lines::push(&mut lines, &line).map_err(|error| error.to_string())?;
    }
    Ok((lines, starts))
}

/// Files do not heal by trying again: the disk is full, or a permission is missing.
fn failed(action: &'static str, path: &Path, detail: &dyn fmt::Display) -> SinkError {
    SinkError::Io {
        action,
        stream: path.display().to_string(),
        detail: detail.to_string(),
    }
}

impl fmt::Debug for NdjsonSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "NdjsonSink({}, {} shards)",
            self.directory.display(),
            self.files.len()
        )
    }
}

impl fmt::Display for NdjsonSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "files in {}", self.directory.display())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(payload: &[u8]) -> BatchRecord {
        BatchRecord::new(7, payload, b"key")
    }

    #[tokio::test]
    async fn a_line_is_what_the_module_says() {
        let directory = tempfile::tempdir().unwrap();
        let sink = NdjsonSink::open(directory.path(), 1).unwrap();
        let shard = sink.describe().await.unwrap().shards.shards()[0].clone();
        let entries = sink
            .put(&shard, &[record(b"{\"a\":\"\xc3\xbc\"}\n"), record(b"2")])
            .await
            .unwrap();
        let content = std::fs::read_to_string(directory.path().join("shard-000.ndjson")).unwrap();
        let first = "{\"partition_key\":\"key\",\"payload\":\"{\\\"a\\\":\\\"ü\\\"}\\n\"}\n";
        assert_eq!(
            content,
            format!("{first}{{\"partition_key\":\"key\",\"payload\":\"2\"}}\n")
        );
        let PutEntry::Stored { sequence_number, .. } = &entries[1] else {
            panic!("{entries:?}");
        };
        assert_eq!(*sequence_number, first.len().to_string());
    }

    #[tokio::test]
    async fn a_request_that_is_refused_leaves_nothing_behind() {
        let directory = tempfile::tempdir().unwrap();
        let sink = NdjsonSink::open(directory.path(), 2).unwrap();
        let shard = sink.describe().await.unwrap().shards.shards()[0].clone();
        let no_text = sink
            .put(&shard, &[record(b"text"), record(b"\xff")])
            .await
            .unwrap_err();
        assert!(no_text.to_string().contains("record #7 is not text"), "{no_text}");
        let unknown = Shard {
            id: "shardId-000000000009".to_owned(),
            ..shard
        };
        let failed = sink.put(&unknown, &[record(b"text")]).await.unwrap_err();
        assert!(matches!(failed, SinkError::Io { .. }), "{failed}");
        for number in 0..2 {
            let path = directory.path().join(format!("shard-{number:03}.ndjson"));
            assert_eq!(std::fs::metadata(path).unwrap().len(), 0);
        }
    }

    #[test]
    fn a_place_that_cannot_be_a_folder_is_told() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let failed = NdjsonSink::open(file.path(), 1).unwrap_err();
        assert!(matches!(failed, SinkError::Io { .. }), "{failed}");
        let directory = tempfile::tempdir().unwrap();
        assert!(NdjsonSink::open(directory.path(), 0).is_err());
    }
}
