//! Every backend of the sink keeps the promises of `sink::conformance`.
#![allow(clippy::unwrap_used, reason = "a test that cannot be set up has to fail")]

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::types::{Record, ShardIteratorType, StreamStatus};
use bucket_brigade::model::BatchRecord;
use bucket_brigade::route::shard_map::{HashKey, Shard, ShardMap};
use bucket_brigade::settings::Aggregation;
use bucket_brigade::sink::conformance::{self, SinkStage};
use bucket_brigade::sink::kinesis::{KinesisOptions, KinesisSink};
use bucket_brigade::sink::kpl::take_apart;
use bucket_brigade::sink::memory::MemorySink;
use bucket_brigade::sink::ndjson::NdjsonSink;
use bucket_brigade::sink::{PutEntry, ReadStart, RecordSink, SHARD_MAP_CHANGED, SeenRecord, SinkError};
use bytes::Bytes;
use serde::Deserialize;
use tempfile::TempDir;
use tokio::runtime::Handle;

use crate::servers;

const STREAM: &str = "brigade-conformance";
const SHARDS: u32 = 3;

#[derive(Debug)]
struct MemoryStage(MemorySink);

#[async_trait]
impl SinkStage for MemoryStage {
    fn sink(&self) -> &dyn RecordSink {
        &self.0
    }

    fn shards_count(&self) -> usize {
        usize::try_from(SHARDS).unwrap()
    }

    async fn stored(&self, shard: &Shard) -> Vec<SeenRecord> {
        let shards = self.0.describe().await.unwrap().shards;
        let index = shards.shards().iter().position(|own| own == shard).unwrap();
        let stored = self.0.stored(index).into_iter().map(|record| SeenRecord {
            sequence_number: record.sequence_number,
            member: None,
            partition_key: String::from_utf8(record.partition_key.to_vec()).unwrap(),
            payload: record.payload,
        });
        stored.collect()
    }
}

#[derive(Debug)]
struct NdjsonStage {
    sink: NdjsonSink,
    folder: TempDir,
}

#[derive(Deserialize)]
struct Line {
    partition_key: String,
    payload: String,
}

#[async_trait]
impl SinkStage for NdjsonStage {
    fn sink(&self) -> &dyn RecordSink {
        &self.sink
    }

    fn shards_count(&self) -> usize {
        usize::try_from(SHARDS).unwrap()
    }

    async fn stored(&self, shard: &Shard) -> Vec<SeenRecord> {
        let number: u32 = shard.id.rsplit('-').next().unwrap().parse().unwrap();
        let path = self.folder.path().join(format!("shard-{number:03}.ndjson"));
        let content = std::fs::read_to_string(path).unwrap();
        let mut offset = 0;
        let seen = content.split_inclusive('\n').map(|line| {
            let parsed: Line = serde_json::from_str(line).unwrap();
            let sequence_number = offset.to_string();
            offset += line.len();
            SeenRecord {
                sequence_number,
                member: None,
                partition_key: parsed.partition_key,
                payload: Bytes::from(parsed.payload),
            }
        });
        seen.collect()
    }
}

struct KinesisStage {
    sink: KinesisSink,
    client: Client,
    shards_count: usize,
}

// The client's own form fills pages.
impl fmt::Debug for KinesisStage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KinesisStage({})", self.sink)
    }
}

#[async_trait]
impl SinkStage for KinesisStage {
    fn sink(&self) -> &dyn RecordSink {
        &self.sink
    }

    fn shards_count(&self) -> usize {
        self.shards_count
    }

    async fn stored(&self, shard: &Shard) -> Vec<SeenRecord> {
        let request = self
            .client
            .get_shard_iterator()
            .stream_name(STREAM)
            .shard_id(&shard.id);
        let answer = request
            .shard_iterator_type(ShardIteratorType::TrimHorizon)
            .send()
            .await
            .unwrap();
        let mut iterator = answer.shard_iterator;
        let mut seen = Vec::new();
        while let Some(current) = iterator {
            let answer = self
                .client
                .get_records()
                .shard_iterator(current)
                .send()
                .await
                .unwrap();
            // These servers have nothing in the air: an empty answer is the end.
            if answer.records.is_empty() {
                break;
            }
            seen.extend(answer.records.into_iter().flat_map(seen_records));
            iterator = answer.next_shard_iterator;
        }
        seen
    }
}

