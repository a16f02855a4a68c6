//! Reads a shard's family back: what lies after the places that are known, up to an end that is late enough.
//!
//! The service lets all readers of a shard together read five times a second, and consumers are readers too, so a
//! look takes its time. A page without records is not the end, and neither is one that is not behind: an end counts
//! only if it was seen several times after the time that the plan names, or if the pages are past that time.
//!
//! **What a look need not read.** A record that this process has in doubt was sent after its batch was begun, to a shard
//! that was open, so it arrived after that, and in none of the closed shards that this one came from. Those are not read,
//! and what arrived more than a margin earlier is passed over. Of a process before this one neither is known for certain:
//! from its places on everything is read.
//!
//! **What is gone.** A place is the number of a record that was stored, and reading begins at that record, itself
//! included. If another one comes first, or none, the stream does not keep it any more. That is of no account as long
//! as everything in doubt is younger than what the stream keeps.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::attempt::Acknowledged;
use super::fingerprint::{Fingerprint, is_message};
use super::look_plan::LookPlan;
use super::look_progress::Progress;
use super::looked::{Looked, Sighting};
use super::planted;
use crate::clock::Clock;
use crate::fault::{Fault, FaultKind};
use crate::limits::RETENTION_MIN;
use crate::model::settle::compare_sequence_numbers;
use crate::observe::shards::{DoubtNote, PageRead};
use crate::route::lane::LaneIndex;
use crate::route::lineage::KnownShard;
use crate::route::shard_map::{HashKey, Shard};
use crate::saturate;
use crate::settings::OutOfRetention;
use crate::sink::pages::{PagePermits, Pages, Patience};
use crate::sink::{PageEdge, ReadPage, ReadStart, RecordSink, ShardReader, SinkError};

/// How often the end of an open shard must be seen before it is believed.
const ENDS_SEEN_MIN: u32 = 3;
/// Arrival times are approximate, and clocks differ, so whatever is judged by time is judged with this margin.
const TIME_MARGIN: Duration = Duration::from_mins(10);

/// What a look needs.
#[derive(Debug, Clone)]
pub struct LookBack {
    /// The stream.
    pub sink: Arc<dyn RecordSink>,
    /// The shard that records are sent to.
    pub shard: Shard,
    /// Pause between two calls.
    pub pause: Duration,
    /// How many pages the looks of all shards have in memory.
    pub permits: PagePermits,
    /// What to do if a place is gone.
    pub out_of_retention: OutOfRetention,
    /// Whether records are sent to the points of lanes.
    pub is_chained: bool,
    /// Time of day.
    pub clock: Arc<dyn Clock>,
}

/// What is looked for.
#[derive(Debug)]
pub struct Question<'q> {
    /// Where to begin, and what is not news.
    pub plan: &'q LookPlan,
    /// Nothing in doubt was sent before this time, in milliseconds since the epoch.
    pub since_ms: i64,
    /// When no request that was given up can be stored any more.
    pub not_before: Instant,
    /// Shows how far it is.
    pub note: &'q DoubtNote,
}

impl Question<'_> {
    /// From here on whatever is in doubt arrived, in milliseconds since the epoch.
    fn arrived_from_ms(&self) -> i64 {
        self.since_ms
            .saturating_sub(saturate::to_i64(TIME_MARGIN.as_millis()))
    }

    fn start_of(&self, shard_id: &str) -> ReadStart {
        match self.plan.starts.get(shard_id) {
            Some(number) => ReadStart::At(number.clone()),
            None => ReadStart::Since(self.arrived_from_ms()),
        }
    }
}

impl LookBack {
    /// Everything after the places of a plan that the plan does not know, at a moment not before the one that is named.
    ///
    /// # Errors
    /// If the stream cannot be read, or a place is gone and the task is to stop then.
    pub async fn look(&self, question: &Question<'_>) -> Result<Looked, Fault> {
        tokio::time::sleep_until(question.not_before).await;
        let mut looked = Looked::for_rows(question.plan.wanted.clone());
        for known in self.shards(question.plan).await? {
            looked.note_shard(&known.shard.range);
            let mut next = Some(question.start_of(&known.shard.id));
            while let Some(start) = next {
                next = self.read(&known, start, question, &mut looked).await?;
            }
        }
        Ok(looked)
    }

    /// The shard and those of its family that are to be read, parents first.
    async fn shards(&self, plan: &LookPlan) -> Result<Vec<KnownShard>, Fault> {
        let mut patience = Patience::default();
        loop {
            match self.sink.describe().await {
                Ok(stream) => {
                    let shards = plan.shards_of(&stream.lineage, &self.shard.id);
                    return Ok(shards.into_iter().cloned().collect());
                }
                Err(error) => patience.wait(error).await.map_err(Fault::from)?,
            }
        }
    }

    /// A reader, or what the service says of a place that it refuses.
    async fn open(
        &self,
        shard: &Shard,
        start: &ReadStart,
    ) -> Result<Result<Box<dyn ShardReader>, SinkError>, Fault> {
        let mut patience = Patience::default();
        loop {
            match self.sink.read(shard, start.clone()).await {
                Ok(reader) => return Ok(Ok(reader)),
                Err(error @ SinkError::Refused { .. }) if *start != ReadStart::Oldest => {
                    return Ok(Err(error));
                }
                Err(error) => patience.wait(error).await.map_err(Fault::from)?,
            }
        }
    }

