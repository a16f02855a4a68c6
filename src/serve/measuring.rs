//! The metrics of a task: asked for over HTTP, sent over OTLP, or both.

use std::sync::Arc;

use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use super::readings;
use super::view::View;
use crate::fault::Fault;
use crate::observe::metrics::Metrics;

/// Metrics that somebody wants.
#[derive(Debug)]
pub(super) struct Measuring {
    metrics: Arc<Metrics>,
    follower: JoinHandle<()>,
}

impl Measuring {
    /// Measures a task, if it is served, or its metrics are sent somewhere.
    ///
    /// # Errors
    /// If nothing can be sent there; if metrics cannot be collected, which is a defect.
    pub(super) fn start(runtime: &Handle, view: &View, is_served: bool) -> Result<Option<Self>, Fault> {
        let endpoint = view.config.otlp_endpoint.as_deref();
        if !is_served && endpoint.is_none() {
            return Ok(None);
        }
        let metrics = Metrics::new(&view.config.task, endpoint)?;
        readings::register(&metrics, view);
        view.counters.time_with(metrics.instruments(&view.config.task));
        Ok(Some(Self {
            metrics: Arc::new(metrics),
            follower: runtime.spawn(view.clone().follow()),
        }))
    }

    pub(super) fn metrics(&self) -> Arc<Metrics> {
        Arc::clone(&self.metrics)
    }

    /// Sends what is left, for a few seconds at most.
    pub(super) fn stop(self) {
        self.follower.abort();
        self.metrics.stop();
    }
}
