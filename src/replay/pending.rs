//! What a replay is sending right now, beside the log of what it has sent. A process that dies between the two leaves rows of
//! which nobody knows whether the stream has them; the next replay looks there before it sends anything.
//!
//! **Invariants:** R1 (a row that a dead replay stored is logged, not sent again).

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::log::{Replay, ReplayLog, SCHEMA_VERSION};
use super::plan::ReplayRow;
use crate::clock::Clock;
use crate::durable::replace::{Survives, replace};
use crate::fault::{Fault, FaultKind};
use crate::route::lineage::KnownShard;
use crate::route::shard_map::HashKey;
use crate::saturate;
use crate::sink::pages::Pages;
use crate::sink::{ReadStart, RecordSink, StreamDescription};

/// Name of the file in the folder of dead letters.
pub const PENDING_FILE: &str = "replaying.json";
/// How often the end of a shard must be seen before it is believed.
const ENDS_SEEN_MIN: u32 = 3;
/// Arrival times are approximate, and clocks differ.
const TIME_MARGIN: Duration = Duration::from_mins(10);

/// One request that is under way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pending {
    /// When it was begun, milliseconds since the epoch.
    pub begun_ms: i64,
    /// Its rows, in order.
    pub rows: Vec<ReplayRow>,
}

impl Pending {
    /// How long ago it was begun; no time at all by a clock that was set back.
    pub fn age(&self, now_ms: i64) -> Duration {
        Duration::from_millis(u64::try_from(now_ms.saturating_sub(self.begun_ms)).unwrap_or(0))
    }
}

/// The file that holds it.
#[derive(Debug, Clone)]
pub struct PendingFile(PathBuf);

impl PendingFile {
    /// That of a folder of dead letters.
    pub fn of(folder: &Path) -> Self {
        Self(folder.join(PENDING_FILE))
    }

    /// Notes a request before it is sent; durable when this returns.
    ///
    /// # Errors
    /// Whatever the file system says.
    pub fn note(&self, pending: &Pending) -> io::Result<()> {
        replace(&self.0, Survives::PowerCut, |out| {
            Ok(serde_json::to_writer(out, pending)?)
        })
    }

    /// Forgets it, once its rows are logged. If a crash brings it back, its rows are found in the log.
    ///
    /// # Errors
    /// Whatever the file system says.
    pub fn forget(&self) -> io::Result<()> {
        match fs::remove_file(&self.0) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            removed => removed,
        }
    }

    /// What a replay before this one left.
    ///
    /// # Errors
    /// Whatever the file system says, and if it cannot be understood: then nothing may be sent.
    pub fn left(&self) -> io::Result<Option<Pending>> {
        match fs::read(&self.0) {
            Ok(text) => Ok(Some(serde_json::from_slice(&text)?)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// Looks for rows that a replay before this one may have stored.
pub struct Search<'a> {
    /// Where they would be.
    pub sink: &'a dyn RecordSink,
    /// Its shards.
    pub stream: &'a StreamDescription,
    /// Time of day.
    pub clock: &'a dyn Clock,
    /// After this time a request that was given up is stored or never will be.
    pub settle: Duration,
    /// Pause between two calls.
    pub page_pause: Duration,
}

impl fmt::Debug for Search<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Search({})", self.sink)
    }
}

/// Rows by partition key and message, the first of equal ones last.
type Wanted<'r> = HashMap<(String, Bytes), Vec<&'r ReplayRow>>;

