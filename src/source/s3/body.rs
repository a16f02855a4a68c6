//! Reads one version of an object and never lets go: a body that breaks, stalls or ends short is asked for
//! again from the exact byte, and bytes of another version are never mixed in.
//!
//! A task of its own reads ahead of the parser; it ends when the stream is dropped.

use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};

use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::SdkError;
use aws_sdk_s3::operation::RequestId;
use aws_sdk_s3::operation::get_object::{GetObjectError, GetObjectOutput};
use aws_sdk_s3::primitives::ByteStream as SdkBody;
use backoff::ExponentialBackoff;
use backoff::backoff::Backoff;
use bytes::Bytes;
use futures_util::Stream;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;
use tracing::{Instrument, Span};

use super::Bucket;
use super::classify::{Action, RequestFailure, trouble_of};
use super::keys::bare_etag;
use crate::aws::text_of;
use crate::delays::Delays;
use crate::model::ObjectVersion;
use crate::saturate;
use crate::source::SourceError;

/// Pieces read ahead. The HTTP client makes pieces of some KiB to some hundred KiB, so this is a few MiB at most.
const PIECES_AHEAD: usize = 8;

/// Asks for the bytes of one version, again and again if it has to be.
pub(super) struct ObjectReader {
    bucket: Arc<Bucket>,
    location: String,
    version: ObjectVersion,
    /// What was not handed out yet.
    range: Range<u64>,
    attempts: u32,
    delays: ExponentialBackoff,
    /// What the object is read for; a span of each request is its child.
    parent: Span,
}

/// A reader with an open body.
pub(super) struct OpenObject {
    reader: ObjectReader,
    body: SdkBody,
}

impl ObjectReader {
    /// A reader of a part of a version, which must lie within it and not be empty.
    pub(super) fn new(
        bucket: Arc<Bucket>,
        location: String,
        version: ObjectVersion,
        range: Range<u64>,
    ) -> Self {
        let patience = bucket.patience;
        let delays = Delays {
            growth: 2.0,
            // The number of attempts is the limit.
            ..Delays::new(patience.delay_first, patience.delay_max)
        };
        Self {
            bucket,
            location,
            version,
            range,
            attempts: 0,
            delays: delays.start(),
            parent: Span::current(),
        }
    }

    /// Opens a body at the position; tries again as long as it makes sense.
    pub(super) async fn open(mut self) -> Result<OpenObject, SourceError> {
        loop {
            match self.request().await {
                Ok(body) => return Ok(OpenObject { reader: self, body }),
                Err(trouble) => self.wait_after(trouble).await?,
            }
        }
    }

    /// Waits before the next attempt, or gives up.
    async fn wait_after(&mut self, trouble: RequestFailure) -> Result<(), SourceError> {
        self.attempts += 1;
        let RequestFailure::Passing(detail) = &trouble else {
            return Err(self.error(trouble));
        };
        if self.attempts >= self.bucket.patience.attempts_max {
            return Err(self.error(trouble));
        }
        tracing::debug!(
            object = %self.location,
            position = self.range.start,
            attempt = self.attempts,
            error = %detail,
            "the body broke off; asking for the rest"
        );
        let delay = self.delays.next_backoff();
        tokio::time::sleep(delay.unwrap_or(self.bucket.patience.delay_max)).await;
        Ok(())
    }

    async fn request(&self) -> Result<SdkBody, RequestFailure> {
        let span = self.span();
        let body = self.ask().instrument(span.clone()).await;
        if let Err(trouble) = &body {
            span.record("otel.status_code", "ERROR");
            span.record("error.type", trouble.name());
        }
        body
    }

    /// The span of a request, up to the head of its answer.
    fn span(&self) -> Span {
        if self.parent.is_disabled() {
            return Span::none();
        }
        tracing::info_span!(
            parent: &self.parent,
            "S3.GetObject",
            otel.kind = "client",
            rpc.method = "GetObject",
            aws.s3.bucket = self.bucket.name,
            aws.s3.key = self.version.key,
            brigade.range = format!("bytes={}-{}", self.range.start, self.range.end.saturating_sub(1)),
            aws.request_id = tracing::field::Empty,
            http.response.status_code = tracing::field::Empty,
            otel.status_code = tracing::field::Empty,
            error.type = tracing::field::Empty,
        )
    }

