//! sled, made trustworthy: atomic changes, a flush that reaches the disk, errors instead of panics.
//!
//! Three facts about sled 0.34 shape this file. `flush` does not fsync on Linux, so [`Database::durable_flush`] does.
//! Pages beyond 128 KiB go to files that are never synced, so long values are stored in parts. A batch is atomic
//! within one tree, so there is one tree, with namespaces.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, File};
use std::io;
use std::thread;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::entries::{Entries, PART_BYTES_MAX, PART_NUMBER_BYTES, end_of, parts_of};
use super::folder::{StateFolder, leads_to, sync_folder};
use super::{StoreError, codec};

/// Memory for pages; the default would be a gigabyte.
const CACHE_BYTES: u64 = 16 * 1024 * 1024;
/// sled splits a page above this many entries.
const PAGE_ENTRIES_MAX: usize = 17;
/// Bytes of a key in the database at most; see `keys`.
const KEY_BYTES_MAX: usize = 1024;
/// A quarter of a segment: what sled stores in its one file.
const PAGE_BYTES_MAX: usize = 128 * 1024;
const _: () = assert!(
    PAGE_ENTRIES_MAX * (PART_BYTES_MAX + KEY_BYTES_MAX) < PAGE_BYTES_MAX,
    "a full page must stay in the file that is synced"
);
/// Time between two attempts to take the lock.
const LOCK_RETRY_DELAY: Duration = Duration::from_millis(100);

/// What one atomic step writes: whole values by key, `None` removes.
#[derive(Debug, Default)]
pub(super) struct Changes {
    writes: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
}

impl Changes {
    pub(super) fn put(&mut self, key: Vec<u8>, value: Vec<u8>) {
        self.writes.insert(key, Some(value));
    }

    pub(super) fn remove(&mut self, key: Vec<u8>) {
        self.writes.insert(key, None);
    }

    pub(super) fn mentions(&self, key: &[u8]) -> bool {
        self.writes.contains_key(key)
    }
}

/// An open sled database. Not for concurrent use: whoever owns it holds a lock.
pub(super) struct Database {
    tree: sled::Db,
    file: File,
    folder: StateFolder,
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Database({})", self.folder)
    }
}

impl Database {
    /// Opens or creates the database of a folder; waits up to `lock_wait` for another process to let go of it.
    pub(super) fn open(folder: &StateFolder, lock_wait: Duration) -> Result<Self, StoreError> {
        let is_new = !folder.database_file().exists();
        if is_new {
            fs::create_dir_all(folder.database_folder()).map_err(|error| folder.create(error))?;
        }
        let tree = when_unlocked(lock_wait, || open_without_panic(folder))?;
        let path = folder.database_file();
        let file = File::open(&path).map_err(|error| folder.io(format!("{}: {error}", path.display())))?;
        let database = Self {
            tree,
            file,
            folder: folder.clone(),
        };
        if is_new {
            database
                .make_creation_durable()
                .map_err(|error| folder.create(error))?;
        }
        Ok(database)
    }

    fn make_creation_durable(&self) -> io::Result<()> {
        let folder = self.folder.database_folder();
        File::open(folder.join("conf"))?.sync_all()?;
        self.file.sync_all()?;
        sync_folder(&folder)?;
        sync_folder(self.folder.path())?;
        self.folder.path().parent().map_or(Ok(()), sync_folder)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.tree.is_empty()
    }

    /// The value of a key.
    pub(super) fn value<T: DeserializeOwned>(&self, key: &[u8]) -> Result<Option<T>, StoreError> {
        let found = self
            .scan(self.part_key(key, 0)?..end_of(key))
            .next()
            .transpose()?;
        Ok(found
            .filter(|(found_key, _)| found_key == key)
            .map(|(_, value)| value))
    }

