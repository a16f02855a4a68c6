//! Rows as the engine's own router takes them: for tasks with a chain lines of CSV in, links out; for others made
//! beforehand.

use std::ffi::OsString;
use std::io;
use std::path::Path;

use bucket_brigade::checkpoint::cut::SkipPlan;
use bucket_brigade::checkpoint::tally::ChunkTally;
use bucket_brigade::config::{Config, Environment, load_str};
use bucket_brigade::limits::RECORD_BYTES_DEFAULT;
use bucket_brigade::model::{
    BatchRecord, Chunk, Mark, Operation, RawRecord, RawRecordKind, Span, TableIndex,
};
use bucket_brigade::parse::chunk_router::{ChunkEnd, ChunkRouter, RoutedChunk};
use bucket_brigade::route::lineage::Lineage;
use bucket_brigade::route::shard_map::{ShardIndex, ShardMap};
use bucket_brigade::settings::SourcePosition;
use bucket_brigade::sink::StreamDescription;
use serde_json::{Value, json};

use super::world::{ContentIndex, Contents, QUEUES_MAX, SCHEMA, table_name};

/// Name of the task, as in [`CONFIGURATION`].
pub(crate) const TASK: &str = "simulated";
/// The task of every history with a chain.
const CONFIGURATION: &str = "
version: 1
task: simulated
migration_type: full-load
source:
  local:
    directory: /simulated/source
  tables: /simulated/tables.json
target:
  ndjson:
    path: /simulated/out
    shards: 1
    message_format: json-unformatted
    source_position: chain
errors:
  dead_letters: /simulated/dead-letters
state:
  sled:
    path: /simulated/state
";

/// A task whose messages say where they stand.
#[derive(Debug)]
pub(crate) struct ChainTask {
    config: Config,
}

/// No variables, and one file.
#[derive(Debug)]
struct OneFile(Vec<u8>);

impl Environment for OneFile {
    fn variable(&self, _name: &str) -> Result<Option<String>, OsString> {
        Ok(None)
    }

    fn read_file(&self, _path: &Path) -> io::Result<Vec<u8>> {
        Ok(self.0.clone())
    }
}

impl ChainTask {
    pub(crate) fn new() -> Result<Self, String> {
        let file = OneFile(table_definition().to_string().into_bytes());
        let loaded = load_str(CONFIGURATION, Path::new("/simulated/brigade.yaml"), &file);
        let config = loaded.map_err(|problems| problems.to_string())?.config;
        assert_eq!(
            config.message.source_position,
            SourcePosition::Chain,
            "what the task is for"
        );
        Ok(Self { config })
    }

    /// A router for these shards that numbers the records of a chain.
    pub(crate) fn router(&self, shards: &ShardMap, chain: Option<u64>) -> ChunkRouter {
        let stream = StreamDescription {
            shards: shards.clone(),
            lineage: Lineage::of_open(shards),
            record_bytes_max: RECORD_BYTES_DEFAULT,
            identity: String::new(),
        };
        ChunkRouter::new(&self.config, stream).with_chain(&self.config, chain)
    }
}

fn table_definition() -> Value {
    let tables = (0..QUEUES_MAX).map(|queue| {
        let name = table_name(queue);
        json!({
            "TableName": name, "TablePath": format!("{SCHEMA}/{name}/"), "TableOwner": SCHEMA,
            "TableColumns": [
                { "ColumnName": "key", "ColumnType": "STRING", "ColumnLength": "10", "ColumnNullable": "false",
                  "ColumnIsPk": "true" },
                { "ColumnName": "variant", "ColumnType": "INT4", "ColumnNullable": "true" },
            ],
            "TableColumnsTotal": "2",
        })
    });
    json!({ "TableCount": QUEUES_MAX.to_string(), "Tables": tables.collect::<Vec<_>>() })
}

/// A chunk of rows; those of the bad variant become no message.
pub(crate) fn chunk(
    contents: &Contents,
    rows: &[ContentIndex],
    span: Span,
    bad_variant: Option<usize>,
) -> Chunk {
    let mut text = String::new();
    let records = rows.iter().zip(0..).map(|(row, line_delta)| {
        let start = u32::try_from(text.len()).expect("a small chunk");
        text.push_str(contents.of(*row).key);
        text.push(',');
        match row.variant() {
            variant if Some(variant) == bad_variant => text.push_str("no number"),
            variant => text.push_str(&variant.to_string()),
        }
        let end = u32::try_from(text.len()).expect("a small chunk");
        text.push('\n');
        RawRecord {
            range: start..end,
            line_delta,
            kind: RawRecordKind::Whole,
        }
    });
    let records = records.collect();
    Chunk {
        header: None,
        columns: None,
        has_operation: None,
        span,
        bytes: text.into(),
        records,
    }
}

/// What `parse::chunk_router` makes of rows without a chain, their messages made beforehand.
pub(crate) fn without_links(
    contents: &Contents,
    map: &ShardMap,
    rows: &[ContentIndex],
    table: TableIndex,
    skip: &SkipPlan,
    span: Span,
) -> RoutedChunk {
    let mut slices: Vec<Vec<BatchRecord>> = vec![Vec::new(); map.shards().len()];
    let mut tally = ChunkTally::default();
    let mut skipped = 0;
    for (row, ordinal) in rows.iter().zip(span.start.ordinal..) {
        let content = contents.of(*row);
        tally.deliver(table, Operation::Load, 1);
        if skip.is_delivered(ordinal, content.hash_key) {
            skipped += 1;
        } else {
            slices[map.locate(content.hash_key).0].push(content.record(ordinal));
        }
    }
    let slices = slices.into_iter().enumerate();
    let slices = slices.filter(|(_, records)| !records.is_empty());
    let slices = slices.map(|(shard, records)| (ShardIndex(shard), records));
    RoutedChunk {
        slices: slices.collect(),
        rejected: Vec::new(),
        tally,
        skipped,
        span,
        end: ChunkEnd::Whole,
        buffer_bytes: 0,
    }
}

pub(crate) fn mark(ordinal: u64) -> Mark {
    Mark {
        position: ordinal * 10,
        ordinal,
        line: ordinal,
    }
}
