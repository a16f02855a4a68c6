//! Sends chunks on their way, part by part: as much of a chunk is rendered at once as its credit has room for, and goes out
//! before the next part gets a credit of its own.
//!
//! So messages that are many times as large as their rows stay within the budget, but for the last record of each part.
//! Whoever waits for a credit here holds none: all of them belong to records that are on their way, and come home when
//! those are settled.
//!
//! The order of what follows matters: first a part is registered with the checkpointer, then its records go out, so that
//! nothing can settle that is not registered.
//!
//! **Invariants:** F1, W3 (parts tile the chunk as chunks tile the object).

use std::sync::Arc;

use super::chunk_router::{ChunkEnd, ChunkRouter, RoutedChunk};
use super::messages::{ParseChunk, ParseControl};
use super::panic_book::PanicBook;
use crate::batch::messages::{PackSlice, Slice};
use crate::checkpoint::context::{ChunkOrigin, ObjectContext};
use crate::checkpoint::messages::ChunkParsed;
use crate::checkpoint::tally::ChunkTally;
use crate::clock::Clock;
use crate::config::Config;
use crate::deadletter::messages::{Kept, StoreRejected};
use crate::flow::budget::{Budget, Credit};
use crate::flow::edge::{Downstream, StageClosed, Upstream};
use crate::flow::panics::catching;
use crate::limits::PART_BYTES_MAX;
use crate::model::Chunk;
use crate::model::settle::{ChunkRef, Lane, SettledRun};
use crate::observe::counters::Counters;
use crate::saturate;
use crate::sink::StreamDescription;

/// Skipped rows that are named; a bucket may hold millions of such files.
pub(super) const HEADERS_TOLD_MAX: u8 = 10;

/// Everything a chunk needs; travels into its future and comes back with it.
#[derive(Debug)]
pub(super) struct ChunkSender {
    pub(super) router: ChunkRouter,
    pub(super) origin: RouterOrigin,
    /// What has panicked.
    pub(super) panics: PanicBook,
    pub(super) edges: Edges,
    pub(super) counters: Arc<Counters>,
    pub(super) clock: Arc<dyn Clock>,
    /// Where parts after the first one of a chunk have their credits from.
    pub(super) budget: Budget,
    /// Number of the next part of the object.
    pub(super) next_part: u64,
    /// How many rows that were skipped as headers and read like rows are still to be named.
    pub(super) headers_to_tell: u8,
}

/// What a router is made of: one that panicked may be in any state.
#[derive(Debug)]
pub(super) struct RouterOrigin {
    pub(super) config: Arc<Config>,
    pub(super) stream: StreamDescription,
    pub(super) chain: Option<u64>,
}

impl RouterOrigin {
    pub(super) fn router(&self) -> ChunkRouter {
        ChunkRouter::new(&self.config, self.stream.clone()).with_chain(&self.config, self.chain)
    }
}

/// Where parts go.
#[derive(Debug)]
pub(super) struct Edges {
    pub(super) batchers: Vec<Downstream<PackSlice>>,
    pub(super) dead_letters: Downstream<StoreRejected>,
    pub(super) checkpointer: Upstream<ChunkParsed>,
}

