//! `ShardPublisher`: sends the requests of one shard, one in flight at a time (O1), until every record of each is
//! acknowledged.
//!
//! Expected trouble (throttling, time-outs, 5xx, expired tokens) never stops it: that is data for
//! [`super::attempt`].

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use backoff::backoff::Backoff;
use backoff::{ExponentialBackoff, ExponentialBackoffBuilder};
use tokio::time::Instant;
use tracing::Instrument;

use super::attempt::{Attempt, Verdict};
use super::messages::PublishBatch;
use super::pacer::Pacer;
use crate::batch::aggregate::RequestCost;
use crate::batch::packer::records_max;
use crate::checkpoint::messages::RecordsSettled;
use crate::config::DeliveryConfig;
use crate::fault::{Fault, FaultKind};
use crate::flow::edge::Upstream;
use crate::model::{Batch, BatchRecord};
use crate::observe::counters::Counters;
use crate::observe::object_trace::{Destination, RequestSpan};
use crate::route::shard_map::Shard;
use crate::sink::{PutEntry, RecordSink, SHARD_MAP_CHANGED, SinkError};
use crate::supervise::spawn::Fuse;

/// First delay after a failed request.
const BACKOFF_INITIAL: Duration = Duration::from_millis(50);
/// Longest delay between two attempts.
const BACKOFF_MAX: Duration = Duration::from_secs(10);
/// How long requests may fail without a single answer from the service before the generation gives up.
const UNREACHABLE_MAX: Duration = Duration::from_mins(2);

/// What a publisher is made of.
#[derive(Debug)]
pub struct ShardPublisherParts {
    /// The shard.
    pub shard: Shard,
    /// Where records go.
    pub sink: Arc<dyn RecordSink>,
    /// Order and pace.
    pub delivery: DeliveryConfig,
    /// What to call the place where records go in traces.
    pub destination: Destination,
    /// Who wants to know of settled records.
    pub checkpointer: Upstream<RecordsSettled>,
    /// Process-wide counts.
    pub counters: Arc<Counters>,
    /// Ends the actor with a fault.
    pub fuse: Fuse,
}

/// The actor.
#[derive(Debug)]
pub struct ShardPublisher {
    courier: Option<Courier>,
    fuse: Fuse,
}

/// Everything a request needs; travels into the request's future and comes back with it.
#[derive(Debug)]
struct Courier {
    shard: Shard,
    sink: Arc<dyn RecordSink>,
    destination: Destination,
    delivery: DeliveryConfig,
    checkpointer: Upstream<RecordsSettled>,
    counters: Arc<Counters>,
    pacer: Pacer,
    epoch: Instant,
    /// How many records go out at once; see [`Attempt`].
    window: usize,
}

impl ShardPublisher {
    /// A publisher with nothing in flight.
    pub fn new(parts: ShardPublisherParts) -> Self {
        let pacer = Pacer::new(parts.delivery.pace);
        let courier = Courier {
            shard: parts.shard,
            sink: parts.sink,
            destination: parts.destination,
            delivery: parts.delivery,
            checkpointer: parts.checkpointer,
            counters: parts.counters,
            pacer,
            epoch: Instant::now(),
            window: records_max(parts.delivery.aggregation),
        };
        Self {
            courier: Some(courier),
            fuse: parts.fuse,
        }
    }
}

impl Actor for ShardPublisher {
    type Context = Context<Self>;
}

impl Handler<PublishBatch> for ShardPublisher {
    type Result = AtomicResponse<Self, ()>;

    fn handle(&mut self, message: PublishBatch, context: &mut Context<Self>) -> Self::Result {
        let Some(mut courier) = self.courier.take() else {
            // Cannot happen: an atomic response lets no second message in.
            self.fuse.blow(Fault::new(
                FaultKind::Internal,
                "a second request for a shard with one in flight (O1)",
            ));
            context.stop();
            return AtomicResponse::new(Box::pin(async {}.into_actor(self)));
        };
        let delivery = async move { (courier.deliver(message.0).await, courier) };
        AtomicResponse::new(Box::pin(delivery.into_actor(self).map(
            |(result, courier), actor, context| {
                actor.courier = Some(courier);
                if let Err(fault) = result {
                    actor.fuse.blow(fault);
                    context.stop();
                }
            },
        )))
    }
}