fn seen_records(record: Record) -> Vec<SeenRecord> {
    let data = Bytes::from(record.data.into_inner());
    let Some(members) = take_apart(&data) else {
        return vec![SeenRecord {
            sequence_number: record.sequence_number,
            member: None,
            partition_key: record.partition_key.unwrap(),
            payload: data,
        }];
    };
    let seen = members.into_iter().enumerate();
    let seen = seen.map(|(index, member)| SeenRecord {
        sequence_number: record.sequence_number.clone(),
        member: Some(index),
        partition_key: member.partition_key,
        payload: member.payload,
    });
    seen.collect()
}

impl KinesisStage {
    async fn new(endpoint: &str, aggregation: Aggregation) -> Self {
        let shared = servers::shared_configuration();
        let configuration = aws_sdk_kinesis::config::Builder::from(&shared).endpoint_url(endpoint);
        let client = Client::from_conf(configuration.build());
        let count = i32::try_from(SHARDS).unwrap();
        client
            .create_stream()
            .stream_name(STREAM)
            .shard_count(count)
            .send()
            .await
            .unwrap();
        let stage = Self {
            sink: sink(endpoint, STREAM, aggregation),
            client,
            shards_count: usize::try_from(SHARDS).unwrap(),
        };
        stage.wait_until_active().await;
        stage
    }

