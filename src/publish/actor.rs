//! `ShardPublisher`: sends the requests of one shard, one in flight at a time (O1), until every record of each is
//! acknowledged.
//!
//! Expected trouble (throttling, time-outs, 5xx, expired tokens) never stops it: that is data for
//! [`super::attempt`].

use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use tokio_util::sync::CancellationToken;

use super::look_plan::Start;
use super::messages::PublishBatch;
use super::refusals::Refusals;
use super::sender::BatchSender;
use crate::checkpoint::done_objects::DoneObjects;
use crate::checkpoint::messages::{NoteCopies, RecordsSettled};
use crate::clock::Clock;
use crate::fault::{Fault, FaultKind};
use crate::flow::edge::{Downstream, Upstream};
use crate::flow::fuse::Fuse;
use crate::flow::outage::Outages;
use crate::flow::wind_down::WindDown;
use crate::observe::counters::Counters;
use crate::observe::request_span::Destination;
use crate::route::shard_map::Shard;
use crate::settings::DeliveryConfig;
use crate::sink::RecordSink;
use crate::sink::pages::PagePermits;

/// What a publisher is made of.
#[derive(Debug)]
pub struct ShardPublisherParts {
    /// The shard.
    pub shard: Shard,
    /// Where records go.
    pub sink: Arc<dyn RecordSink>,
    /// Guarantee, order and pace.
    pub delivery: DeliveryConfig,
    /// What earlier processes left.
    pub start: Start,
    /// Shards without a known place are read back from this time on, in milliseconds since the epoch.
    pub since_ms: i64,
    /// How many pages the looks of all shards have in memory.
    pub look_permits: PagePermits,
    /// Which objects that rows in doubt can belong to are done.
    pub done: DoneObjects,
    /// Whether the stream is away, and how long to try.
    pub outages: Outages,
    /// Cancelled when the stream turns out to have other shards.
    pub reshard: CancellationToken,
    /// Ends the generation.
    pub wind_down: WindDown,
    /// Time that the end of a generation may take.
    pub drain_timeout: Duration,
    /// What to call the place where records go in traces.
    pub destination: Destination,
    /// Who wants to know of settled records.
    pub checkpointer: Upstream<RecordsSettled>,
    /// Who makes it durable that records may be there more than once.
    pub note_copies: Downstream<NoteCopies>,
    /// What becomes of rows whose messages are refused.
    pub refusals: Refusals,
    /// Whether records are sent to the points of lanes.
    pub is_chained: bool,
    /// Process-wide counts.
    pub counters: Arc<Counters>,
    /// Time of day, for the status.
    pub clock: Arc<dyn Clock>,
}

/// The actor.
#[derive(Debug)]
pub struct ShardPublisher {
    sender: Option<BatchSender>,
    fuse: Fuse,
}

impl ShardPublisher {
    /// A publisher with nothing in flight; `fuse` ends it with a fault.
    pub fn new(parts: ShardPublisherParts, fuse: Fuse) -> Self {
        Self {
            sender: Some(BatchSender::new(parts)),
            fuse,
        }
    }
}

impl Actor for ShardPublisher {
    type Context = Context<Self>;
}

impl Handler<PublishBatch> for ShardPublisher {
    type Result = AtomicResponse<Self, ()>;

    fn handle(&mut self, message: PublishBatch, context: &mut Context<Self>) -> Self::Result {
        let Some(mut sender) = self.sender.take() else {
            // Cannot happen: an atomic response lets no second message in.
            self.fuse.blow(Fault::new(
                FaultKind::Internal,
                "a second request for a shard with one in flight (O1)",
            ));
            context.stop();
            return AtomicResponse::new(Box::pin(async {}.into_actor(self)));
        };
        let delivery = async move { (sender.deliver(message.0).await, sender) };
        AtomicResponse::new(Box::pin(delivery.into_actor(self).map(
            |(result, sender), actor, context| {
                actor.sender = Some(sender);
                if let Err(fault) = result {
                    actor.fuse.blow(fault);
                    context.stop();
                }
            },
        )))
    }
}
