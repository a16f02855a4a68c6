//! What a delivery does at its start about what an earlier process left in doubt.

use std::time::Duration;

use super::delivery::{DeliveryStep, ShardDelivery};
use super::look_plan::Start;
use super::messages::Batch;
use crate::config::tests::loaded;
use crate::model::settle::{ChunkRef, SettledRun};
use crate::model::{BatchRecord, ObjectId, QueueName};
use crate::route::shard_map::{HashRange, ShardIndex};
use crate::settings::{DeliveryConfig, Guarantee};

fn object(number: u64) -> ObjectId {
    ObjectId {
        queue: QueueName::changes(),
        number,
    }
}

/// One row of an object.
fn batch(number: u64) -> Batch {
    let chunk = ChunkRef {
        object: object(number),
        chunk_number: 0,
    };
    Batch {
        shard: ShardIndex(0),
        records: vec![BatchRecord::new(0, b"row", b"key")],
        runs: vec![SettledRun {
            chunk,
            records_count: 1,
            through: 1,
        }],
        origins: vec![None],
        credits: Vec::new(),
        traces: Vec::new(),
    }
}

/// A delivery after a crash in which rows of the first two objects may have been sent.
fn in_doubt() -> ShardDelivery {
    let config = DeliveryConfig {
        guarantee: Guarantee::Dedupe,
        ..loaded().delivery
    };
    let start = Start {
        is_in_doubt: true,
        candidates: vec![object(1), object(2)],
        ..Start::default()
    };
    ShardDelivery::new(config, start, HashRange::ALL, Duration::ZERO)
}

/// The last rows of a file may all go to other shards: it ends before this one has looked.
#[test]
fn a_shard_looks_for_what_an_earlier_process_sent_as_long_as_a_row_of_it_can_come() {
    let mut delivery = in_doubt();
    delivery.finish(&object(1));
    delivery.begin(&batch(2));
    assert!(matches!(delivery.step(), DeliveryStep::Look { .. }));
    let mut delivery = in_doubt();
    delivery.finish(&object(1));
    delivery.finish(&object(2));
    delivery.begin(&batch(3));
    assert_eq!(*delivery.step(), DeliveryStep::Put);
}
