//! What the Kinesis Client Library reads: every record once, as it was sent, plain or aggregated, through a split.
#![cfg(feature = "sandbox")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/servers/mod.rs"]
mod servers;
#[path = "support/kcl/mod.rs"]
mod kcl;

use std::time::Duration;

use bucket_brigade::config::Aggregation;
use bucket_brigade::model::BatchRecord;
use bucket_brigade::route::shard_map::{HashKey, Shard};
use bucket_brigade::sandbox::kinesis::{SandboxKinesis, ShardLimits};
use bucket_brigade::sink::kinesis::{KinesisOptions, KinesisSink};
use bucket_brigade::sink::pages::Pages;
use bucket_brigade::sink::{PutEntry, ReadStart, RecordSink, SHARD_MAP_CHANGED, SeenRecord};
use tokio::runtime::Handle;

use self::kcl::Kcl;

const STREAM: &str = "orders";
/// Partition keys of the records that end the test when they come out of their shards.
const END: &str = "end";

fn sink(kinesis: &SandboxKinesis, aggregation: Aggregation) -> KinesisSink {
    let options = KinesisOptions {
        stream: STREAM.to_owned(),
        region: Some(servers::REGION.to_owned()),
        endpoint: Some(kinesis.endpoint()),
        request_timeout: Duration::from_mins(1),
        aggregation,
    };
    KinesisSink::new(&servers::shared_configuration(), options, Handle::current())
}

/// Records of a shard: small ones, empty ones, and now and then a large one.
fn records(shard: &Shard, word: &str, count: usize) -> Vec<BatchRecord> {
    let keys = (0_u64..).map(|number| format!("{word} ü {number}"));
    let keys = keys.filter(|key| shard.range.contains(HashKey::of_partition_key(key.as_bytes())));
    let record = |(ordinal, key): (u64, String)| {
        let payload = match ordinal % 100 {
            1 => String::new(),
            2 => key.repeat(2_000),
            _ => format!("{{\"key\":\"{key}\"}}"),
        };
        BatchRecord::new(ordinal, payload.as_bytes(), key.as_bytes())
    };
    (0..).zip(keys.take(count)).map(record).collect()
}

/// Puts records into a shard and says as what they have to come out of it.
async fn put(sink: &KinesisSink, shard: &Shard, word: &str, count: usize) -> Vec<SeenRecord> {
    let records = records(shard, word, count);
    let entries = sink.put(shard, &records).await.unwrap();
    let is_aggregated = entries.len() > 1 && entries.first() == entries.last();
    let seen = records.iter().zip(entries).enumerate();
    let seen = seen.map(|(index, (record, entry))| match entry {
        PutEntry::Stored { sequence_number, .. } => SeenRecord {
            sequence_number,
            member: is_aggregated.then_some(index),
            partition_key: record.partition_key_text().unwrap().to_owned(),
            payload: record.payload_bytes(),
        },
        PutEntry::Failed { code, message, .. } => unreachable!("{record:?}: {code}: {message}"),
    });
    seen.collect()
}

async fn split(kinesis: &SandboxKinesis, shard: &Shard) {
    let middle = shard.range.start / 2 + shard.range.end / 2;
    let request = kinesis.client().split_shard().stream_name(STREAM);
    let request = request.shard_to_split(&shard.id);
    request
        .new_starting_hash_key(middle.to_string())
        .send()
        .await
        .unwrap();
    kinesis.wait_until_active(STREAM).await.unwrap();
}

/// What our own reader sees of a shard.
async fn read_back(sink: &KinesisSink, shard: &Shard) -> Vec<SeenRecord> {
    let reader = sink.read(shard, ReadStart::Oldest).await.unwrap();
    Pages::new(reader, Duration::ZERO, Some(1)).all().await.unwrap()
}

/// What was sent, by shard.
#[derive(Debug, Default)]
struct Sent(Vec<(Shard, Vec<SeenRecord>)>);

impl Sent {
    fn add(&mut self, shard: &Shard, records: Vec<SeenRecord>) {
        match self.0.iter_mut().find(|(known, _)| known == shard) {
            Some((_, known)) => known.extend(records),
            None => self.0.push((shard.clone(), records)),
        }
    }
}

/// Stored, and dropped by who reads it: this is why it must not count as sent.
async fn put_to_a_closed_shard(sink: &KinesisSink, closed: &Shard) {
    let entries = sink.put(closed, &records(closed, "stale", 100)).await.unwrap();
    for entry in entries {
        assert!(
            matches!(&entry, PutEntry::Failed { code, .. } if code == SHARD_MAP_CHANGED),
            "{entry:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_client_library_reads_every_record_once_through_a_split() {
    let Some(installed) = kcl::installed() else {
        return;
    };
    let kinesis = SandboxKinesis::start(ShardLimits::Off).await.unwrap();
    kinesis.create_stream(STREAM, 2).await.unwrap();
    let (plain, aggregated) = (
        sink(&kinesis, Aggregation::None),
        sink(&kinesis, Aggregation::Kpl),
    );
    let mut sent = Sent::default();

    let before = plain.describe().await.unwrap().shards;
    for shard in before.shards() {
        sent.add(shard, put(&plain, shard, "plain", 40).await);
        sent.add(shard, put(&aggregated, shard, "aggregated", 1_000).await);
        sent.add(shard, put(&aggregated, shard, "alone", 1).await);
    }
    let parent = before.shards().first().unwrap();
    split(&kinesis, parent).await;
    put_to_a_closed_shard(&aggregated, parent).await;
    let after = plain.describe().await.unwrap().shards;
    for shard in after.shards() {
        sent.add(shard, put(&aggregated, shard, "aggregated again", 500).await);
        sent.add(shard, put(&plain, shard, "plain again", 20).await);
        sent.add(shard, put(&plain, shard, END, 1).await);
    }

    let mut kcl = Kcl::start(&installed, &kinesis.endpoint(), STREAM);
    let printed = kcl.read_until(END, after.shards().len()).await;
    assert_eq!(printed.len(), sent.0.len(), "records of other shards");
    for (shard, sent) in &sent.0 {
        let seen = printed.get(&shard.id).map_or(&[][..], Vec::as_slice);
        let (id, seen_count, sent_count) = (&shard.id, seen.len(), sent.len());
        assert!(seen == sent, "{id}: {seen_count} records instead of {sent_count}");
        let own = read_back(&plain, shard).await;
        assert!(own == seen, "{id}: our reader sees other records");
    }
}
