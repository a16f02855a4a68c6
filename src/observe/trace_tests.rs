//! What of many objects and requests becomes spans.

use std::num::NonZeroU32;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use opentelemetry::trace::{Span as _, SpanKind, Status, Tracer, TracerProvider};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SdkTracerProvider, Span, SpanData, SpanProcessor};
use tracing_subscriber::prelude::*;

use super::chosen_spans::ChosenSpans;
use super::object_trace::{ObjectTrace, commit_span};
use super::request_span::{Destination, RequestSpan, throttled};
use super::sampling::PerSecond;
use crate::fault::{Fault, FaultKind};
use crate::model::{AttemptCounts, ObjectId, ObjectVersion, QueueName};

/// Keeps what it is given.
#[derive(Debug, Clone, Default)]
struct Kept(Arc<Mutex<Vec<SpanData>>>);

impl SpanProcessor for Kept {
    fn on_start(&self, _span: &mut Span, _context: &Context) {}

    fn on_end(&self, span: SpanData) {
        self.0.lock().unwrap().push(span);
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _timeout: Duration) -> OTelSdkResult {
        Ok(())
    }
}

impl Kept {
    fn provider(&self, per_second: u32, has_old_names: bool) -> SdkTracerProvider {
        SdkTracerProvider::builder()
            .with_span_processor(ChosenSpans::new(self.clone(), "the task", has_old_names))
            .with_sampler(PerSecond::new(NonZeroU32::new(per_second).unwrap()))
            .build()
    }

    /// The spans of what is traced.
    fn of(per_second: u32, work: impl FnOnce()) -> Vec<SpanData> {
        let kept = Self::default();
        let provider = kept.provider(per_second, false);
        let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("test"));
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), work);
        kept.0.lock().unwrap().clone()
    }
}

fn named<'a>(spans: &'a [SpanData], name: &str) -> Vec<&'a SpanData> {
    spans.iter().filter(|span| span.name == name).collect()
}

/// An attribute as text; of two with one key the later one counts.
fn text(span: &SpanData, key: &str) -> Option<String> {
    let mut attributes = span.attributes.iter().rev();
    let attribute = attributes.find(|attribute| attribute.key.as_str() == key);
    attribute.map(|attribute| attribute.value.to_string())
}

fn object(number: u64) -> ObjectTrace {
    let id = ObjectId {
        queue: QueueName::load("s.t"),
        number,
    };
    let version = ObjectVersion {
        key: format!("load/{number}.csv"),
        etag: "tag".to_owned(),
        size_bytes: 7,
        modified_ms: 0,
    };
    ObjectTrace::start(&id, &version, &format!("s3://bucket/load/{number}.csv"), None)
}

fn stream() -> Destination {
    Destination::Kinesis {
        stream: "orders".to_owned(),
    }
}

fn send(traces: &[ObjectTrace], refused: u64) {
    let mut request = RequestSpan::start(traces, 500, "shard-1", &stream());
    if refused > 0 {
        request.span().in_scope(|| throttled("shard-1", 3));
    }
    let counts = AttemptCounts {
        requests: 1 + u64::from(refused > 0),
        refused,
        ..AttemptCounts::default()
    };
    request.settled(counts, 1_000);
}

#[test]
fn ten_thousand_requests_of_an_object_are_a_hundred_spans_and_their_totals() {
    let spans = Kept::of(10, || {
        let object = object(1);
        object.resumed_at(5);
        object.read(4_000_000, 2);
        object.read(1_000_000, 0);
        object.refused(1);
        object.ended("complete");
        for number in 0..10_000 {
            send(std::slice::from_ref(&object), u64::from(number % 2_000 == 1_999));
        }
    });
    let (sends, root) = (named(&spans, "send orders"), named(&spans, "load s3")[0]);
    assert!((60..=110).contains(&sends.len()), "{} spans", sends.len());
    let throttled: Vec<_> = sends.iter().filter(|send| !send.events.is_empty()).collect();
    assert_eq!(throttled.len(), 5, "each that was throttled is kept");
    assert_eq!(throttled[0].events[0].name, "throttled");
    for send in &sends {
        assert_eq!(send.parent_span_id, root.span_context.span_id());
        assert_eq!(send.span_kind, SpanKind::Client);
        let system = text(send, "messaging.system.name");
        assert_eq!(system.as_deref(), Some("aws.kinesis"));
        assert_eq!(text(send, "messaging.system"), None, "only who asks has it");
    }
    let left_out = (10_000 - sends.len()).to_string();
    for (key, value) in [
        ("aws.s3.bucket", "bucket"),
        ("aws.s3.key", "load/1.csv"),
        ("brigade.object.etag", "tag"),
        ("brigade.object.size", "7"),
        ("brigade.task", "the task"),
        ("brigade.table", "s.t"),
        ("brigade.phase", "full_load"),
        ("brigade.resume_row", "5"),
        ("brigade.rows", "5000000"),
        ("brigade.rows.dead_lettered", "3"),
        ("brigade.outcome", "complete"),
        ("brigade.requests", "10000"),
        ("brigade.requests.throttled", "5"),
        ("brigade.requests.repeated", "5"),
        ("brigade.requests.left_out", &left_out),
    ] {
        assert_eq!(text(root, key).as_deref(), Some(value), "{key}");
    }
    assert!(
        root.end_time >= sends.last().unwrap().end_time,
        "it ends with its last request"
    );
}

