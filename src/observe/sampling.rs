//! Which traces are sent: so many objects a second, and whatever went wrong.
//!
//! What is not chosen is recorded nevertheless, so that its end can decide: a span that ended with an error is sent by
//! itself. Who wants more than that has the collector sample by the tail.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};

use opentelemetry::trace::{Link, SpanKind, TraceContextExt, TraceId, TraceState};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::trace::{SamplingDecision, SamplingResult, ShouldSample};
use tokio::time::Instant;

/// Chooses among the traces of each kind; what belongs to a trace follows it.
#[derive(Debug, Clone)]
pub(super) struct PerSecond {
    limit: NonZeroU32,
    epoch: Instant,
    /// By the name of the root.
    kinds: Arc<Mutex<HashMap<String, Tokens>>>,
}

/// What is left of this second and those before it.
#[derive(Debug, Clone, Copy)]
struct Tokens {
    left: f64,
    at_seconds: f64,
}

impl PerSecond {
    /// At most so many traces of each kind a second.
    pub(super) fn new(per_second: NonZeroU32) -> Self {
        Self {
            limit: per_second,
            epoch: Instant::now(),
            kinds: Arc::default(),
        }
    }

    fn takes(&self, name: &str, now_seconds: f64) -> bool {
        let full = f64::from(self.limit.get());
        let mut kinds = self.kinds.lock().unwrap_or_else(PoisonError::into_inner);
        if !kinds.contains_key(name) {
            let tokens = Tokens {
                left: full,
                at_seconds: now_seconds,
            };
            kinds.insert(name.to_owned(), tokens);
        }
        let Some(tokens) = kinds.get_mut(name) else {
            return false;
        };
        let passed = (now_seconds - tokens.at_seconds).max(0.0);
        *tokens = Tokens {
            left: (tokens.left + passed * full).min(full),
            at_seconds: now_seconds,
        };
        let takes = tokens.left >= 1.0;
        if takes {
            tokens.left -= 1.0;
        }
        takes
    }
}

impl ShouldSample for PerSecond {
    fn should_sample(
        &self,
        parent_context: Option<&Context>,
        _trace_id: TraceId,
        name: &str,
        _span_kind: &SpanKind,
        _attributes: &[KeyValue],
        links: &[Link],
    ) -> SamplingResult {
        let parent = parent_context.map(|context| context.span().span_context().clone());
        let parent = parent.filter(opentelemetry::trace::SpanContext::is_valid);
        let is_sampled = match (&parent, links) {
            (Some(parent), _) => parent.is_sampled(),
            (None, []) => self.takes(name, self.epoch.elapsed().as_secs_f64()),
            (None, links) => links.iter().any(|link| link.span_context.is_sampled()),
        };
        SamplingResult {
            decision: if is_sampled {
                SamplingDecision::RecordAndSample
            } else {
                SamplingDecision::RecordOnly
            },
            attributes: Vec::new(),
            trace_state: parent.map_or_else(TraceState::default, |parent| parent.trace_state().clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_has_so_many_a_second() {
        let sampler = PerSecond::new(NonZeroU32::new(10).unwrap());
        let count = |name: &str, at: f64| (0..100).filter(|_| sampler.takes(name, at)).count();
        assert_eq!(count("load", 0.0), 10);
        assert_eq!(count("list", 0.0), 10, "another kind has its own");
        assert_eq!(count("load", 0.5), 5);
        assert_eq!(count("load", 60.0), 10, "a quiet minute does not add up");
    }

    #[test]
    fn what_belongs_to_a_trace_follows_it() {
        use opentelemetry::trace::{SpanContext, SpanId, TraceFlags};
        let sampler = PerSecond::new(NonZeroU32::MIN);
        let context = |flags| {
            let (trace, span) = (TraceId::from(1), SpanId::from(2));
            SpanContext::new(trace, span, flags, false, TraceState::default())
        };
        let decide = |parent: Option<SpanContext>, links: &[Link]| {
            let parent = parent.map(|parent| Context::new().with_remote_span_context(parent));
            let (trace, kind) = (TraceId::from(3), SpanKind::Internal);
            let result = sampler.should_sample(parent.as_ref(), trace, "send", &kind, &[], links);
            result.decision == SamplingDecision::RecordAndSample
        };
        for flags in [TraceFlags::SAMPLED, TraceFlags::default()] {
            let is_sampled = flags == TraceFlags::SAMPLED;
            for _ in 0..3 {
                assert_eq!(decide(Some(context(flags)), &[]), is_sampled);
                assert_eq!(decide(None, &[Link::with_context(context(flags))]), is_sampled);
            }
        }
        assert!(decide(None, &[]), "the first of a second");
        assert!(!decide(None, &[]), "the second one");
    }
}
