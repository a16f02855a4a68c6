//! The embedded servers as an SDK client sees them.
#![cfg(feature = "sandbox")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use aws_sdk_kinesis::primitives::Blob;
use aws_sdk_kinesis::types::PutRecordsRequestEntry;
use bucket_brigade::model::BatchRecord;
use bucket_brigade::route::shard_map::HashKey;
use bucket_brigade::sandbox::REGION;
use bucket_brigade::sandbox::clients::{kinesis_client, sandbox_configuration};
use bucket_brigade::sandbox::consumer::{ConsumedRecord, list_shards, read_shard, read_stream};
use bucket_brigade::sandbox::fault_proxy::{FaultPlan, FaultProxy, FaultRates};
use bucket_brigade::sandbox::kinesis::{SandboxKinesis, ShardLimits};
use bucket_brigade::sandbox::meter::Reading;
use bucket_brigade::sandbox::null_kinesis::NullKinesis;
use bucket_brigade::sandbox::s3::SandboxS3;
use bucket_brigade::settings::Aggregation;
use bucket_brigade::sink::kinesis::{KinesisOptions, KinesisSink};
use bucket_brigade::sink::{PutEntry, RecordSink};
use bytes::Bytes;
use tokio::runtime::Handle;

const STREAM: &str = "orders";
/// Start of the second of two shards.
const HALF: u128 = 1 << 127;

fn entries(count: usize) -> Vec<PutRecordsRequestEntry> {
    let entry = |number: usize| {
        PutRecordsRequestEntry::builder()
            .partition_key(format!("key {number}"))
            .data(Blob::new(format!("record {number}")))
            .build()
            .unwrap()
    };
    (0..count).map(entry).collect()
}

async fn put(
    kinesis: &SandboxKinesis,
    count: usize,
) -> aws_sdk_kinesis::operation::put_records::PutRecordsOutput {
    let request = kinesis.client().put_records().stream_name(STREAM);
    request.set_records(Some(entries(count))).send().await.unwrap()
}

#[tokio::test]
async fn objects_are_listed_with_etags_and_read_by_range_and_version() {
    let folder = tempfile::tempdir().unwrap();
    let server = SandboxS3::start(folder.path()).await.unwrap();
    server.create_bucket("source").await.unwrap();
    let etag = server
        .put("source", "cdc/b ä", Bytes::from_static(b"0123456789"))
        .await
        .unwrap();
    server
        .put("source", "cdc/a", Bytes::from_static(b"first"))
        .await
        .unwrap();

    let client = server.client();
    let listing = client
        .list_objects_v2()
        .bucket("source")
        .prefix("cdc/")
        .send()
        .await
        .unwrap();
    let keys: Vec<_> = listing
        .contents()
        .iter()
        .filter_map(|object| object.key())
        .collect();
    assert_eq!(keys, ["cdc/a", "cdc/b ä"]);
    let listed = listing.contents()[1].e_tag().unwrap();
    assert_eq!(listed.trim_matches('"'), etag);

    let get = || client.get_object().bucket("source").key("cdc/b ä");
    let part = get().range("bytes=3-5").if_match(listed).send().await.unwrap();
    assert_eq!(part.body.collect().await.unwrap().to_vec(), b"345");

    let refused = get().if_match("\"another version\"").send().await.unwrap_err();
    assert_eq!(refused.raw_response().unwrap().status().as_u16(), 412);
    let head = client.head_object().bucket("source").key("cdc/a");
    let refused = head.if_match("\"another version\"").send().await.unwrap_err();
    assert_eq!(refused.raw_response().unwrap().status().as_u16(), 412);
    server.stop().await.unwrap();
}