    /// Entries with keys in a range, in order.
    pub(super) fn scan<T: DeserializeOwned>(&self, keys: std::ops::Range<Vec<u8>>) -> Entries<'_, T> {
        Entries {
            database: self,
            parts: self.tree.range(keys),
            value: std::marker::PhantomData,
        }
    }

    /// Entries whose keys begin with a prefix, in order.
    pub(super) fn scan_prefix<T: DeserializeOwned>(&self, prefix: &[u8]) -> Entries<'_, T> {
        Entries {
            database: self,
            parts: self.tree.scan_prefix(prefix),
            value: std::marker::PhantomData,
        }
    }

    /// The stored form of a value.
    pub(super) fn encode<T: Serialize>(&self, value: &T) -> Result<Vec<u8>, StoreError> {
        codec::encode(value).map_err(|error| self.folder.io(error))
    }

    /// Applies all changes or none; durable when it returns. After an error the database must not be used again.
    pub(super) fn apply(&self, changes: Changes) -> Result<(), StoreError> {
        let mut batch = sled::Batch::default();
        for (key, value) in changes.writes {
            let parts_before = self.parts_count(&key)?;
            let parts = value.as_deref().map(parts_of).unwrap_or_default();
            let parts_after = parts.len();
            for (number, part) in parts.into_iter().enumerate() {
                batch.insert(self.part_key(&key, number)?, part);
            }
            for number in parts_after..parts_before {
                batch.remove(self.part_key(&key, number)?);
            }
        }
        self.tree
            .apply_batch(batch)
            .map_err(|error| self.sled_error(&error))?;
        self.durable_flush()
    }

    /// Brings everything applied so far to the disk. The one place where durability is made.
    ///
    /// `flush` writes to the page cache only; `sync_data` works on the inode, so our own handle will do.
    fn durable_flush(&self) -> Result<(), StoreError> {
        self.tree.flush().map_err(|error| self.sled_error(&error))?;
        let synced = self
            .file
            .sync_data()
            .and_then(|()| leads_to(&self.folder.database_file(), &self.file));
        match synced {
            Ok(true) => Ok(()),
            Ok(false) => Err(self
                .folder
                .io("the database file was deleted or replaced while the task was running")),
            Err(error) => Err(self
                .folder
                .io(format!("cannot make the database durable: {error}"))),
        }
    }

    fn parts_count(&self, key: &[u8]) -> Result<usize, StoreError> {
        let first = self
            .tree
            .get(self.part_key(key, 0)?)
            .map_err(|error| self.sled_error(&error))?;
        let Some(first) = first else { return Ok(0) };
        match first.split_first_chunk() {
            Some((count, _)) => Ok(usize::from(u16::from_be_bytes(*count))),
            None => Err(self.damaged_entry(key, "it is too short")),
        }
    }

    fn part_key(&self, key: &[u8], number: usize) -> Result<Vec<u8>, StoreError> {
        let number = u16::try_from(number).map_err(|_| self.folder.io("a value has too many parts"))?;
        if key.len() + PART_NUMBER_BYTES > KEY_BYTES_MAX {
            return Err(self
                .folder
                .io(format!("the name {} is too long", key.escape_ascii())));
        }
        let mut part_key = key.to_vec();
        part_key.extend_from_slice(&number.to_be_bytes());
        Ok(part_key)
    }

    pub(super) fn damaged_entry(&self, key: &[u8], finding: impl fmt::Display) -> StoreError {
        self.folder
            .damaged(format!("entry {}: {finding}", key.escape_ascii()))
    }

    pub(super) fn sled_error(&self, error: &sled::Error) -> StoreError {
        from_sled(&self.folder, error)
    }
}

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

/// sled panics on some damage; a thread of its own turns that into an error.
fn open_without_panic(folder: &StateFolder) -> Result<sled::Db, StoreError> {
    // The background flusher is off: it would only log its failures, and we flush at every change.
    let config = sled::Config::new()
        .path(folder.database_folder())
        .cache_capacity(CACHE_BYTES)
        .flush_every_ms(None);
    let opened = thread::Builder::new()
        .name("open-checkpoint".to_owned())
        .spawn(move || config.open())
        .map_err(|error| folder.io(format!("cannot start a thread: {error}")))?
        .join();
    match opened {
        Ok(Ok(tree)) => Ok(tree),
        Ok(Err(error)) => Err(from_sled(folder, &error)),
        Err(_) => Err(folder.damaged("the database is damaged so badly that opening it panicked")),
    }
}

fn from_sled(folder: &StateFolder, error: &sled::Error) -> StoreError {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn database(folder: &tempfile::TempDir) -> Database {
        Database::open(&StateFolder::new(folder.path()), Duration::from_secs(5)).unwrap()
    }

    fn put(database: &Database, key: &[u8], text: &str) {
        let mut changes = Changes::default();
        changes.put(key.to_vec(), database.encode(&text).unwrap());
        database.apply(changes).unwrap();
    }

    #[test]
    fn a_value_grows_and_shrinks_over_many_parts() {
        let folder = tempfile::tempdir().unwrap();
        let database = database(&folder);
        for length in [0, 100, 4_090, 4_091, 4_092, 50_000, 9_000, 1] {
            let text = "x".repeat(length);
            put(&database, b"kb", "after");
            put(&database, b"k", &text);
            put(&database, b"j", "before");
            assert_eq!(
                database.value::<String>(b"k").unwrap(),
                Some(text),
                "{length} characters"
            );
            let entries: Result<Vec<(Vec<u8>, String)>, StoreError> = database.scan_prefix(b"").collect();
            assert_eq!(
                entries.unwrap().len(),
                3,
                "no part may be left over at {length} characters"
            );
        }
    }

    #[test]
    fn long_values_stay_in_the_file_that_is_synced() {
        let folder = tempfile::tempdir().unwrap();
        let database = database(&folder);
        for round in 0..3 {
            for number in 0..40_u8 {
                put(&database, &[b'c', number], &format!("{round}").repeat(30_000));
            }
        }
        let blobs = folder.path().join("sled").join("blobs");
        let blobs_count = fs::read_dir(&blobs).map_or(0, Iterator::count);
        assert_eq!(blobs_count, 0, "sled never syncs {}", blobs.display());
    }

    #[test]
    fn a_longer_key_is_not_taken_for_a_missing_one() {
        let folder = tempfile::tempdir().unwrap();
        let database = database(&folder);
        put(&database, b"kb", "other");
        assert_eq!(database.value::<String>(b"k").unwrap(), None, "only kb is there");
    }

    #[test]
    fn a_missing_part_is_damage() {
        let folder = tempfile::tempdir().unwrap();
        let database = database(&folder);
        for number in [0, 1, 2] {
            put(&database, b"k", &"x".repeat(12_000));
            database
                .tree
                .remove(database.part_key(b"k", number).unwrap())
                .unwrap();
            let read = database.value::<String>(b"k");
            assert!(
                matches!(read, Err(StoreError::Damaged { .. })),
                "part {number}: {read:?}"
            );
        }
    }

    #[test]
    fn a_database_deleted_under_us_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let database = database(&folder);
        fs::remove_dir_all(folder.path().join("sled")).unwrap();
        let applied = database.apply(Changes::default());
        assert!(matches!(applied, Err(StoreError::Io { .. })), "{applied:?}");
    }
}
