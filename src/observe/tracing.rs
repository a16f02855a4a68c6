//! Logs.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::prelude::*;

use crate::fault::Fault;

/// Running telemetry; stop it before the process ends.
#[derive(Debug)]
pub struct Telemetry;

/// Starts logging to standard error.
///
/// # Errors
/// If the exporter cannot be built.
pub fn start(_otlp_endpoint: Option<&str>, _task: &str) -> Result<Telemetry, Fault> {
    let filter = EnvFilter::try_from_env("BRIGADE_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let layer = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_filter(filter);
    tracing_subscriber::registry().with(layer).init();
    Ok(Telemetry)
}

impl Telemetry {
    /// Sends what is left.
    pub fn stop(self) {}
}
