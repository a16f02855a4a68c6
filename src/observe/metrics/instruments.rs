//! What is timed where it happens: per request or commit, never per row.

use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::metrics::{Histogram, Meter};

use super::catalog::{CHECKPOINT_DURATION, FRESHNESS, LISTING_DURATION, Metric, PUT_RECORDS, SETTLE};
use crate::observe::facts::QueueKind;

/// Upper ends of the ranges of times, in seconds.
const SECONDS: [f64; 14] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
];
/// The same for the age of objects.
const AGES: [f64; 14] = [
    1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1_800.0, 3_600.0, 14_400.0, 86_400.0, 604_800.0,
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
    listing: Histogram<f64>,
    freshness: Histogram<f64>,
    settle: Histogram<f64>,
    task: KeyValue,
}

impl Instruments {
    pub(super) fn new(meter: &Meter, task: &str) -> Self {
        let histogram = |metric: &'static Metric, boundaries: &[f64]| {
            let histogram = meter.f64_histogram(metric.name);
            let histogram = histogram.with_unit(metric.unit).with_description(metric.about);
            histogram.with_boundaries(boundaries.to_vec()).build()
        };
        Self {
            put_records: histogram(&PUT_RECORDS, &SECONDS),
            checkpoint: histogram(&CHECKPOINT_DURATION, &SECONDS),
            listing: histogram(&LISTING_DURATION, &SECONDS),
            freshness: histogram(&FRESHNESS, &AGES),
            settle: histogram(&SETTLE, &AGES),
            task: KeyValue::new("task", task.to_owned()),
        }
    }

    /// A PutRecords request ended.
    pub fn put(&self, lasted: Duration, outcome: PutOutcome) {
        let labels = [self.task.clone(), KeyValue::new("outcome", outcome.as_str())];
        self.put_records.record(lasted.as_secs_f64(), &labels);
    }

    /// A folder was listed to its end.
    pub fn listed(&self, kind: QueueKind, lasted: Duration) {
        self.listing.record(lasted.as_secs_f64(), &self.of_queue(kind));
    }

    /// An object of this age was settled.
    pub fn fresh(&self, kind: QueueKind, age: Duration) {
        self.freshness.record(age.as_secs_f64(), &self.of_queue(kind));
    }

    /// Records were in doubt for this long.
    pub fn doubt(&self, lasted: Duration) {
        self.settle
            .record(lasted.as_secs_f64(), std::slice::from_ref(&self.task));
    }

    fn of_queue(&self, kind: QueueKind) -> [KeyValue; 2] {
        [self.task.clone(), KeyValue::new("queue", kind.as_str())]
    }

    /// A commit was durable.
    pub fn commit(&self, lasted: Duration) {
        self.checkpoint
            .record(lasted.as_secs_f64(), std::slice::from_ref(&self.task));
    }
}
