//! Every change of the state of a task as an event in the shape of `EventBridge`, with the ids of DMS: one line of
//! JSON each, in a file of bounded size that log shippers can follow.
//!
//! `source` is not `aws.dms`: that name belongs to AWS, and a rule that listens to real DMS tasks must not take these
//! for theirs.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde::Serialize;

use crate::chance;
use crate::checkpoint::life_status::StopReason;
use crate::durable::json_lines::{self, JsonLines, TornLine};
use crate::settings::life::moment_text;

/// Name of the file in the state folder.
pub const EVENTS_FILE: &str = "events.jsonl";
/// Where the file goes when it is full.
pub const EVENTS_FILE_BEFORE: &str = "events.1.jsonl";
/// A file this long is full.
const FILE_BYTES_MAX: u64 = 1 << 20;
/// A longer message is cut: `EventBridge` and SNS take 256 KiB in all.
const MESSAGE_BYTES_MAX: usize = 32 << 10;
/// Whoever appends, of this process.
static APPENDING: Mutex<()> = Mutex::new(());

/// A change of state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TaskEvent {
    /// The task has a state from now on.
    Created,
    /// A run began.
    Started(StartFlag),
    /// Tables are to be loaded again.
    ReloadRequested(Vec<String>),
    /// A file that was set aside is to be read again; its key.
    FileRetried(String),
    /// The rest of a file that was set aside is left out for good; its key.
    FileSkipped(String),
    /// Somebody ordered something that changes the task.
    Ordered {
        /// What.
        title: String,
        /// Who.
        by: String,
    },
    /// The stream was compared with the files; what came of it.
    Compared(String),
    /// A run ended as it should.
    Stopped(StopReason),
    /// A run ended with a fault, in the words of `LastFailureMessage`.
    Failed(String),
}

/// How a run began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StartFlag {
    /// For the first time.
    Fresh,
    /// Where the last run ended.
    Resume,
    /// With every table once more.
    Reload,
}

impl TaskEvent {
    /// Id, type and category. What DMS has no event for has an id of its own.
    fn ids(&self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Created => ("DMS-EVENT-0074", "REPLICATION_TASK_CREATED", "Creation"),
            Self::Started(_) => ("DMS-EVENT-0069", "REPLICATION_TASK_STARTED", "StateChange"),
            Self::ReloadRequested(_) => (
                "DMS-EVENT-0081",
                "REPLICATION_TASK_RELOAD_REQUESTED",
                "StateChange",
            ),
            Self::Stopped(_) => ("DMS-EVENT-0079", "REPLICATION_TASK_STOPPED", "StateChange"),
            Self::Failed(_) => ("DMS-EVENT-0078", "REPLICATION_TASK_FAILED", "Failure"),
            Self::FileRetried(_) => ("BRIGADE-EVENT-0001", "FILE_RETRY_REQUESTED", "StateChange"),
            Self::FileSkipped(_) => ("BRIGADE-EVENT-0002", "FILE_SKIPPED", "StateChange"),
            Self::Ordered { .. } => ("BRIGADE-EVENT-0003", "OPERATION_ORDERED", "StateChange"),
            Self::Compared(_) => ("BRIGADE-EVENT-0004", "STREAM_COMPARED", "StateChange"),
        }
    }

    /// What happened, one sentence.
    fn message(&self) -> String {
        match self {
            Self::Created => "Replication task created".to_owned(),
            Self::Started(flag) => {
                let flag = match flag {
                    StartFlag::Fresh => "fresh start",
                    StartFlag::Resume => "resume",
                    StartFlag::Reload => "reload target",
                };
                format!("Replication task started, with flag, {flag}")
            }
            Self::ReloadRequested(tables) => {
                let tables = tables.join(", ");
                format!("Reload of table details has been requested: {tables}")
            }
            Self::Stopped(reason) => format!("Replication task stopped. Stop Reason {}", reason.as_str()),
            Self::Failed(text) => format!("Replication task has failed. {text}"),
            Self::FileRetried(key) => format!("A file that was set aside is to be read again: {key}"),
            Self::FileSkipped(key) => format!("The rest of a file that was set aside is left out: {key}"),
            Self::Compared(text) => format!("Stream and files were {text}"),
            Self::Ordered { title, by } => format!("Ordered by {by}: {title}"),
        }
    }
}

/// A message as long as every sink of events takes it.
fn bounded(mut message: String) -> String {
    if message.len() > MESSAGE_BYTES_MAX {
        let end = message.floor_char_boundary(MESSAGE_BYTES_MAX);
        message.truncate(end);
        message.push('…');
    }
    message
}

