//! The trace of one object, from its first byte to the commit that finishes it.
//!
//! The span `load s3` is the root. It travels with the object's slices and requests and ends when the last of them is
//! settled. It links to the `list s3` that found the object, and a `checkpoint` links to the objects it finishes. Requests
//! have spans of their own ([`super::request_span`]). There is no span per row, and none that is as long as the task.
//!
//! Where nothing is traced, an object costs one span of the log and its requests none.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use opentelemetry::trace::{SpanContext, Status, TraceContextExt};
use opentelemetry::{Array, StringValue, Value};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

use super::attributes::{
    LINKS_DROPPED, OBJECT_ETAG, OBJECT_SIZE, OUTCOME, PHASE, POSITION, QUEUE, REQUESTS, REQUESTS_LEFT_OUT,
    REQUESTS_REPEATED, REQUESTS_THROTTLED, RESUME_ROW, ROWS, ROWS_DEAD_LETTERED, S3_BUCKET, S3_KEY, TABLE,
};
use super::thinning::Thinning;
use crate::model::control::CONTROL_KEY;
use crate::model::{ObjectId, ObjectVersion};
use crate::saturate;

/// Links that the SDK keeps of a span.
const LINKS_MAX: usize = 128;
/// Positions that a commit names.
const POSITIONS_MAX: usize = 10;

/// The trace of an open object; clones are the same trace.
#[derive(Debug, Clone)]
pub struct ObjectTrace(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    span: Span,
    /// `None` if nothing is traced.
    context: Option<SpanContext>,
    rows: AtomicU64,
    dead_lettered: AtomicU64,
    requests: Mutex<Requests>,
}

/// The requests that carried rows of an object.
#[derive(Debug, Default)]
struct Requests {
    count: u64,
    throttled: u64,
    repeated: u64,
    thinning: Thinning,
    links: usize,
}

/// What a request came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct RequestEnd {
    /// Whether the service refused records because of their number.
    pub(super) is_throttled: bool,
    /// Whether some of it was sent more than once, whatever the reason.
    pub(super) is_repeated: bool,
    /// Whether it failed for good.
    pub(super) is_failed: bool,
}

impl ObjectTrace {
    /// Starts the trace of an object, given where it is in words (`s3://bucket/key`, or a path), and the listing that found
    /// it.
    pub fn start(
        id: &ObjectId,
        version: &ObjectVersion,
        location: &str,
        listing: Option<SpanContext>,
    ) -> Self {
        let span = tracing::info_span!(parent: None, "load", object = %id, key = version.key);
        let set = |key: &'static str, value: Value| span.set_attribute(key, value);
        set(QUEUE, id.queue.to_string().into());
        if id.queue.is_of_load() {
            set(PHASE, "full_load".into());
        } else if id.queue.is_of_changes() {
            set(PHASE, "cdc".into());
        }
        if let Some(table) = id.queue.table_name() {
            set(TABLE, table.to_owned().into());
        }
        let name = if version.key == CONTROL_KEY {
            "load control"
        } else {
            set(OBJECT_ETAG, version.etag.clone().into());
            set(OBJECT_SIZE, saturate::to_i64(version.size_bytes).into());
            match s3_place(location) {
                Some((bucket, _key)) => {
                    set(S3_BUCKET, bucket.to_owned().into());
                    set(S3_KEY, version.key.clone().into());
                    "load s3"
                }
                None => "load file",
            }
        };
        link(&span, listing.into_iter());
        let trace = Self::of(span);
        if trace.is_traced() {
            trace.0.span.context().span().update_name(name);
        }
        trace
    }

    /// A trace that leads nowhere.
    pub fn none() -> Self {
        Self::of(Span::none())
    }

    fn of(span: Span) -> Self {
        let context = context_of(&span);
        Self(Arc::new(Inner {
            span,
            context,
            rows: AtomicU64::new(0),
            dead_lettered: AtomicU64::new(0),
            requests: Mutex::default(),
        }))
    }

    /// The object's span.
    pub fn span(&self) -> &Span {
        &self.0.span
    }

    /// What others link to; `None` if nothing is traced.
    pub fn context(&self) -> Option<SpanContext> {
        self.0.context.clone()
    }

    /// Whether somebody looks at it.
    pub(super) fn is_traced(&self) -> bool {
        self.0.context.is_some()
    }

    /// Whether both are the trace of one object.
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Reading goes on at this row.
    pub fn resumed_at(&self, ordinal: u64) {
        let row = saturate::to_i64(ordinal);
        self.0.span.set_attribute(RESUME_ROW, row);
    }

    /// So many rows were read, and so many of them are dead letters.
    pub fn read(&self, rows: u64, dead_lettered: u64) {
        self.0.rows.fetch_add(rows, Ordering::Relaxed);
        self.0.dead_lettered.fetch_add(dead_lettered, Ordering::Relaxed);
    }

