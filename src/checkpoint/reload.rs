//! What becomes of a checkpoint when tables are to be loaded again. Pure: no I/O, no clock.
//!
//! Their load queues are restarted: files get new numbers, so no cut, no watermark and no look at the stream speaks of
//! them, and every row is sent again. Change files and other tables stay where they are. A chain goes on: the lanes of
//! the queue keep their ends, and the new numbers are greater.
//!
//! **Invariants:** D3 (nothing that was sent for the load before is taken for a row of the new one).

use super::resume_table::{forgive, forgiven};
use crate::chain::ends::LaneEnds;
use crate::checkpoint::store::{
    Checkpoint, CheckpointDelta, ObjectEntry, ObjectState, Phase, TableStatistics, TaskLife, TaskState,
};
use crate::model::trouble::Trouble;
use crate::model::{QueueName, Table};

/// Which tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// Some; the task goes on where it is with everything else.
    Some,
    /// All: it is as if the task began, but for the changes it has read.
    All,
}

/// A table whose load cannot be restarted yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InDoubt {
    /// Its name, `schema.table`.
    pub table: String,
}

/// The step that lets the tables be loaded again by the next start of the task.
///
/// # Errors
/// If rows of the load before may be in the stream that the checkpoint does not know: a crash after this step would
/// take them for rows of the new one, and not send those.
pub fn reload(
    checkpoint: &Checkpoint,
    tables: &[&Table],
    extent: Extent,
) -> Result<CheckpointDelta, InDoubt> {
    let mut delta = CheckpointDelta::default();
    for table in tables {
        let queue = QueueName::load(&table.stored_name());
        let unfinished = || {
            checkpoint
                .unfinished
                .iter()
                .filter(|entry| entry.id.queue == queue)
        };
        let of_table =
            |known: &&TableStatistics| known.schema_name == table.owner && known.table_name == table.name;
        let known = checkpoint.tables.iter().find(of_table);
        let is_suspended = known.is_some_and(TableStatistics::is_suspended);
        if !checkpoint.task.clean_stop && (is_suspended || unfinished().next().is_some()) {
            return Err(InDoubt {
                table: table.full_name(),
            });
        }
        forgive_in_changes(checkpoint, &table.stored_name(), &mut delta);
        let forgiven = forgiven(&delta, &table.stored_name());
        delta.tables.extend(known.map(|known| restarted(known, forgiven)));
        delta.lanes.extend(lanes(checkpoint, &queue, unfinished()));
        delta.reload.push(queue);
    }
    delta.task = Some(TaskState {
        phase: Phase::FullLoad,
        ..checkpoint.task.clone()
    });
    if extent == Extent::All {
        delta.life = Some(TaskLife {
            is_past_load: false,
            ..checkpoint.life.clone()
        });
    }
    Ok(delta)
}

/// The table goes on in the change files that are not finished too, if it was suspended there or before them.
fn forgive_in_changes(checkpoint: &Checkpoint, table: &str, delta: &mut CheckpointDelta) {
    let of_changes = checkpoint
        .unfinished
        .iter()
        .filter(|entry| entry.id.queue.is_of_changes());
    for entry in of_changes {
        // Another table of this step may have changed it already.
        let known = delta.objects.iter().position(|(id, _)| *id == entry.id);
        let state = known
            .and_then(|at| delta.objects.get(at))
            .map_or(&entry.state, |(_, state)| state);
        let ObjectState::Open(progress) = state else {
            continue;
        };
        if progress.troubles.of(table).is_none() {
            continue;
        }
        let state = ObjectState::Open(forgive(progress, table));
        match known.and_then(|at| delta.objects.get_mut(at)) {
            Some((_, known)) => *known = state,
            None => delta.objects.push((entry.id.clone(), state)),
        }
    }
}

/// What is counted of changes, and when something last settled, stays; all else starts over. Bad rows are forgiven
/// and not forgotten: a file that was opened before knows how many they were.
fn restarted(statistics: &TableStatistics, forgiven: u64) -> TableStatistics {
    TableStatistics {
        trouble: Trouble {
            bad_rows: statistics.trouble.bad_rows,
            forgiven: statistics.trouble.bad_rows.max(forgiven),
            suspension: None,
        },
        schema_name: statistics.schema_name.clone(),
        table_name: statistics.table_name.clone(),
        applied_inserts: statistics.applied_inserts,
        applied_updates: statistics.applied_updates,
        applied_deletes: statistics.applied_deletes,
        change_error_rows: statistics.change_error_rows,
        filtered_rows: statistics.filtered_rows,
        truncated_rows: statistics.truncated_rows,
        last_update_ms: statistics.last_update_ms,
        ..TableStatistics::default()
    }
}

