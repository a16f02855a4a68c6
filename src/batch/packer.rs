//! Packs records into requests: counts and bytes within the service limits, order kept. Pure: no I/O, no clock.
//!
//! **Invariants:** B1 (every request within the limits, none empty). A record that fits no request never comes
//! here: the parser rejects it first. So the first record of a request always fits; alone it is sent as it is.

use std::collections::VecDeque;
use std::sync::Arc;

use super::messages::Slice;
use crate::checkpoint::context::ChunkOrigin;
use crate::flow::budget::Credit;
use crate::limits::{BATCH_RECORDS_MAX, REQUEST_BYTES_TARGET, REQUEST_RECORDS_MAX};
use crate::model::BatchRecord;
use crate::model::settle::{ChunkRef, SettledRun};
use crate::observe::object_trace::ObjectTrace;
use crate::publish::messages::Batch;
use crate::route::shard_map::ShardIndex;
use crate::settings::Aggregation;
use crate::sink::kpl::{CONTAINER_BYTES, aggregated_bytes};

/// How much goes into one request.
#[derive(Debug, Clone, Copy)]
pub struct BatchLimits {
    /// Records at most.
    pub records_max: usize,
    /// Bytes at most, unless a single record is larger.
    pub bytes_max: usize,
    /// What a record counts.
    pub bytes_of: fn(&BatchRecord) -> usize,
}

impl BatchLimits {
    /// The limits of requests to a stream that takes records of `record_bytes_max` bytes.
    pub fn new(aggregation: Aggregation, record_bytes_max: usize) -> Self {
        match aggregation {
            Aggregation::None => Self {
                records_max: REQUEST_RECORDS_MAX,
                bytes_max: REQUEST_BYTES_TARGET,
                bytes_of: BatchRecord::bytes_count,
            },
            // A stream may take larger ones, but a shard takes no more than that in a second.
            Aggregation::Kpl => Self {
                records_max: BATCH_RECORDS_MAX,
                bytes_max: record_bytes_max
                    .min(REQUEST_BYTES_TARGET)
                    .saturating_sub(CONTAINER_BYTES),
                bytes_of: aggregated_bytes,
            },
        }
    }
}

/// The records that wait for one shard.
#[derive(Debug)]
pub struct Packer {
    shard: ShardIndex,
    limits: BatchLimits,
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
    origin: Option<Arc<ChunkOrigin>>,
    trace: ObjectTrace,
}

impl Packer {
    /// An empty packer.
    pub fn new(shard: ShardIndex, limits: BatchLimits) -> Self {
        Self {
            shard,
            limits,
            slices: VecDeque::new(),
            waiting_count: 0,
            waiting_bytes: 0,
            since_ms: None,
        }
    }

    /// Takes in a slice that arrived at `now_ms` (any monotonic clock).
    pub fn push(&mut self, slice: Slice, now_ms: u64) {
        self.waiting_count += slice.records.len();
        self.waiting_bytes += slice.records.iter().map(self.limits.bytes_of).sum::<usize>();
        self.since_ms.get_or_insert(now_ms);
        let records = slice.records.into_iter();
        self.slices.push_back(OpenSlice {
            chunk: slice.chunk,
            records,
            credit: slice.credit,
            origin: slice.origin,
            trace: slice.trace,
        });
    }

    /// Whether a request can be filled without waiting for more.
    pub fn is_full(&self) -> bool {
        self.waiting_count >= self.limits.records_max || self.waiting_bytes >= self.limits.bytes_max
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
            origins: Vec::new(),
            credits: Vec::new(),
            traces: Vec::new(),
        };
        batch
            .records
            .reserve(self.waiting_count.min(self.limits.records_max));
        let mut bytes = 0;
        while let Some(slice) = self.slices.front_mut() {
            let taken = take_from(slice, &self.limits, &mut batch.records, &mut bytes);
            if let Some(run) = taken {
                batch.runs.push(run);
                batch.origins.push(slice.origin.clone());
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
fn take_from(
    slice: &mut OpenSlice,
    limits: &BatchLimits,
    records: &mut Vec<BatchRecord>,
    bytes: &mut usize,
) -> Option<SettledRun> {
    let mut run: Option<SettledRun> = None;
    while let Some(record) = slice.records.as_slice().first() {
        let size = (limits.bytes_of)(record);
        let is_full = records.len() >= limits.records_max || *bytes + size > limits.bytes_max;
        if is_full && !records.is_empty() {
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
    use crate::limits::RECORD_BYTES_DEFAULT;
    use crate::model::{ObjectId, QueueName};
    use crate::sink::kpl::sent_bytes;

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
            origin: None,
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
            aggregation in prop_oneof![Just(Aggregation::None), Just(Aggregation::Kpl)],
            record_bytes_max in prop_oneof![Just(RECORD_BYTES_DEFAULT), Just(10 * RECORD_BYTES_DEFAULT)],
        ) {
            let limits = BatchLimits::new(aggregation, record_bytes_max);
            let (mut packer, credit) = (Packer::new(ShardIndex(0), limits), credit());
            let mut ordinal = 0;
            for (number, sizes) in (0..).zip(&slices) {
                packer.push(slice(&credit, number, ordinal, sizes), 0);
                ordinal += u64::try_from(sizes.len()).unwrap();
            }
            let mut seen = 0_u64;
            while let Some(batch) = packer.take(0) {
                let (records_max, bytes) = match aggregation {
                    Aggregation::None => (500, batch.records.iter().map(BatchRecord::bytes_count).sum()),
                    Aggregation::Kpl => (5_000, sent_bytes(&batch.records)),
                };
                prop_assert!(!batch.records.is_empty() && batch.records.len() <= records_max);
                prop_assert!(bytes <= RECORD_BYTES_DEFAULT || batch.records.len() == 1);
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
        let limits = BatchLimits::new(Aggregation::None, RECORD_BYTES_DEFAULT);
        let mut packer = Packer::new(ShardIndex(0), limits);
        assert!(packer.take(0).is_none() && !packer.is_full());
    }

    /// The largest record of a stream would not fit into an aggregate; alone it needs none.
    #[test]
    fn the_largest_record_goes_alone_between_others() {
        let limits = BatchLimits::new(Aggregation::Kpl, RECORD_BYTES_DEFAULT);
        let (mut packer, credit) = (Packer::new(ShardIndex(0), limits), credit());
        packer.push(slice(&credit, 0, 0, &[5, 6, RECORD_BYTES_DEFAULT - 1, 7]), 0);
        let sizes = std::iter::from_fn(|| packer.take(0)).map(|batch| sent_bytes(&batch.records));
        assert_eq!(
            sizes.collect::<Vec<_>>(),
            [4 + 16 + 1 + 3 + 2 * 6 + 11, RECORD_BYTES_DEFAULT, 8]
        );
    }
}
