//! Promises about deltas: whole or not at all (C1), durable (C2), and nothing beyond what they name.

use anyhow::{Result, ensure};

use super::{Backend, cut, lane_cut, lanes, mark, open, register, register_one, state_of, table, version};
use crate::checkpoint::store::{
    Checkpoint, CheckpointDelta, ObjectEntry, ObjectProgress, ObjectState, Phase, RangeThrough, ShardCut,
    TaskState,
};
use crate::model::places::PLACES_MAX;
use crate::model::{ObjectId, QueueName};
use crate::route::shard_map::HashRange;

/// Nothing is loaded, nothing is found, and doing nothing is allowed.
pub(super) fn an_empty_store_has_nothing(backend: &mut dyn Backend) -> Result<()> {
    backend.store().commit(&CheckpointDelta::default())?;
    ensure!(
        backend.store().register(&QueueName::changes(), &[])?.is_empty(),
        "no number was asked for"
    );
    backend.reopen()?;
    ensure!(
        backend.store().load()? == Checkpoint::default(),
        "the store must be empty"
    );
    ensure!(
        state_of(backend, &QueueName::changes(), "a")?.is_none(),
        "no object was registered"
    );
    Ok(())
}

/// A delta with one wrong part changes nothing.
pub(super) fn a_commit_is_all_or_nothing(backend: &mut dyn Backend) -> Result<()> {
    let id = register_one(backend, "a")?;
    let before = backend.store().load()?;
    let unknown = ObjectId {
        queue: QueueName::changes(),
        number: 1,
    };
    let delta = CheckpointDelta {
        objects: vec![(id, open(5)), (unknown, open(5))],
        cuts: vec![cut("shardId-0", 5)],
        tables: vec![table("orders", 5)],
        lanes: vec![(QueueName::changes(), lanes(5))],
        task: Some(TaskState {
            clean_stop: true,
            ..TaskState::default()
        }),
        ..CheckpointDelta::default()
    };
    ensure!(
        backend.store().commit(&delta).is_err(),
        "an unknown object must be refused"
    );
    ensure!(backend.store().load()? == before, "nothing may be applied");
    backend.reopen()?;
    ensure!(backend.store().load()? == before, "nothing may be stored");
    Ok(())
}

/// What was committed is there after a reopening, with every field.
pub(super) fn a_commit_is_durable(backend: &mut dyn Backend) -> Result<()> {
    let id = register_one(backend, "a")?;
    let task = TaskState {
        phase: Phase::Changes,
        configuration_fingerprint: "f".to_owned(),
        stream_identity: "s".to_owned(),
        unselected_rows: 6,
        unassigned_error_rows: 3,
        fresh_start_ms: Some(4),
        clean_stop: true,
        in_doubt_since_ms: Some(5),
        may_hold_copies: true,
        positions: "Auto UTF-8".to_owned(),
        chain: Some(1_793_000_000_000),
    };
    let delta = CheckpointDelta {
        objects: vec![(id.clone(), open(5))],
        cuts: vec![cut("shardId-0", 5), cut("shardId-1", 6)],
        tables: vec![table("orders", 5), table("users", 6)],
        lanes: vec![
            (QueueName::changes(), lanes(5)),
            (QueueName::load("s.orders"), lanes(6)),
        ],
        task: Some(task.clone()),
        ..CheckpointDelta::default()
    };
    backend.store().commit(&delta)?;
    backend.reopen()?;
    let loaded = backend.store().load()?;
    let unfinished = vec![ObjectEntry {
        id,
        version: version("a"),
        state: open(5),
    }];
    ensure!(loaded.unfinished == unfinished, "objects {:?}", loaded.unfinished);
    ensure!(loaded.cuts == delta.cuts, "cuts {:?}", loaded.cuts);
    ensure!(loaded.tables == delta.tables, "tables {:?}", loaded.tables);
    ensure!(loaded.lanes == delta.lanes, "lanes {:?}", loaded.lanes);
    ensure!(loaded.task == task, "task {:?}", loaded.task);
    Ok(())
}

