//! Sends spans and lines of the log to an OTLP endpoint, over HTTP with protobuf.
//!
//! They are a side show: queued without waiting, dropped if the queue is full, and given up after a few seconds at the end. An
//! endpoint that is dead, slow or mute disturbs nothing but itself, and is told of once.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry_otlp::{
    ExporterBuildError, LogExporter as OtlpLogs, Protocol, SpanExporter as OtlpSpans, WithExportConfig,
};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::logs::{
    BatchConfigBuilder as LogBatches, BatchLogProcessor, LogBatch, LogExporter, SdkLoggerProvider,
};
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, SdkTracerProvider, SpanData, SpanExporter,
};

use super::chosen_spans::ChosenSpans;
use super::sampling::PerSecond;
use crate::fault::{Fault, FaultKind};
use crate::settings::OtlpConfig;

/// Target of what is said here.
pub(super) const TARGET: &str = module_path!();
/// Where OTLP over HTTP takes spans, behind the configured endpoint.
const TRACES_PATH: &str = "/v1/traces";
/// The same for lines of the log.
const LOGS_PATH: &str = "/v1/logs";
/// Longest time one request to the endpoint may take.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(2);
/// Longest time between two requests.
const DELAY_MAX: Duration = Duration::from_secs(1);
/// Spans, and lines of the log, that wait to be sent; more are dropped.
const QUEUE_MAX: usize = 8_192;
/// Longest time the end of a run waits for the endpoint.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(3);

/// What sends, with a thread of its own for each kind.
#[derive(Debug)]
pub(super) struct Collector {
    pub(super) spans: SdkTracerProvider,
    /// `None` if the log does not go there.
    pub(super) logs: Option<SdkLoggerProvider>,
    state: DeliveryState,
}

impl Collector {
    /// Begins to send to an endpoint.
    ///
    /// # Errors
    /// If nothing can be sent to it.
    pub(super) fn start(endpoint: &str, task: &str, config: OtlpConfig) -> Result<Self, Fault> {
        let state = DeliveryState::default();
        let refused = |error: ExporterBuildError| {
            let message = format!("telemetry.otlp.endpoint {endpoint}: {error}; correct or remove it");
            Fault::new(FaultKind::Configuration, message)
        };
        let logs = config.has_logs.then(|| logs(endpoint, task, &state)).transpose();
        Ok(Self {
            spans: spans(endpoint, task, config, &state).map_err(refused)?,
            logs: logs.map_err(refused)?,
            state,
        })
    }

    /// Sends what is left, for a few seconds at most.
    pub(super) fn stop(&self) {
        let end_of = |signal: Signal, result: OTelSdkResult| {
            if let Err(error) = result
                && self.state.failed(signal)
            {
                tracing::warn!(%error, "the last telemetry was not delivered");
            }
        };
        std::thread::scope(|scope| {
            // Both at once: neither waits for the other to give up.
            scope.spawn(|| end_of(Signal::Spans, self.spans.shutdown_with_timeout(SHUTDOWN_TIMEOUT)));
            if let Some(logs) = &self.logs {
                end_of(Signal::Logs, logs.shutdown_with_timeout(SHUTDOWN_TIMEOUT));
            }
        });
    }
}

fn spans(
    endpoint: &str,
    task: &str,
    config: OtlpConfig,
    state: &DeliveryState,
) -> Result<SdkTracerProvider, ExporterBuildError> {
    let exporter = OtlpSpans::builder()
        .with_http()
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(url(endpoint, TRACES_PATH))
        .with_timeout(REQUEST_TIMEOUT)
        .build()?;
    let batches = BatchConfigBuilder::default()
        .with_max_queue_size(QUEUE_MAX)
        .with_scheduled_delay(DELAY_MAX)
        .build();
    let processor = BatchSpanProcessor::builder(Watched {
        exporter,
        state: state.clone(),
    });
    let processor = processor.with_batch_config(batches).build();
    Ok(SdkTracerProvider::builder()
        .with_span_processor(ChosenSpans::new(processor, task, config.has_old_names))
        .with_sampler(PerSecond::new(config.objects_per_second))
        .with_resource(resource(task))
        .build())
}

