//! Reads a whole stream back: all shards it still knows, parents before their children.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use futures_util::{TryStreamExt, stream};
use serde::Deserialize;

use super::snapshot::Until;
use crate::fault::Fault;
use crate::model::sequence_number::SequenceNumber;
use crate::route::lineage::{KnownShard, Lineage};
use crate::sink::pages::Pages;
use crate::sink::{ReadStart, RecordSink, SeenRecord, SinkError};

/// Shards read at once: each of them may have a page of 10 MiB in memory.
const SHARDS_AT_ONCE: usize = 8;

/// Takes a record, and whether it is later than what is asked about.
type Take<'t> = dyn FnMut(&SeenRecord, bool) + 't;

/// How to read.
#[derive(Debug, Clone)]
pub(super) struct Reading<'a> {
    pub(super) sink: &'a dyn RecordSink,
    /// Where to begin in each shard.
    pub(super) start: ReadStart,
    /// Up to where something is asked about.
    pub(super) until: &'a Until,
    /// Time from one call to the next, per shard.
    pub(super) page_interval: Duration,
}

impl Reading<'_> {
    /// Hands every record to `take`, and whether it is later than what is asked about: all records of one key in the order of
    /// the stream. Gives the time at which the
    /// oldest record was built, as far as the first record of each shard shows.
    pub(super) async fn read(&self, lineage: &Lineage, take: &mut Take<'_>) -> Result<Option<i64>, Fault> {
        let (take, oldest) = (RefCell::new(take), Cell::new(None));
        for group in lineage.generations() {
            let shards = stream::iter(group.into_iter().map(Ok));
            shards
                .try_for_each_concurrent(SHARDS_AT_ONCE, |known| self.read_shard(known, &take, &oldest))
                .await
                .map_err(Fault::from)?;
        }
        Ok(oldest.get())
    }

    async fn read_shard(
        &self,
        known: &KnownShard,
        take: &RefCell<&mut Take<'_>>,
        oldest: &Cell<Option<i64>>,
    ) -> Result<(), SinkError> {
        let reader = self.sink.read(&known.shard, self.start.clone()).await?;
        let mut pages = Pages::new(reader, self.page_interval, Some(1));
        let until = self.until.get(&known.shard.id);
        let mut is_first = true;
        while let Some(page) = pages.next().await? {
            for record in &page.records {
                if std::mem::take(&mut is_first) {
                    let times = [oldest.get(), built_ms(&record.payload)];
                    oldest.set(times.into_iter().flatten().min());
                }
                let is_later =
                    until.is_some_and(|until| *until < SequenceNumber::new(&record.sequence_number));
                (take.borrow_mut())(record, is_later);
            }
        }
        Ok(())
    }
}

/// What is read of a message to learn when it was built.
#[derive(Deserialize)]
struct Stamped {
    metadata: Stamp,
}

#[derive(Deserialize)]
struct Stamp {
    timestamp: String,
}

fn built_ms(payload: &[u8]) -> Option<i64> {
    let stamped: Stamped = serde_json::from_slice(payload).ok()?;
    let time: jiff::Timestamp = stamped.metadata.timestamp.parse().ok()?;
    Some(time.as_millisecond())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::BatchRecord;
    use crate::route::shard_map::ShardMap;
    use crate::sink::memory::MemorySink;

    #[tokio::test]
    async fn a_key_is_read_in_order_across_a_reshard_and_the_pace_is_kept() {
        let sink = MemorySink::new(&ShardMap::uniform(1).unwrap());
        let put = async |sink: &MemorySink, payload: &str| {
            let description = sink.describe().await.unwrap();
            let record = BatchRecord::new(0, payload.as_bytes(), b"k");
            let hash = crate::route::shard_map::HashKey::of_partition_key(b"k");
            let shard = description.shards.shard(description.shards.locate(hash)).unwrap();
            sink.put(shard, &[record]).await.unwrap();
        };
        let time = |day| format!(r#"{{"metadata":{{"timestamp":"2026-01-{day:02}T00:00:00.000000Z"}}}}"#);
        put(&sink, &time(9)).await;
        sink.split(0);
        put(&sink, &time(8)).await;
        let description = sink.describe().await.unwrap();
        let reading = Reading {
            sink: &sink,
            start: ReadStart::Oldest,
            until: &Until::new(),
            page_interval: Duration::from_millis(20),
        };
        let mut seen = Vec::new();
        let start = tokio::time::Instant::now();
        let mut take = |record: &SeenRecord, _is_later: bool| seen.push(built_ms(&record.payload).unwrap());
        let oldest = reading.read(&description.lineage, &mut take).await.unwrap();
        assert_eq!(seen.len(), 2);
        assert_eq!(oldest, Some(seen[1]));
        assert_eq!(seen[0] - seen[1], 24 * 3_600_000);
        // A page with the record, and one that is empty.
        assert!(start.elapsed() >= Duration::from_millis(20));
    }

    #[test]
    fn a_message_of_others_has_no_time() {
        assert_eq!(built_ms(b"hello"), None);
        assert_eq!(built_ms(br#"{"metadata":{"timestamp":"soon"}}"#), None);
    }
}
