//! Reads the stream in memory back.

use async_trait::async_trait;

use super::retention::is_place;
use super::{Gone, MemorySink, StoredRecord};
use crate::sink::{ReadPage, ReadStart, SeenRecord, ShardReader, SinkError};

/// Records of a page: few, so that tests see many pages.
const PAGE_RECORDS: usize = 100;
/// The shortest retention that Kinesis has, in milliseconds.
const DAY_MS: u64 = 24 * 60 * 60 * 1_000;

/// Reads one shard of a [`MemorySink`].
#[derive(Debug)]
pub(super) struct MemoryReader {
    sink: MemorySink,
    index: usize,
    /// How many of the shard's records are behind us; `None` until the first page.
    position: Option<usize>,
    start: ReadStart,
}

impl MemoryReader {
    pub(super) fn new(sink: MemorySink, index: usize, start: ReadStart) -> Self {
        Self {
            sink,
            index,
            position: None,
            start,
        }
    }
}

#[async_trait]
impl ShardReader for MemoryReader {
    async fn next_page(&mut self) -> Result<ReadPage, SinkError> {
        self.sink.reach("read")?;
        let state = self.sink.state();
        let Some(shard) = state.shards.get(self.index) else {
            return Ok(ReadPage::default());
        };
        let place = || place_of(&shard.stored, &self.start);
        let is_gone = self.position.is_none() && place() < shard.trimmed_count && is_place(&self.start);
        if is_gone && shard.gone == Gone::StaysEmpty {
            return Ok(ReadPage::of(Vec::new(), DAY_MS, false));
        }
        let from = self.position.unwrap_or_else(place).max(shard.trimmed_count);
        let rest = shard.stored.get(from..).unwrap_or_default();
        let records: Vec<_> = rest.iter().take(PAGE_RECORDS).map(seen).collect();
        let is_at_end = records.len() == rest.len();
        self.position = Some(from + records.len());
        let is_last = is_at_end && !shard.known.is_open;
        Ok(ReadPage::of(records, u64::from(!is_at_end), is_last))
    }
}

fn seen(record: &StoredRecord) -> SeenRecord {
    SeenRecord {
        sequence_number: record.sequence_number.clone(),
        member: None,
        partition_key: String::from_utf8_lossy(&record.partition_key).into_owned(),
        payload: record.payload.clone(),
    }
}

pub(super) fn place_of(stored: &[StoredRecord], start: &ReadStart) -> usize {
    let place = |wanted: &str, is_included: bool| {
        let wanted: u128 = wanted.parse().unwrap_or(0);
        stored.partition_point(|record| {
            let number: u128 = record.sequence_number.parse().unwrap_or(0);
            number < wanted || (number == wanted && !is_included)
        })
    };
    match start {
        // Nothing remembers when it came.
        ReadStart::Oldest | ReadStart::Since(_) => 0,
        ReadStart::Latest => stored.len(),
        ReadStart::At(number) => place(number, true),
        ReadStart::After(number) => place(number, false),
    }
}
