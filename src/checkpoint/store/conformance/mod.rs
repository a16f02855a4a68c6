//! What every backend promises, one function per promise, in the files below. Run on each backend by
//! `tests/state/conformance.rs`.

mod restarted;
mod deltas;
mod objects;

use anyhow::Result;

use super::{
    CheckpointDelta, CheckpointStore, ObjectEntry, ObjectProgress, ObjectState, ObjectTotals, RangeThrough,
    ShardCut, TableStatistics,
};
use crate::chain::ends::LaneEnds;
use crate::chain::position::ChainPosition;
use crate::model::places::{KnownPlaces, LaneCut};
use crate::model::trouble::{SuspendedRow, Suspension, Trouble, Troubles};
use crate::model::{Mark, ObjectId, ObjectVersion, QueueName};
use crate::route::lane::LaneIndex;
use crate::route::shard_map::HashRange;

/// A backend under test.
pub trait Backend {
    /// The store.
    fn store(&self) -> &dyn CheckpointStore;

    /// Closes the store and opens what it left.
    ///
    /// # Errors
    /// If that fails.
    fn reopen(&mut self) -> Result<()>;
}

/// A promise by its name.
pub type Behaviour = (&'static str, fn(&mut dyn Backend) -> Result<()>);

/// Every promise; each is to be given an empty backend.
pub const BEHAVIOURS: &[Behaviour] = &[
    ("an_empty_store_has_nothing", deltas::an_empty_store_has_nothing),
    (
        "numbers_follow_the_order_given",
        objects::numbers_follow_the_order_given,
    ),
    ("a_key_is_registered_once", objects::a_key_is_registered_once),
    (
        "an_object_can_start_as_set_aside",
        objects::an_object_can_start_as_set_aside,
    ),
    (
        "lookup_answers_in_the_order_asked",
        objects::lookup_answers_in_the_order_asked,
    ),
    (
        "unfinished_objects_come_in_order",
        objects::unfinished_objects_come_in_order,
    ),
    ("a_commit_is_all_or_nothing", deltas::a_commit_is_all_or_nothing),
    ("a_commit_is_durable", deltas::a_commit_is_durable),
    (
        "a_delta_replaces_only_what_it_names",
        deltas::a_delta_replaces_only_what_it_names,
    ),
    (
        "a_watermark_never_goes_back",
        objects::a_watermark_never_goes_back,
    ),
    ("finished_is_for_good", objects::finished_is_for_good),
    (
        "an_object_that_is_set_aside_can_lose_its_place",
        objects::an_object_that_is_set_aside_can_lose_its_place,
    ),
    (
        "a_key_to_be_read_again_gets_a_new_number",
        objects::a_key_to_be_read_again_gets_a_new_number,
    ),
    (
        "an_object_without_a_number_is_refused",
        objects::an_object_without_a_number_is_refused,
    ),
    (
        "one_delta_may_name_an_object_twice",
        objects::one_delta_may_name_an_object_twice,
    ),
    ("unusual_names_are_kept", deltas::unusual_names_are_kept),
    ("long_values_are_kept", deltas::long_values_are_kept),
    ("a_life_is_durable", restarted::a_life_is_durable),
    ("a_queue_can_be_restarted", restarted::a_queue_can_be_restarted),
    (
        "a_queue_can_be_restarted_twice",
        restarted::a_queue_can_be_restarted_twice,
    ),
];

/// The version of an object with a key.
pub fn version(key: &str) -> ObjectVersion {
    ObjectVersion {
        key: key.to_owned(),
        etag: format!("etag of {key}"),
        size_bytes: 10,
        modified_ms: 1_700_000_000_000,
    }
}

/// A mark after some records.
pub fn mark(records: u64) -> Mark {
    Mark {
        position: records * 100,
        ordinal: records,
        line: records + 1,
    }
}

/// An open object settled up to some records.
pub fn open(records: u64) -> ObjectState {
    let halves = HashRange {
        start: 0,
        end: u128::MAX / 2,
    };
    ObjectState::Open(ObjectProgress {
        watermark: mark(records),
        through: vec![RangeThrough {
            range: halves,
            through: records + 5,
        }],
        dead_letters_through: records,
        totals: totals(records),
        lanes: Some(lanes(records)),
        troubles: troubles(records),
        is_in_doubt: records.is_multiple_of(2),
    })
}

/// A table that was suspended by a row.
pub fn troubles(records: u64) -> Troubles {
    let queue = QueueName::from_stored("load:sales.orders");
    let suspension = Suspension {
        object: ObjectId { queue, number: 7 },
        key: "orders/7.csv".to_owned(),
        row: Some(SuspendedRow {
            ordinal: records,
            line: records + 1,
            byte: records * 10,
            column: Some("id".to_owned()),
        }),
        reason: "\"x\" is not a number".to_owned(),
        is_in_doubt: !records.is_multiple_of(2),
    };
    let trouble = Trouble {
        bad_rows: records,
        forgiven: records / 2,
        suspension: Some(suspension),
    };
    [("sales.orders".to_owned(), trouble)].into_iter().collect()
}

/// Ends of two lanes.
pub fn lanes(records: u64) -> LaneEnds {
    let mut ends = LaneEnds::default();
    for (number, object) in [(0, 1), (63, 2)] {
        let position = ChainPosition {
            object,
            record: records,
        };
        ends.reach(LaneIndex::of_number(number), position);
    }
    ends
}

/// Totals of some records.
pub fn totals(records: u64) -> ObjectTotals {
    ObjectTotals {
        records,
        delivered: records,
        dead_lettered: 0,
        filtered: 0,
        bytes: records * 100,
    }
}

/// What the lane of a shard has settled there.
pub fn lane_cut(places: impl IntoIterator<Item = String>) -> LaneCut {
    LaneCut {
        range: HashRange::ALL,
        known: KnownPlaces::of(places),
        look_from: Some("48".to_owned()),
    }
}

/// The cut of a shard.
pub fn cut(shard_id: &str, records: u64) -> ShardCut {
    ShardCut {
        shard_id: shard_id.to_owned(),
        range: HashRange::ALL,
        last_sequence_number: Some(format!("4954{records:052}")),
        lanes: vec![lane_cut((0..3).map(|index| format!("4954{index:052}")))],
        records,
    }
}

/// A delta of one object.
pub fn object_delta(id: &ObjectId, state: ObjectState) -> CheckpointDelta {
    CheckpointDelta {
        objects: vec![(id.clone(), state)],
        ..CheckpointDelta::default()
    }
}

fn table(table_name: &str, full_load_rows: u64) -> TableStatistics {
    TableStatistics {
        schema_name: "shop".to_owned(),
        table_name: table_name.to_owned(),
        full_load_rows,
        last_update_ms: Some(-1),
        ..TableStatistics::default()
    }
}

fn register(backend: &dyn Backend, queue: &QueueName, keys: &[&str]) -> Result<Vec<ObjectId>> {
    let versions: Vec<ObjectVersion> = keys.iter().map(|key| version(key)).collect();
    Ok(backend.store().register(queue, &versions)?)
}

fn register_one(backend: &dyn Backend, key: &str) -> Result<ObjectId> {
    let ids = register(backend, &QueueName::changes(), &[key])?;
    ids.into_iter()
        .next()
        .ok_or_else(|| anyhow::anyhow!("no number for {key}"))
}

fn state_of(backend: &dyn Backend, queue: &QueueName, key: &str) -> Result<Option<ObjectState>> {
    let found: Vec<Option<ObjectEntry>> = backend.store().lookup(queue, &[key])?;
    Ok(found.into_iter().next().flatten().map(|object| object.state))
}
