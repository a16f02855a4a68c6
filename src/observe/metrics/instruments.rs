//! What is timed where it happens: per request or commit, never per row.

use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::metrics::{Histogram, Meter};

use super::catalog::{CHECKPOINT_DURATION, Metric, PUT_RECORDS};

/// Upper ends of the ranges of times, in seconds.
const SECONDS: [f64; 14] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
];

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PutOutcome {
    /// Every record was stored.
    Ok,
    /// Some were.
    Partial,
    /// None was, because the shard or the stream takes no more.
    Throttled,
    /// Whether any was is not known, or it was refused as a whole.
    Failed,
}

impl PutOutcome {
    fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Partial => "partial",
            Self::Throttled => "throttled",
            Self::Failed => "failed",
        }
    }
}

/// The histograms.
#[derive(Debug)]
pub struct Instruments {
    put_records: Histogram<f64>,
    checkpoint: Histogram<f64>,
    task: KeyValue,
}

impl Instruments {
    pub(super) fn new(meter: &Meter, task: &str) -> Self {
        let histogram = |metric: &'static Metric| {
            let histogram = meter.f64_histogram(metric.name);
            let histogram = histogram.with_unit(metric.unit).with_description(metric.about);
            histogram.with_boundaries(SECONDS.to_vec()).build()
        };
        Self {
            put_records: histogram(&PUT_RECORDS),
            checkpoint: histogram(&CHECKPOINT_DURATION),
            task: KeyValue::new("task", task.to_owned()),
        }
    }

    /// A PutRecords request ended.
    pub fn put(&self, lasted: Duration, outcome: PutOutcome) {
        let labels = [self.task.clone(), KeyValue::new("outcome", outcome.as_str())];
        self.put_records.record(lasted.as_secs_f64(), &labels);
    }

    /// A commit was durable.
    pub fn commit(&self, lasted: Duration) {
        self.checkpoint
            .record(lasted.as_secs_f64(), std::slice::from_ref(&self.task));
    }
}
