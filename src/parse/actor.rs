//! `Parser`: turns the records of a chunk into messages and sends each to its shard's batcher.
//!
//! All thinking is in [`super::chunk_router`]; how a chunk goes out, part by part within the budget, is in
//! `super::sender` (F1).

use std::sync::Arc;

use actix::prelude::*;

use super::chunk_router::ChunkEnd;
use super::messages::{ParseChunk, ParseControl};
use super::panic_book::PanicBook;
use super::sender::{ChunkSender, Edges, HEADERS_TOLD_MAX, RouterOrigin};
use crate::batch::messages::PackSlice;
use crate::checkpoint::messages::ChunkParsed;
use crate::clock::Clock;
use crate::config::Config;
use crate::deadletter::messages::StoreRejected;
use crate::fault::{Fault, FaultKind};
use crate::flow::budget::Budget;
use crate::flow::edge::{Downstream, StageClosed, Upstream};
use crate::flow::fuse::Fuse;
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
    /// The in-flight budget.
    pub budget: Budget,
}

/// The actor.
#[derive(Debug)]
pub struct Parser {
    sender: Option<ChunkSender>,
    fuse: Fuse,
}

impl Parser {
    /// A parser for every table of the task; `fuse` ends it with a fault.
    pub fn new(parts: ParserParts, fuse: Fuse) -> Self {
        let origin = RouterOrigin {
            config: parts.config,
            stream: parts.stream,
            chain: parts.chain,
        };
        Self {
            sender: Some(ChunkSender {
                router: origin.router(),
                origin,
                panics: parts.panics,
                edges: Edges {
                    batchers: parts.batchers,
                    dead_letters: parts.dead_letters,
                    checkpointer: parts.checkpointer,
                },
                counters: parts.counters,
                clock: parts.clock,
                budget: parts.budget,
                next_part: 0,
                headers_to_tell: HEADERS_TOLD_MAX,
            }),
            fuse,
        }
    }

    /// Has the sender do something; `closed` is the answer if there is nobody to send to any more.
    fn with_sender<T: 'static>(
        &mut self,
        closed: T,
        work: impl AsyncFnOnce(&mut ChunkSender) -> Result<T, StageClosed> + 'static,
    ) -> AtomicResponse<Self, T> {
        let Some(mut sender) = self.sender.take() else {
            // Cannot happen: an atomic response lets no second message in.
            self.fuse.blow(Fault::new(
                FaultKind::Internal,
                "a second chunk for a parser that has one",
            ));
            return AtomicResponse::new(Box::pin(async { closed }.into_actor(self)));
        };
        let work = async move { (work(&mut sender).await, sender) };
        AtomicResponse::new(Box::pin(work.into_actor(self).map(
            |(result, sender), actor, context: &mut Context<Self>| {
                actor.sender = Some(sender);
                result.unwrap_or_else(|_closed| {
                    context.stop();
                    closed
                })
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
        self.with_sender(ChunkEnd::Whole, async move |sender| sender.send(message).await)
    }
}

impl Handler<ParseControl> for Parser {
    type Result = AtomicResponse<Self, ()>;

    fn handle(&mut self, message: ParseControl, _context: &mut Context<Self>) -> Self::Result {
        self.with_sender((), async move |sender| sender.send_control(message).await)
    }
}
