//! A source that waits for one that is away: what was asked is asked again until it is answered, and a body goes on at
//! the exact byte.
//!
//! Whatever the source behind it tries again by itself comes first; this begins where that gives up.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt, stream};

use super::{ByteStream, ListCursor, ListPage, ObjectSource, SourceError};
use crate::aws::witness::Witness;
use crate::flow::outage::{Outages, Side, Trial};
use crate::flow::waiters::Waiters;
use crate::model::ObjectVersion;
use crate::saturate;

/// A source, waited for.
#[derive(Debug)]
pub struct PatientSource {
    inner: Arc<dyn ObjectSource>,
    outages: Outages,
    waiters: Waiters,
}

impl PatientSource {
    /// Waits for a source.
    pub fn new(inner: Arc<dyn ObjectSource>, outages: Outages) -> Self {
        Self {
            inner,
            outages,
            waiters: Waiters::default(),
        }
    }

    /// The same source; who waits for bytes of it is counted there.
    #[must_use]
    pub fn with_waiters(self, waiters: &Waiters) -> Self {
        Self {
            waiters: waiters.clone(),
            ..self
        }
    }
}

/// A part of an object that is read to its end, whatever breaks off.
struct Body {
    source: Arc<dyn ObjectSource>,
    version: ObjectVersion,
    /// What was not handed out yet.
    range: Range<u64>,
    pieces: Option<ByteStream>,
    trial: Trial,
    waiters: Waiters,
    is_over: bool,
}

impl Body {
    async fn open(&mut self) -> Result<ByteStream, SourceError> {
        loop {
            let opening = self.source.read_range(&self.version, self.range.clone());
            match self.trial.attend("opening an object", opening).await? {
                Ok(pieces) => return Ok(pieces),
                Err(error) => self.wait_after(error).await?,
            }
        }
    }

    async fn wait_after(&mut self, error: SourceError) -> Result<(), SourceError> {
        if !error.is_away() {
            self.trial.answered();
            return Err(error);
        }
        Ok(self.trial.wait_after(&error.to_string()).await?)
    }

    async fn next(&mut self) -> Option<Result<Bytes, SourceError>> {
        if self.is_over {
            return None;
        }
        let waiter = self.waiters.one();
        let next = self.next_piece().await.transpose();
        drop(waiter);
        self.is_over = !matches!(next, Some(Ok(_)));
        next
    }

    async fn next_piece(&mut self) -> Result<Option<Bytes>, SourceError> {
        loop {
            let mut pieces = match self.pieces.take() {
                Some(pieces) => pieces,
                None => self.open().await?,
            };
            match self.trial.attend("reading an object", pieces.next()).await? {
                None => {
                    self.trial.answered();
                    return Ok(None);
                }
                Some(Ok(piece)) => {
                    if !piece.is_empty() {
                        // Only bytes are progress: an answer whose body breaks off at once is none.
                        self.trial.answered();
                    }
                    self.range.start = self.range.start.saturating_add(saturate::to_u64(piece.len()));
                    self.pieces = Some(pieces);
                    return Ok(Some(piece));
                }
                Some(Err(error)) => self.wait_after(error).await?,
            }
        }
    }
}

#[async_trait]
impl ObjectSource for PatientSource {
    async fn list(&self, prefix: &str, after: Option<&ListCursor>) -> Result<ListPage, SourceError> {
        let mut trial = self.outages.trial(Side::Source);
        loop {
            match trial.attend("listing", self.inner.list(prefix, after)).await? {
                Err(error) if error.is_away() => trial.wait_after(&error.to_string()).await?,
                answer => {
                    trial.answered();
                    return answer;
                }
            }
        }
    }

    async fn read_range(
        &self,
        version: &ObjectVersion,
        range: Range<u64>,
    ) -> Result<ByteStream, SourceError> {
        let mut body = Body {
            source: Arc::clone(&self.inner),
            version: version.clone(),
            range,
            pieces: None,
            trial: self.outages.trial(Side::Source),
            waiters: self.waiters.clone(),
            is_over: false,
        };
        let waiter = self.waiters.one();
        body.pieces = Some(body.open().await?);
        drop(waiter);
        Ok(Box::pin(stream::unfold(body, |mut body| async move {
            body.next().await.map(|piece| (piece, body))
        })))
    }

    async fn check(&self) -> Result<(), SourceError> {
        self.inner.check().await
    }

    fn locate(&self, key: &str) -> String {
        self.inner.locate(key)
    }

    fn bytes_read(&self) -> u64 {
        self.inner.bytes_read()
    }

    fn witness(&self) -> Option<&Witness> {
        self.inner.witness()
    }
}

impl fmt::Display for PatientSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}