    /// Reads a shard from a place to its end; gives another place if it has to be read from there.
    async fn read(
        &self,
        known: &KnownShard,
        start: ReadStart,
        question: &Question<'_>,
        looked: &mut Looked,
    ) -> Result<Option<ReadStart>, Fault> {
        let shard = &known.shard;
        let reader = match self.open(shard, &start).await? {
            Ok(reader) => reader,
            Err(error) => {
                self.place_is_gone(shard, question, None, &error.to_string())?;
                return Ok(Some(ReadStart::Oldest));
            }
        };
        let may_pass_over = question.plan.wanted.is_some() && !matches!(start, ReadStart::Since(_));
        let mut awaited = match start {
            ReadStart::At(number) => Some(number),
            ReadStart::Oldest | ReadStart::After(_) | ReadStart::Since(_) | ReadStart::Latest => None,
        };
        let empty_ends_min = known.is_open.then_some(ENDS_SEEN_MIN);
        let pages = Pages::new(reader, self.pause, empty_ends_min);
        let mut pages = pages.within(self.permits.clone());
        let (begun, mut progress) = (Instant::now(), Progress::default());
        while let Some(page) = pages.next().await.map_err(Fault::from)? {
            self.tell(shard, &mut progress, begun.elapsed(), &page, question.note);
            if let Some(first) = &page.first
                && let Some(number) = awaited.take()
                && compare_sequence_numbers(&number, &first.sequence_number).is_ne()
            {
                self.place_is_gone(shard, question, Some(first), "reading begins after it")?;
            }
            if awaited.is_some() && pages.stand_still() {
                self.place_is_gone(shard, question, None, "reading from it gives empty pages only")?;
                return Ok(Some(ReadStart::Oldest));
            }
            let later = self.later_start(question, &page).filter(|_| may_pass_over);
            if let Some(later) = later {
                return Ok(Some(later));
            }
            self.take(shard, page, question.plan, looked);
        }
        if awaited.is_some() {
            self.place_is_gone(shard, question, None, "the shard ends before it")?;
        }
        Ok(None)
    }

    /// Where to go on if everything on the page, and more, arrived before anything that is in doubt. By the clock of
    /// the service: how far the page is behind its end, against how long the doubt is old.
    fn later_start(&self, question: &Question<'_>, page: &ReadPage) -> Option<ReadStart> {
        let reach_ms = self.clock.now_ms().saturating_sub(question.arrived_from_ms());
        let surplus_ms = saturate::to_i64(page.behind_ms).saturating_sub(reach_ms);
        let arrived_ms = page.last.as_ref()?.arrived_ms?;
        (surplus_ms > 0).then(|| ReadStart::Since(arrived_ms.saturating_add(surplus_ms)))
    }

    /// Takes note of the records of a page.
    fn take(&self, shard: &Shard, page: ReadPage, plan: &LookPlan, looked: &mut Looked) {
        for record in page.records {
            let key = record.partition_key.as_bytes();
            let hash_key = self.hash_key(key);
            // A record of another lane, of another key than that of any row in doubt, or none that this program made.
            if !plan.range.contains(hash_key) || !looked.may_concern(key) || !is_message(&record.payload) {
                continue;
            }
            let acknowledged = Acknowledged::seen(&shard.id, &record.sequence_number, record.member);
            let is_known = plan.is_known(&acknowledged, hash_key);
            let fingerprint = Fingerprint::of(key, &record.payload);
            let sighting = Sighting {
                fingerprint,
                acknowledged,
            };
            looked.note(&sighting, key, is_known);
        }
        if let Some(last) = page.last {
            looked.read_to(&shard.id, &last.sequence_number);
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

    /// Shows how far it is, and says so now and then.
    fn tell(
        &self,
        shard: &Shard,
        progress: &mut Progress,
        elapsed: Duration,
        page: &ReadPage,
        note: &DoubtNote,
    ) {
        let is_due = progress.page(elapsed, page.records.len(), Duration::from_millis(page.behind_ms));
        let position_ms = page.last.as_ref().and_then(|last| last.arrived_ms);
        let remaining = progress.remaining();
        note.read(PageRead {
            records_count: page.records.len(),
            behind_ms: page.behind_ms,
            position_ms,
            remaining_ms: remaining.map(|remaining| saturate::to_u64(remaining.as_millis())),
        });
        if is_due {
            let position = position_ms.and_then(|at| jiff::Timestamp::from_millisecond(at).ok());
            tracing::info!(
                shard = self.shard.id,
                reading = shard.id,
                records = progress.records_count(),
                position = position.map(tracing::field::display),
                behind_s = page.behind_ms / 1_000,
                ends_in_s = remaining.map(|remaining| remaining.as_secs()),
                "reading the stream back"
            );
        }
    }

    /// A place is gone; `oldest` is the first record that is still there.
    fn place_is_gone(
        &self,
        shard: &Shard,
        question: &Question<'_>,
        oldest: Option<&PageEdge>,
        why: &str,
    ) -> Result<(), Fault> {
        if planted::is_place_believed() {
            return Ok(());
        }
        let what = format!(
            "{} no longer keeps the last known record of {}: {why}",
            self.sink, shard.id
        );
        let reach_ms = self.clock.now_ms().saturating_sub(question.arrived_from_ms());
        let is_young = reach_ms < saturate::to_i64(RETENTION_MIN.as_millis());
        let arrived_ms = oldest.and_then(|oldest| oldest.arrived_ms);
        if is_young || arrived_ms.is_some_and(|arrived_ms| arrived_ms < question.arrived_from_ms()) {
            tracing::info!("{what}; nothing in doubt is as old as that");
            return Ok(());
        }
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
}

#[cfg(test)]
#[path = "look_back_tests.rs"]
mod tests;
