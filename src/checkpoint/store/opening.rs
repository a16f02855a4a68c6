//! Opening sled: with patience for the lock, without panics, and with every entry read once.

use std::io;
use std::thread;
use std::time::Duration;

use super::digest::EntriesDigest;
use super::folder::StateFolder;
use super::guard::Guard;
use super::keys::Namespace;
use super::{StoreError, codec};

/// Name of the thread in which a panic is a sign of damage, and becomes an error.
pub const OPENING_THREAD: &str = "open-checkpoint";
/// Memory for pages; the default would be a gigabyte.
const CACHE_BYTES: u64 = 16 * 1024 * 1024;
/// Time between two attempts to take the lock.
const LOCK_RETRY_DELAY: Duration = Duration::from_millis(100);

/// A lock can outlive its process for a moment, so it is asked for more than once.
pub(super) fn when_unlocked<T>(
    lock_wait: Duration,
    mut attempt: impl FnMut() -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let mut waited = Duration::ZERO;
    loop {
        match attempt() {
            Err(StoreError::Locked { .. }) if waited < lock_wait => {
                thread::sleep(LOCK_RETRY_DELAY);
                waited += LOCK_RETRY_DELAY;
            }
            result => return result,
        }
    }
}

/// A database that can be trusted.
pub(super) struct Opened {
    pub(super) tree: sled::Db,
    pub(super) digest: EntriesDigest,
    pub(super) guard: Guard,
}

/// sled panics on some damage; a thread of its own turns that into an error. All pages are read there once.
pub(super) fn open_without_panic(folder: &StateFolder) -> Result<Opened, StoreError> {
    let opening = folder.clone();
    let opened = thread::Builder::new()
        .name(OPENING_THREAD.to_owned())
        .spawn(move || open_and_verify(&opening))
        .map_err(|error| folder.io(format!("cannot start a thread: {error}")))?
        .join();
    opened
        .unwrap_or_else(|_| Err(folder.damaged("the database is damaged so badly that reading it panicked")))
}

fn open_and_verify(folder: &StateFolder) -> Result<Opened, StoreError> {
    // The background flusher is off: it would only log its failures, and we flush at every change.
    let config = sled::Config::new()
        .path(folder.database_folder())
        .cache_capacity(CACHE_BYTES)
        .flush_every_ms(None);
    let tree = config.open().map_err(|error| from_sled(folder, &error))?;
    let digest_key = Namespace::Digest.prefix();
    let mut stored = EntriesDigest::default();
    let mut found = EntriesDigest::default();
    for entry in tree.iter() {
        let (key, value) = entry.map_err(|error| from_sled(folder, &error))?;
        if key == digest_key {
            stored = codec::decode(&value).map_err(|error| folder.damaged(format!("the digest: {error}")))?;
        } else {
            found.add(&key, &value);
        }
    }
    if stored != found {
        return Err(folder.damaged("entries of the database are missing or old"));
    }
    Ok(Opened {
        guard: Guard::of(config, &tree),
        tree,
        digest: found,
    })
}

pub(super) fn from_sled(folder: &StateFolder, error: &sled::Error) -> StoreError {
    match error {
        // sled has no kind for it; the text is all there is.
        sled::Error::Io(error) if error.to_string().contains("could not acquire lock") => {
            StoreError::Locked {
                location: folder.to_string(),
            }
        }
        sled::Error::Io(error) => folder.io(system_text(error)),
        // What sled says of them is for its own developers.
        sled::Error::Corruption { .. }
        | sled::Error::CollectionNotFound(_)
        | sled::Error::Unsupported(_)
        | sled::Error::ReportableBug(_) => folder.damaged("the database is damaged"),
    }
}

/// What the system said. An error that sled keeps for later has become the debug text of the one that it was.
fn system_text(error: &io::Error) -> String {
    let text = error.to_string();
    let code = text
        .strip_prefix("Os { code: ")
        .and_then(|rest| rest.split(',').next());
    match code.and_then(|code| code.parse().ok()) {
        Some(code) => io::Error::from_raw_os_error(code).to_string(),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_reported_in_words() {
        let full = io::Error::from_raw_os_error(28);
        let kept = sled::Error::Io(io::Error::new(full.kind(), format!("{full:?}")));
        let folder = StateFolder::new(std::path::Path::new("state"));
        let text = from_sled(&folder, &kept).to_string();
        assert!(
            text.ends_with(&full.to_string()) && !text.contains("Os {"),
            "{text}"
        );
        let other = sled::Error::Io(io::Error::other("something else"));
        assert!(from_sled(&folder, &other).to_string().ends_with("something else"));
    }
}