#[tokio::test]
async fn records_come_back_by_shard_and_in_order() {
    let server = SandboxKinesis::start(ShardLimits::Off).await.unwrap();
    server.create_stream(STREAM, 2).await.unwrap();
    let answer = put(&server, 500).await;
    assert_eq!(answer.failed_record_count(), Some(0));

    let shards = read_stream(server.client(), STREAM).await.unwrap();
    assert_eq!(shards.len(), 2);
    for (index, shard) in shards.iter().enumerate() {
        let numbers: Vec<usize> = shard
            .records
            .iter()
            .map(|record| {
                record
                    .partition_key
                    .strip_prefix("key ")
                    .unwrap()
                    .parse()
                    .unwrap()
            })
            .collect();
        let expected: Vec<usize> = (0..500)
            .filter(|number| {
                let point = HashKey::of_partition_key(format!("key {number}").as_bytes());
                usize::from(point.0 >= HALF) == index
            })
            .collect();
        assert_eq!(numbers, expected, "shard {index}");
        assert_eq!(
            shard.records[0].payload,
            format!("record {}", numbers[0]).into_bytes()
        );
    }
    let reading = server.meter().reading();
    assert_eq!(
        reading,
        Reading {
            requests_count: 1,
            stored_count: 500,
            ..Reading::default()
        }
    );
    server.stop().await.unwrap();
}

#[tokio::test]
async fn records_of_closed_shards_are_read_before_those_of_their_children() {
    let server = SandboxKinesis::start(ShardLimits::Off).await.unwrap();
    server.create_stream(STREAM, 1).await.unwrap();
    put(&server, 100).await;
    let split = server.client().split_shard().stream_name(STREAM);
    let split = split.shard_to_split("shardId-000000000000");
    split
        .new_starting_hash_key(HALF.to_string())
        .send()
        .await
        .unwrap();
    server.wait_until_active(STREAM).await.unwrap();
    put(&server, 100).await;

    let shards = read_stream(server.client(), STREAM).await.unwrap();
    let counts: Vec<usize> = shards.iter().map(|shard| shard.records.len()).collect();
    assert_eq!(shards.len(), 3);
    assert_eq!((counts[0], counts[1] + counts[2]), (100, 100));
    server.stop().await.unwrap();
}

/// A sink that aggregates.
fn aggregating_sink(endpoint: &str) -> KinesisSink {
    let options = KinesisOptions {
        stream: STREAM.to_owned(),
        region: Some(REGION.to_owned()),
        endpoint: Some(endpoint.to_owned()),
        request_timeout: Duration::from_mins(1),
        aggregation: Aggregation::Kpl,
    };
    KinesisSink::new(&sandbox_configuration(endpoint), options, Handle::current())
}

/// An aggregated record for a shard that was split meanwhile is stored in one half of it, where consumers drop it: the
/// engine must not count it, and consumer and proxy, who take records apart themselves, must agree.
#[tokio::test]
async fn consumer_and_proxy_count_the_members_of_aggregated_records_and_what_consumers_drop() {
    let server = SandboxKinesis::start(ShardLimits::Off).await.unwrap();
    server.create_stream(STREAM, 1).await.unwrap();
    let plan = FaultPlan {
        rates: FaultRates::default(),
        seed: 1,
    };
    let proxy = FaultProxy::start(&server.endpoint(), plan).await.unwrap();
    let sink = aggregating_sink(&proxy.endpoint());
    let shards = sink.describe().await.unwrap().shards;
    let [parent] = shards.shards() else {
        unreachable!("{shards:?}")
    };
    let records: Vec<_> = (0..100)
        .map(|number| BatchRecord::new(number, b"{}", format!("key {number}").as_bytes()))
        .collect();
    let is_stored = |entry: &PutEntry| matches!(entry, PutEntry::Stored { .. });
    let whole = sink.put(parent, &records).await.unwrap();
    assert!(whole.iter().all(is_stored), "{whole:?}");
    let split = server.client().split_shard().stream_name(STREAM);
    let split = split
        .shard_to_split(&parent.id)
        .new_starting_hash_key(HALF.to_string());
    split.send().await.unwrap();
    server.wait_until_active(STREAM).await.unwrap();
    let stale = sink.put(parent, &records).await.unwrap();
    assert!(!stale.iter().any(is_stored), "{stale:?}");

    let (mut keys, mut dropped) = (Vec::new(), 0);
    for shard in list_shards(server.client(), STREAM).await.unwrap() {
        let take =
            |page: Vec<ConsumedRecord>| keys.extend(page.into_iter().map(|record| record.partition_key));
        dropped += read_shard(server.client(), STREAM, &shard, take).await.unwrap();
    }
    let expected: Vec<_> = (0..100).map(|number| format!("key {number}")).collect();
    assert_eq!((keys, dropped), (expected, 100));
    let (reading, counts) = (proxy.meter().reading(), proxy.counts());
    assert_eq!((reading.stored_count, counts.dropped_records), (100, 100));
    assert_eq!(server.meter().reading().stored_count, 2, "records of the stream");
    proxy.stop().await.unwrap();
    server.stop().await.unwrap();
}

