//! The scripted faults of the memory source and the memory sink strike as they say.
#![allow(
    clippy::unwrap_used,
    clippy::missing_assert_message,
    reason = "a test that cannot be set up has to fail"
)]

use std::time::Duration;

use bucket_brigade::fault::Certainty;
use bucket_brigade::limits::{REQUEST_BYTES_MAX, REQUEST_RECORDS_MAX};
use bucket_brigade::model::BatchRecord;
use bucket_brigade::route::shard_map::{HashKey, Shard, ShardIndex, ShardMap};
use bucket_brigade::sink::memory::{MemorySink, PutFault};
use bucket_brigade::sink::{PutEntry, RecordSink, SinkError};
use bucket_brigade::source::memory::{BodyFault, MemorySource};
use bucket_brigade::source::{ObjectSource, SourceError};
use bytes::Bytes;
use futures_util::StreamExt;

/// Pieces that came, and the error that ended them.
async fn read(source: &MemorySource, position: u64) -> (Vec<Bytes>, Option<SourceError>) {
    let version = source.list("a", None).await.unwrap().objects.pop().unwrap();
    let items: Vec<_> = source.read(&version, position).await.unwrap().collect().await;
    let mut pieces = Vec::new();
    let mut error = None;
    for item in items {
        assert!(error.is_none(), "something came after an error");
        match item {
            Ok(piece) => pieces.push(piece),
            Err(found) => error = Some(found),
        }
    }
    (pieces, error)
}

#[tokio::test]
async fn a_body_fault_strikes_one_read_at_its_byte() {
    let source = MemorySource::new().with_piece_bytes(4);
    source.put("a", "0123456789");
    source.inject("a", 6, BodyFault::Unreachable);
    let (pieces, error) = read(&source, 1).await;
    assert_eq!(pieces, ["1234", "5"]);
    assert!(
        matches!(error, Some(SourceError::Unreachable { .. })),
        "{error:?}"
    );
    assert_eq!(source.bytes_read(), 5);

    let (pieces, error) = read(&source, 0).await;
    assert_eq!((pieces.concat(), error.is_none()), (b"0123456789".to_vec(), true));
}

#[tokio::test]
async fn an_object_can_change_or_vanish_in_the_middle_of_a_read() {
    let source = MemorySource::new();
    source.put("a", "0123456789");
    source.inject("a", 3, BodyFault::Replaced(Bytes::from("new")));
    let (pieces, error) = read(&source, 0).await;
    assert_eq!(pieces, ["012"]);
    assert!(matches!(error, Some(SourceError::Changed { .. })), "{error:?}");
    assert_eq!(read(&source, 0).await.0, ["new"]);

    source.inject("a", 3, BodyFault::Removed);
    let (pieces, error) = read(&source, 0).await;
    assert_eq!(pieces, ["new"]);
    assert!(matches!(error, Some(SourceError::Vanished { .. })), "{error:?}");
    assert!(source.list("a", None).await.unwrap().objects.is_empty());
}

#[tokio::test]
async fn a_listing_fails_once() {
    let source = MemorySource::new();
    source.fail_next_list(SourceError::Missing { location: "x".into() });
    assert!(source.list("", None).await.is_err());
    assert!(source.list("", None).await.is_ok());
}

fn records(shard: &Shard, count: usize) -> Vec<BatchRecord> {
    let keys = (0..).map(|number| format!("key-{number}"));
    let own = keys.filter(|key| shard.range.contains(HashKey::of_partition_key(key.as_bytes())));
    let record = |(key, ordinal): (String, u64)| BatchRecord::new(ordinal, key.as_bytes(), key.as_bytes());
    own.take(count).zip(0..).map(record).collect()
}

fn setting() -> (MemorySink, Shard) {
    let map = ShardMap::uniform(2).unwrap();
    let shard = map.shard(ShardIndex(1)).unwrap().clone();
    (MemorySink::new(&map), shard)
}

/// What became of each record: `s`tored, `t`hrottled (surely not stored) or `d`oubtful.
fn fates(entries: &[PutEntry]) -> String {
    let fate = |entry: &PutEntry| match entry {
        PutEntry::Stored { .. } => 's',
        PutEntry::Failed {
            certainty: Certainty::NotApplied,
            ..
        } => 't',
        PutEntry::Failed {
            certainty: Certainty::MaybeApplied,
            ..
        } => 'd',
    };
    entries.iter().map(fate).collect()
}

