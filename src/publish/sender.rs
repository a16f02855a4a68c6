//! Gets one batch after another through to its shard: pace, send, wait, look, settle.
//!
//! What to do next is decided by [`super::delivery`]; here it is done.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use super::actor::ShardPublisherParts;
use super::delivery::{DeliveryStep, ShardDelivery};
use super::found_log::FoundLog;
use super::look_back::{LookBack, Question};
use super::messages::Batch;
use super::pacer::Pacer;
use super::persistence::{Persistence, Sent, outcome_of, refused_count};
use super::refusals::Refusals;
use crate::checkpoint::done_objects::DoneObjects;
use crate::checkpoint::messages::{NoteCopies, RecordsSettled};
use crate::clock::Clock;
use crate::fault::{Fault, FaultKind};
use crate::flow::edge::{Downstream, Upstream};
use crate::flow::outage::Outages;
use crate::flow::wind_down::WindDown;
use crate::model::BatchRecord;
use crate::observe::counters::Counters;
use crate::observe::request_span::{self, Destination, RequestSpan};
use crate::observe::stall::WaitsFor;
use crate::route::shard_map::Shard;
use crate::saturate;
use crate::settings::{Aggregation, Guarantee, Pace};
use crate::sink::kpl::RequestCost;
use crate::sink::{PutEntry, RecordSink, SinkError};

/// Pause between two reads of a shard: the service allows five a second to all readers together.
const LOOK_PAUSE: Duration = Duration::from_millis(250);
/// The same where nothing is paced.
const LOOK_PAUSE_UNPACED: Duration = Duration::from_millis(5);
/// How long a batch that was sent in part may take after the generation was to end, where the next one looks for what
/// is in doubt. Where nobody looks, it would be repeated, so it may take as long as a stop may take.
const FINISH_MAX_DEDUPE: Duration = Duration::from_secs(1);
/// Everything a request needs; travels into the request's future and comes back with it.
#[derive(Debug)]
pub(super) struct BatchSender {
    shard: Shard,
    sink: Arc<dyn RecordSink>,
    destination: Destination,
    delivery: ShardDelivery,
    look_back: LookBack,
    /// Nothing that a process before this one left in doubt is older than this, in milliseconds since the epoch.
    since_ms: i64,
    found_log: FoundLog,
    done: DoneObjects,
    /// How many of those the delivery knows of.
    done_count: usize,
    outages: Outages,
    reshard: CancellationToken,
    wind_down: WindDown,
    /// How long a batch may take to its end after the generation was to end.
    finish_max: Duration,
    checkpointer: Upstream<RecordsSettled>,
    note_copies: Downstream<NoteCopies>,
    refusals: Refusals,
    counters: Arc<Counters>,
    pacer: Pacer,
    epoch: Instant,
    last_put: Duration,
    clock: Arc<dyn Clock>,
    aggregation: Aggregation,
}

/// How far a batch got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Through {
    /// Every record is acknowledged.
    Whole,
    /// Nothing of it was sent, because the generation ends.
    Unsent,
    /// Some of it was sent, and the generation could not wait for the rest.
    InDoubt,
}

impl BatchSender {
    /// A sender with nothing in flight.
    pub(super) fn new(parts: ShardPublisherParts) -> Self {
        let look_back = LookBack {
            sink: Arc::clone(&parts.sink),
            shard: parts.shard.clone(),
            clock: Arc::clone(&parts.clock),
            pause: match parts.delivery.pace {
                Pace::Service | Pace::Custom { .. } => LOOK_PAUSE,
                Pace::Off => LOOK_PAUSE_UNPACED,
            },
            permits: parts.look_permits,
            out_of_retention: parts.delivery.out_of_retention,
            is_chained: parts.is_chained,
        };
        let range = parts.shard.range;
        let found_log = FoundLog::new(parts.shard.id.clone());
        Self {
            shard: parts.shard,
            sink: parts.sink,
            destination: parts.destination,
            delivery: ShardDelivery::new(parts.delivery, parts.start, range, Duration::ZERO),
            look_back,
            since_ms: parts.since_ms,
            found_log,
            done: parts.done,
            done_count: 0,
            outages: parts.outages,
            reshard: parts.reshard,
            finish_max: match parts.delivery.guarantee {
                Guarantee::Dedupe => FINISH_MAX_DEDUPE.min(parts.drain_timeout),
                Guarantee::AtLeastOnce => parts.drain_timeout,
            },
            wind_down: parts.wind_down,
            checkpointer: parts.checkpointer,
            note_copies: parts.note_copies,
            refusals: parts.refusals,
            counters: parts.counters,
            pacer: Pacer::new(parts.delivery.pace),
            epoch: Instant::now(),
            last_put: Duration::ZERO,
            clock: parts.clock,
            aggregation: parts.delivery.aggregation,
        }
    }

