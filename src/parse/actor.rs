//! `Parser`: turns the records of a chunk into messages and sends each to its shard's batcher.
//!
//! All thinking is in [`super::chunk_router`]. The order of what follows matters: first the chunk is registered
//! with the checkpointer, then its records go out, so that nothing can settle that is not registered.

use std::sync::Arc;

use actix::prelude::*;

use super::chunk_router::{ChunkEnd, ChunkRouter, RoutedChunk};
use super::messages::{ParseChunk, ParseControl};
use super::outgoing::{Edges, Outgoing};
use super::panic_book::PanicBook;
use crate::batch::messages::PackSlice;
use crate::checkpoint::context::ObjectContext;
use crate::checkpoint::messages::ChunkParsed;
use crate::clock::Clock;
use crate::config::Config;
use crate::deadletter::messages::StoreRejected;
use crate::flow::edge::{Downstream, Upstream};
use crate::flow::panics::catching;
use crate::model::Chunk;
use crate::model::settle::ChunkRef;
use crate::observe::counters::Counters;
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
    /// What has panicked.
    pub panics: PanicBook,
}

/// The actor.
#[derive(Debug)]
pub struct Parser {
    router: ChunkRouter,
    origin: RouterOrigin,
    panics: PanicBook,
    edges: Arc<Edges>,
    counters: Arc<Counters>,
    clock: Arc<dyn Clock>,
}

/// What a router is made of: one that panicked may be in any state.
#[derive(Debug)]
struct RouterOrigin {
    config: Arc<Config>,
    stream: StreamDescription,
    chain: Option<u64>,
}

impl RouterOrigin {
    fn router(&self) -> ChunkRouter {
        ChunkRouter::new(&self.config, self.stream.clone()).with_chain(&self.config, self.chain)
    }
}

impl Parser {
    /// A parser for every table of the task.
    pub fn new(parts: ParserParts) -> Self {
        let ParserParts {
            config,
            stream,
            chain,
            batchers,
            dead_letters,
            checkpointer,
            counters,
            clock,
            panics,
        } = parts;
        let origin = RouterOrigin {
            config,
            stream,
            chain,
        };
        let edges = Arc::new(Edges {
            batchers,
            dead_letters,
            checkpointer,
        });
        Self {
            router: origin.router(),
            origin,
            panics,
            edges,
            counters,
            clock,
        }
    }

    /// Routes a chunk; if that panics every time, says so.
    fn route(&mut self, context: &ObjectContext, chunk: &Chunk) -> Result<RoutedChunk, String> {
        let now_us = self.clock.now_us();
        let routed = catching(|| {
            #[cfg(feature = "testkit")]
            crate::flow::failpoints::reached(Some(&self.origin.config.task), "parse a chunk");
            self.router.enter_chain(context.chain.as_ref());
            let (key, location) = (&context.version.key, &context.location);
            self.router
                .enter_object(&context.id, key, location, &context.troubles);
            self.router
                .route(&context.version, chunk, context.table, &context.skip, now_us)
        });
        routed.map_err(|caught| {
            let span = chunk.span;
            if !self
                .panics
                .is_hopeless(&context.id, span.start.ordinal..span.end.ordinal)
            {
                caught.resume();
            }
            self.router = self.origin.router();
            caught.text()
        })
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
        let span =
            tracing::debug_span!("parse.chunk", object = %reference.object, records = chunk.records.len());
        let rendered = match span.in_scope(|| self.route(&context, &chunk)) {
            Ok(rendered) => rendered,
            Err(panic) => {
                let end = async { ChunkEnd::Panicked(panic) };
                return AtomicResponse::new(Box::pin(end.into_actor(self)));
            }
        };
        let outgoing = Outgoing {
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
        };
        self.hand_on(outgoing, drop)
    }
}