    async fn wait_until_active(&self) {
        loop {
            let request = self.client.describe_stream_summary().stream_name(STREAM);
            let summary = request.send().await.unwrap().stream_description_summary.unwrap();
            if summary.stream_status == StreamStatus::Active {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Splits the first shard in two equal halves.
    async fn split_first_shard(&mut self) {
        let description = self.sink.describe().await.unwrap();
        let first = description.shards.shards().first().unwrap();
        let middle = first.range.start / 2 + first.range.end / 2;
        let request = self
            .client
            .split_shard()
            .stream_name(STREAM)
            .shard_to_split(&first.id);
        request
            .new_starting_hash_key(middle.to_string())
            .send()
            .await
            .unwrap();
        self.wait_until_active().await;
        self.shards_count += 1;
    }
}

fn sink(endpoint: &str, stream: &str, aggregation: Aggregation) -> KinesisSink {
    let options = KinesisOptions {
        stream: stream.to_owned(),
        region: Some(servers::REGION.to_owned()),
        endpoint: Some(endpoint.to_owned()),
        request_timeout: Duration::from_mins(1),
        aggregation,
    };
    KinesisSink::new(&servers::shared_configuration(), options, Handle::current())
}

async fn a_missing_stream_is_told(endpoint: &str) {
    let missing = sink(endpoint, "brigade-missing", Aggregation::None);
    let outcome = missing.describe().await;
    assert!(matches!(outcome, Err(SinkError::Missing { .. })), "{outcome:?}");
}

#[tokio::test]
async fn memory_conforms() {
    let stage = MemoryStage(MemorySink::new(&ShardMap::uniform(SHARDS).unwrap()));
    conformance::run_all(&stage).await;
    conformance::a_lane_goes_to_its_point_whatever_the_partition_key_is(&stage).await;
}

#[tokio::test]
async fn json_lines_conform_also_when_opened_again() {
    let mut stage = NdjsonStage {
        folder: tempfile::tempdir().unwrap(),
        sink: NdjsonSink::open(tempfile::tempdir().unwrap().path(), 1).unwrap(),
    };
    stage.sink = NdjsonSink::open(stage.folder.path(), SHARDS).unwrap();
    let identity = stage.sink.describe().await.unwrap().identity;
    conformance::run_all(&stage).await;
    conformance::a_lane_goes_to_its_point_whatever_the_partition_key_is(&stage).await;

    stage.sink = NdjsonSink::open(stage.folder.path(), SHARDS).unwrap();
    assert_eq!(stage.sink.describe().await.unwrap().identity, identity);
    let shards = ShardMap::uniform(SHARDS).unwrap();
    let before = stage.stored(&shards.shards()[0]).await;
    conformance::a_stream_is_described_the_same_each_time(&stage).await;
    assert_eq!(stage.stored(&shards.shards()[0]).await, before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kinesis_conforms_on_kinesalite_also_after_a_split() {
    let Some(server) = servers::kinesalite() else {
        return;
    };
    let mut stage = KinesisStage::new(&server.endpoint, Aggregation::None).await;
    conformance::run_all(&stage).await;
    conformance::a_lane_goes_to_its_point_whatever_the_partition_key_is(&stage).await;
    a_missing_stream_is_told(&server.endpoint).await;

    stage.split_first_shard().await;
    conformance::a_stream_is_described_the_same_each_time(&stage).await;
    conformance::shards_are_written_at_once(&stage).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kinesis_conforms_on_moto() {
    let Some(server) = servers::moto() else { return };
    let stage = KinesisStage::new(&server.endpoint, Aggregation::None).await;
    conformance::run_all(&stage).await;
    conformance::a_lane_goes_to_its_point_whatever_the_partition_key_is(&stage).await;
    a_missing_stream_is_told(&server.endpoint).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kinesis_conforms_when_records_travel_as_one() {
    if let Some(server) = servers::moto() {
        conformance::run_all(&KinesisStage::new(&server.endpoint, Aggregation::Kpl).await).await;
    }
    let Some(server) = servers::kinesalite() else {
        return;
    };
    let mut stage = KinesisStage::new(&server.endpoint, Aggregation::Kpl).await;
    conformance::run_all(&stage).await;

    stage.split_first_shard().await;
    conformance::a_stream_is_described_the_same_each_time(&stage).await;
    conformance::run_all(&stage).await;
}

/// An aggregate that is sent with the shards of yesterday is stored where consumers drop it: it must not count as
/// sent, and reading back must not find it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_aggregate_for_a_shard_that_was_split_counts_as_failed() {
    let Some(server) = servers::kinesalite() else {
        return;
    };
    let mut stage = KinesisStage::new(&server.endpoint, Aggregation::Kpl).await;
    let shards = stage.sink.describe().await.unwrap().shards;
    let parent = shards.shards().first().unwrap();
    let keys = (0..).map(|number: u64| format!("key-{number}"));
    let keys = keys.filter(|key| parent.range.contains(HashKey::of_partition_key(key.as_bytes())));
    let records: Vec<_> = keys
        .take(600)
        .zip(0..)
        .map(|(key, ordinal)| BatchRecord::new(ordinal, b"{}", key.as_bytes()))
        .collect();

    stage.split_first_shard().await;
    let entries = stage.sink.put(parent, &records).await.unwrap();
    assert_eq!(entries.len(), records.len());
    let is_failed =
        |entry: &PutEntry| matches!(entry, PutEntry::Failed { code, .. } if code == SHARD_MAP_CHANGED);
    assert!(entries.iter().all(is_failed), "{:?}", entries.first());

    let open = stage.sink.describe().await.unwrap().shards;
    let mut stored = 0;
    for shard in open.shards() {
        stored += stage.stored(shard).await.len();
        let mut reader = stage.sink.read(shard, ReadStart::Oldest).await.unwrap();
        assert_eq!(reader.next_page().await.unwrap().records, []);
    }
    assert_eq!(
        stored,
        records.len(),
        "the aggregate is there, and no consumer sees it"
    );

    // From now on each record goes to where it belongs, as many as fit into a request.
    let entries = stage.sink.put(parent, &records).await.unwrap();
    let is_stored = |entry: &PutEntry| matches!(entry, PutEntry::Stored { .. });
    assert!(entries[..500].iter().all(is_stored), "{:?}", entries.first());
    assert!(entries[500..].iter().all(is_failed), "{:?}", entries.last());
    let mut seen = 0;
    for shard in open.shards() {
        let mut reader = stage.sink.read(shard, ReadStart::Oldest).await.unwrap();
        seen += reader.next_page().await.unwrap().records.len();
    }
    assert_eq!(seen, 500);
}
