//! How many records the engine found in the stream instead of sending them again, in all of its lives.
//!
//! A process that gets SIGKILL takes its counters with it, so the source is its log: it is told to write a line with both
//! counts for each request, before the checkpointer learns that the request is settled. So every find that a checkpoint
//! relies on is in the log, whatever the moment of the kill. What a killed process had found, and no checkpoint says,
//! is found once more by the next one and counts once more: the number says how often a repeat was prevented.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Seek, SeekFrom};
use std::ops::AddAssign;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::publish::found_log::FOUND_IN_STREAM;

/// Records that were in doubt and that looking at the stream proved to be there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(super) struct FoundInStream {
    /// Sent by a process that was killed, and unknown to the checkpoint that it left.
    pub(super) recovered: u64,
    /// Sent by the process itself, in a request without an answer.
    pub(super) unanswered: u64,
}

impl FoundInStream {
    /// Both together.
    pub(super) fn total(self) -> u64 {
        self.recovered + self.unanswered
    }

    /// What the log says from this byte on.
    pub(super) fn read_log(log: &Path, start: u64) -> io::Result<Self> {
        let mut file = File::open(log)?;
        file.seek(SeekFrom::Start(start))?;
        let mut found = Self::default();
        for line in BufReader::new(file).split(b'\n') {
            found += Self::of_line(&line?);
        }
        Ok(found)
    }

    /// What a line of the log says; the last one of a killed process may be half of one, and says nothing.
    fn of_line(line: &[u8]) -> Self {
        let line: Line<'_> = serde_json::from_slice(line).unwrap_or_default();
        if line.message != FOUND_IN_STREAM {
            return Self::default();
        }
        Self {
            recovered: line.recovered,
            unanswered: line.found,
        }
    }
}

impl AddAssign for FoundInStream {
    fn add_assign(&mut self, other: Self) {
        self.recovered += other.recovered;
        self.unanswered += other.unanswered;
    }
}

/// A line of the log, as far as it matters here.
#[derive(Debug, Default, Deserialize)]
struct Line<'a> {
    #[serde(default)]
    message: &'a str,
    #[serde(default)]
    recovered: u64,
    #[serde(default)]
    found: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_lines_of_this_life_about_finds_count() {
        let line = |recovered: u64, found: u64| {
            let line = serde_json::json!({
                "timestamp": "2026-11-23T00:00:00Z", "level": "DEBUG", "message": FOUND_IN_STREAM, "shard": "s",
                "recovered": recovered, "found": found, "target": "bucket_brigade::found",
            });
            format!("{line}\n")
        };
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("engine.log");
        let before = line(1_000, 1_000);
        let other = "{\"message\":\"committed\",\"recovered\":5,\"found\":5}\nerror: something else\n";
        let torn = line(7, 7);
        let torn = torn.split_at(torn.len() - 9).0;
        std::fs::write(&log, [&before, &line(450, 0), other, &line(3, 20), torn].concat()).unwrap();
        let start = u64::try_from(before.len()).unwrap();
        let found = FoundInStream::read_log(&log, start).unwrap();
        let expected = FoundInStream {
            recovered: 453,
            unanswered: 20,
        };
        assert_eq!((found, found.total()), (expected, 473));
    }
}
