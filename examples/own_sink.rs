//! A sink of one's own: implements [`RecordSink`], and runs the real pipeline over the sample files into it.
//!
//! `cargo run --example own_sink` prints every message with its shard. `tests/examples.rs` holds the sink to
//! `bucket_brigade::sink::conformance`, the suite that every sink has to pass.

use std::fmt;
use std::io::Write;
use std::num::ParseIntError;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Result, anyhow};
use async_trait::async_trait;
use bucket_brigade::checkpoint::store::memory::MemoryStore;
use bucket_brigade::clock::SystemClock;
use bucket_brigade::config::{SystemEnvironment, load};
use bucket_brigade::model::BatchRecord;
use bucket_brigade::route::lineage::Lineage;
use bucket_brigade::route::shard_map::{Shard, ShardMap};
use bucket_brigade::settings::RunMode;
use bucket_brigade::sink::{
    PutEntry, ReadPage, ReadStart, RecordSink, SeenRecord, ShardReader, SinkError, StreamDescription,
};
use bucket_brigade::source::local::LocalSource;
use bucket_brigade::supervise::pipeline::{Backends, Pipeline};
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

/// A list instead of a stream: each record with the shard that took it. A record's number is its place in the list.
#[derive(Debug)]
pub(crate) struct ListSink {
    pub(crate) shards: ShardMap,
    pub(crate) records: Mutex<Vec<(String, SeenRecord)>>,
}

impl fmt::Display for ListSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("list of records")
    }
}

#[async_trait]
impl RecordSink for ListSink {
    async fn describe(&self) -> Result<StreamDescription, SinkError> {
        Ok(StreamDescription {
            shards: self.shards.clone(),
            lineage: Lineage::of_open(&self.shards),
            record_bytes_max: 1 << 20,
            identity: "list".to_owned(),
        })
    }

    /// Answers for each record by itself. `Stored` is final: the engine never sends such a record again.
    async fn put(&self, shard: &Shard, records: &[BatchRecord]) -> Result<Vec<PutEntry>, SinkError> {
        let mut list = self.records.lock().await;
        let entries = records.iter().map(|record| {
            let sequence_number = list.len().to_string();
            let seen = SeenRecord {
                sequence_number: sequence_number.clone(),
                member: None,
                partition_key: String::from_utf8_lossy(record.partition_key()).into_owned(),
                payload: record.payload_bytes(),
            };
            list.push((shard.id.clone(), seen));
            PutEntry::Stored {
                sequence_number,
                shard_id: shard.id.as_str().into(),
            }
        });
        Ok(entries.collect())
    }

    /// How the engine finds out, after a crash, what it had sent already.
    async fn read(&self, shard: &Shard, start: ReadStart) -> Result<Box<dyn ShardReader>, SinkError> {
        let first = match start {
            ReadStart::Oldest | ReadStart::Since(_) => Ok(0),
            ReadStart::Latest => Ok(usize::MAX),
            ReadStart::At(number) => number.parse(),
            ReadStart::After(number) => number.parse().map(|number: usize| number + 1),
        };
        let refuse = |detail: ParseIntError| SinkError::Refused {
            action: "read",
            stream: self.to_string(),
            detail: detail.to_string(),
        };
        let first = first.map_err(refuse)?;
        let list = self.records.lock().await;
        let own = list.iter().skip(first).filter(|(id, _)| *id == shard.id);
        Ok(Box::new(OnePage(own.map(|(_, record)| record.clone()).collect())))
    }
}

/// Everything at once, and nothing after it.
#[derive(Debug)]
struct OnePage(Vec<SeenRecord>);

#[async_trait]
impl ShardReader for OnePage {
    async fn next_page(&mut self) -> Result<ReadPage, SinkError> {
        Ok(ReadPage::of(std::mem::take(&mut self.0), 0, false))
    }
}

/// Runs the sample task once, with this sink in the place of its target and a checkpoint in memory.
///
/// # Errors
/// If the task cannot be read or run, or nothing can be written.
pub(crate) fn run(out: &mut impl Write) -> Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("config");
    let config = load(&folder.join("local.yaml"), &SystemEnvironment)?.config;
    let sink = Arc::new(ListSink {
        shards: ShardMap::uniform(2)?,
        records: Mutex::default(),
    });
    let backends = Backends {
        source: Arc::new(LocalSource::new(folder.join("sample"))),
        sink: Arc::<ListSink>::clone(&sink),
        store: Arc::new(MemoryStore::new()),
        clock: Arc::new(SystemClock),
    };
    let pipeline = Pipeline::new(Arc::new(config), backends, RunMode::Once);
    let end = actix::System::new().block_on(pipeline.run(CancellationToken::new()));
    end.map_err(|fault| anyhow!("{fault}"))?;
    for (shard, record) in sink.records.blocking_lock().iter() {
        // A message ends with a line break.
        write!(out, "{shard} {}", String::from_utf8_lossy(&record.payload))?;
    }
    Ok(())
}

fn main() -> Result<()> {
    run(&mut std::io::stdout().lock())
}
