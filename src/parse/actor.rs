//! `Parser`: turns the records of a chunk into messages and sends each to its shard's batcher.
//!
//! All thinking is in [`super::chunk_router`]. The order of what follows matters: first the chunk is registered
//! with the checkpointer, then its records go out, so that nothing can settle that is not registered.

use std::sync::Arc;

use actix::prelude::*;

use super::chunk_router::{ChunkEnd, ChunkRouter, RoutedChunk};
use super::messages::{ParseChunk, ParseControl};
use crate::batch::messages::{PackSlice, Slice};
use crate::checkpoint::context::{ChunkOrigin, ObjectContext};
use crate::checkpoint::messages::ChunkParsed;
use crate::clock::Clock;
use crate::config::Config;
use crate::deadletter::messages::StoreRejected;
use crate::flow::budget::Credit;
use crate::flow::edge::{Downstream, StageClosed, Upstream};
use crate::model::settle::{ChunkRef, Lane, SettledRun};
use crate::observe::counters::Counters;
use crate::saturate;
use crate::sink::StreamDescription;

/// What a parser is made of.
#[derive(Debug)]
pub struct ParserParts {
    /// The task.
    pub config: Arc<Config>,
    /// The stream: its shards and record limit.
    pub stream: StreamDescription,
    /// Number of the task's chain, if it has one.
    pub chain: Option<u64>,
    /// The batcher of each shard, by shard index.
    pub batchers: Vec<Downstream<PackSlice>>,
    /// Who stores rejected rows.
    pub dead_letters: Downstream<StoreRejected>,
    /// Who keeps the ledger.
    pub checkpointer: Upstream<ChunkParsed>,
    /// Process-wide counts.
    pub counters: Arc<Counters>,
    /// Time of day.
    pub clock: Arc<dyn Clock>,
}

/// The actor.
#[derive(Debug)]
pub struct Parser {
    router: ChunkRouter,
    edges: Arc<Edges>,
    counters: Arc<Counters>,
    clock: Arc<dyn Clock>,
}

#[derive(Debug)]
struct Edges {
    batchers: Vec<Downstream<PackSlice>>,
    dead_letters: Downstream<StoreRejected>,
    checkpointer: Upstream<ChunkParsed>,
}

impl Parser {
    /// A parser for every table of the task.
    pub fn new(parts: ParserParts) -> Self {
        let router = ChunkRouter::new(&parts.config, parts.stream).with_chain(&parts.config, parts.chain);
        let ParserParts {
            batchers,
            dead_letters,
            checkpointer,
            counters,
            clock,
            ..
        } = parts;
        let edges = Arc::new(Edges {
            batchers,
            dead_letters,
            checkpointer,
        });
        Self {
            router,
            edges,
            counters,
            clock,
        }
    }

    /// Sends a chunk on its way; the answer is made of what comes after it.
    fn hand_on<T: 'static>(
        &self,
        outgoing: Outgoing,
        answer: impl FnOnce(ChunkEnd) -> T + 'static,
    ) -> AtomicResponse<Self, T> {
        self.counters.skipped(outgoing.rendered.skipped);
        let edges = Arc::clone(&self.edges);
        let end = outgoing.rendered.end.clone();
        let work = async move { edges.send(outgoing).await };
        AtomicResponse::new(Box::pin(work.into_actor(self).map(
            move |result, _actor, context: &mut Context<Self>| {
                if result.is_err() {
                    context.stop();
                }
                answer(end)
            },
        )))
    }
}

/// A rendered chunk on its way out.
struct Outgoing {
    context: Arc<ObjectContext>,
    reference: ChunkRef,
    rendered: RoutedChunk,
    credit: Arc<Credit>,
    origin: Option<Arc<ChunkOrigin>>,
}

impl Edges {
    async fn send(&self, outgoing: Outgoing) -> Result<(), StageClosed> {
        let Outgoing {
            context,
            reference,
            rendered,
            credit,
            origin,
        } = outgoing;
        let RoutedChunk {
            slices,
            rejected,
            tally,
            span,
            end,
            ..
        } = rendered;
        // Before its first row the task ends: there is nothing to settle.
        if span.records_count() == 0 && end != ChunkEnd::Whole {
            return Ok(());
        }
        let owed = slices.iter();
        let owed = owed.map(|(shard, records)| (Lane::Shard(*shard), saturate::to_u64(records.len())));
        let mut outstanding: Vec<_> = owed.collect();
        if !rejected.is_empty() {
            outstanding.push((Lane::DeadLetters, saturate::to_u64(rejected.len())));
        }
        self.checkpointer.notify(ChunkParsed {
            chunk: reference.clone(),
            span,
            outstanding,
            tally,
        });
        for (shard, records) in slices {
            if let Some(batcher) = self.batchers.get(shard.0) {
                let (chunk, credit) = (reference.clone(), Arc::clone(&credit));
                let slice = Slice {
                    chunk,
                    shard,
                    records,
                    credit,
                    origin: origin.clone(),
                    trace: context.trace.clone(),
                };
                batcher.push(PackSlice(slice)).await?;
            }
        }
        let Some(last) = rejected.last() else {
            return Ok(());
        };
        let run = SettledRun {
            chunk: reference,
            records_count: saturate::to_u64(rejected.len()),
            through: last.ordinal + 1,
        };
        let rejected = StoreRejected {
            context,
            records: rejected,
            run,
            credit,
        };
        self.dead_letters.push(rejected).await
    }
}

impl Actor for Parser {
    type Context = Context<Self>;
}

impl Handler<ParseChunk> for Parser {
    type Result = AtomicResponse<Self, ChunkEnd>;

    fn handle(&mut self, message: ParseChunk, _context: &mut Context<Self>) -> Self::Result {
        let ParseChunk {
            context,
            reference,
            chunk,
            credit,
        } = message;
        let rendered =
            tracing::debug_span!("parse.chunk", object = %reference.object, records = chunk.records.len())
                .in_scope(|| {
                    self.router.enter_chain(context.chain.as_ref());
                    let (key, location) = (&context.version.key, &context.location);
                    self.router
                        .enter_object(&context.id, key, location, &context.troubles);
                    self.router.route(
                        &context.version,
                        &chunk,
                        context.table,
                        &context.skip,
                        self.clock.now_us(),
                    )
                });
        let outgoing = Outgoing {
            origin: Some(Arc::new(ChunkOrigin::new(Arc::clone(&context), chunk))),
            context,
            reference,
            rendered,
            credit,
        };
        self.hand_on(outgoing, |end| end)
    }
}

impl Handler<ParseControl> for Parser {
    type Result = AtomicResponse<Self, ()>;

    fn handle(&mut self, message: ParseControl, _context: &mut Context<Self>) -> Self::Result {
        let ParseControl {
            context,
            plan,
            resume_at,
            credit,
        } = message;
        let now_us = self.clock.now_us();
        self.router.enter_chain(context.chain.as_ref());
        let (_, rendered) = self.router.route_control(&plan, resume_at, &context.skip, now_us);
        let reference = ChunkRef {
            object: context.id.clone(),
            chunk_number: 0,
        };
        let outgoing = Outgoing {
            context,
            reference,
            rendered,
            credit,
            origin: None,
        };
        self.hand_on(outgoing, drop)
    }
}
