//! What every [`RecordSink`] promises: one function per behaviour, run against each backend by tests.
//!
//! A stream cannot be emptied, so each call recognises its own records by a word in their partition keys.
#![expect(
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "a broken promise has to fail the test that asked"
)]

use std::fmt::Debug;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future;

use super::pages::Pages;
use super::{PutEntry, ReadStart, RecordSink, SeenRecord};
use crate::chance;
use crate::limits::{PARTITION_KEY_CHARACTERS_MAX, RECORD_BYTES_DEFAULT, REQUEST_RECORDS_MAX};
use crate::model::BatchRecord;
use crate::model::batch::{Link, LinkKind};
use crate::route::lane::{LANES_COUNT, LaneIndex};
use crate::route::shard_map::{HashKey, Shard};

/// A sink, and the means to look into it.
#[async_trait]
pub trait SinkStage: Debug + Send + Sync {
    /// The sink.
    fn sink(&self) -> &dyn RecordSink;

    /// How many open shards the stream has.
    fn shards_count(&self) -> usize;

    /// Everything that is stored in a shard, in the order in which consumers see it.
    async fn stored(&self, shard: &Shard) -> Vec<SeenRecord>;
}

/// Runs all functions of this module but the one about lanes, which an aggregating sink does not have.
pub async fn run_all(stage: &dyn SinkStage) {
    a_stream_is_described_the_same_each_time(stage).await;
    records_are_stored_where_they_were_put_in_order(stage).await;
    a_full_request_is_answered_record_by_record(stage).await;
    later_requests_come_after_earlier_ones(stage).await;
    shards_are_written_at_once(stage).await;
    text_is_kept_byte_for_byte(stage).await;
    the_largest_record_fits(stage).await;
    what_was_put_is_read_back_from_any_place(stage).await;
}

/// Shards, limits and identity stay as long as nobody changes the stream.
pub async fn a_stream_is_described_the_same_each_time(stage: &dyn SinkStage) {
    let first = stage.sink().describe().await.expect("a description");
    assert_eq!(first.shards.shards().len(), stage.shards_count(), "{stage:?}");
    assert!(
        first.record_bytes_max >= RECORD_BYTES_DEFAULT,
        "{stage:?}: {}",
        first.record_bytes_max
    );
    assert!(!first.identity.is_empty(), "{stage:?} has no identity");
    let second = stage.sink().describe().await.expect("a description");
    assert_eq!(second, first, "{stage:?}");
}

/// The shard that is answered is the one that was meant, and the records are found there in order under the
/// sequence numbers that were answered.
pub async fn records_are_stored_where_they_were_put_in_order(stage: &dyn SinkStage) {
    let word = unique("order");
    for shard in shards_of(stage).await {
        let records = records_for(&shard, &word, 20);
        let numbers = put_all(stage, &shard, &records).await;
        let seen = seen_of(stage, &shard, &word).await;
        let found: Vec<_> = seen
            .iter()
            .map(|record| (&record.sequence_number, &*record.payload))
            .collect();
        let expected: Vec<_> = numbers
            .iter()
            .zip(records.iter().map(BatchRecord::payload))
            .collect();
        assert_eq!(found, expected, "{stage:?}: {}", shard.id);
    }
}

/// As many records as a request may have.
pub async fn a_full_request_is_answered_record_by_record(stage: &dyn SinkStage) {
    let word = unique("full");
    let shards = shards_of(stage).await;
    let shard = shards.first().expect("a shard");
    let records = records_for(shard, &word, REQUEST_RECORDS_MAX);
    put_all(stage, shard, &records).await;
    let seen = seen_of(stage, shard, &word).await;
    assert_eq!(payloads_of(&seen), payloads_sent(&records), "{stage:?}");
}

/// Order holds over requests, and sequence numbers rise over requests.
pub async fn later_requests_come_after_earlier_ones(stage: &dyn SinkStage) {
    let word = unique("later");
    let shards = shards_of(stage).await;
    let shard = shards.last().expect("a shard");
    let records = records_for(shard, &word, 30);
    let mut numbers = Vec::new();
    for request in records.chunks(7) {
        numbers.extend(put_all(stage, shard, request).await);
    }
    // The members of an aggregated record share one.
    numbers.dedup();
    let rises = numbers.windows(2).all(|pair| match pair {
        [earlier, later] => (earlier.len(), earlier) < (later.len(), later),
        _ => false,
    });
    assert!(rises, "{stage:?}: {numbers:?}");
    let seen = seen_of(stage, shard, &word).await;
    assert_eq!(payloads_of(&seen), payloads_sent(&records), "{stage:?}");
}

