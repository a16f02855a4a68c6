//! Objects from a folder on this machine: each regular file is an object, its key the path below the folder.
//!
//! What is in the folder is listed, whatever its name: files that start with a dot or end in `.tmp` are objects
//! like any other, as they would be in a bucket; which of them are data is not for a source to say. What cannot be an object stops the listing with its name,
//! because leaving it out could lose rows: a name that is not UTF-8, a device or pipe, a symbolic link to a
//! folder or to a place outside. A symbolic link to a file inside the folder is followed.
//!
//! To hand a file over whole, write it elsewhere on the same file system and rename it into the folder.

mod body;
mod walk;

use std::collections::VecDeque;
use std::fmt;
use std::fs::Metadata;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, UNIX_EPOCH};

use async_trait::async_trait;
use tokio::time::Instant;

use self::walk::Walk;
use super::{ByteStream, ListCursor, ListPage, ObjectSource, SourceError};
use crate::limits::LIST_PAGE_KEYS_MAX;
use crate::model::ObjectVersion;
use crate::printable::printable;
use crate::saturate;

/// How long a half-done listing may be continued from what was read of the folders.
///
/// Long enough for the work between two pages, short enough that a listing that was given up is never taken
/// for a new one, which has to see new files.
const WALK_AGE_MAX: Duration = Duration::from_secs(10);

/// Half-done listings kept at most; one more costs the oldest one a fresh start.
const WALKS_MAX: usize = 64;

/// Objects from a folder.
pub struct LocalSource {
    directory: PathBuf,
    walks: Arc<Mutex<VecDeque<PausedWalk>>>,
    bytes_read: Arc<AtomicU64>,
}

/// A listing between two of its pages.
struct PausedWalk {
    prefix: String,
    last_key: String,
    paused_at: Instant,
    walk: Walk,
}

impl LocalSource {
    /// The objects of a folder, which may not exist yet: [`ObjectSource::check`] tells.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self {
            directory: directory.into(),
            walks: Arc::default(),
            bytes_read: Arc::default(),
        }
    }

    fn resume_walk(&self, prefix: &str, last_key: &str) -> Option<Walk> {
        let mut walks = self.walks.lock().unwrap_or_else(PoisonError::into_inner);
        walks.retain(|paused| paused.paused_at.elapsed() < WALK_AGE_MAX);
        let index = walks
            .iter()
            .position(|paused| paused.prefix == prefix && paused.last_key == last_key)?;
        walks.remove(index).map(|paused| paused.walk)
    }

    fn pause_walk(&self, prefix: &str, last_key: &str, walk: Walk) {
        let mut walks = self.walks.lock().unwrap_or_else(PoisonError::into_inner);
        walks.retain(|paused| paused.prefix != prefix || paused.last_key != last_key);
        walks.truncate(WALKS_MAX - 1);
        walks.push_front(PausedWalk {
            prefix: prefix.to_owned(),
            last_key: last_key.to_owned(),
            paused_at: Instant::now(),
            walk,
        });
    }
}

#[async_trait]
impl ObjectSource for LocalSource {
    async fn list(&self, prefix: &str, after: Option<&ListCursor>) -> Result<ListPage, SourceError> {
        let start_after = after.map_or("", |cursor| cursor.start_after.as_str());
        let paused = after.and_then(|cursor| self.resume_walk(prefix, &cursor.start_after));
        let directory = self.directory.clone();
        let (wanted, start) = (prefix.to_owned(), start_after.to_owned());
        let page = blocking(&self.directory, move || {
            let mut walk = match paused {
                Some(walk) => walk,
                None => Walk::start(&directory, &wanted, &start)?,
            };
            let objects = walk.next_page(LIST_PAGE_KEYS_MAX)?;
            Ok((objects, walk))
        });
        let (objects, walk) = page.await?;
        let next = objects
            .last()
            .filter(|_| !walk.is_at_end())
            .map(|last| ListCursor {
                start_after: last.key.clone(),
            });
        if let Some(cursor) = &next {
            self.pause_walk(prefix, &cursor.start_after, walk);
        }
        Ok(ListPage { objects, next })
    }

