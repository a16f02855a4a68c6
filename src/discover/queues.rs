//! Which queues a task has and where each of them starts: configuration and checkpoint brought together.

use std::sync::Arc;

use super::catalog::{ListRequest, QueueStart, Watch, control_version};
use super::folders::{ObjectFolder, change_folders, load_folder};
use super::listing::{Lateness, list_page};
use super::messages::UNREAD_SHOWN_MAX;
use super::read_otherwise::Others;
use crate::checkpoint::store::{Checkpoint, CheckpointStore, ObjectEntry, ObjectState, TableStatistics};
use crate::config::Config;
use crate::fault::{Fault, FaultKind};
use crate::model::control::{CONTROL_KEY, ControlPlan};
use crate::model::start::StartPoint;
use crate::model::trouble::Suspension;
use crate::model::{QueueName, Table, TableIndex};
use crate::saturate;
use crate::settings::{LateFiles, MigrationType, RunMode, StopAfter};
use crate::source::ObjectSource;

/// Full listings of the change files for each look for load files that came after the load of their table.
const LISTINGS_PER_LOOK: i64 = 10;

/// The queues of a task, load queues first. Control records that have no number yet get one here, so that it is the
/// first of their queue.
///
/// # Errors
/// If the state cannot be read or written.
pub async fn plan_queues(
    config: &Arc<Config>,
    checkpoint: &Checkpoint,
    mode: RunMode,
    store: &Arc<dyn CheckpointStore>,
) -> Result<Vec<QueueStart>, Fault> {
    let stop_after = stop_due(config, checkpoint);
    let afterwards_ms = looks_for_late_loads(config, mode, stop_after);
    let mut starts = load_queues(config, checkpoint, afterwards_ms);
    if stop_after != StopAfter::FullLoad {
        starts.extend(change_queues(config, checkpoint, mode, stop_after));
    }
    if starts.is_empty() && stop_after == StopAfter::Never {
        tracing::warn!(
            "the full load of every table is complete: nothing is read; `brigade reload --table SCHEMA.TABLE` loads a table again"
        );
    }
    starts.extend(loaded_queues(config, checkpoint, afterwards_ms));
    registered_control(store, starts).await
}

/// Gives everything that is there to be read its number, whatever this start is to read of it.
///
/// For a checkpoint that was put back: rows of files that it does not know may be in the stream, and only rows of files
/// that have a number are looked for there.
///
/// # Errors
/// As source and state say; as `late_files` wants it.
pub async fn register_present(
    config: &Config,
    checkpoint: &Checkpoint,
    source: &Arc<dyn ObjectSource>,
    store: &Arc<dyn CheckpointStore>,
) -> Result<(), Fault> {
    let mut starts = load_queues(config, checkpoint, None);
    starts.extend(change_queues(config, checkpoint, RunMode::Once, StopAfter::Never));
    for start in registered_control(store, starts).await? {
        let mut request = ListRequest {
            queue: 0,
            name: start.name,
            rule: start.rule,
            late_files: start.late_files,
            is_loaded: false,
            from: start.from,
            others: start.others,
            after: None,
        };
        loop {
            let lateness = Lateness {
                greatest_key: start.greatest_key.clone(),
                policy: request.late_files,
                from: request.from.clone(),
            };
            let page = list_page(Arc::clone(source), Arc::clone(store), &request, lateness).await?;
            if page.next.is_none() {
                break;
            }
            request.after = page.next;
        }
    }
    Ok(())
}

/// The queues, after those of their control records that have no number yet were given one.
async fn registered_control(
    store: &Arc<dyn CheckpointStore>,
    starts: Vec<QueueStart>,
) -> Result<Vec<QueueStart>, Fault> {
    let store = Arc::clone(store);
    let work = tokio::task::spawn_blocking(move || register_control(store.as_ref(), starts));
    work.await
        .map_err(|error| Fault::new(FaultKind::StateIo, format!("control records: {error}")))?
}

