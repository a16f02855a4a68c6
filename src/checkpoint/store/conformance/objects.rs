//! Promises about objects: numbers, lookup, order, and states that only move forward (W1).

use anyhow::{Context, Result, ensure};

use super::{Backend, mark, object_delta, open, register, register_one, state_of, totals, version};
use crate::checkpoint::store::{CheckpointDelta, Decision, ObjectState, StoreError};
use crate::model::{Mark, ObjectId, QueueName};

/// Each queue numbers its objects from zero without gaps, also over a reopening.
pub(super) fn numbers_follow_the_order_given(backend: &mut dyn Backend) -> Result<()> {
    let (changes, load) = (QueueName::changes(), QueueName::load("shop.orders"));
    let mut numbers = Vec::new();
    for (queue, keys) in [
        (&changes, ["b", "a"]),
        (&load, ["a", "c"]),
        (&changes, ["d", "c"]),
    ] {
        for id in register(backend, queue, &keys)? {
            ensure!(id.queue == *queue, "{id} is in another queue than {queue}");
            numbers.push(id.number);
        }
        backend.reopen()?;
    }
    ensure!(numbers == [0, 1, 0, 1, 2, 3], "numbers {numbers:?}");
    Ok(())
}

/// A known key, or the same key twice, is refused and nothing of the call is registered.
pub(super) fn a_key_is_registered_once(backend: &mut dyn Backend) -> Result<()> {
    let queue = QueueName::changes();
    register(backend, &queue, &["a"])?;
    for keys in [["b", "a"], ["b", "b"]] {
        let versions = keys.map(version);
        let refused = backend.store().register(&queue, &versions);
        ensure!(
            matches!(refused, Err(StoreError::AlreadyRegistered { .. })),
            "{keys:?} gave {refused:?}"
        );
        ensure!(
            state_of(backend, &queue, "b")?.is_none(),
            "b must not be registered by {keys:?}"
        );
    }
    let ids = register(backend, &queue, &["b"])?;
    ensure!(
        ids.iter().map(|id| id.number).eq([1]),
        "no number may be lost: {ids:?}"
    );
    Ok(())
}

/// An object that is set aside as it gets its number is never found as one to read.
pub(super) fn an_object_can_start_as_set_aside(backend: &mut dyn Backend) -> Result<()> {
    let queue = QueueName::changes();
    let set_aside = ObjectState::Quarantined {
        reason: "late".to_owned(),
        watermark: Mark::START,
        totals: totals(0),
        is_in_doubt: false,
    };
    let objects = [
        (version("b"), ObjectState::Registered),
        (version("a"), set_aside.clone()),
    ];
    let ids = backend.store().register_as(&queue, &objects)?;
    ensure!(ids.iter().map(|id| id.number).eq([0, 1]), "numbers of {ids:?}");
    backend.reopen()?;
    let unfinished = backend.store().load()?.unfinished;
    ensure!(
        unfinished
            .iter()
            .map(|entry| entry.version.key.as_str())
            .eq(["b"]),
        "{unfinished:?}"
    );
    let found = state_of(backend, &queue, "a")?;
    ensure!(found == Some(set_aside.clone()), "{found:?}");
    for id in ids.iter().skip(1) {
        backend.store().commit(&object_delta(id, set_aside.clone()))?;
    }
    Ok(())
}

/// Answers stand where the keys stand, whether found or not, finished or not.
pub(super) fn lookup_answers_in_the_order_asked(backend: &mut dyn Backend) -> Result<()> {
    let queue = QueueName::load("shop.orders");
    let ids = register(backend, &queue, &["a", "b", "c"])?;
    for id in ids.iter().take(1) {
        backend
            .store()
            .commit(&object_delta(id, ObjectState::Done(totals(3))))?;
    }
    backend.reopen()?;
    let found = backend.store().lookup(&queue, &["c", "x", "a", "c"])?;
    let keys: Vec<Option<&str>> = found
        .iter()
        .map(|object| object.as_ref().map(|object| &*object.version.key))
        .collect();
    ensure!(keys == [Some("c"), None, Some("a"), Some("c")], "keys {keys:?}");
    ensure!(
        found
            .iter()
            .flatten()
            .all(|object| object.version == version(&object.version.key)),
        "versions {found:?}"
    );
    ensure!(
        state_of(backend, &queue, "a")? == Some(ObjectState::Done(totals(3))),
        "a is done"
    );
    ensure!(
        state_of(backend, &QueueName::changes(), "a")?.is_none(),
        "queues do not share keys"
    );
    Ok(())
}

