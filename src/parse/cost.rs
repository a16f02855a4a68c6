//! How many bytes a chunk will hold in flight once it is rendered. Pure: no I/O, no clock.
//!
//! Messages are several times larger than their rows: column names and metadata come on top. The budget counts
//! messages, so the estimate is taken before parsing from what is known then: bytes, rows and the table.

use crate::map::Mappings;
use crate::map::object_mapping::ObjectMapping;
use crate::model::{Chunk, Table, TableIndex};
use crate::saturate;
use crate::settings::{MessageConfig, MessageFormat, SourcePosition};

/// Metadata, braces, partition key and the record's own bookkeeping.
const RECORD_BYTES_FIXED: u64 = 400;
/// The members of a chain.
const LINK_BYTES: u64 = 150;
/// Quotes, colon, comma and indentation of one member.
const MEMBER_BYTES_PRETTY: u64 = 8;
const MEMBER_BYTES_PLAIN: u64 = 4;
/// A row's values are there as they were read and as they are written.
const COPIES_OF_A_ROW: u64 = 2;

/// Estimates the rendered size of chunks.
#[derive(Debug, Clone)]
pub struct CostEstimate {
    /// By table.
    per_record: Vec<Cost>,
    per_change: Cost,
}

/// What a record costs: so much, and so much per byte of its row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Cost {
    fixed: u64,
    per_byte: u64,
}

impl CostEstimate {
    /// An estimate for the tables of a task and what the rules make of them.
    pub fn new(tables: &[Table], mappings: &Mappings, message: &MessageConfig) -> Self {
        let member = match message.format {
            MessageFormat::Json => MEMBER_BYTES_PRETTY,
            MessageFormat::JsonUnformatted => MEMBER_BYTES_PLAIN,
        };
        let fixed = match message.source_position {
            SourcePosition::None => RECORD_BYTES_FIXED,
            SourcePosition::Chain => RECORD_BYTES_FIXED + LINK_BYTES,
        };
        let tables = tables.iter().enumerate();
        let per_record: Vec<_> = tables
            .map(|(index, table)| {
                let index = TableIndex(index);
                let output = mappings.output(index, table);
                let columns = output.columns.iter();
                let names: u64 = columns.map(|column| length(&column.name) + member).sum();
                let object = mappings.of(index).and_then(|mapping| mapping.object.as_ref());
                let (texts, copies) = object.map_or((0, 0), ObjectMapping::weight);
                Cost {
                    fixed: fixed + names + length(&output.owner) + length(&output.name) + texts,
                    per_byte: COPIES_OF_A_ROW + copies,
                }
            })
            .collect();
        let greatest = |part: fn(&Cost) -> u64| per_record.iter().map(part).max();
        Self {
            per_change: Cost {
                fixed: greatest(|cost| cost.fixed).unwrap_or(fixed),
                per_byte: greatest(|cost| cost.per_byte).unwrap_or(COPIES_OF_A_ROW),
            },
            per_record,
        }
    }

    /// Bytes of a chunk's messages; `table` is `None` for change files.
    pub fn of_chunk(&self, chunk: &Chunk, table: Option<TableIndex>) -> u64 {
        let cost = table
            .and_then(|table| self.per_record.get(table.0))
            .unwrap_or(&self.per_change);
        let records = saturate::to_u64(chunk.records.len());
        let bytes = saturate::to_u64(chunk.bytes.len());
        bytes
            .saturating_mul(cost.per_byte)
            .saturating_add(records.saturating_mul(cost.fixed))
    }

    /// Bytes of a queue's control records.
    pub fn of_control(&self) -> u64 {
        self.per_record
            .iter()
            .map(|cost| cost.fixed)
            .sum::<u64>()
            .saturating_mul(2)
            .saturating_add(self.per_change.fixed)
    }
}

fn length(text: &str) -> u64 {
    saturate::to_u64(text.len())
}
