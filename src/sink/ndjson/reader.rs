//! Reads the files of an NDJSON sink back. A sequence number is the offset of the line.

use std::fs::File;
use std::io::{BufRead, BufReader, Error, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use bytes::Bytes;
use serde::Deserialize;

use super::failed;
use crate::durable::json_lines;
use crate::sink::{ReadPage, ReadStart, SeenRecord, ShardReader, SinkError};

/// Records of a page.
const PAGE_RECORDS: usize = 1_000;

/// A line, read back.
#[derive(Deserialize)]
struct Line {
    partition_key: String,
    payload: String,
}

/// Where the next line of a file will begin.
fn end_of(path: &Path) -> Result<u64, SinkError> {
    let end = File::open(path).and_then(|mut file| json_lines::whole_lines_bytes(&mut file));
    end.map_err(|error| {
        if error.kind() == std::io::ErrorKind::NotFound {
            let stream = path.display().to_string();
            SinkError::Missing { stream }
        } else {
            failed("read", path, &error)
        }
    })
}

/// Reads one file from an offset on.
#[derive(Debug)]
pub(super) struct NdjsonReader {
    path: PathBuf,
    offset: u64,
    /// Whether the line at the offset is one that was read before.
    skips_first: bool,
}

impl NdjsonReader {
    pub(super) fn new(path: PathBuf, start: &ReadStart) -> Result<Self, SinkError> {
        let offset_of = |number: &str| {
            let offset: Result<u64, _> = number.parse();
            offset.map_err(|error| failed("read", &path, &error))
        };
        let (offset, skips_first) = match start {
            // Lines do not say when they came.
            ReadStart::Oldest | ReadStart::Since(_) => (0, false),
            ReadStart::Latest => (end_of(&path)?, false),
            ReadStart::At(number) => (offset_of(number)?, false),
            ReadStart::After(number) => (offset_of(number)?, true),
        };
        Ok(Self {
            path,
            offset,
            skips_first,
        })
    }
}

#[async_trait]
impl ShardReader for NdjsonReader {
    async fn next_page(&mut self) -> Result<ReadPage, SinkError> {
        let (path, offset) = (self.path.clone(), self.offset);
        let reading = tokio::task::spawn_blocking(move || {
            page(&path, offset).map_err(|error| failed("read", &path, &error))
        });
        let page = reading.await;
        let (mut records, end, behind_ms) = page.map_err(|error| failed("read", &self.path, &error))??;
        self.offset = end;
        if std::mem::take(&mut self.skips_first) && !records.is_empty() {
            records.remove(0);
        }
        Ok(ReadPage::of(records, behind_ms, false))
    }
}

/// Whole lines from an offset on, where they end, and whether more are there.
fn page(path: &Path, offset: u64) -> std::io::Result<(Vec<SeenRecord>, u64, u64)> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(offset))?;
    let mut lines = BufReader::new(file);
    let (mut records, mut end, mut text) = (Vec::new(), offset, Vec::new());
    while records.len() < PAGE_RECORDS {
        text.clear();
        let length = lines.read_until(b'\n', &mut text)?;
        // A line without an end is one that is being written.
        if !text.ends_with(b"\n") {
            return Ok((records, end, 0));
        }
        let line = serde_json::from_slice(&text);
        // The error itself may quote the record.
        let line: Line =
            line.map_err(|_quoting| Error::other(format!("the line at byte {end} is not a record")))?;
        records.push(SeenRecord {
            sequence_number: end.to_string(),
            member: None,
            partition_key: line.partition_key,
            payload: Bytes::from(line.payload),
        });
        end += u64::try_from(length).unwrap_or(0);
    }
    Ok((records, end, 1))
}