impl ChunkSender {
    /// Sends a chunk; says what comes after it.
    pub(super) async fn send(&mut self, message: ParseChunk) -> Result<ChunkEnd, StageClosed> {
        let ParseChunk {
            context,
            reference,
            chunk,
            mut credit,
        } = message;
        if reference.chunk_number == 0 {
            self.next_part = 0;
        }
        let mut rest = chunk;
        let mut room = saturate::to_usize(credit.bytes_count());
        loop {
            self.router.set_bytes_max(room);
            let rendered = match self.render(&context, &rest) {
                Ok(rendered) => rendered,
                Err(panic) => return Ok(ChunkEnd::Panicked(rest.span.start, panic)),
            };
            self.tell_of_header(&context, &rendered.tally);
            let (end, border) = (rendered.end.clone(), rendered.span.end.ordinal);
            let buffer_bytes = rendered.buffer_bytes;
            let next = rest.starting_at(border).filter(|_| end == ChunkEnd::Whole);
            let part = if next.is_some() { rest.up_to(border) } else { rest };
            let read_bytes = part.bytes.len();
            let outgoing = Outgoing {
                origin: Some(Arc::new(ChunkOrigin::new(Arc::clone(&context), part))),
                context: Arc::clone(&context),
                reference: ChunkRef {
                    chunk_number: self.next_part,
                    ..reference.clone()
                },
                rendered,
                credit,
            };
            self.next_part += 1;
            if let (Kept::TooMany(detail), ChunkEnd::Whole) = (self.send_part(outgoing).await?, &end) {
                return Ok(ChunkEnd::SetAside(detail));
            }
            let Some(next) = next else { return Ok(end) };
            rest = next;
            // What the last record took beyond the room for it is in flight as well.
            let owed = buffer_bytes.saturating_sub(room);
            let growth = buffer_bytes / read_bytes.max(1) + 1;
            room = rest.bytes.len().saturating_mul(growth).min(PART_BYTES_MAX);
            let wanted = saturate::to_u64(room.saturating_add(owed));
            credit = Arc::new(self.budget.acquire(wanted).await);
            room = room.min(saturate::to_usize(credit.bytes_count()));
        }
    }

    /// Warns of a row that was skipped as a header and reads like a row.
    fn tell_of_header(&mut self, context: &ObjectContext, tally: &ChunkTally) {
        if self.headers_to_tell == 0 || tally.tables.iter().all(|table| table.skipped_headers == 0) {
            return;
        }
        self.headers_to_tell -= 1;
        let last = if self.headers_to_tell == 0 {
            "; more of them are only counted, see brigade tables"
        } else {
            ""
        };
        tracing::warn!(
            object = context.location,
            line = 1,
            "the first row was skipped as a header, and reads like a row of its table: if the file has none, set \
             {} to 0{last}",
            if context.table.is_some() {
                "source.csv.ignore_header_rows"
            } else {
                "source.csv.ignore_header_rows_in_changes"
            },
        );
    }

    /// Sends control records.
    pub(super) async fn send_control(&mut self, message: ParseControl) -> Result<(), StageClosed> {
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
        self.send_part(outgoing).await.map(drop)
    }

    /// Renders what there is room for; if that panics every time, gives what may be said of it.
    fn render(&mut self, context: &Arc<ObjectContext>, chunk: &Chunk) -> Result<RoutedChunk, String> {
        let span = tracing::debug_span!("parse.chunk", object = %context.id, records = chunk.records.len());
        let rendered = catching(|| {
            #[cfg(feature = "testkit")]
            crate::flow::failpoints::reached(Some(&self.origin.config.task), "parse a chunk");
            span.in_scope(|| {
                let router = &mut self.router;
                router.enter_chain(context.chain.as_ref());
                let (key, location) = (&context.version.key, &context.location);
                router.enter_object(&context.id, key, location, &context.troubles);
                let now_us = self.clock.now_us();
                router.route(&context.version, chunk, context.table, &context.skip, now_us)
            })
        });
        rendered.map_err(|caught| {
            let records = chunk.span.start.ordinal..chunk.span.end.ordinal;
            if !self.panics.is_hopeless(&context.id, records) {
                caught.resume();
            }
            self.router = self.origin.router();
            caught.text()
        })
    }

    async fn send_part(&self, outgoing: Outgoing) -> Result<Kept, StageClosed> {
        self.counters.skipped(outgoing.rendered.skipped);
        let tally = &outgoing.rendered.tally;
        outgoing.context.trace.read(tally.records, tally.dead_lettered);
        self.edges.send(outgoing).await
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
    async fn send(&self, outgoing: Outgoing) -> Result<Kept, StageClosed> {
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
        if span.records_count() == 0 && end != ChunkEnd::Whole {
            return Ok(Kept::GoOn);
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
                let slice = Slice {
                    chunk: reference.clone(),
                    shard,
                    records,
                    credit: Arc::clone(&credit),
                    origin: origin.clone(),
                    trace: context.trace.clone(),
                };
                batcher.push(PackSlice(slice)).await?;
            }
        }
        let Some(last) = rejected.last() else {
            return Ok(Kept::GoOn);
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