fn logs(endpoint: &str, task: &str, state: &DeliveryState) -> Result<SdkLoggerProvider, ExporterBuildError> {
    let exporter = OtlpLogs::builder()
        .with_http()
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(url(endpoint, LOGS_PATH))
        .with_timeout(REQUEST_TIMEOUT)
        .build()?;
    let batches = LogBatches::default()
        .with_max_queue_size(QUEUE_MAX)
        .with_scheduled_delay(DELAY_MAX)
        .build();
    let processor = BatchLogProcessor::builder(Watched {
        exporter,
        state: state.clone(),
    });
    let processor = processor.with_batch_config(batches).build();
    Ok(SdkLoggerProvider::builder()
        .with_log_processor(processor)
        .with_resource(resource(task))
        .build())
}

/// Who is speaking.
fn resource(task: &str) -> Resource {
    Resource::builder()
        .with_service_name("bucket-brigade")
        .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .with_attribute(KeyValue::new("brigade.task", task.to_owned()))
        .build()
}

fn url(endpoint: &str, path: &str) -> String {
    format!("{}{path}", endpoint.trim_end_matches('/'))
}

/// Says once when something cannot be delivered, and once when all of it can again: the exporter itself is silent.
#[derive(Debug)]
struct Watched<E> {
    exporter: E,
    state: DeliveryState,
}

/// What is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Signal {
    Spans,
    Logs,
}

impl Signal {
    fn bit(self) -> u8 {
        match self {
            Self::Spans => 1,
            Self::Logs => 2,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Spans => "spans",
            Self::Logs => "the log",
        }
    }
}

/// What was not delivered the last time: one bit for each kind.
#[derive(Debug, Clone, Default)]
struct DeliveryState(Arc<AtomicU8>);

impl DeliveryState {
    /// Notes that something is not delivered; says whether people are yet to be told. The exporters' threads and the end of
    /// the run may find out at the same moment, and one warning is enough.
    fn failed(&self, signal: Signal) -> bool {
        self.0.fetch_or(signal.bit(), Ordering::Relaxed) == 0
    }

    /// Notes that something is delivered; says whether it is the last of what was not.
    fn delivered(&self, signal: Signal) -> bool {
        self.0.fetch_and(!signal.bit(), Ordering::Relaxed) == signal.bit()
    }

    fn judge(&self, signal: Signal, result: OTelSdkResult) -> OTelSdkResult {
        match &result {
            Err(error) if self.failed(signal) => {
                let what = signal.name();
                tracing::warn!(what, %error, "telemetry cannot be delivered and is dropped");
            }
            Ok(()) if self.delivered(signal) => tracing::info!("telemetry is delivered again"),
            Ok(()) | Err(_) => {}
        }
        result
    }
}

impl SpanExporter for Watched<OtlpSpans> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let result = self.exporter.export(batch).await;
        self.state.judge(Signal::Spans, result)
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}

impl LogExporter for Watched<OtlpLogs> {
    async fn export(&self, batch: LogBatch<'_>) -> OTelSdkResult {
        let result = self.exporter.export(batch).await;
        self.state.judge(Signal::Logs, result)
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
            assert_eq!(url(endpoint, TRACES_PATH), "http://h:4318/v1/traces");
        }
    }

    #[test]
    fn people_are_told_once_that_telemetry_is_lost_and_once_that_all_of_it_arrives() {
        let state = DeliveryState::default();
        assert!(!state.delivered(Signal::Spans), "nothing was wrong");
        assert!(state.failed(Signal::Spans), "the first failure is told");
        assert!(!state.failed(Signal::Logs), "the second kind is not");
        assert!(!state.failed(Signal::Spans), "nor is a repetition");
        assert!(!state.delivered(Signal::Spans), "the log is still lost");
        assert!(state.delivered(Signal::Logs), "now all of it arrives");
    }
}