    /// So many rows that were read are dead letters after all: the service refused them.
    pub fn refused(&self, rows: u64) {
        self.0.dead_lettered.fetch_add(rows, Ordering::Relaxed);
    }

    /// What came of reading it.
    pub fn ended(&self, outcome: &'static str) {
        self.0.span.set_attribute(OUTCOME, outcome);
    }

    /// The rest of it is not sent, for this reason.
    pub fn set_aside(&self, outcome: &'static str, reason: &str) {
        self.ended(outcome);
        self.0.span.set_status(Status::error(reason.to_owned()));
    }

    /// A request with rows of the object has ended; says whether its span is kept.
    pub(super) fn keeps(&self, end: RequestEnd) -> bool {
        let mut requests = self.0.requests.lock().unwrap_or_else(PoisonError::into_inner);
        requests.count += 1;
        requests.throttled += u64::from(end.is_throttled);
        requests.repeated += u64::from(end.is_repeated);
        end.is_failed || requests.thinning.keeps(end.is_throttled || end.is_repeated)
    }

    /// Leads to the span of a request that carried rows of other objects, too, and so is not its child.
    pub(super) fn leads_to(&self, request: &SpanContext) {
        let mut requests = self.0.requests.lock().unwrap_or_else(PoisonError::into_inner);
        requests.links += 1;
        self.0.span.add_link(request.clone());
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if self.context.is_none() {
            return;
        }
        let requests = self.requests.get_mut().unwrap_or_else(PoisonError::into_inner);
        let set = |key: &'static str, count: u64| self.span.set_attribute(key, saturate::to_i64(count));
        set(ROWS, *self.rows.get_mut());
        set(ROWS_DEAD_LETTERED, *self.dead_lettered.get_mut());
        set(REQUESTS, requests.count);
        set(REQUESTS_THROTTLED, requests.throttled);
        set(REQUESTS_REPEATED, requests.repeated);
        set(REQUESTS_LEFT_OUT, requests.thinning.left_out());
        // One link is that to the listing.
        let links_dropped = (requests.links + 1).saturating_sub(LINKS_MAX);
        if links_dropped > 0 {
            set(LINKS_DROPPED, saturate::to_u64(links_dropped));
        }
        // A span ends when it was left for the last time: now, and not when the last byte was read.
        self.span.in_scope(|| {});
    }
}

/// The span of a listing; `seen` and `new` are filled in by [`listed`].
pub fn list_span(queue: &str, location: &str) -> Span {
    let span = tracing::info_span!(
        parent: None,
        "list",
        otel.name = if s3_place(location).is_some() { "list s3" } else { "list files" },
        brigade.queue = queue,
        brigade.prefix = location,
        brigade.keys.seen = tracing::field::Empty,
        brigade.keys.new = tracing::field::Empty,
    );
    if let Some((bucket, _prefix)) = s3_place(location) {
        span.set_attribute(S3_BUCKET, bucket.to_owned());
    }
    span
}

/// What the listing found whose span is the current one.
pub fn listed(seen: usize, new: usize) {
    Span::current()
        .record("brigade.keys.seen", saturate::to_i64(seen))
        .record("brigade.keys.new", saturate::to_i64(new));
}

/// The operation whose span this is has failed.
pub fn failed(span: &Span, reason: &str) {
    span.set_status(Status::error(reason.to_owned()));
}

/// What others link to; `None` if nothing is traced.
pub fn context_of(span: &Span) -> Option<SpanContext> {
    let context = span.context().span().span_context().clone();
    context.is_valid().then_some(context)
}

/// The span of a commit, given what positions it makes durable; it links to the objects that the commit finishes.
pub fn commit_span(
    positions: impl ExactSizeIterator<Item = String>,
    shards_count: usize,
    finished: Vec<SpanContext>,
) -> Span {
    let span = tracing::info_span!(
        parent: None,
        "checkpoint",
        brigade.objects = saturate::to_i64(positions.len()),
        brigade.shards = saturate::to_i64(shards_count),
        brigade.finished = saturate::to_i64(finished.len()),
    );
    if !span.is_disabled() {
        let positions = positions.take(POSITIONS_MAX).map(StringValue::from);
        span.set_attribute(POSITION, Value::Array(Array::String(positions.collect())));
    }
    link(&span, finished.into_iter());
    span
}

/// Links a span to others, as many as it may have.
pub(super) fn link(span: &Span, mut contexts: impl Iterator<Item = SpanContext>) {
    for context in contexts.by_ref().take(LINKS_MAX) {
        span.add_link(context);
    }
    let dropped_count = contexts.count();
    if dropped_count > 0 {
        span.set_attribute(LINKS_DROPPED, saturate::to_i64(dropped_count));
    }
}

/// Bucket and key, if that is where something is.
fn s3_place(location: &str) -> Option<(&str, &str)> {
    location.strip_prefix("s3://")?.split_once('/')
}