#[derive(Serialize)]
struct Envelope<'a> {
    version: &'static str,
    id: String,
    #[serde(rename = "detail-type")]
    detail_type: &'static str,
    source: &'static str,
    time: String,
    resources: [&'a str; 1],
    detail: Detail,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Detail {
    event_id: &'static str,
    event_type: &'static str,
    #[serde(rename = "detailMessage")]
    message: String,
    #[serde(rename = "type")]
    resource_type: &'static str,
    category: &'static str,
}

/// The file.
#[derive(Debug)]
pub struct EventLog {
    folder: PathBuf,
    task: String,
}

impl EventLog {
    /// The events of a task with this state folder.
    pub fn new(folder: &Path, task: &str) -> Self {
        Self {
            folder: folder.to_owned(),
            task: task.to_owned(),
        }
    }

    /// Logs the event and writes it to the file, synced.
    ///
    /// # Errors
    /// If the file cannot be written; the event is in the log then.
    pub fn append(&self, event: &TaskEvent, now_ms: i64) -> io::Result<()> {
        let (event_id, event_type, category) = event.ids();
        let message = bounded(event.message());
        if matches!(event, TaskEvent::Failed(_)) {
            tracing::error!(event_id, event_type, task = self.task, "{message}");
        } else {
            tracing::info!(event_id, event_type, task = self.task, "{message}");
        }
        let envelope = Envelope {
            version: "0",
            id: chance::uuid(),
            detail_type: "DMS Replication Task State Change",
            source: "brigade",
            time: moment_text(now_ms),
            resources: [&self.task],
            detail: Detail {
                event_id,
                event_type,
                message,
                resource_type: "REPLICATION_TASK",
                category,
            },
        };
        let mut line = Vec::new();
        json_lines::push(&mut line, &envelope)?;
        // Two that find the file full at the same time would put one aside that nobody has read.
        let _one = APPENDING.lock().unwrap_or_else(PoisonError::into_inner);
        self.open()?.append(&line)?;
        Ok(())
    }

    /// The file, which is put aside first if it is full.
    fn open(&self) -> io::Result<JsonLines> {
        let path = self.folder.join(EVENTS_FILE);
        if fs::metadata(&path).is_ok_and(|known| known.len() >= FILE_BYTES_MAX) {
            fs::rename(&path, self.folder.join(EVENTS_FILE_BEFORE))?;
        }
        JsonLines::open(&path, TornLine::Ended)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(folder: &Path, name: &str) -> Vec<String> {
        let text = fs::read_to_string(folder.join(name)).unwrap_or_default();
        text.lines().map(ToOwned::to_owned).collect()
    }

    #[test]
    fn an_event_has_the_shape_of_eventbridge() {
        let folder = tempfile::tempdir().unwrap();
        let log = EventLog::new(folder.path(), "orders");
        log.append(&TaskEvent::Started(StartFlag::Fresh), 1_795_464_000_000)
            .unwrap();
        let mut event: serde_json::Value =
            serde_json::from_str(&lines(folder.path(), EVENTS_FILE)[0]).unwrap();
        let id = event["id"].take();
        assert_eq!(id.as_str().map(str::len), Some(36), "{id}");
        let expected = serde_json::json!({
            "version": "0", "id": null, "detail-type": "DMS Replication Task State Change", "source": "brigade",
            "time": "2026-11-23T20:00:00Z", "resources": ["orders"],
            "detail": {
                "eventId": "DMS-EVENT-0069", "eventType": "REPLICATION_TASK_STARTED",
                "detailMessage": "Replication task started, with flag, fresh start", "type": "REPLICATION_TASK",
                "category": "StateChange",
            },
        });
        assert_eq!(event, expected);
    }

    #[test]
    fn every_event_has_an_id_of_its_own() {
        let events = [
            TaskEvent::Created,
            TaskEvent::Started(StartFlag::Resume),
            TaskEvent::ReloadRequested(vec!["s.t".to_owned()]),
            TaskEvent::Stopped(StopReason::Normal),
            TaskEvent::Failed("why".to_owned()),
            TaskEvent::FileRetried("a".to_owned()),
            TaskEvent::FileSkipped("a".to_owned()),
            TaskEvent::Compared("complete".to_owned()),
            TaskEvent::Ordered {
                title: "pause".to_owned(),
                by: "ana".to_owned(),
            },
        ];
        let ids: std::collections::BTreeSet<_> = events.iter().map(|event| event.ids().0).collect();
        assert_eq!(ids.len(), events.len());
        let messages: Vec<_> = events.iter().map(TaskEvent::message).collect();
        assert!(
            messages[2].ends_with(": s.t") && messages[4].ends_with("why"),
            "{messages:?}"
        );
        let long = bounded("ä".repeat(MESSAGE_BYTES_MAX));
        assert!(long.len() <= MESSAGE_BYTES_MAX + 3 && long.ends_with("ä…"));
    }

    #[test]
    fn a_full_file_is_put_aside_and_a_torn_line_stays_alone() {
        let folder = tempfile::tempdir().unwrap();
        let log = EventLog::new(folder.path(), "orders");
        let full = "x".repeat(usize::try_from(FILE_BYTES_MAX).unwrap());
        for _ in 0..3 {
            fs::write(folder.path().join(EVENTS_FILE), &full).unwrap();
            log.append(&TaskEvent::Created, 0).unwrap();
        }
        assert_eq!(lines(folder.path(), EVENTS_FILE).len(), 1);
        assert_eq!(lines(folder.path(), EVENTS_FILE_BEFORE), [full]);
        fs::write(folder.path().join(EVENTS_FILE), "{\"torn").unwrap();
        log.append(&TaskEvent::Created, 0).unwrap();
        log.append(&TaskEvent::Created, 0).unwrap();
        let written = lines(folder.path(), EVENTS_FILE);
        assert_eq!((written.len(), written[0].as_str()), (3, "{\"torn"));
    }
}
