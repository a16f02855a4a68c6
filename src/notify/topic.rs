//! A topic of Amazon SNS.

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_sdk_sns::Client;
use aws_sdk_sns::config::Builder;
use aws_sdk_sns::config::retry::RetryConfig;

use super::event::Event;
use super::{EventSink, NotTaken};
use crate::aws::text_of;
use crate::settings::TopicConfig;

/// What a subject may have: fewer than 100 characters, says the service.
const SUBJECT_CHARS_MAX: usize = 99;

/// The topic.
#[derive(Debug)]
pub(super) struct Topic {
    client: Client,
    config: TopicConfig,
}

impl Topic {
    /// A topic, reached with these credentials.
    pub(super) fn new(config: TopicConfig, shared: &SdkConfig) -> Self {
        let mut builder = Builder::from(shared).retry_config(RetryConfig::disabled());
        builder.set_endpoint_url(config.endpoint.clone());
        Self {
            client: Client::from_conf(builder.build()),
            config,
        }
    }
}

#[async_trait]
impl EventSink for Topic {
    fn name(&self) -> &'static str {
        "sns"
    }

    async fn send(&self, event: &Event) -> Result<(), NotTaken> {
        let mut request = self
            .client
            .publish()
            .topic_arn(&self.config.arn)
            .subject(subject(event))
            .message(&event.line);
        if self.config.is_fifo() {
            // What comes twice within five minutes is left out by the service.
            request = request
                .message_group_id(event.task())
                .message_deduplication_id(&event.id);
        }
        let answer = request.send().await;
        // Also of a topic that does not exist the service says that a parameter is wrong.
        answer.map_err(|error| NotTaken::Now(text_of(&error)))?;
        Ok(())
    }
}

/// What a mail is titled: printable ASCII on one line, and not too long.
fn subject(event: &Event) -> String {
    let text = format!("brigade {}: {} {}", event.task(), event.code(), event.message());
    let plain = text.chars().map(|c| match c {
        ' '..='~' => c,
        _ => ' ',
    });
    plain.take(SUBJECT_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::event::line_of;

    #[test]
    fn a_subject_is_what_the_service_takes() {
        let long = Event::of(line_of(&format!("ä\n{}", "x".repeat(200))).into_bytes()).unwrap();
        let subject = subject(&long);
        assert!(
            subject.starts_with("brigade orders: DMS-EVENT-0069 message of"),
            "{subject}"
        );
        assert!(
            subject.len() == SUBJECT_CHARS_MAX && subject.bytes().all(|byte| (b' '..=b'~').contains(&byte))
        );
    }
}
