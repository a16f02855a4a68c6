//! What the exporter is given of the spans that ended: those that are chosen, with the names that are asked for.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use opentelemetry::trace::{Span as _, SpanContext, SpanId, Status, TraceFlags};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{Span, SpanData, SpanProcessor};

use super::attributes::{
    LEFT_OUT, MESSAGING_SYSTEM_KINESIS_OLD, MESSAGING_SYSTEM_NAME, MESSAGING_SYSTEM_OLD, TASK,
};
use super::thinning::Thinning;

/// Spans whose children are counted. More than are ever open at once; those that end are forgotten.
const PARENTS_MAX: usize = 1_024;

/// Chooses spans when they end, and hands them on.
#[derive(Debug)]
pub(super) struct ChosenSpans<P> {
    next: P,
    task: String,
    /// Whether the name of the messaging system is written under its older key as well.
    has_old_names: bool,
    /// The children of open spans that nobody else has counted.
    parents: Mutex<HashMap<SpanId, Thinning>>,
}

impl<P> ChosenSpans<P> {
    pub(super) fn new(next: P, task: &str, has_old_names: bool) -> Self {
        Self {
            next,
            task: task.to_owned(),
            has_old_names,
            parents: Mutex::default(),
        }
    }

    fn is_chosen(&self, span: &SpanData) -> bool {
        let is_error = matches!(span.status, Status::Error { .. });
        if !span.span_context.is_sampled() {
            return is_error;
        }
        if span
            .attributes
            .iter()
            .any(|attribute| attribute.key.as_str() == LEFT_OUT)
        {
            return false;
        }
        let mut parents = self.parents.lock().unwrap_or_else(PoisonError::into_inner);
        parents.remove(&span.span_context.span_id());
        if span.name != GET_OBJECT || span.parent_span_id == SpanId::INVALID {
            return true;
        }
        if parents.len() >= PARENTS_MAX && !parents.contains_key(&span.parent_span_id) {
            parents.clear();
        }
        parents.entry(span.parent_span_id).or_default().keeps(is_error)
    }
}

/// Spans of this name are made where nobody knows how many there are of an object.
const GET_OBJECT: &str = "S3.GetObject";

impl<P: SpanProcessor> SpanProcessor for ChosenSpans<P> {
    fn on_start(&self, span: &mut Span, context: &Context) {
        span.set_attribute(KeyValue::new(TASK, self.task.clone()));
        self.next.on_start(span, context);
    }

    fn on_end(&self, mut span: SpanData) {
        if !self.is_chosen(&span) {
            return;
        }
        if !span.span_context.is_sampled() {
            span.span_context = sampled(&span.span_context);
        }
        let has_system = |attribute: &KeyValue| attribute.key.as_str() == MESSAGING_SYSTEM_NAME;
        if self.has_old_names && span.attributes.iter().any(has_system) {
            let old = KeyValue::new(MESSAGING_SYSTEM_OLD, MESSAGING_SYSTEM_KINESIS_OLD);
            span.attributes.push(old);
        }
        self.next.on_end(span);
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.next.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.next.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.next.set_resource(resource);
    }
}

/// The same span, as one that is sent.
fn sampled(context: &SpanContext) -> SpanContext {
    SpanContext::new(
        context.trace_id(),
        context.span_id(),
        context.trace_flags() | TraceFlags::SAMPLED,
        context.is_remote(),
        context.trace_state().clone(),
    )
}
