//! How many bytes a chunk will hold in flight once it is rendered. Pure: no I/O, no clock.
//!
//! Messages are several times larger than their rows: column names and metadata come on top. The budget counts
//! messages, so the estimate is taken before parsing from what is known then: bytes, rows and the table.

use crate::config::{MessageConfig, MessageFormat, SourcePosition};
use crate::model::{Chunk, Table, TableIndex};

/// Metadata, braces, partition key and the record's own bookkeeping.
const RECORD_BYTES_FIXED: u64 = 400;
/// The members of a chain.
const LINK_BYTES: u64 = 150;
/// Quotes, colon, comma and indentation of one member.
const MEMBER_BYTES_PRETTY: u64 = 8;
const MEMBER_BYTES_PLAIN: u64 = 4;

/// Estimates the rendered size of chunks.
#[derive(Debug, Clone)]
pub struct CostEstimate {
    per_record: Vec<u64>,
    per_change: u64,
}

impl CostEstimate {
    /// An estimate for the tables of a task.
    pub fn new(tables: &[Table], message: &MessageConfig) -> Self {
        let member = match message.format {
            MessageFormat::Json => MEMBER_BYTES_PRETTY,
            MessageFormat::JsonUnformatted => MEMBER_BYTES_PLAIN,
        };
        let fixed = match message.source_position {
            SourcePosition::None => RECORD_BYTES_FIXED,
            SourcePosition::Chain => RECORD_BYTES_FIXED + LINK_BYTES,
        };
        let per_record: Vec<u64> = tables
            .iter()
            .map(|table| {
                let names = table
                    .columns
                    .iter()
                    .map(|column| length(&column.name) + member)
                    .sum::<u64>();
                fixed + names + length(&table.owner) + length(&table.name)
            })
            .collect();
        let per_change = per_record.iter().copied().max().unwrap_or(fixed);
        Self {
            per_record,
            per_change,
        }
    }

    /// Bytes of a chunk's messages; `table` is `None` for change files.
    pub fn of_chunk(&self, chunk: &Chunk, table: Option<TableIndex>) -> u64 {
        let per_record = table
            .and_then(|table| self.per_record.get(table.0))
            .unwrap_or(&self.per_change);
        let records = u64::try_from(chunk.records.len()).unwrap_or(u64::MAX);
        let bytes = u64::try_from(chunk.bytes.len()).unwrap_or(u64::MAX);
        bytes
            .saturating_mul(2)
            .saturating_add(records.saturating_mul(*per_record))
    }

    /// Bytes of a queue's control records.
    pub fn of_control(&self) -> u64 {
        self.per_record
            .iter()
            .sum::<u64>()
            .saturating_mul(2)
            .saturating_add(self.per_change)
    }
}

fn length(text: &str) -> u64 {
    u64::try_from(text.len()).unwrap_or(u64::MAX)
}
