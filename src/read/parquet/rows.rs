//! The rows of a Parquet object in chunks: gets the bytes that the reading thread asks for, and hands on its chunks.

use std::fmt;
use std::ops::Range;

use bytes::{Bytes, BytesMut};
use futures_util::TryStreamExt;
use tokio::sync::mpsc;

use super::input::FromWorker;
use super::worker::Job;
use crate::model::ObjectVersion;
use crate::read::object_chunks::NextChunk;
use crate::read::object_text::damaged;
use crate::source::{ObjectSource, SourceError};

/// Messages that wait: while one chunk is on its way the next is made.
const AHEAD: usize = 1;

/// A Parquet object that is read. Its thread ends when this is dropped.
pub struct ParquetRows<'a> {
    source: &'a dyn ObjectSource,
    version: ObjectVersion,
    location: String,
    worker: mpsc::Receiver<FromWorker>,
}

impl<'a> ParquetRows<'a> {
    /// Starts to read.
    pub fn new(source: &'a dyn ObjectSource, version: ObjectVersion, job: Job) -> Self {
        let location = job.location.clone();
        let (sender, worker) = mpsc::channel(AHEAD);
        let span = tracing::Span::current();
        tokio::task::spawn_blocking(move || span.in_scope(|| job.run(&sender)));
        Self {
            source,
            version,
            location,
            worker,
        }
    }

    /// What comes next.
    ///
    /// # Errors
    /// As the stream of [`ObjectSource::read`], and [`SourceError::Damaged`] if the object cannot be read as it is.
    pub async fn next(&mut self) -> Result<NextChunk, SourceError> {
        match self.worker.recv().await {
            Some(FromWorker::Fetch(range, reply)) => {
                let bytes = read_part(self.source, &self.version, range).await?;
                // If the thread is gone, its last message says why.
                reply.send(bytes).ok();
                Ok(NextChunk::Pending)
            }
            Some(FromWorker::Chunk(chunk)) => Ok(NextChunk::Chunk(chunk)),
            Some(FromWorker::End) => Ok(NextChunk::End),
            Some(FromWorker::Failed(problem)) => Err(damaged(self.location.clone(), &problem)),
            None => Err(damaged(
                self.location.clone(),
                &"the Parquet reader ended without a final message",
            )),
        }
    }
}

/// Reads a part of an object into memory.
///
/// # Errors
/// As [`ObjectSource::read`].
pub(super) async fn read_part(
    source: &dyn ObjectSource,
    version: &ObjectVersion,
    range: Range<u64>,
) -> Result<Bytes, SourceError> {
    let body = source.read_range(version, range).await?;
    let all = body.try_fold(BytesMut::new(), async |mut all, piece: Bytes| {
        all.extend_from_slice(&piece);
        Ok(all)
    });
    Ok(all.await?.freeze())
}

impl fmt::Debug for ParquetRows<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ParquetRows({})", self.location)
    }
}
