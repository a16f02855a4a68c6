//! Where the changes of a task begin: decided once, durable before anything is sent, and kept from then on.

use std::sync::Arc;

use super::pipeline::Backends;
use crate::checkpoint::store::{
    Checkpoint, CheckpointDelta, CheckpointStore, ObjectState, ObjectTotals, Phase, StoreError, TaskLife,
};
use crate::config::Config;
use crate::discover::folders::{Belonging, ObjectFolder, change_folders};
use crate::fault::{Fault, FaultKind};
use crate::model::start::{ChangesStart, StartPoint};
use crate::model::{ObjectVersion, QueueName};
use crate::settings::{ChangesFrom, LeftOut, StopAfter};
use crate::source::ListCursor;

/// The life of a task as it goes on, with what this start decides.
///
/// # Errors
/// If the configuration asks for another beginning than the one that was decided; as source and store say.
pub(super) async fn decide(
    config: &Config,
    backends: &Backends,
    checkpoint: &Checkpoint,
) -> Result<TaskLife, Fault> {
    let mut life = checkpoint.life.clone();
    let is_changing = checkpoint.task.phase == Phase::Changes;
    life.is_past_load |= is_changing && config.stop.after == StopAfter::Never;
    let folders = change_folders(config);
    if !folders.is_empty() {
        life.changes_start = Some(changes_start(config, backends, checkpoint, &folders).await?);
    }
    Ok(life)
}

/// `now` takes a listing, and what it finds is registered page by page. So it is noted first that this has begun: a
/// process that comes after a crash goes on with it, and does not take what it finds registered for the whole.
async fn changes_start(
    config: &Config,
    backends: &Backends,
    checkpoint: &Checkpoint,
    folders: &[ObjectFolder],
) -> Result<ChangesStart, Fault> {
    let wish = &config.source.changes_from;
    let start = |point| ChangesStart {
        wish: wish.clone(),
        point,
    };
    if let Some(known) = decided(checkpoint) {
        if known.wish != *wish {
            return Err(another_beginning(config, &known.wish));
        }
        if known.point.is_decided() {
            return Ok(known);
        }
    }
    let point = if let Some(point) = StartPoint::of(wish) {
        point
    } else {
        let begun = StartPoint::Registered { is_complete: false };
        let life = TaskLife {
            changes_start: Some(start(begun)),
            ..checkpoint.life.clone()
        };
        commit(&backends.store, life).await?;
        for folder in folders {
            register_present(backends, folder).await?;
        }
        StartPoint::Registered { is_complete: true }
    };
    if point != StartPoint::Beginning {
        tracing::info!(changes_from = %wish, "decided where the changes of the task begin");
    }
    Ok(start(point))
}

/// What was decided. A task that has read changes before there was a choice began at the beginning.
pub fn decided(checkpoint: &Checkpoint) -> Option<ChangesStart> {
    let mut known = checkpoint.greatest_keys.iter();
    let has_begun = known.any(|(queue, _)| queue.is_of_changes());
    let implied = has_begun.then_some(ChangesStart {
        wish: ChangesFrom::Beginning,
        point: StartPoint::Beginning,
    });
    checkpoint.life.changes_start.clone().or(implied)
}

fn another_beginning(config: &Config, was: &ChangesFrom) -> Fault {
    let message = format!(
        "`source.changes_from` is {}, and the changes of task {} began with {was}: this is decided once; restore \
        `changes_from: {was}`, start over with `brigade checkpoint reset`, or use another task name and state",
        config.source.changes_from, config.task
    );
    Fault::new(FaultKind::Configuration, message)
}

/// Registers every change file of a folder that is there as one before the start.
async fn register_present(backends: &Backends, folder: &ObjectFolder) -> Result<(), Fault> {
    let mut after: Option<ListCursor> = None;
    loop {
        let page = backends.source.list(&folder.rule.prefix, after.as_ref()).await;
        let mut page = page.map_err(Fault::from)?;
        // Also what patterns leave out: a configuration that lets it in later does not make it come after the start.
        let lies_there = |key: &str| match folder.rule.judge(key) {
            Belonging::Data | Belonging::LeftOut(LeftOut::Pattern | LeftOut::Below) => true,
            Belonging::LeftOut(LeftOut::SideFile | LeftOut::NamedAsChanges) | Belonging::Elsewhere => false,
        };
        page.objects.retain(|version| lies_there(&version.key));
        let store = Arc::clone(&backends.store);
        blocking(move || register_page(store.as_ref(), &page.objects)).await?;
        match page.next {
            None => return Ok(()),
            Some(next) => after = Some(next),
        }
    }
}

fn register_page(store: &dyn CheckpointStore, objects: &[ObjectVersion]) -> Result<(), StoreError> {
    let queue = QueueName::in_front();
    let keys: Vec<_> = objects.iter().map(|version| version.key.as_str()).collect();
    let known = store.lookup(&queue, &keys)?;
    let new = objects.iter().zip(known).filter(|(_, known)| known.is_none());
    let done =
        |(version, _): (&ObjectVersion, _)| (version.clone(), ObjectState::Done(ObjectTotals::default()));
    let new: Vec<_> = new.map(done).collect();
    store.register_as(&queue, &new).map(drop)
}

/// Makes a life durable.
pub(super) async fn commit(store: &Arc<dyn CheckpointStore>, life: TaskLife) -> Result<(), Fault> {
    let store = Arc::clone(store);
    let delta = CheckpointDelta {
        life: Some(life),
        ..CheckpointDelta::default()
    };
    blocking(move || store.commit(&delta)).await
}

/// Does what blocks where blocking is allowed.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, Fault> {
    let done = tokio::task::spawn_blocking(work).await;
    let done = done.map_err(|error| Fault::new(FaultKind::StateIo, format!("checkpoint: {error}")))?;
    done.map_err(Fault::from)
}
