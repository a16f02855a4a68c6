//! An event, as the log of events has it. Pure: no I/O, no clock.

use serde::Deserialize;
use serde_json::Value;

/// An event to be told.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Event {
    /// The whole, as it is in the log: one line of JSON.
    #[serde(skip)]
    pub(super) line: String,
    /// What tells it from all others.
    pub(super) id: String,
    #[serde(rename = "detail-type")]
    pub(super) detail_type: String,
    pub(super) source: String,
    /// When it happened, RFC 3339.
    pub(super) time: String,
    /// Names of tasks.
    pub(super) resources: Vec<String>,
    /// What happened.
    pub(super) detail: Value,
}

impl Event {
    /// What a line says; nothing if it is none, as a crash may have cut it.
    pub(super) fn of(line: Vec<u8>) -> Option<Self> {
        let line = String::from_utf8(line).ok()?;
        let event: Self = serde_json::from_str(&line).ok()?;
        Some(Self { line, ..event })
    }

    /// Its id by the names of DMS, such as `DMS-EVENT-0069`.
    pub(super) fn code(&self) -> &str {
        self.word("eventId")
    }

    /// One sentence.
    pub(super) fn message(&self) -> &str {
        self.word("detailMessage")
    }

    /// The task.
    pub(super) fn task(&self) -> &str {
        self.resources.first().map_or("-", String::as_str)
    }

    fn word(&self, name: &str) -> &str {
        self.detail.get(name).and_then(Value::as_str).unwrap_or("-")
    }
}

#[cfg(test)]
/// The line of an event with this id.
pub(super) fn line_of(id: &str) -> String {
    serde_json::json!({
        "version": "0", "id": id, "detail-type": "DMS Replication Task State Change", "source": "brigade",
        "time": "2026-11-23T20:00:00Z", "resources": ["orders"],
        "detail": { "eventId": "DMS-EVENT-0069", "detailMessage": format!("message of {id}") },
    })
    .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_an_event_unless_it_was_cut() {
        let event = Event::of(line_of("a").into_bytes()).unwrap();
        assert_eq!((event.id.as_str(), event.task()), ("a", "orders"));
        assert_eq!(
            (event.code(), event.message()),
            ("DMS-EVENT-0069", "message of a")
        );
        assert_eq!(event.line, line_of("a"));
        let mut cut = line_of("a");
        cut.truncate(20);
        for cut in [cut.as_str(), "", "{}"] {
            assert_eq!(Event::of(cut.as_bytes().to_vec()), None, "{cut}");
        }
    }
}
