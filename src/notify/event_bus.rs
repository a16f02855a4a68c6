//! A bus of Amazon `EventBridge`.

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_sdk_eventbridge::Client;
use aws_sdk_eventbridge::config::Builder;
use aws_sdk_eventbridge::config::retry::RetryConfig;
use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use serde_json::json;

use super::event::Event;
use super::{EventSink, NotTaken};
use crate::aws::text_of;
use crate::settings::EventBusConfig;

/// The bus.
#[derive(Debug)]
pub(super) struct EventBus {
    client: Client,
    bus: String,
}

impl EventBus {
    /// A bus, reached with these credentials.
    pub(super) fn new(config: EventBusConfig, shared: &SdkConfig) -> Self {
        let mut builder = Builder::from(shared).retry_config(RetryConfig::disabled());
        builder.set_endpoint_url(config.endpoint);
        Self {
            client: Client::from_conf(builder.build()),
            bus: config.bus,
        }
    }

    fn entry(&self, event: &Event) -> PutEventsRequestEntry {
        // The bus gives each event an id of its own; whoever wants to see repeats needs ours.
        let mut detail = event.detail.clone();
        if let Some(detail) = detail.as_object_mut() {
            detail.insert("id".to_owned(), json!(event.id));
        }
        let time = DateTime::from_str(&event.time, Format::DateTime).ok();
        PutEventsRequestEntry::builder()
            .event_bus_name(&self.bus)
            .source(&event.source)
            .detail_type(&event.detail_type)
            .detail(detail.to_string())
            .set_resources(Some(event.resources.clone()))
            .set_time(time)
            .build()
    }
}

#[async_trait]
impl EventSink for EventBus {
    fn name(&self) -> &'static str {
        "eventbridge"
    }

    async fn send(&self, event: &Event) -> Result<(), NotTaken> {
        let request = self.client.put_events().entries(self.entry(event));
        let answer = request.send().await;
        let answer = answer.map_err(|error| NotTaken::Now(text_of(&error)))?;
        let refused = answer
            .entries()
            .iter()
            .find_map(|entry| Some((entry.error_code()?, entry.error_message().unwrap_or_default())));
        match refused {
            Some((code, message)) => Err(NotTaken::Now(format!("{code}: {message}"))),
            None if answer.failed_entry_count() > 0 => {
                Err(NotTaken::Now("refused without a reason".to_owned()))
            }
            None => Ok(()),
        }
    }
}