/// One request per shard, all of them at the same time.
pub async fn shards_are_written_at_once(stage: &dyn SinkStage) {
    let word = unique("parallel");
    let shards = shards_of(stage).await;
    let batches: Vec<_> = shards
        .iter()
        .map(|shard| (shard, records_for(shard, &word, 50)))
        .collect();
    future::join_all(
        batches
            .iter()
            .map(|(shard, records)| put_all(stage, shard, records)),
    )
    .await;
    for (shard, records) in &batches {
        let seen = seen_of(stage, shard, &word).await;
        assert_eq!(
            payloads_of(&seen),
            payloads_sent(records),
            "{stage:?}: {}",
            shard.id
        );
    }
}

/// Nothing is escaped, trimmed or normalised on the way.
pub async fn text_is_kept_byte_for_byte(stage: &dyn SinkStage) {
    let word = unique("text");
    let shards = shards_of(stage).await;
    let shard = shards.first().expect("a shard");
    let payloads = [
        "x",
        " ",
        "\n",
        "{\n\t\"a\":\t\"\\u0000\"\n}",
        "\"quoted\"",
        "ü ｆ 😀 \u{2028}",
        "e\u{301}",
        "\u{feff}bom",
    ];
    let mut records = records_for(shard, &word, payloads.len());
    for (record, payload) in records.iter_mut().zip(payloads) {
        *record = with_payload(record, payload.as_bytes());
    }
    let long_keys =
        (0..).map(|number| format!("{word}-{number}-{}", "ü".repeat(PARTITION_KEY_CHARACTERS_MAX)));
    let long_keys = long_keys.map(|key| key.chars().take(PARTITION_KEY_CHARACTERS_MAX).collect::<String>());
    records.extend(fitting(shard, long_keys).take(1).map(|key| record(99, &key)));
    put_all(stage, shard, &records).await;
    let seen = seen_of(stage, shard, &word).await;
    assert_eq!(payloads_of(&seen), payloads_sent(&records), "{stage:?}");
    let keys: Vec<_> = seen
        .iter()
        .map(|record| record.partition_key.as_bytes())
        .collect();
    let expected: Vec<_> = records.iter().map(BatchRecord::partition_key).collect();
    assert_eq!(keys, expected, "{stage:?}");
}

/// A record of exactly the size that every stream takes.
pub async fn the_largest_record_fits(stage: &dyn SinkStage) {
    let word = unique("large");
    let shards = shards_of(stage).await;
    let shard = shards.first().expect("a shard");
    let mut records = records_for(shard, &word, 1);
    for record in &mut records {
        let payload_bytes = RECORD_BYTES_DEFAULT - record.partition_key().len();
        *record = with_payload(record, "x".repeat(payload_bytes).as_bytes());
        assert_eq!(
            record.bytes_count(),
            RECORD_BYTES_DEFAULT,
            "the record is not the largest one"
        );
    }
    put_all(stage, shard, &records).await;
    let seen = seen_of(stage, shard, &word).await;
    assert!(payloads_of(&seen) == payloads_sent(&records), "{stage:?}");
}

/// A word that no earlier call has used.
fn unique(word: &str) -> String {
    format!("{word}-{}", chance::short_id())
}

async fn shards_of(stage: &dyn SinkStage) -> Vec<Shard> {
    let description = stage.sink().describe().await.expect("a description");
    description.shards.shards().to_vec()
}

/// Puts records that must all be stored; answers their sequence numbers.
async fn put_all(stage: &dyn SinkStage, shard: &Shard, records: &[BatchRecord]) -> Vec<String> {
    let entries = stage.sink().put(shard, records).await.expect("an answer");
    assert_eq!(entries.len(), records.len(), "{stage:?}: entries of the answer");
    let numbers = entries.into_iter().map(|entry| match entry {
        PutEntry::Stored {
            sequence_number,
            shard_id,
        } => {
            assert_eq!(*shard_id, *shard.id, "{stage:?}");
            Some(sequence_number)
        }
        PutEntry::Failed { .. } => None,
    });
    let numbers: Option<Vec<_>> = numbers.collect();
    numbers.expect("every record is stored")
}