    async fn ask(&self) -> Result<SdkBody, RequestFailure> {
        self.bucket.counters.get_requests.fetch_add(1, Ordering::Relaxed);
        let request = self.bucket.client.get_object();
        let request = request
            .bucket(&self.bucket.name)
            .key(&self.version.key)
            .set_expected_bucket_owner(self.bucket.owner.clone())
            .set_request_payer(self.bucket.payer.clone())
            .if_match(format!("\"{}\"", self.version.etag))
            .set_range(self.range_header());
        let answer = request.send().await;
        note_answer(&answer);
        let answer = answer.map_err(|error| trouble_of(Action::Get, &error))?;
        self.judge(&answer)?;
        Ok(answer.body)
    }

    /// Checks that the answer holds exactly the bytes that were asked for.
    fn judge(&self, answer: &GetObjectOutput) -> Result<(), RequestFailure> {
        if answer.e_tag().map(bare_etag) != Some(self.version.etag.as_str()) {
            return Err(RequestFailure::Changed);
        }
        let size = self.version.size_bytes;
        let rest = self.rest_bytes();
        if let Some(length) = answer.content_length()
            && u64::try_from(length) != Ok(rest)
        {
            let text = format!("the answer has {length} bytes instead of {rest}");
            return Err(RequestFailure::Passing(text));
        }
        let Range { start, end } = self.range;
        let expected = format!("bytes {start}-{}/{size}", end.saturating_sub(1));
        match answer.content_range() {
            None if self.is_whole() => Ok(()),
            Some(range) if range == expected => Ok(()),
            found => {
                let found = found.unwrap_or("none");
                let text = format!("the answer has the range {found:?} instead of {expected:?}");
                Err(RequestFailure::Passing(text))
            }
        }
    }

    fn error(&self, trouble: RequestFailure) -> SourceError {
        trouble.into_error(
            Action::Get,
            self.location.clone(),
            &self.version.etag,
            self.attempts,
        )
    }

    fn rest_bytes(&self) -> u64 {
        self.range.end.saturating_sub(self.range.start)
    }

    fn is_whole(&self) -> bool {
        self.range.start == 0 && self.range.end == self.version.size_bytes
    }

    fn range_header(&self) -> Option<String> {
        let Range { start, end } = self.range;
        if self.is_whole() {
            None
        } else if end == self.version.size_bytes {
            Some(format!("bytes={start}-"))
        } else {
            Some(format!("bytes={start}-{}", end.saturating_sub(1)))
        }
    }
}

/// Notes in the span of a request which answer it got.
fn note_answer(answer: &Result<GetObjectOutput, SdkError<GetObjectError, HttpResponse>>) {
    let span = Span::current();
    let (request_id, status) = match answer {
        // The SDK does not keep the status of a good answer; a range is answered with 206.
        Ok(output) if output.content_range().is_some() => (output.request_id(), Some(206_u16)),
        Ok(output) => (output.request_id(), Some(200)),
        Err(error) => {
            let status = error.raw_response().map(|answer| answer.status().as_u16());
            (error.request_id(), status)
        }
    };
    if let Some(request_id) = request_id {
        span.record("aws.request_id", request_id);
    }
    if let Some(status) = status {
        // Signed: an unsigned number becomes a text.
        span.record("http.response.status_code", i64::from(status));
    }
}

impl OpenObject {
    /// Starts to read ahead on the runtime.
    pub(super) fn read_ahead(self, runtime: &Handle) -> ReadAhead {
        let (sender, pieces) = mpsc::channel(PIECES_AHEAD);
        let lost = self
            .reader
            .error(RequestFailure::Passing("the reading task ended early".to_owned()));
        ReadAhead {
            rest_bytes: self.reader.rest_bytes(),
            pieces,
            lost: Some(lost),
            _reading: AbortOnDropHandle::new(runtime.spawn(self.feed(sender))),
        }
    }

