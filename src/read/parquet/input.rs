//! What the Parquet library reads from: parts of an object, asked for one after another. The library blocks on them,
//! so it works on a thread of its own; whoever holds the other end of the channel gets the bytes.
//!
//! Of each column a window is read ahead, so that its pages do not cost a request each. All windows together have a
//! size of their own, and one page may be as large as it is.

use std::io::{self, Read};
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::{Buf, Bytes};
use parquet::errors::ParquetError;
use parquet::file::reader::{ChunkReader, Length};
use tokio::sync::{mpsc, oneshot};

use crate::model::Chunk;
use crate::saturate;

/// Bytes of the windows of one object together.
const WINDOWS_BYTES: u64 = 16 * 1024 * 1024;
/// Bytes of one window.
const WINDOW_BYTES_MIN: u64 = 64 * 1024;
const WINDOW_BYTES_MAX: u64 = 4 * 1024 * 1024;
/// Bytes at the end of an object that are read at once: the footer of most files.
const TAIL_BYTES: u64 = 64 * 1024;
/// No page and no footer is larger.
const PART_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// What the reading thread says.
#[derive(Debug)]
pub enum FromWorker {
    /// It needs these bytes of the object.
    Fetch(Range<u64>, oneshot::Sender<Bytes>),
    /// The next rows.
    Chunk(Chunk),
    /// There are no more.
    End,
    /// The object cannot be read: one sentence.
    Failed(String),
}

/// An object as the library sees it. Clones share the windows.
#[derive(Debug, Clone)]
pub struct ObjectInput(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    size: u64,
    requests: mpsc::Sender<FromWorker>,
    windows: Mutex<Windows>,
}

#[derive(Debug)]
struct Windows {
    window_bytes: u64,
    windows: Vec<Window>,
}

/// A part of an object that is read from its beginning to its end, and what is at hand of it.
#[derive(Debug)]
struct Window {
    part: Range<u64>,
    start: u64,
    bytes: Bytes,
}

impl ObjectInput {
    /// The input of an object of this size.
    pub fn new(size: u64, requests: mpsc::Sender<FromWorker>) -> Self {
        let tail = size.saturating_sub(TAIL_BYTES)..size;
        let windows = Windows {
            window_bytes: TAIL_BYTES,
            windows: vec![Window::new(tail)],
        };
        Self(Arc::new(Shared {
            size,
            requests,
            windows: Mutex::new(windows),
        }))
    }

    /// Reads the end of the object ahead.
    ///
    /// # Errors
    /// If the other end is gone.
    pub fn read_tail(&self) -> Result<(), ParquetError> {
        let start = self.0.size.saturating_sub(TAIL_BYTES);
        self.part(start, self.0.size - start).map(drop)
    }

    /// Names the parts that are read next, each from its beginning to its end.
    pub fn read_parts(&self, parts: impl Iterator<Item = Range<u64>>) {
        let windows: Vec<_> = parts.map(Window::new).collect();
        let count = u64::try_from(windows.len()).unwrap_or(1).max(1);
        let mut shared = self.0.windows.lock().unwrap_or_else(PoisonError::into_inner);
        *shared = Windows {
            window_bytes: (WINDOWS_BYTES / count).clamp(WINDOW_BYTES_MIN, WINDOW_BYTES_MAX),
            windows,
        };
    }

    /// Exactly these bytes.
    fn part(&self, start: u64, bytes_count: u64) -> Result<Bytes, ParquetError> {
        let end = start
            .checked_add(bytes_count)
            .filter(|end| *end <= self.0.size)
            .ok_or_else(|| {
                ParquetError::EOF(format!(
                    "{bytes_count} bytes are wanted at byte {start} of {}",
                    self.0.size
                ))
            })?;
        if bytes_count > PART_BYTES_MAX {
            let message = format!(
                "a part of {bytes_count} bytes at byte {start}; {PART_BYTES_MAX} is the most that is read at once"
            );
            return Err(ParquetError::General(message));
        }
        let mut windows = self.0.windows.lock().unwrap_or_else(PoisonError::into_inner);
        let window_bytes = windows.window_bytes;
        let window = windows
            .windows
            .iter_mut()
            .find(|window| window.part.contains(&start) && end <= window.part.end);
        let Some(window) = window else {
            return self.fetch(start..end);
        };
        if let Some(bytes) = window.get(start, end) {
            return Ok(bytes);
        }
        let ahead = start.saturating_add(window_bytes).min(window.part.end);
        window.bytes = self.fetch(start..end.max(ahead))?;
        window.start = start;
        window.get(start, end).ok_or_else(gone)
    }

    /// What is at hand from a place on, at least one byte; nothing at the end.
    fn ahead(&self, start: u64) -> Result<Bytes, ParquetError> {
        if start >= self.0.size {
            return Ok(Bytes::new());
        }
        let first = self.part(start, 1)?;
        let windows = self.0.windows.lock().unwrap_or_else(PoisonError::into_inner);
        let window = windows.windows.iter().find(|window| window.part.contains(&start));
        Ok(window
            .and_then(|window| window.get(start, window.end()))
            .unwrap_or(first))
    }

    fn fetch(&self, range: Range<u64>) -> Result<Bytes, ParquetError> {
        let (reply, bytes) = oneshot::channel();
        let wanted = range.end - range.start;
        let request = FromWorker::Fetch(range, reply);
        self.0.requests.blocking_send(request).map_err(|_| gone())?;
        let bytes = bytes.blocking_recv().map_err(|_| gone())?;
        if count(&bytes) == wanted {
            Ok(bytes)
        } else {
            Err(gone())
        }
    }
}

impl Window {
    fn new(part: Range<u64>) -> Self {
        Self {
            start: part.start,
            part,
            bytes: Bytes::new(),
        }
    }

    fn end(&self) -> u64 {
        self.start + count(&self.bytes)
    }

    fn get(&self, start: u64, end: u64) -> Option<Bytes> {
        let place = |position: u64| usize::try_from(position.checked_sub(self.start)?).ok();
        let range = place(start)?..place(end)?;
        (range.end <= self.bytes.len()).then(|| self.bytes.slice(range))
    }
}

/// Nobody wants the rows any more, or the bytes could not be had, which is reported on the other end.
fn gone() -> ParquetError {
    ParquetError::EOF("the object is not read any more".to_owned())
}

fn count(bytes: &Bytes) -> u64 {
    saturate::to_u64(bytes.len())
}

impl Length for ObjectInput {
    fn len(&self) -> u64 {
        self.0.size
    }
}

impl ChunkReader for ObjectInput {
    type T = InputReader;

    fn get_read(&self, start: u64) -> Result<InputReader, ParquetError> {
        Ok(InputReader {
            input: self.clone(),
            position: start,
            ahead: Bytes::new(),
        })
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes, ParquetError> {
        self.part(start, saturate::to_u64(length))
    }
}

/// Reads on from some place.
#[derive(Debug)]
pub struct InputReader {
    input: ObjectInput,
    position: u64,
    ahead: Bytes,
}

impl Read for InputReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.ahead.is_empty() {
            self.ahead = self.input.ahead(self.position).map_err(io::Error::other)?;
        }
        let read = buffer.len().min(self.ahead.len());
        self.ahead
            .copy_to_slice(buffer.get_mut(..read).unwrap_or_default());
        self.position += u64::try_from(read).unwrap_or(0);
        Ok(read)
    }
}

#[cfg(test)]
#[path = "input_tests.rs"]
mod tests;