/// Loading gives the unfinished objects by queue and number, and only them.
pub(super) fn unfinished_objects_come_in_order(backend: &mut dyn Backend) -> Result<()> {
    let (load, changes) = (QueueName::load("z.z"), QueueName::changes());
    let keys: Vec<String> = (0..300).map(|number| format!("{}", 999 - number)).collect();
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    let mut expected = Vec::new();
    for queue in [&load, &changes] {
        let mut delta = CheckpointDelta::default();
        for id in register(backend, queue, &keys)? {
            match id.number % 3 {
                0 => delta.objects.push((id, ObjectState::Done(totals(1)))),
                1 => delta.objects.push((id, open(1))),
                _ => {}
            }
        }
        backend.store().commit(&delta)?;
    }
    for queue in [&changes, &load] {
        let numbers = (0..300).filter(|number| number % 3 != 0);
        expected.extend(numbers.map(|number| ObjectId {
            queue: queue.clone(),
            number,
        }));
    }
    backend.reopen()?;
    let loaded: Vec<ObjectId> = backend
        .store()
        .load()?
        .unfinished
        .into_iter()
        .map(|object| object.id)
        .collect();
    ensure!(loaded == expected, "loaded {loaded:?}");
    Ok(())
}

/// W1: a lower watermark is refused and the higher one stays.
pub(super) fn a_watermark_never_goes_back(backend: &mut dyn Backend) -> Result<()> {
    let id = register_one(backend, "a")?;
    backend.store().commit(&object_delta(&id, open(5)))?;
    for state in [open(4), ObjectState::Registered] {
        let refused = backend.store().commit(&object_delta(&id, state.clone()));
        ensure!(
            matches!(refused, Err(StoreError::Regression { .. })),
            "{state:?} gave {refused:?}"
        );
    }
    backend.reopen()?;
    ensure!(
        state_of(backend, &id.queue, "a")? == Some(open(5)),
        "the watermark must stay"
    );
    backend.store().commit(&object_delta(&id, open(6)))?;
    ensure!(
        state_of(backend, &id.queue, "a")? == Some(open(6)),
        "the store must go on after a refusal"
    );
    Ok(())
}

/// W1: a finished object cannot be opened again; saying the same once more is allowed.
pub(super) fn finished_is_for_good(backend: &mut dyn Backend) -> Result<()> {
    let quarantined = ObjectState::Quarantined {
        reason: "not gzip".to_owned(),
        watermark: mark(2),
        totals: totals(2),
        is_in_doubt: false,
    };
    for (key, finished) in [("a", ObjectState::Done(totals(2))), ("b", quarantined)] {
        let id = register_one(backend, key)?;
        backend.store().commit(&object_delta(&id, finished.clone()))?;
        backend.reopen()?;
        for state in [ObjectState::Registered, open(9), ObjectState::Done(totals(9))] {
            let refused = backend.store().commit(&object_delta(&id, state.clone()));
            ensure!(
                matches!(refused, Err(StoreError::Regression { .. })),
                "{state:?} gave {refused:?}"
            );
        }
        backend.store().commit(&object_delta(&id, finished.clone()))?;
        ensure!(
            state_of(backend, &id.queue, key)? == Some(finished),
            "{key} must stay finished"
        );
    }
    ensure!(backend.store().load()?.unfinished.is_empty(), "both are finished");
    Ok(())
}