    /// Sends a batch until every record of it is acknowledged, then settles it. When the generation ends, a batch that
    /// was not sent yet is dropped.
    pub(super) async fn deliver(&mut self, batch: Batch) -> Result<(), Fault> {
        let Some(work) = self.wind_down.begin() else {
            return Ok(());
        };
        let delivered = self.deliver_whole(batch).await;
        if let Err(fault) = &delivered {
            // Before the work is over: some of the batch may have been sent.
            self.wind_down.fail(fault.clone());
        }
        drop(work);
        delivered
    }

    async fn deliver_whole(&mut self, mut batch: Batch) -> Result<(), Fault> {
        let mut span = RequestSpan::start(
            &batch.traces,
            batch.records.len(),
            &self.shard.id,
            &self.destination,
        );
        let through = self.get_through(&mut batch).instrument(span.span()).await;
        span.attempted(self.delivery.counts());
        match through.inspect_err(|fault| span.failed(fault))? {
            Through::Whole => {}
            Through::Unsent => return Ok(()),
            Through::InDoubt => {
                let (shard, records) = (&self.shard.id, batch.records.len());
                tracing::warn!(shard, records, "stopped with records in doubt");
                self.wind_down.leave_doubt();
                return Ok(());
            }
        }
        let refused = self.delivery.refused();
        let refused: Vec<_> = refused
            .map(|(index, detail)| (index, detail.to_owned()))
            .collect();
        self.refusals.keep(&batch, &refused).await?;
        let counts = self.delivery.counts();
        let is_refused = |index: usize| refused.iter().any(|(refused, _)| *refused == index);
        let sent = batch
            .records
            .iter()
            .enumerate()
            .filter(|(index, _)| !is_refused(*index));
        let bytes: usize = sent.map(|(_, record)| record.bytes_count()).sum();
        span.settled(counts, bytes);
        let records = batch.records.len().saturating_sub(refused.len());
        self.counters.published(&self.shard.id, counts, records, bytes);
        let keys = batch.records.iter().map(BatchRecord::partition_key);
        self.counters.shards().keys(&self.shard.id, keys);
        let settled = self.delivery.settle(&mut batch)?;
        // First: what a checkpoint says, the log says too, whenever the process is killed.
        self.found_log.settled(counts);
        self.checkpointer.notify(RecordsSettled(settled));
        drop(batch.credits);
        Ok(())
    }

    async fn get_through(&mut self, batch: &mut Batch) -> Result<Through, Fault> {
        for object in self.done.after(self.done_count) {
            self.delivery.finish(&object);
            self.done_count += 1;
        }
        self.delivery.begin(batch);
        let begun = Instant::now();
        let wind_down = self.wind_down.clone();
        let note = self.counters.shards().batch(&self.shard.id);
        let mut persistence = Persistence::new(&self.outages, self.finish_max, note);
        loop {
            persistence.at(self.delivery.step(), self.delivery.to_send().len());
            if let Some(through) = self.left(&persistence) {
                return Ok(through);
            }
            match self.delivery.step().clone() {
                DeliveryStep::Settle => return Ok(Through::Whole),
                DeliveryStep::GiveUp(fault) => return Err(fault),
                DeliveryStep::Put if persistence.takes_pause() => {
                    self.pause(&mut persistence).await;
                }
                DeliveryStep::Put => {
                    let records = records_of(self.delivery.to_send(), &batch.records);
                    if self.keep_pace(&records, &persistence).await {
                        let sent = self.put(&records, batch).await;
                        persistence.sent(sent, self.delivery.step())?;
                    }
                }
                DeliveryStep::StandIn(index) => {
                    batch.stand_in(index)?;
                    self.delivery.stood_in(index, batch);
                }
                DeliveryStep::Look { not_before, cause } => {
                    if !persistence.is_known_away() {
                        tracing::warn!(shard = self.shard.id, cause, "records are in doubt");
                    }
                    tokio::select! {
                        looked = self.look(not_before, begun, batch) => looked?,
                        () = wind_down.requested() => {}
                    }
                }
                DeliveryStep::NoteCopies => {
                    let noted = self.note_copies.push(NoteCopies).await;
                    noted.map_err(|closed| Fault::new(FaultKind::Internal, closed.to_string()))??;
                    self.delivery.noted();
                }
                DeliveryStep::Wait { is_throttled, cause } => {
                    self.log(is_throttled, &cause, &persistence);
                    if self.pause(&mut persistence).await {
                        self.delivery.waited();
                    }
                }
            }
        }
    }

    /// Waits before the next request; says whether it was for the whole time, and the batch is not to be left.
    async fn pause(&self, persistence: &mut Persistence) -> bool {
        let delay = persistence.next_delay();
        tokio::select! {
            () = tokio::time::sleep(delay) => true,
            () = self.wind_down.overdue(persistence.finish_max()) => false,
        }
    }

