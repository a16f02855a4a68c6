//! Who is told of the events of a task. Pure: no I/O, no clock.

use super::ApiToken;

/// Where events go besides the log of events; nowhere if nothing is set.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventSinksConfig {
    /// An address that takes each event as JSON.
    pub webhook: Option<WebhookConfig>,
    /// A bus of Amazon `EventBridge`.
    pub event_bus: Option<EventBusConfig>,
    /// A topic of Amazon SNS.
    pub topic: Option<TopicConfig>,
}

/// An address that takes events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookConfig {
    /// Its URL; whoever knows it may be able to write there, so it is as secret as a token.
    pub url: ApiToken,
    /// What `Authorization: Bearer` says.
    pub token: Option<ApiToken>,
}

/// A bus.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventBusConfig {
    /// Its name or its ARN.
    pub bus: String,
    /// Its region; without one the ARN or the provider chain decides.
    pub region: Option<String>,
    /// Another service than AWS's.
    pub endpoint: Option<String>,
}

/// A topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicConfig {
    /// Its ARN, which names its region.
    pub arn: String,
    /// Another service than AWS's.
    pub endpoint: Option<String>,
}

impl EventBusConfig {
    /// The region that is given, or that the ARN has.
    pub fn region(&self) -> Option<&str> {
        self.region.as_deref().or_else(|| region_of(&self.bus))
    }
}

impl TopicConfig {
    /// Whether it keeps the order of what it is told, and knows what it was told before.
    pub fn is_fifo(&self) -> bool {
        self.arn.rsplit_once('.').is_some_and(|(_, kind)| kind == "fifo")
    }

    /// The region that the ARN has.
    pub fn region(&self) -> Option<&str> {
        region_of(&self.arn)
    }
}

/// The region of an ARN.
fn region_of(arn: &str) -> Option<&str> {
    let rest = arn.strip_prefix("arn:")?;
    rest.split(':').nth(2).filter(|region| !region.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_region_is_given_or_part_of_the_arn() {
        let bus = |bus: &str, region: Option<&str>| EventBusConfig {
            bus: bus.to_owned(),
            region: region.map(str::to_owned),
            endpoint: None,
        };
        assert_eq!(bus("default", None).region(), None);
        assert_eq!(bus("default", Some("eu-west-1")).region(), Some("eu-west-1"));
        let arn = "arn:aws:events:us-east-1:111122223333:event-bus/ops";
        assert_eq!(bus(arn, None).region(), Some("us-east-1"));
        let topic = |arn: &str| TopicConfig {
            arn: arn.to_owned(),
            endpoint: None,
        };
        assert_eq!(
            topic("arn:aws-cn:sns:cn-north-1:1:t").region(),
            Some("cn-north-1")
        );
        assert!(topic("arn:aws:sns:eu-west-1:1:t.fifo").is_fifo());
        assert!(!topic("arn:aws:sns:eu-west-1:1:t").is_fifo());
    }
}
