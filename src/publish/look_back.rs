//! Reads a shard's family back: what lies after the places that are known, up to an end that is late enough.
//!
//! The service lets all readers of a shard together read five times a second, and consumers are readers too, so a
//! look takes its time. A page without records is not the end, and neither is one that is not behind: an end counts
//! only if it was seen several times after the time that the plan names.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::attempt::Acknowledged;
use super::fingerprint::Fingerprint;
use super::look_plan::LookPlan;
use super::looked::{Looked, Sighting};
use crate::fault::{Fault, FaultKind};
use crate::observe::shards::DoubtNote;
use crate::route::lane::LaneIndex;
use crate::route::lineage::KnownShard;
use crate::route::shard_map::{HashKey, Shard};
use crate::settings::OutOfRetention;
use crate::sink::pages::{Pages, Patience};
use crate::sink::{ReadStart, RecordSink, ShardReader, SinkError};

/// How often the end of an open shard must be seen before it is believed.
const ENDS_SEEN_MIN: u32 = 3;
/// Arrival times are approximate, so reading from a time on begins earlier.
const TIME_MARGIN_MS: i64 = 10 * 60 * 1_000;

/// What a look needs.
#[derive(Debug, Clone)]
pub struct LookBack {
    /// The stream.
    pub sink: Arc<dyn RecordSink>,
    /// The shard that records are sent to.
    pub shard: Shard,
    /// Pause between two calls.
    pub pause: Duration,
    /// Shards without a known place are read from this time on, in milliseconds since the epoch.
    pub since_ms: i64,
    /// What to do if a place is gone.
    pub out_of_retention: OutOfRetention,
    /// Whether records are sent to the points of lanes.
    pub is_chained: bool,
}

impl LookBack {
    /// Everything after the places of a plan that the plan does not know, at a moment not before `not_before`.
    ///
    /// # Errors
    /// If the stream cannot be read, or a place is gone and the task is to stop then.
    pub async fn look(
        &self,
        plan: &LookPlan,
        not_before: Instant,
        note: &DoubtNote,
    ) -> Result<Looked, Fault> {
        tokio::time::sleep_until(not_before).await;
        let mut looked = Looked::default();
        for known in self.family().await? {
            let start = match plan.starts.get(&known.shard.id) {
                Some(number) => ReadStart::At(number.clone()),
                None => ReadStart::Since(self.since_ms.saturating_sub(TIME_MARGIN_MS)),
            };
            self.read(&known, start, plan, &mut looked, note).await?;
        }
        Ok(looked)
    }

    /// The shard, what it came from and what came of it, parents first.
    async fn family(&self) -> Result<Vec<KnownShard>, Fault> {
        let mut patience = Patience::default();
        loop {
            match self.sink.describe().await {
                Ok(stream) => {
                    let family = stream.lineage.family_of(&self.shard.id);
                    return Ok(family.into_iter().cloned().collect());
                }
                Err(error) => patience.wait(error).await.map_err(Fault::from)?,
            }
        }
    }

    async fn open(&self, shard: &Shard, start: ReadStart) -> Result<Box<dyn ShardReader>, Fault> {
        let mut patience = Patience::default();
        let mut start = start;
        loop {
            match self.sink.read(shard, start.clone()).await {
                Ok(reader) => return Ok(reader),
                Err(error @ SinkError::Refused { .. }) if start != ReadStart::Oldest => {
                    self.place_is_gone(shard, &error)?;
                    start = ReadStart::Oldest;
                }
                Err(error) => patience.wait(error).await.map_err(Fault::from)?,
            }
        }
    }

    /// Where a record with this partition key was sent.
    fn hash_key(&self, partition_key: &[u8]) -> HashKey {
        let hash_key = HashKey::of_partition_key(partition_key);
        if self.is_chained {
            return LaneIndex::of(hash_key).point();
        }
        hash_key
    }

    fn place_is_gone(&self, shard: &Shard, error: &SinkError) -> Result<(), Fault> {
        let what = format!(
            "{} no longer keeps the last known record of {}: {error}",
            self.sink, shard.id
        );
        match self.out_of_retention {
            OutOfRetention::Resend => {
                tracing::warn!(
                    "{what}; records in doubt that are not there any more are sent again and may come twice"
                );
                Ok(())
            }
            OutOfRetention::Stop => {
                let cure = "set target.kinesis.out_of_retention to resend, or verify what arrived";
                Err(Fault::new(FaultKind::Data, format!("{what}; {cure}")))
            }
        }
    }

    async fn read(
        &self,
        known: &KnownShard,
        start: ReadStart,
        plan: &LookPlan,
        looked: &mut Looked,
        note: &DoubtNote,
    ) -> Result<(), Fault> {
        looked.note_shard(&known.shard.range);
        let reader = self.open(&known.shard, start).await?;
        let empty_ends_min = known.is_open.then_some(ENDS_SEEN_MIN);
        let mut pages = Pages::new(reader, self.pause, empty_ends_min);
        while let Some(page) = pages.next().await.map_err(Fault::from)? {
            note.read(page.records.len(), page.behind_ms);
            for record in page.records {
                let key = record.partition_key.as_bytes();
                let hash_key = self.hash_key(key);
                if !plan.range.contains(hash_key) {
                    continue;
                }
                let acknowledged =
                    Acknowledged::seen(&known.shard.id, &record.sequence_number, record.member);
                let is_known = plan.is_known(&acknowledged, hash_key);
                let fingerprint = Fingerprint::of(key, &record.payload);
                let sighting = Sighting {
                    fingerprint,
                    acknowledged,
                };
                looked.note(sighting, key, is_known);
            }
        }
        Ok(())
    }
}