    async fn read_range(
        &self,
        version: &ObjectVersion,
        range: Range<u64>,
    ) -> Result<ByteStream, SourceError> {
        let path = path_of(&self.directory, &version.key)?;
        body::open(
            &self.directory,
            path,
            version,
            range,
            Arc::clone(&self.bytes_read),
        )
        .await
    }

    async fn check(&self) -> Result<(), SourceError> {
        let directory = self.directory.clone();
        blocking(&self.directory, move || {
            let opened = std::fs::read_dir(&directory);
            opened.map(drop).map_err(|error| folder_error(&directory, &error))
        })
        .await
    }

    fn locate(&self, key: &str) -> String {
        printable(&self.directory.join(key).to_string_lossy()).into_owned()
    }

    fn bytes_read(&self) -> u64 {
        self.bytes_read.load(Ordering::Relaxed)
    }
}

impl fmt::Debug for LocalSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LocalSource({self})")
    }
}

impl fmt::Display for LocalSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&printable(&self.directory.to_string_lossy()))
    }
}

/// The path of a key, which must stay below the folder whatever the key says.
fn path_of(directory: &Path, key: &str) -> Result<PathBuf, SourceError> {
    let is_plain = |part: &str| !part.is_empty() && part != "." && part != "..";
    if key.split('/').all(is_plain) {
        return Ok(directory.join(key));
    }
    Err(SourceError::Refused {
        action: "open",
        location: display(&directory.join(key)),
        detail: "the key is not a plain path below the folder".to_owned(),
    })
}

/// The version of a file. Inode, length and modification time together make its entity tag.
fn version_of(key: String, metadata: &Metadata) -> ObjectVersion {
    let since_epoch = metadata
        .modified()
        .ok()
        .and_then(|at| at.duration_since(UNIX_EPOCH).ok());
    let modified = since_epoch.unwrap_or_default();
    ObjectVersion {
        key,
        etag: format!(
            "{:x}-{:x}-{:x}",
            inode_of(metadata),
            metadata.len(),
            modified.as_nanos()
        ),
        size_bytes: metadata.len(),
        modified_ms: saturate::to_i64(modified.as_millis()),
    }
}

#[cfg(unix)]
fn inode_of(metadata: &Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::ino(metadata)
}

#[cfg(not(unix))]
fn inode_of(_metadata: &Metadata) -> u64 {
    0
}

/// Runs file-system work where blocking is allowed.
async fn blocking<T: Send + 'static>(
    location: &Path,
    work: impl FnOnce() -> Result<T, SourceError> + Send + 'static,
) -> Result<T, SourceError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => Err(SourceError::Unreachable {
            action: "read",
            location: display(location),
            attempts: 1,
            detail: error.to_string(),
        }),
    }
}

/// What an error on the folder itself means.
fn folder_error(path: &Path, error: &io::Error) -> SourceError {
    let location = display(path);
    if error.kind() == io::ErrorKind::NotFound {
        return SourceError::Missing { location };
    }
    if error.kind() == io::ErrorKind::NotADirectory {
        let detail = "not a directory".to_owned();
        return SourceError::Refused {
            action: "list",
            location,
            detail,
        };
    }
    file_error("list", path, error)
}

/// What an error on anything below the folder means.
fn file_error(action: &'static str, path: &Path, error: &io::Error) -> SourceError {
    let location = display(path);
    let detail = error.to_string();
    if error.kind() == io::ErrorKind::NotFound {
        return SourceError::Vanished { location };
    }
    if error.kind() == io::ErrorKind::PermissionDenied {
        return SourceError::Denied {
            action,
            location,
            detail,
        };
    }
    SourceError::Unreachable {
        action,
        location,
        attempts: 1,
        detail,
    }
}

fn display(path: &Path) -> String {
    printable(&path.to_string_lossy()).into_owned()
}

