//! What is known of rows that did not simply go from their object into the stream: dead letters, and what was sent
//! again.

use std::collections::{HashMap, HashSet};
use std::io;
use std::path::Path;

use crate::deadletter::files;
use crate::model::ObjectVersion;
use crate::publish::fingerprint::Fingerprint;
use crate::replay::log;
use crate::saturate;
use crate::verify::rows::key_hash;

/// Dead letters and replays of a task.
#[derive(Debug, Default)]
pub struct Settled {
    /// Ordinals by key and entity tag.
    letters: HashMap<(String, String), HashSet<u64>>,
    pub(super) replays: Vec<ReplayedRow>,
}

/// A row that was sent again.
#[derive(Debug)]
pub(super) struct ReplayedRow {
    pub(super) id: String,
    pub(super) table: String,
    /// When, in milliseconds since the epoch.
    pub(super) time_ms: i64,
    pub(super) fingerprint: Fingerprint,
    pub(super) hash: u64,
}

impl Settled {
    /// Reads them from the folder of the dead letters. Blocks.
    ///
    /// # Errors
    /// Whatever the file system says.
    pub fn read(folder: &Path) -> io::Result<Self> {
        let mut settled = Self::default();
        files::for_each(folder, |letter| {
            let ordinals = settled.letters.entry((letter.key, letter.etag)).or_default();
            ordinals.insert(letter.ordinal);
        })?;
        log::for_each(folder, |replay| {
            let time: Result<jiff::Timestamp, _> = replay.time.parse();
            let row = replay.row;
            settled.replays.push(ReplayedRow {
                fingerprint: Fingerprint::of(row.partition_key.as_bytes(), row.payload.as_bytes()),
                hash: key_hash(row.partition_key.as_bytes()),
                time_ms: time.map_or(0, jiff::Timestamp::as_millisecond),
                id: row.id,
                table: row.table,
            });
        })?;
        Ok(settled)
    }

    /// Rows that are known here.
    pub(super) fn rows_count(&self) -> u64 {
        let letters: usize = self.letters.values().map(HashSet::len).sum();
        saturate::to_u64(letters + self.replays.len())
    }

    /// The ordinals of the rows of an object that were dead-lettered.
    pub(super) fn letters_of(&self, version: &ObjectVersion) -> Option<&HashSet<u64>> {
        self.letters.get(&(version.key.clone(), version.etag.clone()))
    }
}
