//! How far a sink has been told, in a file of its own in the state folder.
//!
//! It is written after the sink took an event, so that a crash in between tells it once more and never leaves it out.

use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::durable::replace::{Survives, replace};

/// Version of the file's shape; readers ignore members they do not know.
const SCHEMA_VERSION: u32 = 1;

/// The file.
#[derive(Debug)]
pub(super) struct Cursor(PathBuf);

/// What it says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// Nobody was told of anything so far: there is no file.
    Nothing,
    /// The last event that was taken; empty if there was none when the sink was new.
    UpTo(String),
    /// The file cannot be understood, so what was told is not known.
    Unknown,
}

#[derive(Serialize, Deserialize)]
struct Shape {
    schema_version: u32,
    last_id: String,
}

impl Cursor {
    /// The cursor of a sink.
    pub(super) fn of(folder: &Path, sink: &str) -> Self {
        Self(folder.join(format!("events.{sink}.json")))
    }

    /// Its path.
    pub(super) fn into_path(self) -> PathBuf {
        self.0
    }

    /// How far it is.
    ///
    /// # Errors
    /// If the file is there and cannot be read.
    pub(super) fn read(&self) -> io::Result<Told> {
        match std::fs::read(&self.0) {
            Ok(text) => {
                let shape = serde_json::from_slice::<Shape>(&text);
                Ok(shape.map_or(Told::Unknown, |shape| Told::UpTo(shape.last_id)))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Told::Nothing),
            Err(error) => Err(error),
        }
    }

    /// Removes it.
    pub(super) fn forget(&self) {
        match std::fs::remove_file(&self.0) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::warn!(path = %self.0.display(), %error, "what a former sink was told cannot be forgotten");
            }
            Ok(()) | Err(_) => {}
        }
    }

    /// Notes that everything up to this event was taken.
    ///
    /// # Errors
    /// If it cannot be written.
    pub(super) fn note(&self, last_id: &str) -> io::Result<()> {
        let shape = Shape {
            schema_version: SCHEMA_VERSION,
            last_id: last_id.to_owned(),
        };
        replace(&self.0, Survives::PowerCut, |out| {
            Ok(serde_json::to_writer(out, &shape)?)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_noted_is_known_and_damage_is_not_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let cursor = Cursor::of(folder.path(), "webhook");
        assert_eq!(cursor.read().unwrap(), Told::Nothing);
        cursor.note("a").unwrap();
        cursor.note("b").unwrap();
        assert_eq!(cursor.read().unwrap(), Told::UpTo("b".to_owned()));
        std::fs::write(folder.path().join("events.webhook.json"), "{\"sch").unwrap();
        assert_eq!(cursor.read().unwrap(), Told::Unknown);
    }
}