#[tokio::test]
async fn enforced_limits_refuse_what_a_shard_does_not_take_in_a_second() {
    let server = SandboxKinesis::start(ShardLimits::Enforced).await.unwrap();
    server.create_stream(STREAM, 1).await.unwrap();
    for _ in 0..20 {
        put(&server, 500).await;
    }
    let reading = server.meter().reading();
    assert!(reading.refused_count > 0, "nothing was refused: {reading:?}");
    let shards = read_stream(server.client(), STREAM).await.unwrap();
    let read_count = u64::try_from(shards[0].records.len()).unwrap();
    assert_eq!(read_count, reading.stored_count);
    assert_eq!(reading.stored_count + reading.refused_count, 10_000);
    server.stop().await.unwrap();
}

#[tokio::test]
async fn the_null_server_answers_as_the_real_one_and_keeps_nothing() {
    let null = NullKinesis::start(2).await.unwrap();
    let real = SandboxKinesis::start(ShardLimits::Off).await.unwrap();
    real.create_stream(STREAM, 2).await.unwrap();
    let client = kinesis_client(&null.endpoint());
    let request = client.put_records().stream_name(STREAM);
    let answer = request.set_records(Some(entries(500))).send().await.unwrap();
    let real_answer = put(&real, 500).await;
    let shard_ids = |answer: &aws_sdk_kinesis::operation::put_records::PutRecordsOutput| -> Vec<String> {
        answer
            .records()
            .iter()
            .map(|entry| entry.shard_id().unwrap().to_owned())
            .collect()
    };
    assert_eq!(shard_ids(&answer), shard_ids(&real_answer));
    let sequence_numbers: Vec<&str> = answer
        .records()
        .iter()
        .filter_map(|entry| entry.sequence_number())
        .collect();
    assert!(
        sequence_numbers.iter().all(|number| number.len() == 56),
        "{sequence_numbers:?}"
    );
    assert!(sequence_numbers.is_sorted(), "sequence numbers must rise");

    let payload_bytes: usize = (0..500).map(|number| format!("record {number}").len()).sum();
    assert_eq!(null.payload_bytes(), u64::try_from(payload_bytes).unwrap());
    assert_eq!(null.reading().stored_count, 500);
    let ranges = |shards: &[aws_sdk_kinesis::types::Shard]| -> Vec<String> {
        shards
            .iter()
            .map(|shard| format!("{} {:?}", shard.shard_id(), shard.hash_key_range()))
            .collect()
    };
    let null_shards = client.list_shards().stream_name(STREAM).send().await.unwrap();
    let real_shards = real
        .client()
        .list_shards()
        .stream_name(STREAM)
        .send()
        .await
        .unwrap();
    assert_eq!(ranges(null_shards.shards()), ranges(real_shards.shards()));
    let summary = client
        .describe_stream_summary()
        .stream_name(STREAM)
        .send()
        .await
        .unwrap();
    assert_eq!(
        summary.stream_description_summary().unwrap().open_shard_count(),
        2
    );
    null.stop().await.unwrap();
    real.stop().await.unwrap();
}
