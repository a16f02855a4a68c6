//! Lifts the suspension of a table: what of a checkpoint has to change so that the next run goes on with it. Pure: no
//! I/O, no clock.
//!
//! A load goes on at the row after the one it stopped at, because the object stayed open there. Of an object that
//! suspended its table as a whole nothing more can be read: it is set aside, and the load goes on with the next one.
//! The change rows that were held back are dead letters, and stay that.

use super::store::{Checkpoint, CheckpointDelta, ObjectEntry, ObjectProgress, ObjectState, TableStatistics};
use crate::chain::ends::break_after;
use crate::model::trouble::Suspension;

/// Why a table cannot be resumed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotResumed {
    /// It goes on.
    #[error("{table} is not suspended{others}")]
    NotSuspended {
        /// The table as it was named.
        table: String,
        /// The tables that are, or nothing.
        others: String,
    },
    /// Rows may be in the stream that the checkpoint does not know, and nobody can find out.
    #[error(
        "rows of {table} in {key} and in its later load files may be in the stream already: they were sent before a \
         stop, and the version of {key} that they came from cannot be compared with the stream any more; `--allow-repeats` sends them again, \
         `brigade reload --table {table}` loads the table from its beginning"
    )]
    Repeats {
        /// The table.
        table: String,
        /// The file that suspended it.
        key: String,
    },
    /// What is in doubt was decided while the table was suspended, so it has to be settled like that (D3).
    #[error(
        "the last run did not stop cleanly, so rows after the place where {table} was suspended may be in doubt; let \
         `brigade run` end by itself or stop it with SIGTERM once, then resume the table"
    )]
    InDoubt {
        /// The table.
        table: String,
    },
}

/// A table that goes on, and the step that makes it so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resumed {
    /// Where it was suspended.
    pub suspension: Suspension,
    /// Whether its load goes on; otherwise only its changes do.
    pub is_load: bool,
    /// What to commit.
    pub delta: CheckpointDelta,
}

/// Lifts the suspension of a table, given its stored name; `may_repeat` says whether rows may be sent that may be in the
/// stream already.
///
/// # Errors
/// If it is not suspended, or if the last run left something in doubt.
pub fn resume_table(checkpoint: &Checkpoint, table: &str, may_repeat: bool) -> Result<Resumed, NotResumed> {
    let known = checkpoint
        .tables
        .iter()
        .find(|known| known.stored_name() == table);
    let Some((known, suspension)) = known.and_then(|known| Some((known, known.trouble.suspension.clone()?)))
    else {
        return Err(NotResumed::NotSuspended {
            table: table.to_owned(),
            others: others(&checkpoint.tables),
        });
    };
    if !checkpoint.task.clean_stop {
        return Err(NotResumed::InDoubt {
            table: table.to_owned(),
        });
    }
    if suspension.is_in_doubt && !may_repeat {
        return Err(NotResumed::Repeats {
            table: table.to_owned(),
            key: suspension.key,
        });
    }
    let mut statistics = known.clone();
    let mut delta = CheckpointDelta::default();
    for entry in &checkpoint.unfinished {
        let ObjectState::Open(progress) = &entry.state else {
            continue;
        };
        if progress.troubles.of(table).is_none() {
            continue;
        }
        let state = if suspension.row.is_none() && suspension.object == entry.id {
            statistics.objects_quarantined += 1;
            set_aside(checkpoint, entry, progress, &suspension, &mut delta)
        } else {
            ObjectState::Open(forgive(progress, table))
        };
        delta.objects.push((entry.id.clone(), state));
    }
    statistics.trouble.forgiven = statistics.trouble.bad_rows.max(forgiven(&delta, table));
    statistics.trouble.suspension = None;
    delta.tables.push(statistics);
    Ok(Resumed {
        is_load: suspension.object.queue.is_of_load(),
        suspension,
        delta,
    })
}

/// The progress of an object in which the bad rows of a table do not count any more.
pub(super) fn forgive(progress: &ObjectProgress, table: &str) -> ObjectProgress {
    let mut progress = progress.clone();
    let trouble = progress.troubles.of_mut(table);
    trouble.forgiven = trouble.bad_rows;
    trouble.suspension = None;
    progress
}

/// The bad rows that no longer count in the objects of a step.
pub(super) fn forgiven(delta: &CheckpointDelta, table: &str) -> u64 {
    let of = |state: &ObjectState| match state {
        ObjectState::Open(progress) => progress.troubles.of(table).map(|trouble| trouble.forgiven),
        ObjectState::Registered
        | ObjectState::Done(_)
        | ObjectState::Quarantined { .. }
        | ObjectState::Decided { .. } => None,
    };
    let counts = delta.objects.iter().filter_map(|(_, state)| of(state));
    counts.max().unwrap_or(0)
}

fn set_aside(
    checkpoint: &Checkpoint,
    entry: &ObjectEntry,
    progress: &ObjectProgress,
    suspension: &Suspension,
    delta: &mut CheckpointDelta,
) -> ObjectState {
    if let Some(lanes) = &progress.lanes {
        // What is sent after it does not continue what was sent of it.
        let queue = &entry.id.queue;
        let known = checkpoint.lanes.iter().find(|(known, _)| known == queue);
        let mut ends = known.map(|(_, ends)| ends.clone()).unwrap_or_default();
        ends.absorb(lanes);
        ends.break_at(break_after(&entry.id));
        delta.lanes.push((queue.clone(), ends));
    }
    ObjectState::Quarantined {
        reason: suspension.reason.clone(),
        watermark: progress.watermark,
        totals: progress.totals,
        is_in_doubt: suspension.is_in_doubt,
    }
}

/// Names the tables that are suspended.
fn others(tables: &[TableStatistics]) -> String {
    let suspended = tables.iter().filter(|table| table.is_suspended());
    let names: Vec<_> = suspended.map(TableStatistics::stored_name).collect();
    if names.is_empty() {
        "; no table is".to_owned()
    } else {
        format!("; suspended: {}", names.join(", "))
    }
}
