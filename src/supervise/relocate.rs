//! Watermarks after a change of what their positions count. With another encoding or compression the same row stands at
//! another place, so the place is found again by the number of the row: the file is read from its beginning. Of a file
//! that is set aside, which may be replaced before anybody reads it, the place is forgotten.
//!
//! **Invariants:** W2 (every record before a watermark is settled), W3.

use std::sync::Arc;

use super::beginning::blocking;
use super::pipeline::Backends;
use crate::checkpoint::store::{Checkpoint, Decision, ObjectEntry, ObjectState};
use crate::config::Config;
use crate::counted::counted;
use crate::fault::{Fault, FaultKind};
use crate::model::{Mark, ObjectId, QueueName, TableIndex};
use crate::printable::printable;
use crate::read::object_chunks::{NextChunk, ObjectChunks, ReadSettings};
use crate::source::{ObjectSource, SourceError};

/// What positions count now, and the open objects with theirs, if they counted something else before.
pub(super) struct Positions {
    counted: String,
    relocated: Vec<ObjectEntry>,
    unplaced: Vec<(ObjectId, ObjectState)>,
}

impl Positions {
    /// Those of a checkpoint under this configuration.
    ///
    /// # Errors
    /// If an object has fewer rows than were read, or cannot be read up to there; that it is gone or another one is found
    /// by whoever reads it. If one that was set aside is to be read on at a place that is another one now.
    pub(super) async fn of(
        config: &Config,
        backends: &Backends,
        checkpoint: &Checkpoint,
    ) -> Result<Self, Fault> {
        let (before, counted) = (&checkpoint.task.positions, config.source.format.positions());
        let mut positions = Self {
            counted,
            relocated: Vec::new(),
            unplaced: Vec::new(),
        };
        if !before.is_empty() && *before != positions.counted {
            let (store, settings) = (Arc::clone(&backends.store), ReadSettings::new(config));
            let set_aside = blocking(move || store.set_aside()).await?;
            positions.unplaced = unplaced(set_aside)?;
            for entry in &checkpoint.unfinished {
                let entry = relocate(config, backends.source.as_ref(), &settings, entry.clone()).await?;
                positions.relocated.push(entry);
            }
        }
        Ok(positions)
    }

    /// Puts them into the checkpoint that they are of; says whether watermarks have other positions.
    pub(super) fn put_in(&mut self, checkpoint: &mut Checkpoint) -> bool {
        let is_relocated = !self.relocated.is_empty() || !self.unplaced.is_empty();
        for known in std::mem::take(&mut self.relocated) {
            let mut unfinished = checkpoint.unfinished.iter_mut();
            if let Some(entry) = unfinished.find(|entry| entry.id == known.id) {
                entry.state = known.state;
            }
        }
        checkpoint.task.positions.clone_from(&self.counted);
        is_relocated
    }

    /// The objects that are set aside and lose their place, as they are from now on.
    pub(super) fn unplaced(self) -> Vec<(ObjectId, ObjectState)> {
        self.unplaced
    }
}

/// Objects that are set aside in the middle, without the place where they broke.
fn unplaced(set_aside: Vec<ObjectEntry>) -> Result<Vec<(ObjectId, ObjectState)>, Fault> {
    let mut unplaced = Vec::new();
    for entry in set_aside {
        let Some(aside) = entry
            .state
            .set_aside()
            .filter(|aside| aside.watermark.position > 0)
        else {
            continue;
        };
        match aside.decision {
            Some(Decision::RetryAtMark) => return Err(decided_before(&entry.version.key)),
            // Another decision may follow.
            None | Some(Decision::Skip | Decision::RetryFromBeginning) => {
                let state = entry.state.unplaced();
                unplaced.push((entry.id, state));
            }
        }
    }
    Ok(unplaced)
}

fn decided_before(key: &str) -> Fault {
    let key = printable(key);
    let message = format!(
        "source.csv.encoding or source.csv.compression changed after it was decided that {key} is read on where it broke, \
         which is another place now; set it back, or decide again: `brigade files retry {key} --from-beginning`, or \
         `brigade files skip {key}`"
    );
    Fault::new(FaultKind::Configuration, message)
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
