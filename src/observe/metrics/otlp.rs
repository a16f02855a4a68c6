//! Sends the metrics to an OTLP endpoint, over HTTP with protobuf, once a minute and at the end; `OTEL_METRIC_EXPORT_INTERVAL`
//! says otherwise, in milliseconds.
//!
//! A thread of its own asks and sends. What cannot be delivered is not tried again: counts are totals, so the next
//! delivery has all of it. An endpoint that is dead, slow or refuses disturbs nothing but itself, and is told of once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use opentelemetry_otlp::{MetricExporter, Protocol, WithExportConfig};
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::metrics::data::ResourceMetrics;
use opentelemetry_sdk::metrics::exporter::PushMetricExporter;
use opentelemetry_sdk::metrics::{PeriodicReader, Temporality};

use crate::fault::{Fault, FaultKind};

/// Where OTLP over HTTP takes metrics, behind the configured endpoint.
const METRICS_PATH: &str = "/v1/metrics";
/// Longest time one request to the endpoint may take.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(2);

/// What sends by itself.
pub(super) type Reader = PeriodicReader<WatchedExporter>;

/// A reader of all metrics that sends them to the endpoint; with what it is to be told before it ends.
///
/// # Errors
/// If nothing can be sent to the endpoint.
pub(super) fn reader(endpoint: &str) -> Result<(Reader, Ending), Fault> {
    let exporter = MetricExporter::builder()
        .with_http()
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(format!("{}{METRICS_PATH}", endpoint.trim_end_matches('/')))
        .with_timeout(REQUEST_TIMEOUT)
        .build()
        .map_err(|error| {
            let message = format!("telemetry.otlp.endpoint {endpoint}: {error}; correct or remove it");
            Fault::new(FaultKind::Configuration, message)
        })?;
    let ending = Ending::default();
    let exporter = WatchedExporter {
        exporter,
        is_failing: AtomicBool::new(false),
        ending: ending.clone(),
    };
    Ok((PeriodicReader::builder(exporter).build(), ending))
}

/// Whether the process ends. Clones share it.
#[derive(Debug, Clone, Default)]
pub(super) struct Ending(Arc<AtomicBool>);

impl Ending {
    /// From now on nobody has to be warned of what cannot be delivered.
    pub(super) fn begin(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn has_begun(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Says once when metrics cannot be delivered, and once when they can again: the exporter itself is silent.
#[derive(Debug)]
pub(super) struct WatchedExporter {
    exporter: MetricExporter,
    is_failing: AtomicBool,
    ending: Ending,
}

impl PushMetricExporter for WatchedExporter {
    async fn export(&self, metrics: &ResourceMetrics) -> OTelSdkResult {
        let result = self.exporter.export(metrics).await;
        let was_failing = self.is_failing.swap(result.is_err(), Ordering::Relaxed);
        match &result {
            Err(error) if self.ending.has_begun() => {
                tracing::info!(%error, "the last metrics were not delivered");
            }
            Err(error) if !was_failing => {
                tracing::warn!(%error, "metrics cannot be delivered; the next delivery has all of it");
            }
            Ok(()) if was_failing => tracing::info!("metrics are delivered again"),
            Ok(()) | Err(_) => {}
        }
        result
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn temporality(&self) -> Temporality {
        self.exporter.temporality()
    }
}
