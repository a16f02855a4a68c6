//! `ShardBatcher`: packs the slices of one shard into requests and hands them to its publisher one by one.
//!
//! Slices are accepted at once; the credits they hold bound what can wait here. The linger is a rule of liveness,
//! not a nicety: a half-filled request holds credits that readers may be waiting for.

use std::time::Duration;

use actix::prelude::*;
use tokio::time::Instant;

use super::messages::PackSlice;
use super::packer::{BatchLimits, Packer};
use crate::flow::edge::Downstream;
use crate::publish::messages::PublishBatch;
use crate::route::shard_map::ShardIndex;
use crate::saturate;

/// The actor.
#[derive(Debug)]
pub struct ShardBatcher {
    packer: Packer,
    linger: Duration,
    publisher: Downstream<PublishBatch>,
    epoch: Instant,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing is due.
    Idle,
    /// A timer runs for the oldest record.
    Lingering,
    /// A request was handed to the publisher, which has not settled it yet.
    Publishing,
}

impl ShardBatcher {
    /// A batcher with nothing waiting.
    pub fn new(
        shard: ShardIndex,
        limits: BatchLimits,
        linger: Duration,
        publisher: Downstream<PublishBatch>,
    ) -> Self {
        Self {
            packer: Packer::new(shard, limits),
            linger,
            publisher,
            epoch: Instant::now(),
            state: State::Idle,
        }
    }

    fn now_ms(&self) -> u64 {
        saturate::to_u64(self.epoch.elapsed().as_millis())
    }

    /// Sends what is due; otherwise sees to it that the oldest record does not wait for ever.
    fn pump(&mut self, context: &mut Context<Self>) {
        if self.state == State::Publishing {
            return;
        }
        let (now_ms, Some(since_ms)) = (self.now_ms(), self.packer.waiting_since_ms()) else {
            return;
        };
        let linger_ms = saturate::to_u64(self.linger.as_millis());
        let due_ms = since_ms.saturating_add(linger_ms);
        if self.packer.is_full() || due_ms <= now_ms {
            self.publish(now_ms, context);
        } else if self.state == State::Idle {
            self.state = State::Lingering;
            context.run_later(Duration::from_millis(due_ms - now_ms), |actor, context| {
                if actor.state == State::Lingering {
                    actor.state = State::Idle;
                }
                actor.pump(context);
            });
        }
    }

    fn publish(&mut self, now_ms: u64, context: &mut Context<Self>) {
        let Some(batch) = self.packer.take(now_ms) else {
            return;
        };
        self.state = State::Publishing;
        let publisher = self.publisher.clone();
        let push = async move { publisher.push(PublishBatch(batch)).await };
        context.spawn(push.into_actor(self).map(|result, actor, context| {
            actor.state = State::Idle;
            match result {
                Ok(()) => actor.pump(context),
                Err(_closed) => context.stop(),
            }
        }));
    }
}

impl Actor for ShardBatcher {
    type Context = Context<Self>;
}

impl Handler<PackSlice> for ShardBatcher {
    type Result = ();

    fn handle(&mut self, message: PackSlice, context: &mut Context<Self>) {
        let now_ms = self.now_ms();
        self.packer.push(message.0, now_ms);
        self.pump(context);
    }
}
