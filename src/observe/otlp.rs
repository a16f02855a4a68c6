//! Sends spans to an OTLP endpoint, over HTTP with protobuf.
//!
//! They are a side show: queued without waiting, dropped if the queue is full, and given up after a few seconds at the end. An
//! endpoint that is dead, slow or mute disturbs nothing but itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry_otlp::{Protocol, SpanExporter as OtlpExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, SdkTracerProvider, SpanData, SpanExporter,
};

use super::chosen_spans::ChosenSpans;
use super::sampling::PerSecond;
use crate::fault::{Fault, FaultKind};
use crate::settings::OtlpConfig;

/// Where OTLP over HTTP takes spans, behind the configured endpoint.
const TRACES_PATH: &str = "/v1/traces";
/// Longest time one request to the endpoint may take.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(2);
/// Longest time between two requests.
const DELAY_MAX: Duration = Duration::from_secs(1);
/// Spans that wait to be sent; more are dropped.
const QUEUE_SPANS_MAX: usize = 8_192;
/// Longest time the end of a run waits for the endpoint.
pub(super) const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(3);

/// The provider of a task's tracer, with a thread of its own that sends.
///
/// # Errors
/// If spans cannot be sent to the endpoint.
pub(super) fn provider(
    endpoint: &str,
    task: &str,
    config: OtlpConfig,
) -> Result<(SdkTracerProvider, DeliveryState), Fault> {
    let state = DeliveryState::default();
    let exporter = OtlpExporter::builder()
        .with_http()
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(traces_url(endpoint))
        .with_timeout(REQUEST_TIMEOUT)
        .build()
        .map_err(|error| {
            let message = format!("telemetry.otlp.endpoint {endpoint}: {error}; correct or remove it");
            Fault::new(FaultKind::Configuration, message)
        })?;
    let batches = BatchConfigBuilder::default()
        .with_max_queue_size(QUEUE_SPANS_MAX)
        .with_scheduled_delay(DELAY_MAX)
        .build();
    let exporter = WatchedExporter {
        exporter,
        state: state.clone(),
    };
    let processor = BatchSpanProcessor::builder(exporter)
        .with_batch_config(batches)
        .build();
    let provider = SdkTracerProvider::builder()
        .with_span_processor(ChosenSpans::new(processor, task, config.has_old_names))
        .with_sampler(PerSecond::new(config.objects_per_second))
        .with_resource(resource(task))
        .build();
    Ok((provider, state))
}

/// Who is speaking.
fn resource(task: &str) -> Resource {
    Resource::builder()
        .with_service_name("bucket-brigade")
        .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .with_attribute(KeyValue::new("brigade.task", task.to_owned()))
        .build()
}

fn traces_url(endpoint: &str) -> String {
    format!("{}{TRACES_PATH}", endpoint.trim_end_matches('/'))
}

/// Says once when spans cannot be delivered, and once when they can again: the exporter itself is silent.
#[derive(Debug)]
struct WatchedExporter {
    exporter: OtlpExporter,
    state: DeliveryState,
}

/// Whether the last delivery failed, and people were told.
#[derive(Debug, Clone, Default)]
pub(super) struct DeliveryState(Arc<AtomicBool>);

impl DeliveryState {
    /// Notes that spans are not delivered; says whether people are yet to be told. The exporter's thread and the end of
    /// the run may both find out at the same moment, and one warning is enough.
    pub(super) fn note_failure(&self) -> bool {
        !self.0.swap(true, Ordering::Relaxed)
    }
}

impl SpanExporter for WatchedExporter {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let result = self.exporter.export(batch).await;
        match &result {
            Err(error) if self.state.note_failure() => {
                tracing::warn!(%error, "spans cannot be delivered and are dropped");
            }
            Ok(()) if self.state.0.swap(false, Ordering::Relaxed) => {
                tracing::info!("spans are delivered again");
            }
            Ok(()) | Err(_) => {}
        }
        result
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_is_appended_to_the_endpoint_once() {
        for endpoint in ["http://h:4318", "http://h:4318/"] {
            assert_eq!(traces_url(endpoint), "http://h:4318/v1/traces");
        }
    }
}