impl Search<'_> {
    /// Logs the rows of a request that the stream has, and forgets the request. Gives how many of its rows were found.
    ///
    /// # Errors
    /// If the stream cannot be read, or the log cannot be written.
    pub async fn settle(
        &self,
        file: &PendingFile,
        log: &mut ReplayLog,
        logged: &HashSet<String>,
    ) -> Result<u64, Fault> {
        let failed = |error: io::Error| {
            let message = format!("cannot tell what a replay before this one has sent: {error}");
            Fault::new(FaultKind::StateIo, message)
        };
        let Some(pending) = file.left().map_err(failed)? else {
            return Ok(0);
        };
        let is_logged = |row: &ReplayRow| logged.contains(&row.id);
        let unknown: Vec<_> = pending.rows.iter().filter(|row| !is_logged(row)).collect();
        let found = self.find(&unknown, &pending).await?;
        log.append(&found).map_err(failed)?;
        file.forget().map_err(failed)?;
        Ok(saturate::to_u64(found.len()))
    }

    async fn find(&self, rows: &[&ReplayRow], pending: &Pending) -> Result<Vec<Replay>, Fault> {
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        // The clock may have been set back meanwhile; then it waits for the whole time once more.
        let passed = pending.age(self.clock.now_ms());
        tokio::time::sleep(self.settle.saturating_sub(passed)).await;
        let mut wanted = Wanted::new();
        for row in rows.iter().rev() {
            let payload = Bytes::copy_from_slice(row.payload.as_bytes());
            let key = (row.partition_key.clone(), payload);
            wanted.entry(key).or_default().push(row);
        }
        let start = pending
            .begun_ms
            .saturating_sub(saturate::to_i64(TIME_MARGIN.as_millis()));
        let mut found = Vec::new();
        for known in self.stream.lineage.shards() {
            if has_room_for(known, rows) {
                self.read(known, start, &mut wanted, &mut found).await?;
            }
        }
        Ok(found)
    }

    async fn read(
        &self,
        known: &KnownShard,
        start_ms: i64,
        wanted: &mut Wanted<'_>,
        found: &mut Vec<Replay>,
    ) -> Result<(), Fault> {
        let reader = self.sink.read(&known.shard, ReadStart::Since(start_ms)).await;
        let mut pages = Pages::new(reader.map_err(Fault::from)?, self.page_pause, Some(ENDS_SEEN_MIN));
        while let Some(page) = pages.next().await.map_err(Fault::from)? {
            for record in &page.records {
                let rows = wanted.get_mut(&(record.partition_key.clone(), record.payload.clone()));
                let Some(row) = rows.and_then(Vec::pop) else {
                    continue;
                };
                let time = jiff::Timestamp::from_microsecond(self.clock.now_us()).unwrap_or_default();
                found.push(Replay {
                    schema_version: SCHEMA_VERSION,
                    time: time.to_string(),
                    row: row.clone(),
                    shard_id: known.shard.id.clone(),
                    sequence_number: record.sequence_number.clone(),
                });
            }
        }
        Ok(())
    }
}

fn has_room_for(known: &KnownShard, rows: &[&ReplayRow]) -> bool {
    let hashes = rows
        .iter()
        .map(|row| HashKey::of_partition_key(row.partition_key.as_bytes()));
    hashes.into_iter().any(|hash| known.shard.range.contains(hash))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SystemClock;
    use crate::model::BatchRecord;
    use crate::replay::log;
    use crate::route::shard_map::{ShardIndex, ShardMap};
    use crate::sink::memory::MemorySink;

    fn row(ordinal: u64, payload: &str) -> ReplayRow {
        ReplayRow {
            id: format!("k@e#{ordinal}"),
            table: "s.t".into(),
            object: "k".into(),
            ordinal,
            partition_key: "one".into(),
            payload: payload.to_owned(),
        }
    }

    async fn put(sink: &MemorySink, row: &ReplayRow) {
        let stream = sink.describe().await.unwrap();
        let shard = stream.shards.shard(ShardIndex(0)).unwrap();
        let record = BatchRecord::new(0, row.payload.as_bytes(), row.partition_key.as_bytes());
        sink.put(shard, &[record]).await.unwrap();
    }

    /// R1.
    #[tokio::test]
    async fn what_a_dead_replay_stored_is_found_also_twice_the_same_row_and_after_a_reshard() {
        let folder = tempfile::tempdir().unwrap();
        let sink = MemorySink::new(&ShardMap::uniform(1).unwrap());
        // Two rows are the same message; one of them was stored. Row 0 was logged before the crash.
        let rows = vec![row(0, "a"), row(1, "b"), row(2, "b"), row(3, "c")];
        put(&sink, &rows[0]).await;
        put(&sink, &rows[1]).await;
        sink.split(0);
        let file = PendingFile::of(folder.path());
        let mut log = ReplayLog::open(folder.path()).unwrap();
        assert_eq!(file.left().unwrap(), None);
        let begun_ms = SystemClock.now_ms();
        file.note(&Pending { begun_ms, rows }).unwrap();
        let stream = sink.describe().await.unwrap();
        let search = Search {
            sink: &sink,
            stream: &stream,
            clock: &SystemClock,
            settle: Duration::from_millis(20),
            page_pause: Duration::ZERO,
        };
        let logged = HashSet::from(["k@e#0".to_owned()]);
        assert_eq!(search.settle(&file, &mut log, &logged).await.unwrap(), 1);
        assert_eq!(file.left().unwrap(), None, "it is known now");
        let mut ids = Vec::new();
        log::for_each(folder.path(), |replay| ids.push(replay.row.id)).unwrap();
        assert_eq!(ids, ["k@e#1"]);
        assert_eq!(search.settle(&file, &mut log, &logged).await.unwrap(), 0);
    }

    #[test]
    fn a_note_that_cannot_be_understood_lets_nothing_be_sent() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(PENDING_FILE), "{").unwrap();
        assert!(PendingFile::of(folder.path()).left().is_err());
    }
}
