//! How a run begins: the start types of DMS, compared with what the checkpoint says.

use clap::ValueEnum;

use crate::checkpoint::reload::{Extent, InDoubt, reload};
use crate::checkpoint::store::sled::SledStore;
use crate::checkpoint::store::{Checkpoint, CheckpointStore};
use crate::config::Config;
use crate::fault::{Fault, FaultKind};
use crate::model::Table;
use crate::supervise::events::StartFlag;

/// The start types of DMS. Without one a run starts or resumes, whichever it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum StartType {
    /// Start for the first time; refused if the task has run
    StartReplication,
    /// Resume where the last run ended; refused if there was none
    ResumeProcessing,
    /// Load every table again, then continue with the changes; every run with it loads again
    ReloadTarget,
}

/// Compares what is asked for with what is there, and has all tables loaded again if that is asked for.
///
/// # Errors
/// [`FaultKind::Usage`] if it cannot begin so; as the store says.
pub(super) fn prepare(
    config: &Config,
    store: &SledStore,
    asked: Option<StartType>,
) -> Result<StartFlag, Fault> {
    let checkpoint = store.load().map_err(Fault::from)?;
    let has_run = checkpoint.task.fresh_start_ms.is_some();
    let flag = if has_run {
        StartFlag::Resume
    } else {
        StartFlag::Fresh
    };
    let task = &config.task;
    match (asked, has_run) {
        (None, _)
        | (Some(StartType::StartReplication), false)
        | (Some(StartType::ResumeProcessing), true) => Ok(flag),
        (Some(StartType::StartReplication), true) => Err(refused(format!(
            "task {task} has run already, so --start-type start-replication is refused; continue with \
            resume-processing, load again with reload-target, or start over with `brigade checkpoint reset`"
        ))),
        (Some(StartType::ResumeProcessing | StartType::ReloadTarget), false) => Err(refused(format!(
            "task {task} has not run yet, so there is nothing to resume or to load again; start it with \
             --start-type start-replication, or without one"
        ))),
        (Some(StartType::ReloadTarget), true) => {
            let tables: Vec<_> = config.tables.iter().collect();
            restart_loads(config, store, &checkpoint, &tables, Extent::All)?;
            Ok(StartFlag::Reload)
        }
    }
}

/// Has tables loaded again by the next start.
///
/// # Errors
/// [`FaultKind::Usage`] if the task loads no tables, [`FaultKind::Data`] if what was sent of one is in doubt; as the
/// store says.
pub(super) fn restart_loads(
    config: &Config,
    store: &SledStore,
    checkpoint: &Checkpoint,
    tables: &[&Table],
    extent: Extent,
) -> Result<(), Fault> {
    if !config.migration_type.has_full_load() {
        return Err(refused(
            "`migration_type` is cdc, so no table is loaded, and none can be loaded again".to_owned(),
        ));
    }
    let delta = reload(checkpoint, tables, extent).map_err(|InDoubt { table }| {
        let message = format!(
            "the last run ended without a clean stop while {table} was loaded, so the stream may hold rows of it \
            that the checkpoint does not know; start the task once more and let it stop, then load again"
        );
        Fault::new(FaultKind::Data, message)
    })?;
    store.commit(&delta).map_err(Fault::from)
}

fn refused(message: String) -> Fault {
    Fault::new(FaultKind::Usage, message)
}
