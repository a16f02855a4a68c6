//! Begins to tell others of the events of a task, as its configuration says.

use tokio::runtime::Runtime;

use crate::cli::{backends, ca_bundle};
use crate::config::Config;
use crate::fault::Fault;
use crate::notify::EventSinks;
use crate::settings::EventSinksConfig;

/// Begins with the first event of this run, or where the last one ended.
///
/// # Errors
/// If `AWS_CA_BUNDLE` names what is not a bundle of certificates, or the state folder cannot be read or written.
pub(super) fn start(runtime: &Runtime, config: &Config) -> Result<EventSinks, Fault> {
    let mut sinks = runtime.block_on(sinks(config.event_sinks.clone()))?;
    sinks.start(runtime.handle(), &config.state.path)?;
    Ok(sinks)
}

async fn sinks(config: EventSinksConfig) -> Result<EventSinks, Fault> {
    let mut sinks = EventSinks::default();
    if let Some(webhook) = config.webhook {
        sinks.add_webhook(webhook, ca_bundle::tls_context()?);
    }
    if let Some(bus) = config.event_bus {
        let shared = backends::sdk(bus.region()).await?;
        sinks.add_event_bus(bus, &shared);
    }
    if let Some(topic) = config.topic {
        let shared = backends::sdk(topic.region()).await?;
        sinks.add_topic(topic, &shared);
    }
    Ok(sinks)
}