/// How often a task looks for load files that come after the load, beside once at its start.
fn looks_for_late_loads(config: &Config, mode: RunMode, stop_after: StopAfter) -> Option<i64> {
    let goes_on = config.migration_type.has_changes() && mode == RunMode::Continuous;
    let interval_ms = milliseconds(config.source.full_listing_interval).saturating_mul(LISTINGS_PER_LOOK);
    (goes_on && stop_after == StopAfter::Never).then_some(interval_ms)
}

/// A queue per table that is not loaded yet.
fn load_queues(config: &Config, checkpoint: &Checkpoint, afterwards_ms: Option<i64>) -> Vec<QueueStart> {
    if !config.migration_type.has_full_load() {
        return Vec::new();
    }
    let order = config.mappings.in_load_order(config.tables.len()).into_iter();
    let tables = order.filter_map(|index| Some((index, config.tables.get(index.0)?)));
    let unloaded = tables.filter(|(_, table)| !is_loaded(checkpoint, table));
    let start = |(index, table): (TableIndex, &Table)| {
        let control = Some(ControlPlan::before_load(index));
        let start = QueueStart {
            watch: Watch::Load { afterwards_ms },
            ..queue_start(config, checkpoint, load_folder(config, index, table), control)
        };
        match suspension_of(checkpoint, table) {
            Some(suspension) => suspended(start, suspension),
            None => start,
        }
    };
    unloaded.map(start).collect()
}

/// A queue per table that is loaded: only to name what came after the load.
fn loaded_queues(config: &Config, checkpoint: &Checkpoint, afterwards_ms: Option<i64>) -> Vec<QueueStart> {
    if !config.migration_type.has_full_load() {
        return Vec::new();
    }
    let tables = config.tables.iter().enumerate();
    let loaded = tables.filter(|(_, table)| is_loaded(checkpoint, table));
    let start = |(index, table): (usize, &Table)| QueueStart {
        watch: Watch::Load { afterwards_ms },
        is_loaded: true,
        unfinished: Vec::new(),
        ..queue_start(
            config,
            checkpoint,
            load_folder(config, TableIndex(index), table),
            None,
        )
    };
    loaded.map(start).collect()
}

/// Whether the full load of a table is complete.
fn is_loaded(checkpoint: &Checkpoint, table: &Table) -> bool {
    let of_table =
        |known: &&TableStatistics| known.schema_name == table.owner && known.table_name == table.name;
    let known = checkpoint.tables.iter().find(of_table);
    known.is_some_and(|known| known.full_load_end_ms.is_some())
}

/// Where a table is suspended, if it is.
fn suspension_of<'a>(checkpoint: &'a Checkpoint, table: &Table) -> Option<&'a Suspension> {
    let mut tables = checkpoint.tables.iter();
    let known = tables.find(|known| known.schema_name == table.owner && known.table_name == table.name)?;
    known.trouble.suspension.as_ref()
}

/// A queue of which nothing is read after where its table was suspended.
fn suspended(mut start: QueueStart, suspension: &Suspension) -> QueueStart {
    let unfinished = std::mem::take(&mut start.unfinished).into_iter();
    let (in_front, behind) = unfinished.partition(|entry| is_before(suspension, entry));
    QueueStart {
        is_suspended: true,
        unfinished: in_front,
        unread: unread_keys(behind),
        ..start
    }
}

/// What was read before a table was suspended and is not settled yet still has to be.
fn is_before(suspension: &Suspension, entry: &ObjectEntry) -> bool {
    suspension.object.queue == entry.id.queue && entry.id.number < suspension.object.number
}

/// The first objects after the one in which a table was suspended.
fn unread_keys(behind: Vec<ObjectEntry>) -> Vec<String> {
    let unread = behind.into_iter().filter(|entry| !entry.is_parked());
    let keys = unread.map(|entry| entry.version.key);
    keys.take(UNREAD_SHOWN_MAX).collect()
}

