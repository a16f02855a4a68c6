//! The file that carries the status out of a running process, and what it is worth.

use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::checkpoint::status::TaskStatus;
use crate::checkpoint::store::CheckpointStore;
use crate::checkpoint::store::folder::StateFolder;
use crate::checkpoint::store::sled::SledStore;
use crate::cli::files::set_aside::SetAsideFiles;
use crate::durable::replace::{Survives, replace};
use crate::fault::{Fault, FaultKind};

/// Name of the status file in the state folder.
pub const STATUS_FILE: &str = "status.json";
/// Time between two writes.
const WRITE_INTERVAL: Duration = Duration::from_secs(1);

/// Whether somebody works on the task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Activity {
    /// Nothing ever ran here.
    NeverStarted,
    /// A process has the state open.
    Running,
    /// None has, and the last one ended with nothing in flight.
    Stopped,
    /// None has, and the last one did not say goodbye.
    Interrupted,
    /// The lock cannot be asked.
    Unknown,
}

/// Keeps the status file up to date until `done`, and then once more.
pub async fn keep_written(
    path: PathBuf,
    mut status: watch::Receiver<Arc<TaskStatus>>,
    done: CancellationToken,
) {
    loop {
        let is_last = tokio::select! {
            changed = status.changed() => changed.is_err(),
            () = done.cancelled() => true,
        };
        let snapshot = Arc::clone(&status.borrow_and_update());
        let target = path.clone();
        let written = tokio::task::spawn_blocking(move || write(&target, &snapshot)).await;
        if let Ok(Err(error)) = written {
            tracing::warn!(%error, path = %path.display(), "cannot write the status file");
        }
        if is_last {
            return;
        }
        tokio::select! {
            () = tokio::time::sleep(WRITE_INTERVAL) => {}
            () = done.cancelled() => {}
        }
    }
}

/// Readers see the old file or the new one, never half of one. It is not synced: it holds nothing that a crash
/// must not lose.
fn write(path: &Path, status: &TaskStatus) -> io::Result<()> {
    replace(path, Survives::Crash, |out| {
        Ok(serde_json::to_writer_pretty(out, status)?)
    })
}

/// The last status that was written, if there is one.
///
/// # Errors
/// If it cannot be read or understood.
pub(in crate::cli) fn read(state: &Path) -> Result<Option<TaskStatus>, Fault> {
    let path = state.join(STATUS_FILE);
    let failed = |kind, error: &dyn std::fmt::Display| {
        Fault::new(
            kind,
            format!("cannot read the status in {}: {error}", path.display()),
        )
    };
    match std::fs::read(&path) {
        Ok(text) => serde_json::from_slice(&text)
            .map(Some)
            .map_err(|error| failed(FaultKind::StateIo, &error)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            Err(failed(FaultKind::PermissionDenied, &error))
        }
        Err(error) => Err(failed(FaultKind::StateIo, &error)),
    }
}

/// Shows what the state says now. The status of the next run says the same, so it is not a loss if it cannot be written.
///
/// # Errors
/// If the state cannot be read.
pub(in crate::cli) fn refresh(state: &Path, store: &SledStore) -> Result<(), Fault> {
    let Ok(Some(mut status)) = read(state) else {
        return Ok(());
    };
    let files = SetAsideFiles::of(store).map_err(Fault::from)?;
    status.show(&store.load().map_err(Fault::from)?);
    (status.set_aside, status.quarantined) = (files.open_count(), files.newest());
    if let Err(error) = write(&state.join(STATUS_FILE), &status) {
        crate::cli::report(&format!(
            "warning: the status in {} stays as it was: {error}",
            state.display()
        ));
    }
    Ok(())
}

/// Removes the status of a state that no longer exists.
pub(in crate::cli) fn forget(state: &Path) {
    if let Err(error) = std::fs::remove_file(state.join(STATUS_FILE))
        && error.kind() != io::ErrorKind::NotFound
    {
        crate::cli::report(&format!(
            "warning: the old status in {} stays: {error}",
            state.display()
        ));
    }
}

/// Whether the last run stopped as it should before it ever sent anything.
fn has_not_begun(status: &TaskStatus) -> bool {
    let stop = status.life.stop;
    status.fresh_start_ms.is_none() && stop.is_some_and(|stop| !stop.reason.is_failure())
}

/// Whether somebody works on the task: the lock says so, which dies with its process. A process id would not do; it
/// may be another program's by now.
pub(in crate::cli) fn activity(state: &Path, status: Option<&TaskStatus>) -> Activity {
    let idle = match status {
        Some(status) if status.clean_stop || has_not_begun(status) => Activity::Stopped,
        Some(_) => Activity::Interrupted,
        None => Activity::NeverStarted,
    };
    match File::open(StateFolder::new(state).database_file()) {
        Ok(file) => match file.try_lock_shared() {
            Ok(()) => idle,
            Err(TryLockError::WouldBlock) => Activity::Running,
            Err(TryLockError::Error(_)) => Activity::Unknown,
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => idle,
        Err(_) => Activity::Unknown,
    }
}
