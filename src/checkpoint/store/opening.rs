//! Opening sled: with patience for the lock, without panics, and with every entry read once.

use std::thread;
use std::time::Duration;

use super::digest::EntriesDigest;
use super::folder::StateFolder;
use super::keys::Namespace;
use super::{StoreError, codec};

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

/// sled panics on some damage; a thread of its own turns that into an error. All pages are read there once.
pub(super) fn open_without_panic(folder: &StateFolder) -> Result<(sled::Db, EntriesDigest), StoreError> {
    let opening = folder.clone();
    let opened = thread::Builder::new()
        .name("open-checkpoint".to_owned())
        .spawn(move || open_and_verify(&opening))
        .map_err(|error| folder.io(format!("cannot start a thread: {error}")))?
        .join();
    opened
        .unwrap_or_else(|_| Err(folder.damaged("the database is damaged so badly that reading it panicked")))
}

fn open_and_verify(folder: &StateFolder) -> Result<(sled::Db, EntriesDigest), StoreError> {
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
    Ok((tree, found))
}

pub(super) fn from_sled(folder: &StateFolder, error: &sled::Error) -> StoreError {
    match error {
        // sled has no kind for it; the text is all there is.
        sled::Error::Io(error) if error.to_string().contains("could not acquire lock") => {
            StoreError::Locked {
                location: folder.to_string(),
            }
        }
        sled::Error::Io(error) => folder.io(error),
        sled::Error::Corruption { .. }
        | sled::Error::CollectionNotFound(_)
        | sled::Error::Unsupported(_)
        | sled::Error::ReportableBug(_) => folder.damaged(format!("the database is damaged ({error})")),
    }
}
