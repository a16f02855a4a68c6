//! The trace of one object, from its first byte to the commit that finishes it.
//!
//! The span `read.object` is the root. It travels with the object's slices and requests and ends when the last of
//! them is settled. Each `publish.put_records` is a child of the first object it carries rows of and links to the
//! others; a `checkpoint.commit` links to the objects it finishes. There is no span per row.
//!
//! Names of attributes follow OpenTelemetry's conventions for messaging and AWS where there are any.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use opentelemetry::trace::{SpanContext, Status, TraceContextExt};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

use crate::fault::Fault;
use crate::model::{AttemptCounts, ObjectId, ObjectVersion};
use crate::saturate;
use crate::settings::TargetConfig;

/// Requests of one object that get a span of their own. A large object must not yield tens of thousands; how many
/// there were is an attribute of the object's span.
pub const REQUEST_SPANS_MAX: u64 = 100;
/// Links that the SDK keeps of a span.
const LINKS_MAX: usize = 128;

const MESSAGING_SYSTEM: &str = "messaging.system";
/// Not registered with OpenTelemetry yet; what instrumentations write. May follow the convention once there is one.
const MESSAGING_SYSTEM_KINESIS: &str = "aws_kinesis";
const MESSAGING_OPERATION_NAME: &str = "messaging.operation.name";
const MESSAGING_OPERATION_TYPE: &str = "messaging.operation.type";
const MESSAGING_DESTINATION_NAME: &str = "messaging.destination.name";
const MESSAGING_BATCH_MESSAGE_COUNT: &str = "messaging.batch.message_count";
const KINESIS_STREAM_NAME: &str = "aws.kinesis.stream_name";
const S3_BUCKET: &str = "aws.s3.bucket";
const S3_KEY: &str = "aws.s3.key";
const ERROR_TYPE: &str = "error.type";

/// The trace of an open object; clones are the same trace.
#[derive(Debug, Clone)]
pub struct ObjectTrace(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    span: Span,
    context: SpanContext,
    requests: AtomicU64,
}

/// Where requests go, for the attributes of their spans.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// A Kinesis stream.
    Kinesis {
        /// Its name.
        stream: String,
    },
    /// Something else.
    Other,
}

impl From<&TargetConfig> for Destination {
    fn from(target: &TargetConfig) -> Self {
        match target {
            TargetConfig::Kinesis { stream, .. } => Self::Kinesis {
                stream: stream.clone(),
            },
            TargetConfig::Ndjson { .. } => Self::Other,
        }
    }
}

impl ObjectTrace {
    /// Starts the trace of an object, given where it is in words (`s3://bucket/key`, or a path).
    pub fn start(id: &ObjectId, version: &ObjectVersion, location: &str) -> Self {
        let span = tracing::info_span!(parent: None, "read.object", object = %id, key = version.key);
        span.set_attribute("brigade.queue", id.queue.to_string());
        span.set_attribute("brigade.object.etag", version.etag.clone());
        span.set_attribute("brigade.object.size", saturate::to_i64(version.size_bytes));
        let s3 = location
            .strip_prefix("s3://")
            .and_then(|rest| rest.split_once('/'));
        if let Some((bucket, key)) = s3 {
            span.set_attribute(S3_BUCKET, bucket.to_owned());
            span.set_attribute(S3_KEY, key.to_owned());
        }
        Self::of(span)
    }

    /// A trace that leads nowhere.
    pub fn none() -> Self {
        Self::of(Span::none())
    }

    fn of(span: Span) -> Self {
        let context = span.context().span().span_context().clone();
        Self(Arc::new(Inner {
            span,
            context,
            requests: AtomicU64::new(0),
        }))
    }

    /// The object's span.
    pub fn span(&self) -> &Span {
        &self.0.span
    }

    /// What others link to; `None` if nothing is traced.
    pub fn context(&self) -> Option<SpanContext> {
        self.0.context.is_valid().then(|| self.0.context.clone())
    }