/// What positions count is another thing: an object that is set aside loses its place, and nothing else.
pub(super) fn an_object_that_is_set_aside_can_lose_its_place(backend: &mut dyn Backend) -> Result<()> {
    let quarantined = ObjectState::Quarantined {
        reason: "not gzip".to_owned(),
        watermark: mark(2),
        totals: totals(2),
        is_in_doubt: false,
    };
    let id = register_one(backend, "a")?;
    backend.store().commit(&object_delta(&id, quarantined.clone()))?;
    let relocated = |state| CheckpointDelta {
        is_relocated: true,
        ..object_delta(&id, state)
    };
    let plain = backend.store().commit(&object_delta(&id, quarantined.unplaced()));
    ensure!(plain.is_err(), "without a word positions do not change");
    let reopened = backend.store().commit(&relocated(open(2)));
    ensure!(reopened.is_err(), "it stays set aside");
    backend.store().commit(&relocated(quarantined.unplaced()))?;
    backend.reopen()?;
    let found = state_of(backend, &id.queue, "a")?.context("it is there")?;
    let aside = found.set_aside().context("it is set aside")?;
    ensure!(
        aside.watermark.is_unplaced() && aside.watermark.ordinal == mark(2).ordinal,
        "{found:?}"
    );
    Ok(())
}

/// An object that was set aside keeps its number; its key gets another one only if it is to be read again.
pub(super) fn a_key_to_be_read_again_gets_a_new_number(backend: &mut dyn Backend) -> Result<()> {
    let quarantined = ObjectState::Quarantined {
        reason: "not gzip".to_owned(),
        watermark: mark(2),
        totals: totals(2),
        is_in_doubt: false,
    };
    let aside = quarantined.set_aside().context("it is set aside")?;
    let id = register_one(backend, "a")?;
    register_one(backend, "b")?;
    for (state, is_free) in [
        (quarantined.clone(), false),
        (aside.decided(Decision::Skip), false),
        (aside.decided(Decision::RetryAtMark), true),
    ] {
        backend.store().commit(&object_delta(&id, state.clone()))?;
        backend.reopen()?;
        ensure!(
            state_of(backend, &id.queue, "a")? == Some(state.clone()),
            "{state:?} is durable"
        );
        let set_aside = backend.store().set_aside()?;
        ensure!(
            set_aside.iter().map(|entry| &entry.state).eq([&state]),
            "{set_aside:?}"
        );
        let again = backend.store().register_as(&id.queue, &[(version("a"), open(2))]);
        ensure!(again.is_ok() == is_free, "{state:?} gave {again:?}");
    }
    backend.reopen()?;
    let loaded = backend.store().load()?;
    let unfinished: Vec<_> = loaded.unfinished.iter().map(|object| object.id.number).collect();
    ensure!(unfinished == [1, 2], "{unfinished:?}");
    ensure!(
        state_of(backend, &id.queue, "a")? == Some(open(2)),
        "the key leads to its new number"
    );
    let set_aside = backend.store().set_aside()?;
    ensure!(
        set_aside.is_empty(),
        "the new number is the one that counts: {set_aside:?}"
    );
    let refused = backend.store().register(&id.queue, &[version("a")]);
    ensure!(refused.is_err(), "and only once");
    Ok(())
}

/// An object of an unknown queue, or with a number not given yet, is refused.
pub(super) fn an_object_without_a_number_is_refused(backend: &mut dyn Backend) -> Result<()> {
    register_one(backend, "a")?;
    for (queue, number) in [(QueueName::changes(), 1), (QueueName::load("shop.orders"), 0)] {
        let id = ObjectId { queue, number };
        let refused = backend.store().commit(&object_delta(&id, open(1)));
        ensure!(
            matches!(refused, Err(StoreError::Unregistered { .. })),
            "{id} gave {refused:?}"
        );
    }
    Ok(())
}

/// The parts of a delta apply in order: later states are judged against earlier ones.
pub(super) fn one_delta_may_name_an_object_twice(backend: &mut dyn Backend) -> Result<()> {
    let id = register_one(backend, "a")?;
    let twice = |first, second| CheckpointDelta {
        objects: vec![(id.clone(), first), (id.clone(), second)],
        ..CheckpointDelta::default()
    };
    ensure!(
        backend.store().commit(&twice(open(5), open(4))).is_err(),
        "back within a delta"
    );
    backend
        .store()
        .commit(&twice(open(4), ObjectState::Done(totals(6))))?;
    backend.reopen()?;
    ensure!(
        state_of(backend, &id.queue, "a")? == Some(ObjectState::Done(totals(6))),
        "the later state counts"
    );
    Ok(())
}