    /// Hands out pieces until the object is read, cannot be read, or nobody wants more.
    async fn feed(mut self, sender: mpsc::Sender<Result<Bytes, SourceError>>) {
        while self.reader.rest_bytes() > 0 {
            match self.next_piece().await {
                Ok(piece) => {
                    if sender.send(Ok(piece)).await.is_err() {
                        return;
                    }
                }
                Err(trouble) => match self.reopen(trouble).await {
                    Ok(reopened) => self = reopened,
                    Err(error) => {
                        // If nobody listens any more, nobody misses the error.
                        sender.send(Err(error)).await.ok();
                        return;
                    }
                },
            }
        }
    }

    async fn next_piece(&mut self) -> Result<Bytes, RequestFailure> {
        let piece = tokio::time::timeout(self.reader.bucket.patience.stall_timeout, self.body.next()).await;
        let piece = match piece {
            Err(_elapsed) => return Err(RequestFailure::Passing("the body stalled".to_owned())),
            Ok(None) => return Err(RequestFailure::Passing("the body ended short".to_owned())),
            Ok(Some(Err(error))) => return Err(RequestFailure::Passing(text_of(&error))),
            Ok(Some(Ok(piece))) => piece,
        };
        let reader = &mut self.reader;
        let bytes_count = saturate::to_u64(piece.len());
        reader
            .bucket
            .counters
            .body_bytes
            .fetch_add(bytes_count, Ordering::Relaxed);
        if bytes_count > reader.rest_bytes() {
            return Err(RequestFailure::Passing(
                "the body is longer than the object".to_owned(),
            ));
        }
        if bytes_count > 0 {
            reader.range.start = reader.range.start.saturating_add(bytes_count);
            reader.attempts = 0;
            reader.delays.reset();
        }
        Ok(piece)
    }

    async fn reopen(mut self, trouble: RequestFailure) -> Result<Self, SourceError> {
        self.reader.wait_after(trouble).await?;
        self.reader.bucket.witness.resumed();
        self.reader.open().await
    }
}

/// The pieces of an object, read ahead. It ends without an error only after the last byte.
pub(super) struct ReadAhead {
    pieces: mpsc::Receiver<Result<Bytes, SourceError>>,
    rest_bytes: u64,
    lost: Option<SourceError>,
    _reading: AbortOnDropHandle<()>,
}

impl Stream for ReadAhead {
    type Item = Result<Bytes, SourceError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.rest_bytes == 0 {
            return Poll::Ready(None);
        }
        let Poll::Ready(piece) = self.pieces.poll_recv(context) else {
            return Poll::Pending;
        };
        let item = match piece {
            Some(Ok(piece)) => {
                let bytes_count = saturate::to_u64(piece.len());
                self.rest_bytes = self.rest_bytes.saturating_sub(bytes_count);
                Some(Ok(piece))
            }
            Some(Err(error)) => {
                self.rest_bytes = 0;
                Some(Err(error))
            }
            // A panic of the reading task must not look like the end of the object.
            None => self.lost.take().map(Err),
        };
        Poll::Ready(item)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::StreamExt;

    use super::*;

    async fn read_ahead(rest_bytes: u64, items: Vec<Result<Bytes, SourceError>>) -> ReadAhead {
        let (sender, pieces) = mpsc::channel(8);
        for item in items {
            sender.send(item).await.unwrap();
        }
        ReadAhead {
            pieces,
            rest_bytes,
            lost: Some(SourceError::Missing {
                location: "lost".into(),
            }),
            _reading: AbortOnDropHandle::new(tokio::spawn(async {})),
        }
    }

    #[tokio::test]
    async fn the_stream_ends_without_an_error_only_after_the_last_byte() {
        let pieces = || vec![Ok(Bytes::from("abc")), Ok(Bytes::from("de"))];
        let whole: Vec<_> = read_ahead(5, pieces()).await.collect().await;
        assert!(whole.len() == 2 && whole.iter().all(Result::is_ok), "{whole:?}");
        let cut: Vec<_> = read_ahead(6, pieces()).await.collect().await;
        assert!(cut.len() == 3 && cut[2].is_err(), "{cut:?}");
    }

    #[tokio::test]
    async fn nothing_comes_after_an_error() {
        let vanished = SourceError::Vanished { location: "a".into() };
        let items: Vec<_> = read_ahead(5, vec![Err(vanished), Ok(Bytes::from("abcde"))])
            .await
            .collect()
            .await;
        assert!(items.len() == 1 && items[0].is_err(), "{items:?}");
    }
}
