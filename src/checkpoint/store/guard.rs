//! Stands between sled and whoever uses it where sled 0.34 answers a disk that fails with a wait without end or a panic.
//!
//! A write that fails in sled's own threads is remembered, and not every such place wakes those who wait for the write;
//! whoever flushes after that fails at once, and wakes the others. And when its last handle is dropped, sled syncs its
//! file once more and panics if it cannot, although all that was promised is on the disk by then.

use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

/// Name of the thread in which a panic says that the disk is gone.
pub const CLOSING_THREAD: &str = "close-checkpoint";
/// How often it is looked whether a write failed, while a flush waits for it.
const LOOK_INTERVAL: Duration = Duration::from_millis(200);

/// Flushes a database, and closes it when nobody else holds it any more: the owner's own handle has to be dropped before
/// this one.
pub(super) struct Guard {
    config: sled::Config,
    last: Option<sled::Db>,
}

impl Guard {
    /// Of a database that was opened with this configuration.
    pub(super) fn of(config: sled::Config, tree: &sled::Db) -> Self {
        Self {
            config,
            last: Some(tree.clone()),
        }
    }

    /// Hands everything applied so far to the system.
    pub(super) fn flush(&self, tree: &sled::Db) -> sled::Result<()> {
        let (done, ended) = mpsc::channel::<()>();
        thread::scope(|scope| {
            let waking = move || {
                while ended.recv_timeout(LOOK_INTERVAL) == Err(RecvTimeoutError::Timeout) {
                    if self.config.global_error().is_err() {
                        // Its answer is the one that the flush gets, too.
                        drop(tree.flush());
                    }
                }
            };
            let watched = thread::Builder::new().spawn_scoped(scope, waking);
            let flushed = watched
                .map_err(sled::Error::Io)
                .and_then(|_watching| tree.flush());
            drop(done);
            flushed.map(drop)
        })
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let last = self.last.take();
        let closing = thread::Builder::new().name(CLOSING_THREAD.to_owned());
        let closed = closing.spawn(move || drop(last)).map(thread::JoinHandle::join);
        if !matches!(closed, Ok(Ok(()))) {
            tracing::warn!(
                "the checkpoint could not be synced once more when it was closed; nothing of it is lost"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_flushed_and_closed_can_be_opened_again_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let config = sled::Config::new().path(folder.path()).flush_every_ms(None);
        for number in 0..3_u8 {
            let tree = config.open().unwrap();
            let guard = Guard::of(config.clone(), &tree);
            assert_eq!(tree.len(), usize::from(number));
            tree.insert([number], &[]).unwrap();
            guard.flush(&tree).unwrap();
            drop(tree);
            drop(guard);
        }
    }
}
