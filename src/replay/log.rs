//! What was sent again: one line of JSON per row in `replays.jsonl` beside the dead letters, synced before the command
//! goes on.
//!
//! A line is written when the record is stored. A crash between the two leaves a record without a line; what
//! [`pending`](super::pending) has of it tells the next replay where to look.

use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::plan::ReplayRow;
use crate::durable::create;
use crate::durable::json_lines::{self, JsonLines, TornLine};

/// Version of the JSON shape; consumers ignore members they do not know.
pub const SCHEMA_VERSION: u32 = 1;
/// Name of the file in the folder of dead letters.
pub const REPLAYS_FILE: &str = "replays.jsonl";

/// One row that was sent again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replay {
    /// Version of this shape.
    pub schema_version: u32,
    /// When, RFC 3339.
    pub time: String,
    /// What was sent.
    #[serde(flatten)]
    pub row: ReplayRow,
    /// The shard that took it.
    pub shard_id: String,
    /// Its sequence number there.
    pub sequence_number: String,
}

/// Appends to the file.
#[derive(Debug)]
pub struct ReplayLog {
    file: JsonLines,
}

impl ReplayLog {
    /// Opens or creates the file in a folder, and the folder. Blocks.
    ///
    /// # Errors
    /// Whatever the file system says.
    pub fn open(folder: &Path) -> io::Result<Self> {
        create::folder(folder)?;
        let file = JsonLines::open(&folder.join(REPLAYS_FILE), TornLine::Ended)?;
        Ok(Self { file })
    }

    /// Appends lines; they are durable when this returns.
    ///
    /// # Errors
    /// Whatever the file system says.
    pub fn append(&mut self, replays: &[Replay]) -> io::Result<()> {
        let mut lines = Vec::new();
        for replay in replays {
            json_lines::push(&mut lines, replay)?;
        }
        self.file.append(&lines)?;
        Ok(())
    }
}

/// Calls `each` with every replay of a folder, oldest first. Lines that a crash cut are left out.
///
/// # Errors
/// Whatever the file system says; where there is no file, nothing was sent again.
pub fn for_each(folder: &Path, each: impl FnMut(Replay)) -> io::Result<()> {
    json_lines::for_each(&folder.join(REPLAYS_FILE), each)
}

#[cfg(test)]
mod tests {
    use std::fs::OpenOptions;
    use std::io::Write;

    use super::*;

    fn replay(ordinal: u64) -> Replay {
        Replay {
            schema_version: SCHEMA_VERSION,
            time: "2026-11-23T00:00:00Z".into(),
            row: ReplayRow {
                id: format!("k@e#{ordinal}"),
                table: "s.t".into(),
                object: "k".into(),
                ordinal,
                partition_key: "1".into(),
                payload: "{\"ü\":1}\n".into(),
            },
            shard_id: "shardId-000000000000".into(),
            sequence_number: "7".into(),
        }
    }

    fn all(folder: &Path) -> Vec<Replay> {
        let mut replays = Vec::new();
        for_each(folder, |replay| replays.push(replay)).unwrap();
        replays
    }

    #[test]
    fn what_was_appended_reads_back_and_a_torn_line_is_left_out() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(all(&folder.path().join("missing")), []);
        ReplayLog::open(folder.path())
            .unwrap()
            .append(&[replay(0), replay(1)])
            .unwrap();
        let mut file = OpenOptions::new()
            .append(true)
            .open(folder.path().join(REPLAYS_FILE))
            .unwrap();
        let line = serde_json::to_vec(&replay(2)).unwrap();
        // In the middle of a character of two bytes.
        let cut = line.iter().position(|byte| *byte == 0xc3).unwrap();
        file.write_all(&line[..=cut]).unwrap();
        ReplayLog::open(folder.path())
            .unwrap()
            .append(&[replay(3)])
            .unwrap();
        assert_eq!(all(folder.path()), [replay(0), replay(1), replay(3)]);
    }
}