/// Reading from the oldest record, from a record on and from after a record gives what is there, in order.
pub async fn what_was_put_is_read_back_from_any_place(stage: &dyn SinkStage) {
    let word = unique("back");
    for shard in shards_of(stage).await {
        stage
            .sink()
            .check_readable(&shard)
            .await
            .expect("the right to read");
        // The records of a request may share a sequence number, so places lie between requests.
        let mut numbers = Vec::new();
        for request in records_for(&shard, &word, 30).chunks(10) {
            numbers.extend(put_all(stage, &shard, request).await);
        }
        let stored = seen_of(stage, &shard, &word).await;
        let number = |index: usize| numbers.get(index).expect("30 records").clone();
        let from = |index: usize| stored.get(index..).unwrap_or_default();
        for (start, expected) in [
            (ReadStart::Oldest, from(0)),
            (ReadStart::At(number(10)), from(10)),
            (ReadStart::After(number(19)), from(20)),
            (ReadStart::Latest, &[]),
        ] {
            let mut found = read_to_the_end(stage, &shard, start.clone()).await;
            found.retain(|record| record.partition_key.starts_with(&word));
            assert_eq!(found, expected, "{stage:?}: {} from {start:?}", shard.id);
        }
        // Whoever begins at a record and does not meet it first takes it for gone.
        let begun = first_of(stage, &shard, ReadStart::At(number(10))).await;
        assert_eq!(begun, number(10), "{stage:?}: {}", shard.id);
    }
}

/// The records of a lane are stored in one shard, in order, with keys that would send them elsewhere.
pub async fn a_lane_goes_to_its_point_whatever_the_partition_key_is(stage: &dyn SinkStage) {
    let word = unique("lane");
    for shard in shards_of(stage).await {
        let lanes = (0..LANES_COUNT).map(LaneIndex::of_number);
        let lane = lanes.rev().find(|lane| shard.range.contains(lane.point()));
        let link = lane.map(|lane| Link {
            lane,
            kind: LinkKind::Record,
        });
        let keys = (0_u64..20).map(|ordinal| (ordinal, format!("{word}-{}-{ordinal}", shard.id)));
        let records: Vec<_> = keys
            .map(|(ordinal, key)| record(ordinal, &key).with_link(link))
            .collect();
        put_all(stage, &shard, &records).await;
        let seen = seen_of(stage, &shard, &word).await;
        assert_eq!(
            payloads_of(&seen),
            payloads_sent(&records),
            "{stage:?}: {}",
            shard.id
        );
    }
}

/// Everything from a place to the end of a shard. Nothing is in the air, so the first empty page at the end is the
/// last one.
async fn read_to_the_end(stage: &dyn SinkStage, shard: &Shard, start: ReadStart) -> Vec<SeenRecord> {
    let reader = stage.sink().read(shard, start).await.expect("a reader");
    let pages = Pages::new(reader, Duration::ZERO, Some(1));
    pages.all().await.expect("the records")
}

/// The sequence number that the first page with records begins with.
async fn first_of(stage: &dyn SinkStage, shard: &Shard, start: ReadStart) -> String {
    let reader = stage.sink().read(shard, start).await.expect("a reader");
    let mut pages = Pages::new(reader, Duration::ZERO, Some(1));
    while let Some(page) = pages.next().await.expect("a page") {
        if let Some(first) = page.first {
            return first.sequence_number;
        }
    }
    String::new()
}

async fn seen_of(stage: &dyn SinkStage, shard: &Shard, word: &str) -> Vec<SeenRecord> {
    let mut seen = stage.stored(shard).await;
    seen.retain(|record| record.partition_key.starts_with(word));
    seen
}

fn payloads_of(seen: &[SeenRecord]) -> Vec<&[u8]> {
    seen.iter().map(|record| &*record.payload).collect()
}

fn payloads_sent(records: &[BatchRecord]) -> Vec<&[u8]> {
    records.iter().map(BatchRecord::payload).collect()
}

/// Records with different partition keys that start with `word` and belong to the shard.
fn records_for(shard: &Shard, word: &str, count: usize) -> Vec<BatchRecord> {
    let keys = (0..).map(|number| format!("{word}-{number}"));
    let ordinals = 0_u64..;
    fitting(shard, keys)
        .take(count)
        .zip(ordinals)
        .map(|(key, ordinal)| record(ordinal, &key))
        .collect()
}

fn fitting(shard: &Shard, keys: impl Iterator<Item = String>) -> impl Iterator<Item = String> {
    keys.filter(|key| shard.range.contains(HashKey::of_partition_key(key.as_bytes())))
}

fn record(ordinal: u64, partition_key: &str) -> BatchRecord {
    let payload = format!("{{\"ordinal\":{ordinal},\"key\":\"{partition_key}\"}}\n");
    BatchRecord::new(ordinal, payload.as_bytes(), partition_key.as_bytes())
}

fn with_payload(record: &BatchRecord, payload: &[u8]) -> BatchRecord {
    BatchRecord::new(record.ordinal, payload, record.partition_key())
}
