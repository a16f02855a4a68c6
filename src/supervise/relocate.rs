//! Watermarks after a change of what their positions count. With another encoding or compression the same row stands at
//! another place, so the place is found again by the number of the row: the file is read from its beginning.
//!
//! **Invariants:** W2 (every record before a watermark is settled), W3.

use crate::checkpoint::store::{Checkpoint, ObjectEntry, ObjectState};
use crate::config::Config;
use crate::counted::counted;
use crate::fault::{Fault, FaultKind};
use crate::model::{Mark, QueueName, TableIndex};
use crate::printable::printable;
use crate::read::object_chunks::{NextChunk, ObjectChunks, ReadSettings};
use crate::source::{ObjectSource, SourceError};

/// What positions count now, and the open objects with theirs, if they counted something else before.
pub(super) struct Positions {
    counted: String,
    relocated: Vec<ObjectEntry>,
}

impl Positions {
    /// Those of a checkpoint under this configuration.
    ///
    /// # Errors
    /// If an object has fewer rows than were read, or cannot be read up to there; that it is gone or another one is found
    /// by whoever reads it.
    pub(super) async fn of(
        config: &Config,
        source: &dyn ObjectSource,
        checkpoint: &Checkpoint,
    ) -> Result<Self, Fault> {
        let (before, counted) = (&checkpoint.task.positions, config.source.format.positions());
        let mut relocated = Vec::new();
        if !before.is_empty() && *before != counted {
            let settings = ReadSettings::new(config);
            for entry in &checkpoint.unfinished {
                relocated.push(relocate(config, source, &settings, entry.clone()).await?);
            }
        }
        Ok(Self { counted, relocated })
    }

    /// Puts them into the checkpoint that they are of; says whether watermarks have other positions.
    pub(super) fn put_in(self, checkpoint: &mut Checkpoint) -> bool {
        let is_relocated = !self.relocated.is_empty();
        for known in self.relocated {
            let mut unfinished = checkpoint.unfinished.iter_mut();
            if let Some(entry) = unfinished.find(|entry| entry.id == known.id) {
                entry.state = known.state;
            }
        }
        checkpoint.task.positions = self.counted;
        is_relocated
    }
}

async fn relocate(
    config: &Config,
    source: &dyn ObjectSource,
    settings: &ReadSettings,
    mut entry: ObjectEntry,
) -> Result<ObjectEntry, Fault> {
    let ObjectState::Open(progress) = &mut entry.state else {
        return Ok(entry);
    };
    let rows = progress.watermark.ordinal;
    if rows == 0 {
        progress.watermark = Mark::START;
        return Ok(entry);
    }
    let names = config.tables.iter();
    let mut queues = names.map(|table| QueueName::load(&table.stored_name()));
    let table = queues.position(|queue| queue == entry.id.queue).map(TableIndex);
    let chunks = ObjectChunks::open(source, &entry.version, table, settings, Mark::START);
    let found = match chunks.await {
        Ok(chunks) => mark_of(chunks, rows).await,
        Err(error) => Err(error),
    };
    match found {
        Ok(Some(mark)) => progress.watermark = mark,
        Ok(None) => return Err(not_found(&entry.version.key, rows, "it has fewer rows")),
        Err(SourceError::Changed { .. } | SourceError::Vanished { .. } | SourceError::Missing { .. }) => {}
        Err(error @ SourceError::Damaged { .. }) => {
            return Err(not_found(&entry.version.key, rows, &error.to_string()));
        }
        Err(error) => return Err(Fault::from(error)),
    }
    Ok(entry)
}

/// The border before the row with this number.
async fn mark_of(mut chunks: ObjectChunks<'_>, row: u64) -> Result<Option<Mark>, SourceError> {
    loop {
        match chunks.next().await? {
            NextChunk::Chunk(chunk) if chunk.span.end.ordinal >= row => {
                return Ok(Some(chunk.mark_before(row)));
            }
            NextChunk::Chunk(_) | NextChunk::Pending => {}
            NextChunk::End => return Ok(None),
        }
    }
}

fn not_found(key: &str, rows: u64, why: &str) -> Fault {
    let message = format!(
        "source.csv.encoding or source.csv.compression changed after reading {} of {}, and the row after them is \
         not found with the new one: {why}; set it back until the file is read, or load the table again (`brigade reload`)",
        counted(rows, "row"),
        printable(key)
    );
    Fault::new(FaultKind::Configuration, message)
}
