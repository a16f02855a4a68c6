//! A rendered chunk on its way out: to the checkpointer first, then to the batchers and the dead letters.

use std::sync::Arc;

use super::chunk_router::{ChunkEnd, RoutedChunk};
use crate::batch::messages::{PackSlice, Slice};
use crate::checkpoint::context::ObjectContext;
use crate::checkpoint::messages::ChunkParsed;
use crate::deadletter::messages::StoreRejected;
use crate::flow::budget::Credit;
use crate::flow::edge::{Downstream, StageClosed, Upstream};
use crate::model::settle::{ChunkRef, Lane, SettledRun};
use crate::saturate;

/// Where chunks go.
#[derive(Debug)]
pub(super) struct Edges {
    pub(super) batchers: Vec<Downstream<PackSlice>>,
    pub(super) dead_letters: Downstream<StoreRejected>,
    pub(super) checkpointer: Upstream<ChunkParsed>,
}

/// A rendered chunk on its way out.
#[derive(Debug)]
pub(super) struct Outgoing {
    pub(super) context: Arc<ObjectContext>,
    pub(super) reference: ChunkRef,
    pub(super) rendered: RoutedChunk,
    pub(super) credit: Arc<Credit>,
}

impl Edges {
    /// Registers a chunk, then sends its records.
    pub(super) async fn send(&self, outgoing: Outgoing) -> Result<(), StageClosed> {
        let Outgoing {
            context,
            reference,
            rendered,
            credit,
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
