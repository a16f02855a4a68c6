//! Metrics: what there is ([`catalog`]), what is timed where it happens ([`instruments`]), and the way out.
//!
//! One definition, one reading, in OpenTelemetry; Prometheus gets the same.

pub mod catalog;
pub mod instruments;
pub mod open_metrics;
mod otlp;

use opentelemetry::KeyValue;
use opentelemetry::metrics::{AsyncInstrument, Meter, MeterProvider};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::metrics::SdkMeterProvider;
use prometheus::{Registry, TextEncoder};

use self::catalog::{Kind, Metric};
use crate::fault::{Fault, FaultKind};

/// Tables that are told apart; the others are one.
pub const TABLES_MAX: usize = 500;
/// The table of all others.
pub const OTHER_TABLES: &str = "__other__";

/// The table of rows that belong to none.
pub const NO_TABLE: &str = "__none__";

/// A metric now: one value for each set of labels.
pub type Values = Vec<(f64, Vec<KeyValue>)>;

/// The metrics of a process.
#[derive(Debug)]
pub struct Metrics {
    provider: SdkMeterProvider,
    meter: Meter,
    registry: Registry,
    /// Told before the end, if metrics are sent.
    ending: Option<otlp::Ending>,
}

impl Metrics {
    /// Without a metric. They are sent to an OTLP endpoint if there is one.
    ///
    /// # Errors
    /// If nothing can be sent there; if they cannot be collected, which is a defect.
    pub fn new(task: &str, otlp_endpoint: Option<&str>) -> Result<Self, Fault> {
        let failed =
            |error: &dyn std::fmt::Display| Fault::new(FaultKind::Internal, format!("metrics: {error}"));
        let registry = Registry::new();
        let exporter = opentelemetry_prometheus::exporter()
            .with_registry(registry.clone())
            .without_target_info()
            .scope_info_enabled(false)
            .build()
            .map_err(|error| failed(&error))?;
        let resource = Resource::builder()
            .with_service_name("bucket-brigade")
            .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
            .with_attribute(KeyValue::new("brigade.task", task.to_owned()))
            .build();
        let sending = otlp_endpoint.map(otlp::reader).transpose()?;
        let provider = SdkMeterProvider::builder()
            .with_reader(exporter)
            .with_resource(resource);
        let (provider, ending) = match sending {
            Some((reader, ending)) => (provider.with_reader(reader), Some(ending)),
            None => (provider, None),
        };
        let provider = provider.build();
        let meter = provider.meter("brigade");
        Ok(Self {
            provider,
            meter,
            registry,
            ending,
        })
    }

    /// Asks for a counter or a gauge whenever somebody looks.
    pub fn observe(&self, metric: &'static Metric, read: impl Fn() -> Values + Send + Sync + 'static) {
        let report = move |observer: &dyn AsyncInstrument<f64>| {
            for (value, labels) in read() {
                observer.observe(value, &labels);
            }
        };
        let (name, unit, about) = (metric.name, metric.unit, metric.about);
        match metric.kind {
            Kind::Counter => {
                let counter = self.meter.f64_observable_counter(name);
                let counter = counter.with_unit(unit).with_description(about);
                counter.with_callback(report).build();
            }
            Kind::Gauge | Kind::Histogram => {
                let gauge = self.meter.f64_observable_gauge(name);
                let gauge = gauge.with_unit(unit).with_description(about);
                gauge.with_callback(report).build();
            }
        }
    }

    /// What is timed where it happens.
    pub fn instruments(&self, task: &str) -> instruments::Instruments {
        instruments::Instruments::new(&self.meter, task)
    }

    /// All of them as Prometheus reads them.
    ///
    /// # Errors
    /// If one cannot be said, which is a defect.
    pub fn prometheus_text(&self) -> Result<String, Fault> {
        TextEncoder::new()
            .encode_to_string(&self.registry.gather())
            .map_err(|error| Fault::new(FaultKind::Internal, format!("metrics: {error}")))
    }

    /// All of them as OpenMetrics.
    ///
    /// # Errors
    /// As [`Self::prometheus_text`].
    pub fn open_metrics_text(&self) -> Result<String, Fault> {
        Ok(open_metrics::of_prometheus_text(&self.prometheus_text()?))
    }

    /// Ends the exits that send by themselves.
    pub fn stop(&self) {
        if let Some(ending) = &self.ending {
            ending.begin();
        }
        if let Err(error) = self.provider.shutdown() {
            tracing::debug!(%error, "metrics ended with an error");
        }
    }
}