impl Courier {
    /// Sends a request until every record of it is acknowledged, then settles it.
    async fn deliver(&mut self, batch: Batch) -> Result<(), Fault> {
        let span = RequestSpan::start(&batch, &self.shard.id, &self.destination);
        let attempt = self.attempt(&batch.records).instrument(span.span()).await;
        let attempt = attempt.inspect_err(|fault| span.failed(fault))?;
        let bytes: usize = batch.records.iter().map(BatchRecord::bytes_count).sum();
        span.settled(attempt.counts(), bytes);
        self.counters
            .published(attempt.counts(), batch.records.len(), bytes);
        let settled = attempt.settle(batch.shard, batch.runs).map_err(|attempt| {
            Fault::new(
                FaultKind::Internal,
                format!("an unacknowledged record at settlement (D1): {attempt:?}"),
            )
        })?;
        self.checkpointer.notify(RecordsSettled(settled));
        drop(batch.credits);
        Ok(())
    }

    async fn attempt(&mut self, records: &[BatchRecord]) -> Result<Attempt, Fault> {
        let mut attempt = Attempt::new(records.len(), self.delivery.ordering, self.window);
        let mut backoff = new_backoff();
        let mut silent_since: Option<Duration> = None;
        loop {
            let to_send = records_of(&attempt, records);
            let cost = RequestCost::new(self.delivery.aggregation, &to_send);
            let now = self.epoch.elapsed();
            let pause = self.pacer.book(now, cost.records_count, cost.bytes_count);
            if !pause.is_zero() {
                tokio::time::sleep(pause).await;
            }
            let answer = self.sink.put(&self.shard, &to_send).await;
            fail_if_stale(&answer)?;
            let is_answered = answer.is_ok();
            let key_of = |index: usize| records.get(index).map(BatchRecord::partition_key);
            let verdict = attempt.judge(answer, key_of);
            self.window = attempt.window().min(records_max(self.delivery.aggregation));
            match verdict {
                Verdict::Complete => return Ok(attempt),
                Verdict::Hopeless(fault) => return Err(fault),
                Verdict::More => silent_since = None,
                Verdict::Again {
                    has_progress,
                    is_throttled,
                    cause,
                } => {
                    if is_answered || is_throttled {
                        silent_since = None;
                    } else {
                        self.give_up_in_time(&mut silent_since, &cause)?;
                    }
                    if has_progress {
                        backoff.reset();
                        continue;
                    }
                    let delay = backoff.next_backoff().unwrap_or(BACKOFF_MAX);
                    self.log(is_throttled, &cause, attempt.to_send().len(), delay);
                    tokio::time::sleep(delay).await;
                }
            }
        }
    }

    fn give_up_in_time(&self, silent_since: &mut Option<Duration>, cause: &str) -> Result<(), Fault> {
        let now = self.epoch.elapsed();
        let since = *silent_since.get_or_insert(now);
        if now.saturating_sub(since) < UNREACHABLE_MAX {
            return Ok(());
        }
        let message = format!(
            "no answer for {} s from {}: {cause}",
            UNREACHABLE_MAX.as_secs(),
            self.sink
        );
        Err(Fault::new(FaultKind::Unreachable, message))
    }

    fn log(&self, is_throttled: bool, cause: &str, records: usize, delay: Duration) {
        let (shard, delay_ms) = (&self.shard.id, delay.as_millis());
        if is_throttled {
            tracing::debug!(shard, records, delay_ms, cause, "throttled, sending again");
        } else {
            tracing::warn!(shard, records, delay_ms, cause, "request failed, sending again");
        }
    }
}

/// The records to send next: the first time, and nearly always, all of them as they are.
fn records_of<'a>(attempt: &Attempt, records: &'a [BatchRecord]) -> Cow<'a, [BatchRecord]> {
    if attempt.to_send().len() == records.len() {
        return Cow::Borrowed(records);
    }
    let to_send = attempt.to_send().iter();
    Cow::Owned(to_send.filter_map(|index| records.get(*index)).cloned().collect())
}

/// Sending to a shard that is closed cannot succeed: only a new generation learns of its children.
fn fail_if_stale(answer: &Result<Vec<PutEntry>, SinkError>) -> Result<(), Fault> {
    for entry in answer.iter().flatten() {
        if let PutEntry::Failed { code, message, .. } = entry
            && code == SHARD_MAP_CHANGED
        {
            return Err(Fault::new(FaultKind::Unreachable, format!("{code}: {message}")));
        }
    }
    Ok(())
}

fn new_backoff() -> ExponentialBackoff {
    ExponentialBackoffBuilder::new()
        .with_initial_interval(BACKOFF_INITIAL)
        .with_max_interval(BACKOFF_MAX)
        .with_max_elapsed_time(None)
        .build()
}
