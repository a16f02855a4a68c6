//! Objects in memory, with scripted faults: the source of tests.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::ops::{Bound, Range};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream;

use super::{ByteStream, ListCursor, ListPage, ObjectSource, SourceError};
use crate::limits::LIST_PAGE_KEYS_MAX;
use crate::model::ObjectVersion;
use crate::printable::printable;
use crate::saturate;

/// Bytes of one piece of a body unless [`MemorySource::with_piece_bytes`] says otherwise.
const PIECE_BYTES_DEFAULT: usize = 64 * 1024;

/// What happens to a body after some of its bytes; each fault strikes one read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BodyFault {
    /// The connection breaks for good: the stream ends with [`SourceError::Unreachable`].
    Unreachable,
    /// The object is replaced by these bytes: the stream ends with [`SourceError::Changed`].
    Replaced(Bytes),
    /// The object is removed: the stream ends with [`SourceError::Vanished`].
    Removed,
    /// A bug in the reading task: polling the stream panics.
    Panic,
}

/// Objects in memory. Clones share the objects.
#[derive(Clone)]
pub struct MemorySource {
    shared: Arc<Shared>,
    piece_bytes: usize,
    page_keys: usize,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    bytes_read: AtomicU64,
}

#[derive(Default)]
struct State {
    objects: BTreeMap<String, Object>,
    faults: BTreeMap<String, VecDeque<(u64, BodyFault)>>,
    list_faults: VecDeque<SourceError>,
    is_away: bool,
    versions_count: i64,
}

struct Object {
    version: ObjectVersion,
    bytes: Bytes,
}

impl MemorySource {
    /// An empty source.
    pub fn new() -> Self {
        Self {
            shared: Arc::default(),
            piece_bytes: PIECE_BYTES_DEFAULT,
            page_keys: LIST_PAGE_KEYS_MAX,
        }
    }

    /// The same source with bodies cut into pieces of at most this many bytes.
    #[must_use]
    pub fn with_piece_bytes(self, piece_bytes: usize) -> Self {
        Self {
            piece_bytes: piece_bytes.max(1),
            ..self
        }
    }

    /// The same source with listing pages of at most this many keys.
    #[must_use]
    pub fn with_page_keys(self, page_keys: usize) -> Self {
        Self {
            page_keys: page_keys.max(1),
            ..self
        }
    }

    /// Puts or replaces an object; every put is a new version, whatever the bytes are.
    pub fn put(&self, key: &str, bytes: impl Into<Bytes>) -> ObjectVersion {
        self.state().put(key, bytes.into())
    }

    /// Removes an object.
    pub fn remove(&self, key: &str) {
        self.state().objects.remove(key);
    }

    /// Lets the next read of the key that reaches `position`, an absolute offset in the object, meet a fault there;
    /// then the one after it, and so on.
    pub fn inject(&self, key: &str, position: u64, fault: BodyFault) {
        let mut state = self.state();
        let faults = state.faults.entry(key.to_owned()).or_default();
        faults.push_back((position, fault));
    }

    /// Lets the next listing fail.
    pub fn fail_next_list(&self, error: SourceError) {
        self.state().list_faults.push_back(error);
    }

    /// From now on nothing is answered, and bodies break off, until it is back.
    pub fn set_away(&self, is_away: bool) {
        self.state().is_away = is_away;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A test that panicked while it held the lock left plain data behind; others may go on with it.
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn unreachable(&self, key: &str) -> SourceError {
        SourceError::Unreachable {
            action: "read",
            location: self.locate(key),
            attempts: 1,
            detail: "injected fault".to_owned(),
        }
    }
}

impl State {
    fn put(&mut self, key: &str, bytes: Bytes) -> ObjectVersion {
        self.versions_count += 1;
        let version = ObjectVersion {
            key: key.to_owned(),
            etag: format!("memory-{}", self.versions_count),
            size_bytes: saturate::to_u64(bytes.len()),
            modified_ms: self.versions_count,
        };
        let object = Object {
            version: version.clone(),
            bytes,
        };
        self.objects.insert(key.to_owned(), object);
        version
    }
}

/// One body on its way to a reader.
struct Body {
    source: MemorySource,
    version: ObjectVersion,
    rest: Bytes,
    position: u64,
    fault: Option<(u64, BodyFault)>,
}

impl Body {
    /// The next piece, or the fault that is due.
    fn advance(&mut self) -> Option<Result<Bytes, SourceError>> {
        if self.source.state().is_away && !self.rest.is_empty() {
            return Some(Err(self.strike(BodyFault::Unreachable)));
        }
        let until_fault = self
            .fault
            .as_ref()
            .map(|(at, _)| at.saturating_sub(self.position));
        if until_fault == Some(0) {
            let (_, fault) = self.fault.take()?;
            return Some(Err(self.strike(fault)));
        }
        if self.rest.is_empty() {
            return None;
        }
        let until_fault = until_fault.map_or(usize::MAX, saturate::to_usize);
        let piece = self
            .rest
            .split_to(self.rest.len().min(self.source.piece_bytes).min(until_fault));
        let piece_bytes = saturate::to_u64(piece.len());
        self.position = self.position.saturating_add(piece_bytes);
        self.source
            .shared
            .bytes_read
            .fetch_add(piece_bytes, Ordering::Relaxed);
        Some(Ok(piece))
    }

