//! Resolves `events.sinks`: who is told of events. Pure: no I/O, no clock.

use crate::config::values::Section;
use crate::settings::problems::Report;
use crate::settings::{ApiToken, EventBusConfig, EventSinksConfig, TopicConfig, WebhookConfig};

pub(super) fn event_sinks(root: &Section<'_>, report: &mut Report) -> Option<EventSinksConfig> {
    let sinks = root.section("events")?.section("sinks")?;
    let webhook = sinks.section("webhook")?;
    let bus = sinks.section("eventbridge")?;
    let topic = sinks.section("sns")?;
    warn_without(&webhook, "url", &["token"], report);
    warn_without(&bus, "bus", &["region", "endpoint"], report);
    warn_without(&topic, "topic", &["endpoint"], report);
    Some(EventSinksConfig {
        webhook: webhook.filled_text("url").map(|url| WebhookConfig {
            url: ApiToken::new(url),
            token: webhook.filled_text("token").map(ApiToken::new),
        }),
        event_bus: bus.filled_text("bus").map(|name| EventBusConfig {
            bus: name,
            region: bus.filled_text("region"),
            endpoint: bus.filled_text("endpoint"),
        }),
        topic: topic.filled_text("topic").map(|arn| TopicConfig {
            arn,
            endpoint: topic.filled_text("endpoint"),
        }),
    })
}

/// Keys that do nothing without the one that turns a sink on.
fn warn_without(section: &Section<'_>, on: &str, others: &[&str], report: &mut Report) {
    if section.filled_text(on).is_some() || section.is_broken(on) {
        return;
    }
    for other in others.iter().filter(|other| section.filled_text(other).is_some()) {
        let message =
            format!("`{other}` has no effect without `{on}` beside it: nobody is told of events here");
        report.warning(section.place(other), message);
    }
}

#[cfg(test)]
mod tests {
    use crate::config::tests::loaded_with;
    use crate::settings::EventSinksConfig;

    #[test]
    fn sinks_are_those_that_are_named() {
        let of = |events: &str| loaded_with("target:", &format!("{events}\ntarget:")).event_sinks;
        assert_eq!(of(""), EventSinksConfig::default());
        assert_eq!(
            of("events: { sinks: { webhook: { url: \"\" } } }"),
            EventSinksConfig::default()
        );
        let all = of(
            "events: { sinks: { webhook: { url: \"https://h/secret-path\", token: a-token-of-16-characters }, \
             eventbridge: { bus: ops, region: eu-west-1 }, sns: { topic: \"arn:aws:sns:eu-west-1:111122223333:t\" } } }",
        );
        let shown = format!("{all:?}");
        assert!(
            !shown.contains("secret-path") && !shown.contains("a-token"),
            "{shown}"
        );
        assert_eq!(all.webhook.unwrap().url.secret(), "https://h/secret-path");
        assert_eq!(all.event_bus.unwrap().region(), Some("eu-west-1"));
        assert_eq!(all.topic.unwrap().region(), Some("eu-west-1"));
    }
}