    /// Whether both are the trace of one object.
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Reading goes on at this row.
    pub fn resumed_at(&self, ordinal: u64) {
        self.0
            .span
            .set_attribute("brigade.resume_row", saturate::to_i64(ordinal));
    }

    /// The object was read up to this row.
    pub fn read_to(&self, ordinal: u64) {
        self.0
            .span
            .set_attribute("brigade.rows", saturate::to_i64(ordinal));
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        let requests = saturate::to_i64(*self.requests.get_mut());
        self.span.set_attribute("brigade.requests", requests);
    }
}

/// The span of a request and its repetitions.
#[derive(Debug)]
pub struct RequestSpan {
    span: Span,
    /// Whether the span is that of this request, not of its object.
    is_own: bool,
}

impl RequestSpan {
    /// Starts the span of a request that carries so many records of the objects with these traces, unless its first
    /// object has had enough of them.
    pub fn start(
        traces: &[ObjectTrace],
        records_count: usize,
        shard_id: &str,
        destination: &Destination,
    ) -> Self {
        let Some((first, others)) = traces.split_first() else {
            return Self {
                span: Span::none(),
                is_own: false,
            };
        };
        for other in others {
            other.0.requests.fetch_add(1, Ordering::Relaxed);
        }
        if first.0.requests.fetch_add(1, Ordering::Relaxed) >= REQUEST_SPANS_MAX {
            return Self {
                span: first.span().clone(),
                is_own: false,
            };
        }
        let span = tracing::info_span!(
            parent: first.span(),
            "publish.put_records",
            otel.kind = "client",
            shard = shard_id,
            records = records_count,
        );
        if let Destination::Kinesis { stream } = destination {
            span.set_attribute(MESSAGING_SYSTEM, MESSAGING_SYSTEM_KINESIS);
            span.set_attribute(MESSAGING_DESTINATION_NAME, stream.clone());
            span.set_attribute(KINESIS_STREAM_NAME, stream.clone());
        }
        span.set_attribute(MESSAGING_OPERATION_NAME, "PutRecords");
        span.set_attribute(MESSAGING_OPERATION_TYPE, "send");
        let records = saturate::to_i64(records_count);
        span.set_attribute(MESSAGING_BATCH_MESSAGE_COUNT, records);
        link(&span, others.iter().filter_map(ObjectTrace::context));
        Self { span, is_own: true }
    }

    /// The span to work in.
    pub fn span(&self) -> Span {
        self.span.clone()
    }

    /// Every record is acknowledged.
    pub fn settled(&self, counts: AttemptCounts, bytes: usize) {
        if self.is_own {
            self.span.set_attribute("brigade.bytes", saturate::to_i64(bytes));
            self.span
                .set_attribute("brigade.attempts", saturate::to_i64(counts.requests));
            let failed = counts.refused.saturating_add(counts.doubtful);
            self.span
                .set_attribute("brigade.failed_records", saturate::to_i64(failed));
        }
    }

    /// Nothing more is sent.
    pub fn failed(&self, fault: &Fault) {
        self.span.set_attribute(ERROR_TYPE, format!("{:?}", fault.kind));
        self.span.set_status(Status::error(fault.to_string()));
    }
}

/// The span of a commit; it links to the objects that the commit finishes.
pub fn commit_span(objects_count: usize, shards_count: usize, finished: Vec<SpanContext>) -> Span {
    let span = tracing::info_span!(
        parent: None,
        "checkpoint.commit",
        objects = objects_count,
        shards = shards_count,
        finished = finished.len(),
    );
    link(&span, finished.into_iter());
    span
}

fn link(span: &Span, mut contexts: impl Iterator<Item = SpanContext>) {
    for context in contexts.by_ref().take(LINKS_MAX) {
        span.add_link(context);
    }
    let dropped_count = contexts.count();
    if dropped_count > 0 {
        let dropped_count = saturate::to_i64(dropped_count);
        span.set_attribute("brigade.links_dropped", dropped_count);
    }
}
