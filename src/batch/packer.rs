//! Packs records into requests: counts and bytes within the service limits, order kept. Pure: no I/O, no clock.
//!
//! **Invariants:** B1 (every request within the limits, none empty). A record that fits no request never comes
//! here: the parser rejects it first.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::flow::budget::Credit;
use crate::limits::{REQUEST_BYTES_MAX, REQUEST_BYTES_TARGET, REQUEST_RECORDS_MAX};
use crate::model::settle::{ChunkRef, SettledRun};
use crate::model::{Batch, BatchRecord, Slice};
use crate::observe::object_trace::ObjectTrace;
use crate::route::shard_map::ShardIndex;

/// The records that wait for one shard.
#[derive(Debug)]
pub struct Packer {
    shard: ShardIndex,
    slices: VecDeque<OpenSlice>,
    waiting_count: usize,
    waiting_bytes: usize,
    since_ms: Option<u64>,
}

#[derive(Debug)]
struct OpenSlice {
    chunk: ChunkRef,
    records: std::vec::IntoIter<BatchRecord>,
    credit: Arc<Credit>,
    trace: ObjectTrace,
}

impl Packer {
    /// An empty packer.
    pub fn new(shard: ShardIndex) -> Self {
        Self {
            shard,
            slices: VecDeque::new(),
            waiting_count: 0,
            waiting_bytes: 0,
            since_ms: None,
        }
    }

    /// Takes in a slice that arrived at `now_ms` (any monotonic clock).
    pub fn push(&mut self, slice: Slice, now_ms: u64) {
        self.waiting_count += slice.records.len();
        self.waiting_bytes += slice.records.iter().map(BatchRecord::bytes_count).sum::<usize>();
        self.since_ms.get_or_insert(now_ms);
        let records = slice.records.into_iter();
        self.slices.push_back(OpenSlice {
            chunk: slice.chunk,
            records,
            credit: slice.credit,
            trace: slice.trace,
        });
    }

    /// Whether a request can be filled without waiting for more.
    pub fn is_full(&self) -> bool {
        self.waiting_count >= REQUEST_RECORDS_MAX || self.waiting_bytes >= REQUEST_BYTES_TARGET
    }

    /// Since when the oldest record has been waiting.
    pub fn waiting_since_ms(&self) -> Option<u64> {
        self.since_ms
    }

    /// The next request; `None` only if nothing waits.
    pub fn take(&mut self, now_ms: u64) -> Option<Batch> {
        let mut batch = Batch {
            shard: self.shard,
            records: Vec::new(),
            runs: Vec::new(),
            credits: Vec::new(),
            traces: Vec::new(),
        };
        batch.records.reserve(self.waiting_count.min(REQUEST_RECORDS_MAX));
        let mut bytes = 0;
        while let Some(slice) = self.slices.front_mut() {
            let taken = take_from(slice, &mut batch.records, &mut bytes);
            if let Some(run) = taken {
                batch.runs.push(run);
                batch.credits.push(Arc::clone(&slice.credit));
                if !batch.traces.last().is_some_and(|last| last.is_same(&slice.trace)) {
                    batch.traces.push(slice.trace.clone());
                }
            }
            if slice.records.as_slice().is_empty() {
                self.slices.pop_front();
            } else {
                break;
            }
        }
        self.waiting_count -= batch.records.len();
        self.waiting_bytes -= bytes;
        self.since_ms = (self.waiting_count > 0).then_some(now_ms);
        (!batch.records.is_empty()).then_some(batch)
    }
}

/// Moves records of a slice into a request while they fit; says which ones they were.
fn take_from(slice: &mut OpenSlice, records: &mut Vec<BatchRecord>, bytes: &mut usize) -> Option<SettledRun> {
    let mut run: Option<SettledRun> = None;
    while let Some(record) = slice.records.as_slice().first() {
        let size = record.bytes_count();
        let is_over_target = *bytes + size > REQUEST_BYTES_TARGET && !records.is_empty();
        let is_over_limit = *bytes + size > REQUEST_BYTES_MAX;
        if records.len() >= REQUEST_RECORDS_MAX || is_over_target || is_over_limit {
            break;
        }
        let Some(record) = slice.records.next() else { break };
        let run = run.get_or_insert_with(|| SettledRun {
            chunk: slice.chunk.clone(),
            records_count: 0,
            through: 0,
        });
        run.records_count += 1;
        run.through = record.through();
        *bytes += size;
        records.push(record);
    }
    run
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::flow::budget::Budget;
    use crate::model::{ObjectId, QueueName};

    fn slice(credit: &Arc<Credit>, number: u64, first: u64, sizes: &[usize]) -> Slice {
        let records = sizes
            .iter()
            .zip(first..)
            .map(|(size, ordinal)| BatchRecord::new(ordinal, &vec![b'x'; *size], b"k"));
        let object = ObjectId {
            queue: QueueName::changes(),
            number: 0,
        };
        Slice {
            chunk: ChunkRef {
                object,
                chunk_number: number,
            },
            shard: ShardIndex(0),
            records: records.collect(),
            credit: Arc::clone(credit),
            trace: ObjectTrace::none(),
        }
    }

    fn credit() -> Arc<Credit> {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        Arc::new(runtime.block_on(Budget::new(1 << 20).acquire(1)))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        /// B1.
        #[test]
        fn requests_are_the_input_in_order_and_within_the_limits(
            slices in prop::collection::vec(
                prop::collection::vec(prop_oneof![1_usize..400, 200_000_usize..1_000_000], 1..700), 1..6),
        ) {
            let (mut packer, credit) = (Packer::new(ShardIndex(0)), credit());
            let mut ordinal = 0;
            for (number, sizes) in (0..).zip(&slices) {
                packer.push(slice(&credit, number, ordinal, sizes), 0);
                ordinal += u64::try_from(sizes.len()).unwrap();
            }
            let mut seen = 0_u64;
            while let Some(batch) = packer.take(0) {
                prop_assert!(!batch.records.is_empty() && batch.records.len() <= REQUEST_RECORDS_MAX);
                let bytes: usize = batch.records.iter().map(BatchRecord::bytes_count).sum();
                prop_assert!(bytes <= REQUEST_BYTES_TARGET || batch.records.len() == 1);
                let runs: u64 = batch.runs.iter().map(|run| run.records_count).sum();
                prop_assert_eq!(runs, u64::try_from(batch.records.len()).unwrap());
                for record in &batch.records {
                    prop_assert_eq!(record.ordinal, seen);
                    seen += 1;
                }
                prop_assert_eq!(batch.runs.last().map(|run| run.through), Some(seen));
            }
            prop_assert_eq!(seen, ordinal);
            prop_assert_eq!((packer.waiting_count, packer.waiting_bytes), (0, 0));
        }
    }

    #[test]
    fn an_empty_packer_gives_no_request() {
        let mut packer = Packer::new(ShardIndex(0));
        assert!(packer.take(0).is_none() && !packer.is_full());
    }
}
