//! Keys of who is told of events. Pure: no I/O, no clock.

use super::text;
use super::{Group, Key, Kind, Presence, Secrecy};

/// Who is told of events.
pub(super) static EVENTS: Group = Group {
    exactly_one_of: &[],
    parts: &[&[Key {
        name: "sinks",
        kind: Kind::Group(&SINKS),
        presence: Presence::Optional(""),
        about: "Where events go besides `events.jsonl`: each at least once, in order, and never in the way of data. One that is\n\
                away is told when it is back, also after a restart. With a new sink the events that come are told, not the past.",
    }]],
};

static SINKS: Group = Group {
    exactly_one_of: &[],
    parts: &[&[
        Key {
            name: "webhook",
            kind: Kind::Group(&WEBHOOK),
            presence: Presence::Optional(""),
            about: "An address that takes each event as JSON, by POST. Any 2xx is an answer; a redirection is none.",
        },
        Key {
            name: "eventbridge",
            kind: Kind::Group(&EVENTBRIDGE),
            presence: Presence::Optional(""),
            about: "A bus of Amazon EventBridge. The detail of an event has its id as `id`, to tell repeats by.",
        },
        Key {
            name: "sns",
            kind: Kind::Group(&SNS),
            presence: Presence::Optional(""),
            about: "A topic of Amazon SNS. One that ends in `.fifo` leaves out what comes twice.",
        },
    ]],
};

static WEBHOOK: Group = Group {
    exactly_one_of: &[],
    parts: &[&[
        Key {
            name: "url",
            kind: Kind::Text(&text::WEBHOOK_URL, Secrecy::Secret),
            presence: Presence::Optional("https://hooks.example.com/brigade"),
            about: "The address. It is treated as a secret: no log, no page and no command shows it.",
        },
        Key {
            name: "token",
            kind: Kind::Text(&text::TOKEN, Secrecy::Secret),
            presence: Presence::Optional("${file:/run/secrets/webhook-token}"),
            about: "What `Authorization: Bearer` says there.",
        },
    ]],
};

static EVENTBRIDGE: Group = Group {
    exactly_one_of: &[],
    parts: &[&[
        Key {
            name: "bus",
            kind: Kind::Text(&text::EVENT_BUS, Secrecy::Open),
            presence: Presence::Optional("default"),
            about: "Name or ARN of the bus.",
        },
        Key {
            name: "region",
            kind: Kind::Text(&text::REGION, Secrecy::Open),
            presence: Presence::Optional("us-west-2"),
            about: "Region of the bus. Without it that of its ARN, or what the provider chain decides.",
        },
        Key {
            name: "endpoint",
            kind: Kind::Text(&text::URL, Secrecy::Open),
            presence: Presence::Optional("http://127.0.0.1:5000"),
            about: "Another EventBridge than AWS's, for tests.",
        },
    ]],
};

static SNS: Group = Group {
    exactly_one_of: &[],
    parts: &[&[
        Key {
            name: "topic",
            kind: Kind::Text(&text::TOPIC, Secrecy::Open),
            presence: Presence::Optional("arn:aws:sns:us-west-2:111122223333:brigade"),
            about: "ARN of the topic, which names its region.",
        },
        Key {
            name: "endpoint",
            kind: Kind::Text(&text::URL, Secrecy::Open),
            presence: Presence::Optional("http://127.0.0.1:5000"),
            about: "Another SNS than AWS's, for tests.",
        },
    ]],
};
