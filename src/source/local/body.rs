//! Reads one version of a file.
//!
//! The file stays open, so replacing it by rename does no harm. Whether it is still the version that was
//! listed is asked before each piece is handed out; a change within one tick of the file system's clock that keeps
//! the length goes unnoticed.

use std::ops::Range;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::{Bytes, BytesMut};
use futures_util::stream;
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt};

use super::walk::ensure_inside;
use super::{blocking, display, file_error, version_of};
use crate::model::ObjectVersion;
use crate::saturate;
use crate::source::{ByteStream, SourceError};

/// Bytes of one piece: large enough that the hop to the blocking thread costs little.
const PIECE_BYTES: usize = 256 * 1024;

/// Without it, opening a pipe waits for its writer; a file does not mind.
const NO_WAIT: i32 = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();

struct Body {
    file: File,
    path: PathBuf,
    version: ObjectVersion,
    rest_bytes: u64,
    bytes_read: Arc<AtomicU64>,
}

/// Opens a file and checks that it is the version asked for.
pub(super) async fn open(
    directory: &Path,
    path: PathBuf,
    version: &ObjectVersion,
    range: Range<u64>,
    bytes_read: Arc<AtomicU64>,
) -> Result<ByteStream, SourceError> {
    let (root, opened) = (directory.to_owned(), path.clone());
    let opening = blocking(directory, move || {
        let root = std::fs::canonicalize(&root).map_err(|error| super::folder_error(&root, &error))?;
        ensure_inside(&root, &opened)?;
        // Whatever stands at the path by now: a pipe must not wait for its writer.
        let mut options = std::fs::OpenOptions::new();
        options.read(true).custom_flags(NO_WAIT);
        options
            .open(&opened)
            .map_err(|error| file_error("open", &opened, &error))
    });
    let mut body = Body {
        file: File::from_std(opening.await?),
        path,
        version: version.clone(),
        rest_bytes: range.end.min(version.size_bytes).saturating_sub(range.start),
        bytes_read,
    };
    body.ensure_unchanged().await?;
    let sought = body.file.seek(std::io::SeekFrom::Start(range.start)).await;
    sought.map_err(|error| file_error("read", &body.path, &error))?;
    Ok(Box::pin(stream::unfold(Some(body), |state| async {
        let mut body = state?;
        match body.next_piece().await {
            Ok(Some(piece)) => Some((Ok(piece), Some(body))),
            Ok(None) => None,
            Err(error) => Some((Err(error), None)),
        }
    })))
}

impl Body {
    async fn next_piece(&mut self) -> Result<Option<Bytes>, SourceError> {
        if self.rest_bytes == 0 {
            return Ok(None);
        }
        let wanted = usize::try_from(self.rest_bytes)
            .unwrap_or(PIECE_BYTES)
            .min(PIECE_BYTES);
        let mut piece = BytesMut::with_capacity(wanted);
        while piece.len() < wanted {
            let missing = u64::try_from(wanted - piece.len()).unwrap_or(0);
            let read = (&mut self.file).take(missing).read_buf(&mut piece).await;
            if read.map_err(|error| file_error("read", &self.path, &error))? == 0 {
                return Err(self.changed());
            }
        }
        self.ensure_unchanged().await?;
        let piece_bytes = saturate::to_u64(piece.len());
        self.rest_bytes = self.rest_bytes.saturating_sub(piece_bytes);
        self.bytes_read.fetch_add(piece_bytes, Ordering::Relaxed);
        Ok(Some(piece.freeze()))
    }

    async fn ensure_unchanged(&self) -> Result<(), SourceError> {
        let metadata = self.file.metadata().await;
        let metadata = metadata.map_err(|error| file_error("read", &self.path, &error))?;
        if version_of(self.version.key.clone(), &metadata).etag == self.version.etag {
            Ok(())
        } else {
            Err(self.changed())
        }
    }

    fn changed(&self) -> SourceError {
        SourceError::Changed {
            location: display(&self.path),
            expected_etag: self.version.etag.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn a_pipe_in_the_place_of_a_file_is_another_version_and_nothing_waits_for_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv");
        std::fs::write(&path, b"1\n").unwrap();
        let version = version_of("a.csv".to_owned(), &std::fs::metadata(&path).unwrap());
        std::fs::remove_file(&path).unwrap();
        assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
        let opened = open(folder.path(), path, &version, 0..2, Arc::default());
        let opened = tokio::time::timeout(Duration::from_secs(5), opened)
            .await
            .unwrap();
        assert!(matches!(opened, Err(SourceError::Changed { .. })));
    }
}