#[cfg(test)]
mod tests {
    use futures_util::StreamExt;

    use super::*;

    async fn only_object(source: &LocalSource) -> ObjectVersion {
        source.list("", None).await.unwrap().objects.pop().unwrap()
    }

    #[tokio::test]
    async fn the_pages_of_a_listing_read_a_folder_once() {
        let directory = tempfile::tempdir().unwrap();
        for number in 0..=2 * LIST_PAGE_KEYS_MAX {
            std::fs::write(directory.path().join(format!("{number:06}")), b"x").unwrap();
        }
        let source = LocalSource::new(directory.path());
        let first = source.list("", None).await.unwrap();
        std::fs::write(directory.path().join("z-later"), b"x").unwrap();
        let second = source.list("", first.next.as_ref()).await.unwrap();
        let third = source.list("", second.next.as_ref()).await.unwrap();
        assert_eq!(third.objects.last().unwrap().key, "002000");
        // A cursor that no half-done listing left behind starts a new one, which sees the new file.
        let after = ListCursor {
            start_after: "002000".to_owned(),
        };
        let newer = source.list("", Some(&after)).await.unwrap();
        assert_eq!(newer.objects.last().unwrap().key, "z-later");
    }

    #[tokio::test]
    async fn a_file_that_grows_or_shrinks_while_it_is_read_is_changed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.csv");
        for length in [10_u64, 900_000] {
            std::fs::write(&path, vec![b'x'; 600_000]).unwrap();
            let source = LocalSource::new(directory.path());
            let mut body = source.read(&only_object(&source).await, 0).await.unwrap();
            assert!(body.next().await.unwrap().is_ok());
            let file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
            file.set_len(length).unwrap();
            let told = body.next().await.unwrap().unwrap_err();
            assert!(matches!(told, SourceError::Changed { .. }), "{told}");
            assert!(body.next().await.is_none());
        }
    }

    #[tokio::test]
    async fn a_file_that_is_replaced_while_it_is_read_is_read_as_it_was() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("a.csv"), vec![b'x'; 600_000]).unwrap();
        let source = LocalSource::new(directory.path());
        let mut body = source.read(&only_object(&source).await, 0).await.unwrap();
        let first = body.next().await.unwrap().unwrap();
        std::fs::write(directory.path().join("new"), b"y").unwrap();
        std::fs::rename(directory.path().join("new"), directory.path().join("a.csv")).unwrap();
        let mut read = first.to_vec();
        while let Some(piece) = body.next().await {
            read.extend(piece.unwrap());
        }
        assert!(read == vec![b'x'; 600_000]);
    }

    #[tokio::test]
    async fn a_place_that_cannot_be_a_source_is_told() {
        let directory = tempfile::tempdir().unwrap();
        let missing = LocalSource::new(directory.path().join("missing"));
        assert!(matches!(missing.check().await, Err(SourceError::Missing { .. })));
        assert!(matches!(
            missing.list("", None).await,
            Err(SourceError::Missing { .. })
        ));
        std::fs::write(directory.path().join("file"), b"x").unwrap();
        let file = LocalSource::new(directory.path().join("file"));
        assert!(matches!(file.check().await, Err(SourceError::Refused { .. })));
    }

    #[tokio::test]
    async fn a_key_cannot_leave_the_folder() {
        let outer = tempfile::tempdir().unwrap();
        std::fs::write(outer.path().join("secret"), b"x").unwrap();
        std::fs::create_dir(outer.path().join("folder")).unwrap();
        let version = only_object(&LocalSource::new(outer.path())).await;
        let source = LocalSource::new(outer.path().join("folder"));
        for key in ["../secret", "./../secret", "/etc/hostname", "", "a//b"] {
            let asked = ObjectVersion {
                key: key.to_owned(),
                ..version.clone()
            };
            let outcome = source.read(&asked, 0).await.err();
            assert!(
                matches!(outcome, Some(SourceError::Refused { .. })),
                "{key}: {outcome:?}"
            );
        }
    }
}