#[test]
fn a_request_of_several_objects_is_a_root_that_leads_to_each_and_back() {
    let spans = Kept::of(200, || {
        let objects: Vec<_> = (0..130).map(object).collect();
        send(&objects, 0);
        let finished = objects.iter().filter_map(ObjectTrace::context).collect();
        drop(commit_span(["load:s.t#1@7".to_owned()].into_iter(), 1, finished));
    });
    let (request, roots) = (named(&spans, "send orders")[0], named(&spans, "load s3"));
    assert_eq!(roots.len(), 130);
    assert_eq!(request.parent_span_id, opentelemetry::trace::SpanId::INVALID);
    assert_eq!(request.links.len(), 128);
    assert_eq!(text(request, "brigade.links_dropped").as_deref(), Some("2"));
    for root in roots {
        assert_eq!(root.links.len(), 1, "{root:?}");
        assert_eq!(root.links[0].span_context, request.span_context);
    }
    let commit = named(&spans, "checkpoint")[0];
    assert_eq!(commit.links.len(), 128);
    assert!(text(commit, "brigade.position").unwrap().contains("load:s.t#1@7"));
}

#[test]
fn of_objects_that_are_not_traced_only_errors_are_sent() {
    let spans = Kept::of(1, || {
        drop(object(0));
        let failing = object(1);
        send(std::slice::from_ref(&failing), 7);
        let mut request = RequestSpan::start(std::slice::from_ref(&failing), 1, "shard-1", &stream());
        request.failed(&Fault::new(FaultKind::PermissionDenied, "no right to put"));
        drop(request);
        failing.set_aside("quarantined", "it was replaced");
    });
    let names: Vec<_> = spans.iter().map(|span| span.name.as_ref()).collect();
    assert_eq!(names, ["load s3", "send orders", "load s3"]);
    for span in &spans[1..] {
        assert!(matches!(span.status, Status::Error { .. }), "{span:?}");
        assert!(
            span.span_context.is_sampled(),
            "or no collector would keep it: {span:?}"
        );
    }
    assert_eq!(text(&spans[1], "error.type").as_deref(), Some("PermissionDenied"));
}

#[test]
fn gets_of_an_object_are_thinned_as_well_and_those_that_fail_are_kept() {
    let kept = Kept::default();
    let tracer = kept.provider(1, false).tracer("test");
    let root = Context::new();
    let root = opentelemetry::trace::TraceContextExt::with_span(&root, tracer.start("load"));
    for number in 0..1_000 {
        let mut get = tracer.start_with_context("S3.GetObject", &root);
        if number % 100 == 99 {
            get.set_status(Status::error("503"));
        }
    }
    let spans = kept.0.lock().unwrap().clone();
    let failed = spans.iter().filter(|span| span.status != Status::Unset).count();
    assert_eq!(failed, 10);
    assert!(spans.len() < 90, "{} of 1000", spans.len());
}

#[test]
fn the_older_name_of_the_messaging_system_is_there_for_who_asks() {
    let kept = Kept::default();
    let tracer = kept.provider(1, true).tracer("test");
    let mut span = tracer.start("send orders");
    span.set_attribute(KeyValue::new("messaging.system.name", "aws.kinesis"));
    drop(span);
    drop(tracer.start("load"));
    let spans = kept.0.lock().unwrap().clone();
    assert_eq!(
        text(&spans[0], "messaging.system").as_deref(),
        Some("aws_kinesis")
    );
    assert_eq!(text(&spans[1], "messaging.system"), None, "{:?}", spans[1]);
}

#[test]
fn where_nothing_is_traced_a_request_has_no_span() {
    let object = object(1);
    let traces = [object.clone(), object];
    let request = RequestSpan::start(&traces, 500, "shard-1", &stream());
    assert!(request.span().is_none(), "{request:?}");
    assert_eq!(traces[0].context(), None);
}