#[tokio::test]
async fn each_fault_stores_and_says_what_it_promises() {
    let check = async |fault: PutFault, expected: &str, stored: &[u64]| {
        let (sink, shard) = setting();
        let records = records(&shard, 3);
        sink.script(fault.clone());
        let outcome = match sink.put(&shard, &records).await {
            Ok(entries) => fates(&entries),
            Err(SinkError::Throttled { .. }) => "throttled".to_owned(),
            Err(SinkError::Doubtful { .. }) => "doubtful".to_owned(),
            Err(SinkError::NotSent { .. }) => "not sent".to_owned(),
            Err(SinkError::NotReady { .. }) => "not ready".to_owned(),
            Err(SinkError::Outlasted(_)) => "outlasted".to_owned(),
            Err(SinkError::Denied { .. }) => "denied".to_owned(),
            Err(SinkError::Missing { .. }) => "missing".to_owned(),
            Err(SinkError::Io { .. }) => "failed".to_owned(),
            Err(SinkError::Refused { .. } | SinkError::RecordsRefused { .. }) => "refused".to_owned(),
        };
        assert_eq!(outcome, expected, "{fault:?}");
        let expected: Vec<_> = stored
            .iter()
            .map(|at| records[usize::try_from(*at).unwrap()].payload().to_vec())
            .collect();
        let found: Vec<_> = sink.stored(1).into_iter().map(|record| record.payload).collect();
        assert_eq!(found, expected, "{fault:?}");
        assert_eq!(
            fates(&sink.put(&shard, &records).await.unwrap()),
            "sss",
            "a fault strikes once"
        );
    };
    check(PutFault::ThrottleRequest, "throttled", &[]).await;
    check(PutFault::ThrottleRecords(vec![1]), "sts", &[0, 2]).await;
    check(PutFault::FailRecords(vec![0, 2]), "dsd", &[1]).await;
    check(PutFault::StoreButFailRecords(vec![0]), "dss", &[0, 1, 2]).await;
    check(PutFault::StoreThenTimeOut, "doubtful", &[0, 1, 2]).await;
    check(PutFault::TimeOut, "doubtful", &[]).await;
    check(PutFault::NotSent, "not sent", &[]).await;
    check(PutFault::Denied, "denied", &[]).await;
    check(PutFault::Missing, "missing", &[]).await;
    check(PutFault::Delay(Duration::from_millis(1)), "sss", &[0, 1, 2]).await;
}

#[tokio::test]
async fn a_fault_for_a_shard_waits_for_that_shard() {
    let (sink, shard) = setting();
    sink.script_for(0, PutFault::ThrottleRequest);
    assert!(sink.put(&shard, &records(&shard, 1)).await.is_ok());
    let other = sink.describe().await.unwrap().shards.shards()[0].clone();
    assert!(sink.put(&other, &records(&other, 1)).await.is_err());
}

#[tokio::test]
async fn what_the_service_would_not_take_is_refused() {
    let (sink, shard) = setting();
    let refuses = async |records: Vec<BatchRecord>, why: &str| {
        let outcome = sink.put(&shard, &records).await;
        let is_told = match &outcome {
            Err(SinkError::Refused { detail, .. } | SinkError::RecordsRefused { detail, .. }) => {
                detail.contains(why)
            }
            _ => false,
        };
        assert!(is_told, "{why}: {outcome:?}");
    };
    refuses(Vec::new(), "0 records").await;
    refuses(records(&shard, REQUEST_RECORDS_MAX + 1), "501 records").await;
    let mut heavy = records(&shard, 12);
    for record in &mut heavy {
        *record = BatchRecord::new(0, &vec![b'x'; REQUEST_BYTES_MAX / 11], record.partition_key());
    }
    refuses(heavy, "bytes in one request").await;
    let mut large = records(&shard, 1);
    large[0] = BatchRecord::new(0, &vec![b'x'; 1024 * 1024], large[0].partition_key());
    refuses(large, "record #0 has").await;
    let mut keyless = records(&shard, 1);
    keyless[0] = BatchRecord::new(0, keyless[0].payload(), b"");
    refuses(keyless, "partition key").await;
    let other = sink.describe().await.unwrap().shards.shards()[0].clone();
    refuses(records(&other, 1), "does not belong").await;
    assert!(sink.stored_in_all().is_empty());
}

/// O1.
#[tokio::test]
async fn two_requests_to_one_shard_at_once_are_noticed() {
    let (sink, shard) = setting();
    let records = records(&shard, 1);
    sink.script(PutFault::Delay(Duration::from_millis(20)));
    let (first, second) = tokio::join!(sink.put(&shard, &records), sink.put(&shard, &records));
    assert!(first.is_ok() && second.is_ok());
    assert_eq!((sink.overlaps_count(), sink.requests_count()), (1, 2));
    sink.put(&shard, &records).await.unwrap();
    assert_eq!(sink.overlaps_count(), 1);
}