    /// How far a batch got that is to be left as it is, because the generation ends.
    fn left(&self, persistence: &Persistence) -> Option<Through> {
        if !self.wind_down.is_requested() {
            return None;
        }
        match self.delivery.step() {
            DeliveryStep::Settle | DeliveryStep::GiveUp(_) => None,
            _ if !persistence.may_be_stored() => Some(Through::Unsent),
            // The next generation looks as well, and nothing waits for it meanwhile.
            DeliveryStep::Look { .. } => Some(Through::InDoubt),
            DeliveryStep::Put
            | DeliveryStep::NoteCopies
            | DeliveryStep::StandIn(_)
            | DeliveryStep::Wait { .. } => self
                .wind_down
                .is_overdue(persistence.finish_max())
                .then_some(Through::InDoubt),
        }
    }

    /// Waits for the turn of a request; says whether it has come, and the batch is not to be left.
    async fn keep_pace(&mut self, records: &[BatchRecord], persistence: &Persistence) -> bool {
        let cost = RequestCost::new(self.aggregation, records);
        let now = self.epoch.elapsed();
        let pause = self.pacer.book(now, cost.records_count, cost.bytes_count);
        if !pause.is_zero() {
            persistence.note().waits_for(WaitsFor::Pace);
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = self.wind_down.overdue(persistence.finish_max()) => return false,
            }
            persistence.note().waits_for(WaitsFor::Answer);
        }
        let now = self.epoch.elapsed();
        let since_last = now.saturating_sub(std::mem::replace(&mut self.last_put, now));
        let board = self.counters.shards();
        board.paced(&self.shard.id, pause, since_last, self.pacer.share_percent());
        true
    }

    /// Sends one request.
    async fn put(&mut self, records: &[BatchRecord], batch: &Batch) -> Sent {
        let begun = Instant::now();
        let answer = self.sink.put(&self.shard, records).await;
        self.counters.put_ended(begun.elapsed(), outcome_of(&answer));
        let sent = Sent::of(&answer);
        self.notice_reshard(&answer);
        let refused = refused_count(&answer, records.len());
        if refused.refused > 0 {
            request_span::throttled(&self.shard.id, refused.refused);
        }
        self.pacer.judge(self.epoch.elapsed(), refused);
        self.delivery.answered(self.epoch.elapsed(), answer, batch);
        sent
    }

    /// A record in another shard than expected is stored, but the shards are no longer the same.
    fn notice_reshard(&self, answer: &Result<Vec<PutEntry>, SinkError>) {
        let is_elsewhere = |entry: &PutEntry| entry.is_elsewhere(&self.shard.id);
        if answer.iter().flatten().any(is_elsewhere) && !self.reshard.is_cancelled() {
            tracing::info!(shard = self.shard.id, "the stream was resharded");
            self.reshard.cancel();
        }
    }

    /// Looks for what is in doubt, of a batch that was begun at this moment.
    async fn look(&mut self, not_before: Duration, begun: Instant, batch: &Batch) -> Result<(), Fault> {
        let shard = &self.shard.id;
        let plan = self.delivery.plan(batch);
        let wait = not_before.saturating_sub(self.epoch.elapsed());
        tracing::info!(
            shard,
            settle_ms = wait.as_millis(),
            "reading the stream back once no pending request can still be stored"
        );
        let wait_ms = saturate::to_i64(wait.as_millis());
        let settled_at_ms = self.clock.now_ms().saturating_add(wait_ms);
        let note = self.counters.shards().doubt(shard, settled_at_ms);
        let age_ms = saturate::to_i64(begun.elapsed().as_millis());
        let question = Question {
            since_ms: match plan.wanted {
                Some(_) => self.clock.now_ms().saturating_sub(age_ms),
                None => self.since_ms,
            },
            plan: &plan,
            not_before: self.epoch + not_before,
            note: &note,
        };
        let (doubtful_since, looked) = (Instant::now(), self.look_back.look(&question).await?);
        drop(note);
        self.counters.doubt_ended(doubtful_since.elapsed());
        tracing::info!(shard, news = looked.news_count(), "the stream was read back");
        self.delivery.looked(self.epoch.elapsed(), looked, batch);
        Ok(())
    }

    fn log(&self, is_throttled: bool, cause: &str, persistence: &Persistence) {
        let (shard, records) = (&self.shard.id, self.delivery.to_send().len());
        if is_throttled {
            tracing::debug!(shard, records, cause, "throttled, sending again");
        } else if persistence.is_known_away() {
            tracing::debug!(shard, records, cause, "request failed, sending again");
        } else {
            tracing::warn!(shard, records, cause, "request failed, sending again");
        }
    }
}

/// The records to send next: the first time, and nearly always, all of them as they are.
fn records_of<'a>(to_send: &[usize], records: &'a [BatchRecord]) -> Cow<'a, [BatchRecord]> {
    if to_send.len() == records.len() {
        return Cow::Borrowed(records);
    }
    Cow::Owned(
        to_send
            .iter()
            .filter_map(|index| records.get(*index))
            .cloned()
            .collect(),
    )
}