/// Shards, tables and the task stay as they are when a delta does not name them.
pub(super) fn a_delta_replaces_only_what_it_names(backend: &mut dyn Backend) -> Result<()> {
    let task = Some(TaskState {
        stream_identity: "s".to_owned(),
        ..TaskState::default()
    });
    let first = CheckpointDelta {
        cuts: vec![cut("shardId-0", 1), cut("shardId-1", 1)],
        tables: vec![table("orders", 1), table("users", 1)],
        lanes: vec![
            (QueueName::changes(), lanes(1)),
            (QueueName::load("s.orders"), lanes(1)),
        ],
        task: task.clone(),
        ..CheckpointDelta::default()
    };
    let second = CheckpointDelta {
        cuts: vec![cut("shardId-1", 2)],
        tables: vec![table("orders", 2)],
        lanes: vec![(QueueName::load("s.orders"), lanes(2))],
        ..CheckpointDelta::default()
    };
    backend.store().commit(&first)?;
    backend.store().commit(&second)?;
    backend.reopen()?;
    let loaded = backend.store().load()?;
    ensure!(
        loaded.cuts == [cut("shardId-0", 1), cut("shardId-1", 2)],
        "cuts {:?}",
        loaded.cuts
    );
    ensure!(
        loaded.tables == [table("orders", 2), table("users", 1)],
        "tables {:?}",
        loaded.tables
    );
    let expected = [
        (QueueName::changes(), lanes(1)),
        (QueueName::load("s.orders"), lanes(2)),
    ];
    ensure!(loaded.lanes == expected, "lanes {:?}", loaded.lanes);
    ensure!(Some(loaded.task) == task, "the task was not named");
    Ok(())
}

/// Keys as long as S3 allows, and empty and odd names, come back as they were.
pub(super) fn unusual_names_are_kept(backend: &mut dyn Backend) -> Result<()> {
    let queue = QueueName::load("größe/a\0b.\u{10FFFF}");
    let long = "é".repeat(511);
    let keys = [
        "",
        "\0",
        "\0\u{1}",
        "a",
        "a\0\0",
        &format!("{long}1"),
        &format!("{long}2"),
    ];
    register(backend, &queue, &keys)?;
    let cuts = ["", "s", "s\0"].map(|shard_id| cut(shard_id, 1)).to_vec();
    let delta = CheckpointDelta {
        cuts,
        ..CheckpointDelta::default()
    };
    backend.store().commit(&delta)?;
    backend.reopen()?;
    let found = backend.store().lookup(&queue, &keys)?;
    let found_keys: Vec<&str> = found
        .iter()
        .flatten()
        .map(|object| &*object.version.key)
        .collect();
    ensure!(found_keys == keys, "keys {found_keys:?}");
    let loaded = backend.store().load()?;
    ensure!(
        loaded.unfinished.iter().all(|object| object.id.queue == queue),
        "the queue keeps its name"
    );
    ensure!(loaded.cuts == delta.cuts, "cuts {:?}", loaded.cuts);
    Ok(())
}

/// The state of an object spread over many shards and the cut of a full request come back as they were; when they
/// become short again, nothing is left behind.
pub(super) fn long_values_are_kept(backend: &mut dyn Backend) -> Result<()> {
    let ids = register(backend, &QueueName::changes(), &["a", "b"])?;
    let through = (0..2_000).map(|index| RangeThrough {
        range: HashRange {
            start: index,
            end: index,
        },
        through: u64::MAX,
    });
    let wide = ObjectState::Open(ObjectProgress {
        watermark: mark(1),
        through: through.collect(),
        ..ObjectProgress::default()
    });
    let fullest = ShardCut {
        lanes: (0..4)
            .map(|lane| lane_cut((0..PLACES_MAX).map(|place| format!("{lane}{place:055}"))))
            .collect(),
        ..cut("shardId-0", 500)
    };
    for (state, cut_of_request) in [(wide, fullest), (open(2), cut("shardId-0", 501))] {
        let delta = CheckpointDelta {
            objects: ids.iter().map(|id| (id.clone(), state.clone())).collect(),
            cuts: vec![cut_of_request, cut("shardId-1", 1)],
            ..CheckpointDelta::default()
        };
        backend.store().commit(&delta)?;
        backend.reopen()?;
        let loaded = backend.store().load()?;
        ensure!(loaded.unfinished.len() == 2, "both objects are there");
        ensure!(
            loaded.unfinished.iter().all(|object| object.state == state),
            "states must come back"
        );
        ensure!(loaded.cuts == delta.cuts, "cuts must come back");
    }
    Ok(())
}
