//! Promises about queues that are restarted, and about the life of a task.

use anyhow::{Result, ensure};

use super::{Backend, lanes, object_delta, open, register, state_of, table, totals, version};
use crate::checkpoint::store::{CheckpointDelta, ObjectState, TaskLife};
use crate::model::start::{ChangesStart, StartPoint};
use crate::model::{ObjectId, QueueName};
use crate::settings::ChangesFrom;

/// A life with every field.
fn life() -> TaskLife {
    TaskLife {
        changes_start: Some(ChangesStart {
            wish: ChangesFrom::AfterKey("cdc/é".to_owned()),
            point: StartPoint::ModifiedSince(-1),
        }),
        is_past_load: true,
    }
}

fn restarted(queue: &QueueName) -> CheckpointDelta {
    CheckpointDelta {
        reload: vec![queue.clone()],
        ..CheckpointDelta::default()
    }
}

/// A life stays until another one is named.
pub(super) fn a_life_is_durable(backend: &mut dyn Backend) -> Result<()> {
    let delta = CheckpointDelta {
        life: Some(life()),
        ..CheckpointDelta::default()
    };
    backend.store().commit(&delta)?;
    backend.store().commit(&CheckpointDelta {
        tables: vec![table("orders", 1)],
        ..CheckpointDelta::default()
    })?;
    backend.reopen()?;
    ensure!(backend.store().load()?.life == life(), "the life was not named");
    Ok(())
}

/// A queue that is restarted has no objects and no greatest key; numbers and lanes go on, others keep theirs.
pub(super) fn a_queue_can_be_restarted(backend: &mut dyn Backend) -> Result<()> {
    let (load, other) = (QueueName::load("s.orders"), QueueName::load("s.users"));
    let ids = register(backend, &load, &["a", "b", "c"])?;
    let others = register(backend, &other, &["a"])?;
    for (id, state) in ids.iter().zip([ObjectState::Done(totals(3)), open(5)]) {
        backend.store().commit(&object_delta(id, state))?;
    }
    let delta = CheckpointDelta {
        lanes: vec![(load.clone(), lanes(7))],
        ..restarted(&load)
    };
    backend.store().commit(&delta)?;
    for is_reopened in [false, true] {
        let loaded = backend.store().load()?;
        let unfinished: Vec<_> = loaded.unfinished.iter().map(|object| &object.id).collect();
        ensure!(
            unfinished == others.iter().collect::<Vec<_>>(),
            "{unfinished:?}, {is_reopened}"
        );
        ensure!(
            loaded.greatest_keys == [(other.clone(), "a".to_owned())],
            "{:?}",
            loaded.greatest_keys
        );
        ensure!(loaded.reloaded == [load.clone()], "{:?}", loaded.reloaded);
        ensure!(loaded.lanes == delta.lanes, "{:?}", loaded.lanes);
        ensure!(
            state_of(backend, &load, "a")?.is_none(),
            "its objects are forgotten"
        );
        backend.reopen()?;
    }
    for id in &ids {
        let late = object_delta(id, ObjectState::Done(totals(9)));
        ensure!(backend.store().commit(&late).is_err(), "{id} is forgotten");
    }
    let again = register(backend, &load, &["b", "d"])?;
    let numbers: Vec<_> = again.iter().map(|id| id.number).collect();
    ensure!(numbers == [3, 4], "numbers go on: {numbers:?}");
    ensure!(
        backend.store().register(&load, &[version("b")]).is_err(),
        "it is known again"
    );
    Ok(())
}

/// The same, once more, and for a queue that nobody knows.
pub(super) fn a_queue_can_be_restarted_twice(backend: &mut dyn Backend) -> Result<()> {
    let load = QueueName::load("s.orders");
    backend.store().commit(&restarted(&load))?;
    ensure!(
        backend.store().load()?.reloaded.is_empty(),
        "there was nothing to forget"
    );
    for number in 0..3 {
        let ids = register(backend, &load, &["a"])?;
        let expected = ObjectId {
            queue: load.clone(),
            number,
        };
        ensure!(ids == [expected], "{ids:?}");
        backend.store().commit(&restarted(&load))?;
        backend.reopen()?;
    }
    ensure!(
        backend.store().load()?.unfinished.is_empty(),
        "all of it is forgotten"
    );
    Ok(())
}
