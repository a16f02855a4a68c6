//! The span of a request and its repetitions: `send {stream}`.
//!
//! It is a child of the object whose rows it carries. One that carries rows of several objects is a root of its own: it links
//! to each of them, and each of them to it. Of an object with many requests a part keeps spans ([`super::thinning`]), and its
//! own span has the totals.

use opentelemetry::KeyValue;
use opentelemetry::trace::Status;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

use super::attributes::{
    ATTEMPTS, BYTES, COUNT, ERROR_TYPE, FAILED_RECORDS, KINESIS_STREAM_NAME, LEFT_OUT,
    MESSAGING_BATCH_MESSAGE_COUNT, MESSAGING_DESTINATION_NAME, MESSAGING_OPERATION_NAME,
    MESSAGING_OPERATION_TYPE, MESSAGING_SYSTEM_KINESIS, MESSAGING_SYSTEM_NAME, SHARD,
};
use super::object_trace::{ObjectTrace, RequestEnd, context_of, link};
use crate::fault::Fault;
use crate::model::AttemptCounts;
use crate::saturate;
use crate::settings::TargetConfig;

/// Where requests go, for the names of their spans.
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

/// The span of a request and its repetitions.
#[derive(Debug)]
pub struct RequestSpan {
    span: Span,
    /// The objects whose rows it carries; none if nothing is traced.
    traces: Vec<ObjectTrace>,
    end: RequestEnd,
}

impl RequestSpan {
    /// Starts the span of a request that carries so many records of the objects with these traces.
    pub fn start(
        traces: &[ObjectTrace],
        records_count: usize,
        shard_id: &str,
        destination: &Destination,
    ) -> Self {
        let traces: Vec<_> = traces.iter().filter(|trace| trace.is_traced()).cloned().collect();
        let mut request = Self {
            span: Span::none(),
            traces,
            end: RequestEnd::default(),
        };
        let parent = match request.traces.as_slice() {
            [] => return request,
            [object] => object.span().id(),
            _ => None,
        };
        let name = match destination {
            Destination::Kinesis { stream } => format!("send {stream}"),
            Destination::Other => "send file".to_owned(),
        };
        let span = tracing::info_span!(parent: parent, "send", otel.name = name, otel.kind = "client");
        let records = saturate::to_i64(records_count);
        span.set_attribute(MESSAGING_BATCH_MESSAGE_COUNT, records);
        span.set_attribute(SHARD, shard_id.to_owned());
        if let Destination::Kinesis { stream } = destination {
            span.set_attribute(MESSAGING_SYSTEM_NAME, MESSAGING_SYSTEM_KINESIS);
            span.set_attribute(MESSAGING_OPERATION_NAME, "PutRecords");
            span.set_attribute(MESSAGING_OPERATION_TYPE, "send");
            span.set_attribute(MESSAGING_DESTINATION_NAME, stream.clone());
            span.set_attribute(KINESIS_STREAM_NAME, stream.clone());
        }
        if request.traces.len() > 1 {
            link(&span, request.traces.iter().filter_map(ObjectTrace::context));
        }
        request.span = span;
        request
    }

    /// The span to work in.
    pub fn span(&self) -> Span {
        self.span.clone()
    }

    /// Every record is acknowledged.
    pub fn settled(&mut self, counts: AttemptCounts, bytes: usize) {
        let set = |key: &'static str, count: u64| self.span.set_attribute(key, saturate::to_i64(count));
        set(BYTES, saturate::to_u64(bytes));
        self.attempted(counts);
    }

    /// This is what was tried so far.
    pub fn attempted(&mut self, counts: AttemptCounts) {
        let failed = counts.refused.saturating_add(counts.doubtful);
        let set = |key: &'static str, count: u64| self.span.set_attribute(key, saturate::to_i64(count));
        set(ATTEMPTS, counts.requests);
        set(FAILED_RECORDS, failed);
        self.end.is_throttled |= counts.refused > 0;
        self.end.is_repeated |= counts.requests > 1;
    }

    /// Nothing more is sent.
    pub fn failed(&mut self, fault: &Fault) {
        self.end.is_failed = true;
        self.span.set_attribute(ERROR_TYPE, format!("{:?}", fault.kind));
        self.span.set_status(Status::error(fault.to_string()));
    }
}

impl Drop for RequestSpan {
    fn drop(&mut self) {
        if self.traces.is_empty() {
            return;
        }
        let mut is_kept = false;
        for trace in &self.traces {
            is_kept |= trace.keeps(self.end);
        }
        if !is_kept {
            self.span.set_attribute(LEFT_OUT, true);
        } else if self.traces.len() > 1
            && let Some(context) = context_of(&self.span)
        {
            for trace in &self.traces {
                trace.leads_to(&context);
            }
        }
    }
}

/// The service took fewer records than it was sent by the request whose span is the current one.
pub fn throttled(shard_id: &str, records_count: usize) {
    let attributes = vec![
        KeyValue::new(SHARD, shard_id.to_owned()),
        KeyValue::new(COUNT, saturate::to_i64(records_count)),
    ];
    Span::current().add_event("throttled", attributes);
}
