//! `brigade status`, and the file that carries the status out of a running process.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::observe::status::TaskStatus;

/// Name of the status file in the state folder.
pub const STATUS_FILE: &str = "status.json";

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
    }
}

/// Readers see the old file or the new one, never half of one. It is not synced: it holds nothing that a crash
/// must not lose.
fn write(path: &Path, status: &TaskStatus) -> io::Result<()> {
    let temporary = path.with_extension("json.new");
    std::fs::write(&temporary, serde_json::to_vec_pretty(status)?)?;
    std::fs::rename(&temporary, path)
}
