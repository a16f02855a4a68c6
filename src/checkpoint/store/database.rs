//! sled, made trustworthy: atomic changes, a flush that reaches the disk, errors instead of panics.
//!
//! Four facts about sled 0.34 shape this file. `flush` does not fsync on Linux, so [`Database::durable_flush`] does.
//! Pages beyond 128 KiB go to files that are never synced, so long values are stored in parts. A batch is atomic
//! within one tree, so there is one tree, with namespaces. A damaged place may show as old pages between new ones,
//! so a digest of all entries is stored with every step and compared when the database is opened.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::digest::EntriesDigest;
use super::entries::{Entries, PART_BYTES_MAX, PART_NUMBER_BYTES, end_of, parts_count, parts_of};
use super::folder::{StateFolder, leads_to};
use super::guard::Guard;
use super::keys::Namespace;
use super::opening::{Opened, from_sled, open_without_panic, when_unlocked};
use super::origin::Origin;
use super::{StoreError, codec, planted};
use crate::durable::create::{self, sync_folder};
use crate::durable::tighten::{tighten, with_entries};

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
    digest: EntriesDigest,
    file: File,
    folder: StateFolder,
    /// Dropped after `tree`.
    guard: Guard,
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
            create::folder(&folder.database_folder()).map_err(|error| folder.create(error))?;
        }
        let Opened { tree, digest, guard } = when_unlocked(lock_wait, || open_without_panic(folder))?;
        // sled creates its files while it opens, and as the umask leaves them. Meanwhile the folder protects them; a mode
        // that cannot be changed costs nothing more than that.
        let blobs = folder.database_folder().join("blobs");
        tighten(
            with_entries(&folder.database_folder())
                .into_iter()
                .chain(with_entries(&blobs)),
        );
        let path = folder.database_file();
        let file = File::open(&path).map_err(|error| folder.io(format!("{}: {error}", path.display())))?;
        let database = Self {
            tree,
            digest,
            guard,
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

    /// Where its file was made, if the system knows.
    pub(super) fn origin(&self) -> Result<Option<Origin>, StoreError> {
        let metadata = self.file.metadata();
        metadata.map(|metadata| Origin::of(&metadata)).map_err(|error| {
            self.folder
                .io(format!("cannot ask for the age of the database: {error}"))
        })
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
    pub(super) fn apply(&mut self, changes: Changes) -> Result<(), StoreError> {
        let mut batch = sled::Batch::default();
        let mut digest = self.digest;
        for (key, value) in changes.writes {
            let mut old = self.parts(&key)?.into_iter();
            for (number, part) in value
                .as_deref()
                .map(parts_of)
                .unwrap_or_default()
                .into_iter()
                .enumerate()
            {
                let part_key = self.part_key(&key, number)?;
                digest.add(&part_key, &part);
                if let Some((_, old_part)) = old.next() {
                    digest.remove(&part_key, &old_part);
                }
                batch.insert(part_key, part);
            }
            for (part_key, old_part) in old {
                digest.remove(&part_key, &old_part);
                batch.remove(part_key);
            }
        }
        batch.insert(&Namespace::Digest.prefix(), self.encode(&digest)?);
        self.tree
            .apply_batch(batch)
            .map_err(|error| self.sled_error(&error))?;
        self.digest = digest;
        self.durable_flush()
    }

    /// Brings everything applied so far to the disk. The one place where durability is made.
    ///
    /// `flush` writes to the page cache only; `sync_data` works on the inode, so our own handle will do.
    fn durable_flush(&self) -> Result<(), StoreError> {
        let flushed = self.guard.flush(&self.tree);
        flushed.map_err(|error| self.sled_error(&error))?;
        if planted::leaves_sync_out() {
            return Ok(());
        }
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

    /// The stored parts of a key, with their keys.
    fn parts(&self, key: &[u8]) -> Result<Vec<(Vec<u8>, sled::IVec)>, StoreError> {
        let mut parts = Vec::new();
        let mut count = 1;
        for number in 0.. {
            if number >= count {
                break;
            }
            let part_key = self.part_key(key, number)?;
            let part = self
                .tree
                .get(&part_key)
                .map_err(|error| self.sled_error(&error))?;
            match part {
                Some(part) => {
                    if number == 0 {
                        count =
                            parts_count(&part).ok_or_else(|| self.damaged_entry(key, "it is too short"))?;
                    }
                    parts.push((part_key, part));
                }
                None if number == 0 => break,
                None => return Err(self.damaged_entry(key, format!("part {number} is missing"))),
            }
        }
        Ok(parts)
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

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn database(folder: &tempfile::TempDir) -> Database {
        Database::open(&StateFolder::new(folder.path()), Duration::from_secs(5)).unwrap()
    }

    fn put(database: &mut Database, key: &[u8], text: &str) {
        let mut changes = Changes::default();
        changes.put(key.to_vec(), database.encode(&text).unwrap());
        database.apply(changes).unwrap();
    }

    #[test]
    fn a_value_grows_and_shrinks_over_many_parts() {
        let folder = tempfile::tempdir().unwrap();
        let mut database = database(&folder);
        for length in [0, 100, 4_090, 4_091, 4_092, 50_000, 9_000, 1] {
            let text = "x".repeat(length);
            put(&mut database, b"kb", "after");
            put(&mut database, b"k", &text);
            put(&mut database, b"j", "before");
            assert_eq!(
                database.value::<String>(b"k").unwrap(),
                Some(text),
                "{length} characters"
            );
            let entries: Result<Vec<(Vec<u8>, String)>, StoreError> =
                database.scan(b"j".to_vec()..b"l".to_vec()).collect();
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
        let mut database = database(&folder);
        for round in 0..3 {
            for number in 0..40_u8 {
                put(&mut database, &[b'c', number], &format!("{round}").repeat(30_000));
            }
        }
        let blobs = folder.path().join("sled").join("blobs");
        let blobs_count = fs::read_dir(&blobs).map_or(0, Iterator::count);
        assert_eq!(blobs_count, 0, "sled never syncs {}", blobs.display());
    }

    #[test]
    fn a_longer_key_is_not_taken_for_a_missing_one() {
        let folder = tempfile::tempdir().unwrap();
        let mut database = database(&folder);
        put(&mut database, b"kb", "other");
        assert_eq!(database.value::<String>(b"k").unwrap(), None, "only kb is there");
    }

    #[test]
    fn a_missing_part_is_damage() {
        let folder = tempfile::tempdir().unwrap();
        let mut database = database(&folder);
        for number in [0, 1, 2] {
            let key = [b'k', u8::try_from(number).unwrap()];
            put(&mut database, &key, &"x".repeat(12_000));
            database
                .tree
                .remove(database.part_key(&key, number).unwrap())
                .unwrap();
            let read = database.value::<String>(&key);
            assert!(
                matches!(read, Err(StoreError::Damaged { .. })),
                "part {number}: {read:?}"
            );
        }
    }

    #[test]
    fn an_entry_that_is_old_missing_or_too_many_is_found_at_the_next_opening() {
        let changes: [fn(&sled::Db, &[u8], sled::IVec); 3] = [
            |tree, key, old| assert!(tree.insert(key, old).unwrap().is_some(), "it was replaced"),
            |tree, key, _| assert!(tree.remove(key).unwrap().is_some(), "it was there"),
            |tree, _, old| assert!(tree.insert(b"new", old).unwrap().is_none(), "it was not there"),
        ];
        for (number, change) in changes.into_iter().enumerate() {
            let folder = tempfile::tempdir().unwrap();
            let mut database = database(&folder);
            put(&mut database, b"k", "one");
            let part_key = database.part_key(b"k", 0).unwrap();
            let old = database.tree.get(&part_key).unwrap().unwrap();
            put(&mut database, b"k", "two");
            change(&database.tree, &part_key, old);
            drop(database);
            let opened = Database::open(&StateFolder::new(folder.path()), Duration::from_secs(5));
            assert!(
                matches!(opened, Err(StoreError::Damaged { .. })),
                "change {number}: {opened:?}"
            );
        }
    }

    #[test]
    fn a_database_deleted_under_us_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let mut database = database(&folder);
        fs::remove_dir_all(folder.path().join("sled")).unwrap();
        let applied = database.apply(Changes::default());
        assert!(matches!(applied, Err(StoreError::Io { .. })), "{applied:?}");
    }
}