    #[expect(clippy::panic, reason = "a scripted panic is what the fault is for")]
    fn strike(&mut self, fault: BodyFault) -> SourceError {
        self.rest.clear();
        let key = self.version.key.as_str();
        let location = self.source.locate(key);
        match fault {
            BodyFault::Unreachable => self.source.unreachable(key),
            BodyFault::Replaced(bytes) => {
                self.source.put(key, bytes);
                SourceError::Changed {
                    location,
                    expected_etag: self.version.etag.clone(),
                }
            }
            BodyFault::Removed => {
                self.source.remove(key);
                SourceError::Vanished { location }
            }
            BodyFault::Panic => panic!("injected panic while reading {location}"),
        }
    }
}

#[async_trait]
impl ObjectSource for MemorySource {
    async fn list(&self, prefix: &str, after: Option<&ListCursor>) -> Result<ListPage, SourceError> {
        let mut state = self.state();
        if let Some(error) = state.list_faults.pop_front() {
            return Err(error);
        }
        if state.is_away {
            return Err(self.unreachable(prefix));
        }
        let start = after.map_or("", |cursor| cursor.start_after.as_str());
        let mut keys = state
            .objects
            .range::<str, _>((Bound::Excluded(start), Bound::Unbounded))
            .filter(|(key, _)| key.starts_with(prefix) && !is_folder_marker(key));
        let objects: Vec<_> = keys
            .by_ref()
            .take(self.page_keys)
            .map(|(_, object)| object.version.clone())
            .collect();
        let has_more = keys.next().is_some();
        let next = objects.last().filter(|_| has_more).map(|last| ListCursor {
            start_after: last.key.clone(),
        });
        Ok(ListPage { objects, next })
    }

    async fn read_range(
        &self,
        version: &ObjectVersion,
        range: Range<u64>,
    ) -> Result<ByteStream, SourceError> {
        let mut state = self.state();
        if state.is_away {
            return Err(self.unreachable(&version.key));
        }
        let location = self.locate(&version.key);
        let Some(object) = state.objects.get(&version.key) else {
            return Err(SourceError::Vanished { location });
        };
        if object.version.etag != version.etag {
            return Err(SourceError::Changed {
                location,
                expected_etag: version.etag.clone(),
            });
        }
        let place = |position| saturate::to_usize(position).min(object.bytes.len());
        let end = place(range.end);
        let rest = object.bytes.slice(place(range.start).min(end)..end);
        let faults = state.faults.get_mut(&version.key);
        let fault = faults.and_then(|faults| faults.pop_front_if(|(at, _)| *at <= range.end));
        let body = Body {
            source: self.clone(),
            version: version.clone(),
            rest,
            position: range.start,
            fault,
        };
        Ok(Box::pin(stream::unfold(body, |mut body| async move {
            body.advance().map(|item| (item, body))
        })))
    }

    async fn check(&self) -> Result<(), SourceError> {
        Ok(())
    }

    fn locate(&self, key: &str) -> String {
        format!("memory:{}", printable(key))
    }

    fn bytes_read(&self) -> u64 {
        self.shared.bytes_read.load(Ordering::Relaxed)
    }
}

/// S3 consoles make empty objects named `folder/`; they are not data.
fn is_folder_marker(key: &str) -> bool {
    key.ends_with('/')
}

impl Default for MemorySource {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MemorySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MemorySource({} objects)", self.state().objects.len())
    }
}

impl fmt::Display for MemorySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("memory")
    }
}