/// The queue of the change files, or one per table.
fn change_queues(
    config: &Config,
    checkpoint: &Checkpoint,
    mode: RunMode,
    stop_after: StopAfter,
) -> Vec<QueueStart> {
    let watch = match (mode, stop_after) {
        (RunMode::Once, _) | (_, StopAfter::CachedChanges) => Watch::Once,
        (RunMode::Continuous, StopAfter::Never | StopAfter::FullLoad) => Watch::Poll {
            interval_ms: milliseconds(config.source.poll_interval),
            full_interval_ms: milliseconds(config.source.full_listing_interval),
        },
    };
    let decided = checkpoint.life.changes_start.as_ref();
    let from = decided.map(|start| start.point.clone()).unwrap_or_default();
    let folders = change_folders(config);
    let tables = (0..config.tables.len()).map(TableIndex);
    let controls = if folders.len() > 1 {
        ControlPlan::before_changes_of_each(config.migration_type, tables)
    } else {
        vec![ControlPlan::before_changes(
            config.migration_type,
            config.tables.len(),
        )]
    };
    let start = |(folder, control): (ObjectFolder, ControlPlan)| QueueStart {
        watch,
        late_files: config.source.late_files,
        list_after: list_after(checkpoint, &from, &folder.rule.prefix),
        from: from.clone(),
        ..queue_start(config, checkpoint, folder, Some(control))
    };
    folders.into_iter().zip(controls).map(start).collect()
}

/// Where this start of the task is to stop after the full load.
pub fn stop_due(config: &Config, checkpoint: &Checkpoint) -> StopAfter {
    let is_possible = config.migration_type == MigrationType::FullLoadAndChanges;
    if is_possible && !checkpoint.life.is_past_load {
        config.stop.after
    } else {
        StopAfter::Never
    }
}

fn queue_start(
    config: &Config,
    checkpoint: &Checkpoint,
    folder: ObjectFolder,
    control: Option<ControlPlan>,
) -> QueueStart {
    let unfinished = checkpoint
        .unfinished
        .iter()
        .filter(|entry| entry.id.queue == folder.queue)
        .cloned()
        .collect();
    QueueStart {
        greatest_key: greatest_key(checkpoint, &folder.queue),
        others: Others::of(config, checkpoint, &folder.queue),
        control: control.filter(|plan| config.message.control_records && !plan.0.is_empty()),
        name: folder.queue,
        table: folder.table,
        rule: folder.rule,
        watch: Watch::Once,
        late_files: LateFiles::Process,
        is_loaded: false,
        is_suspended: false,
        unread: Vec::new(),
        unfinished,
        from: StartPoint::Beginning,
        list_after: None,
    }
}

/// Where short listings of a folder begin, apart from after the last key that was read.
fn list_after(checkpoint: &Checkpoint, from: &StartPoint, prefix: &str) -> Option<String> {
    let key = match from {
        StartPoint::AfterKey(key) => Some(key.clone()),
        StartPoint::Registered { .. } => greatest_key(checkpoint, &QueueName::in_front()),
        StartPoint::Beginning | StartPoint::ModifiedSince(_) => None,
    };
    // What is known of another folder says nothing of this one.
    key.filter(|key| key.starts_with(prefix))
}

fn greatest_key(checkpoint: &Checkpoint, queue: &QueueName) -> Option<String> {
    let mut greatest = checkpoint.greatest_keys.iter();
    let (_, key) = greatest.find(|(name, _)| name == queue)?;
    (key != CONTROL_KEY).then(|| key.clone())
}

fn register_control(
    store: &dyn CheckpointStore,
    mut starts: Vec<QueueStart>,
) -> Result<Vec<QueueStart>, Fault> {
    for start in starts
        .iter_mut()
        .filter(|start| start.control.is_some() && !start.is_suspended)
    {
        let known = store.lookup(&start.name, &[CONTROL_KEY]).map_err(Fault::from)?;
        if known.iter().all(Option::is_none) {
            let version = control_version();
            let ids = store
                .register(&start.name, std::slice::from_ref(&version))
                .map_err(Fault::from)?;
            let entries = ids.into_iter().map(|id| ObjectEntry {
                id,
                version: version.clone(),
                state: ObjectState::Registered,
            });
            start.unfinished.splice(0..0, entries);
        }
    }
    Ok(starts)
}

fn milliseconds(time: std::time::Duration) -> i64 {
    saturate::to_i64(time.as_millis())
}
