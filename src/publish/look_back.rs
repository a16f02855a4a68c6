//! Reads a shard's family back: what lies behind the places that are known, up to an end that is late enough.
//!
//! The service lets all readers of a shard together read five times a second, and consumers are readers too, so a
//! look takes its time. A page without records is not the end, and neither is one that is not behind: an end counts
//! only if it was seen several times after the time that the plan names.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::attempt::Acknowledged;
use super::delivery::LookPlan;
use super::fingerprint::Fingerprint;
use super::looked::{Looked, Sighting};
use crate::config::OutOfRetention;
use crate::fault::{Fault, FaultKind};
use crate::observe::shards::DoubtNote;
use crate::route::lineage::KnownShard;
use crate::route::shard_map::Shard;
use crate::sink::{ReadStart, RecordSink, ShardReader, SinkError};

/// How often the end of an open shard must be seen before it is believed.
const ENDS_SEEN_MIN: u32 = 3;
/// Pause after a call that failed.
const RETRY_PAUSE: Duration = Duration::from_secs(1);
/// How long calls may fail before the generation gives up.
const UNREADABLE_MAX: Duration = Duration::from_mins(2);
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
}

impl LookBack {
    /// Everything behind the places of a plan that the plan does not know, at a moment not before `not_before`.
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
        let patience = Patience::default();
        let mut looked = Looked::default();
        for known in self.family(patience).await? {
            let start = match plan.starts.get(&known.shard.id) {
                Some(number) => ReadStart::At(number.clone()),
                None => ReadStart::Since(self.since_ms.saturating_sub(TIME_MARGIN_MS)),
            };
            let mut reader = self.open(&known.shard, start).await?;
            let no_numbers = HashSet::new();
            let numbers = plan.known.get(&known.shard.id).unwrap_or(&no_numbers);
            self.read(reader.as_mut(), &known, numbers, &mut looked, note)
                .await?;
        }
        Ok(looked)
    }

    /// The shard, what it came from and what came of it, parents first.
    async fn family(&self, mut patience: Patience) -> Result<Vec<KnownShard>, Fault> {
        loop {
            match self.sink.describe().await {
                Ok(stream) => {
                    let family = stream.lineage.family_of(&self.shard.id);
                    return Ok(family.into_iter().cloned().collect());
                }
                Err(error) => patience.wait(error).await?,
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
                Err(error) => patience.wait(error).await?,
            }
        }
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
        reader: &mut dyn ShardReader,
        known: &KnownShard,
        numbers: &HashSet<String>,
        looked: &mut Looked,
        note: &DoubtNote,
    ) -> Result<(), Fault> {
        let (mut patience, mut ends_seen) = (Patience::default(), 0);
        loop {
            let page = match reader.next_page().await {
                Ok(page) => page,
                Err(error) => {
                    patience.wait(error).await?;
                    continue;
                }
            };
            patience = Patience::default();
            note.read(page.records.len(), page.behind_ms);
            let is_at_end = page.records.is_empty() && page.behind_ms == 0;
            for record in page.records {
                let key = record.partition_key.as_bytes();
                let sighting = Sighting {
                    fingerprint: Fingerprint::of(key, &record.payload),
                    acknowledged: Acknowledged::seen(&known.shard.id, &record.sequence_number),
                };
                looked.note(sighting, key, numbers.contains(&record.sequence_number));
            }
            ends_seen = if is_at_end { ends_seen + 1 } else { 0 };
            if page.is_last || (known.is_open && ends_seen >= ENDS_SEEN_MIN) {
                return Ok(());
            }
            tokio::time::sleep(self.pause).await;
        }
    }
}

/// How long calls have been failing.
#[derive(Debug, Clone, Copy, Default)]
struct Patience {
    since: Option<Instant>,
}

impl Patience {
    /// Waits before the next call.
    ///
    /// # Errors
    /// If trying again cannot help, or did not help for too long.
    async fn wait(&mut self, error: SinkError) -> Result<(), Fault> {
        match &error {
            SinkError::Throttled { .. } => {}
            SinkError::NotSent { .. } | SinkError::Doubtful { .. } => {
                let since = *self.since.get_or_insert_with(Instant::now);
                if since.elapsed() > UNREADABLE_MAX {
                    return Err(Fault::from(error));
                }
            }
            SinkError::Missing { .. }
            | SinkError::Denied { .. }
            | SinkError::Io { .. }
            | SinkError::Refused { .. } => return Err(Fault::from(error)),
        }
        tracing::debug!(%error, "reading the stream back failed, trying again");
        tokio::time::sleep(RETRY_PAUSE).await;
        Ok(())
    }
}