/// Where the lanes of a queue end, with what was sent of files that are not finished.
fn lanes<'a>(
    checkpoint: &Checkpoint,
    queue: &QueueName,
    unfinished: impl Iterator<Item = &'a ObjectEntry>,
) -> Option<(QueueName, LaneEnds)> {
    checkpoint.task.chain?;
    let known = checkpoint.lanes.iter().find(|(name, _)| name == queue);
    let mut ends = known.map(|(_, ends)| ends.clone()).unwrap_or_default();
    for entry in unfinished {
        if let ObjectState::Open(progress) = &entry.state
            && let Some(own) = &progress.lanes
        {
            ends.absorb(own);
        }
    }
    Some((queue.clone(), ends))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chain::position::ChainPosition;
    use crate::checkpoint::store::ObjectProgress;
    use crate::model::trouble::Suspension;
    use crate::model::{ObjectId, ObjectVersion};
    use crate::route::lane::LaneIndex;

    fn table() -> Table {
        Table {
            owner: "s".to_owned(),
            name: "t".to_owned(),
            path: "s/t/".to_owned(),
            columns: Vec::new(),
        }
    }

    fn ends(object: u64) -> LaneEnds {
        let mut ends = LaneEnds::default();
        ends.reach(LaneIndex::of_number(0), ChainPosition { object, record: 1 });
        ends
    }

    /// A task in the middle of its second file.
    fn checkpoint(clean_stop: bool) -> Checkpoint {
        let version = ObjectVersion {
            key: "s/t/2.csv".to_owned(),
            etag: "e".to_owned(),
            size_bytes: 9,
            modified_ms: 0,
        };
        let progress = ObjectProgress {
            lanes: Some(ends(2)),
            ..ObjectProgress::default()
        };
        Checkpoint {
            unfinished: vec![ObjectEntry {
                id: ObjectId {
                    queue: QueueName::load("s.t"),
                    number: 1,
                },
                version,
                state: ObjectState::Open(progress),
            }],
            tables: vec![TableStatistics {
                schema_name: "s".to_owned(),
                table_name: "t".to_owned(),
                full_load_rows: 1,
                applied_inserts: 3,
                applied_updates: 4,
                applied_deletes: 5,
                applied_ddls: 6,
                change_error_rows: 7,
                filtered_rows: 8,
                bytes: 9,
                objects_done: 10,
                objects_quarantined: 11,
                full_load_start_ms: Some(12),
                full_load_end_ms: Some(13),
                last_update_ms: Some(14),
                ..TableStatistics::default()
            }],
            lanes: vec![(QueueName::load("s.t"), ends(1))],
            task: TaskState {
                phase: Phase::Changes,
                clean_stop,
                chain: Some(7),
                ..TaskState::default()
            },
            life: TaskLife {
                is_past_load: true,
                ..TaskLife::default()
            },
            ..Checkpoint::default()
        }
    }

    #[test]
    fn the_load_restarts_and_the_rest_stays() {
        let checkpoint = checkpoint(true);
        let delta = reload(&checkpoint, &[&table()], Extent::Some).unwrap();
        let left = TableStatistics {
            schema_name: "s".to_owned(),
            table_name: "t".to_owned(),
            applied_inserts: 3,
            applied_updates: 4,
            applied_deletes: 5,
            change_error_rows: 7,
            filtered_rows: 8,
            last_update_ms: Some(14),
            ..TableStatistics::default()
        };
        assert_eq!(delta.tables, [left]);
        assert_eq!(delta.reload, [QueueName::load("s.t")]);
        assert_eq!(
            delta.lanes,
            [(QueueName::load("s.t"), ends(2))],
            "what was sent last"
        );
        let task = delta.task.unwrap();
        assert_eq!((task.phase, task.clean_stop), (Phase::FullLoad, true));
        assert_eq!(
            (delta.life, delta.objects, delta.cuts),
            (None, Vec::new(), Vec::new())
        );
        let all = reload(&checkpoint, &[&table()], Extent::All).unwrap();
        assert_eq!(
            all.life.map(|life| life.is_past_load),
            Some(false),
            "it may stop after the load again"
        );
    }

    /// D3.
    #[test]
    fn a_load_that_is_in_doubt_is_not_restarted() {
        let mut checkpoint = checkpoint(false);
        let refused = reload(&checkpoint, &[&table()], Extent::Some);
        assert_eq!(refused.unwrap_err().table, "s.t");
        checkpoint.unfinished.clear();
        let taken = reload(&checkpoint, &[&table()], Extent::Some);
        assert!(taken.is_ok(), "nothing in doubt can be a row of it");
    }

    fn suspended(clean_stop: bool) -> Checkpoint {
        let mut checkpoint = checkpoint(clean_stop);
        let id = ObjectId {
            queue: QueueName::changes(),
            number: 3,
        };
        let trouble = Trouble {
            bad_rows: 4,
            forgiven: 0,
            suspension: Some(Suspension {
                object: id.clone(),
                key: "cdc/3".to_owned(),
                row: None,
                reason: String::new(),
                is_in_doubt: false,
            }),
        };
        let progress = ObjectProgress {
            troubles: [("s.t".to_owned(), trouble.clone())].into_iter().collect(),
            ..ObjectProgress::default()
        };
        checkpoint.tables[0].trouble = trouble;
        checkpoint.unfinished[0].id = id;
        checkpoint.unfinished[0].state = ObjectState::Open(progress);
        checkpoint
    }

    /// D3: cuts that were made under the suspension prove nothing after it.
    #[test]
    fn a_table_that_was_suspended_before_a_crash_is_not_restarted() {
        let refused = reload(&suspended(false), &[&table()], Extent::Some);
        assert_eq!(refused.unwrap_err().table, "s.t");
    }

    #[test]
    fn a_table_that_was_suspended_goes_on_in_change_files_that_are_open() {
        let delta = reload(&suspended(true), &[&table()], Extent::Some).unwrap();
        let forgiven = Trouble {
            bad_rows: 4,
            forgiven: 4,
            suspension: None,
        };
        assert_eq!(delta.tables[0].trouble, forgiven);
        let [(id, ObjectState::Open(progress))] = delta.objects.as_slice() else {
            panic!("{:?}", delta.objects);
        };
        assert_eq!((id.number, progress.troubles.of("s.t")), (3, Some(&forgiven)));
    }
}
