//! What a person decides of an object that was set aside, and what of a checkpoint has to change with it. Pure: no I/O,
//! no clock.
//!
//! An object that is to be read again gets a new number when its folder is listed next: its rows come after everything
//! that was sent before, and a chain goes on without going back. A table whose load file it is goes on loading.
//!
//! **Invariants:** D3 (nothing is read again while it is unknown what was sent).

use super::store::{Checkpoint, CheckpointDelta, Decision, ObjectEntry, Phase, TableStatistics, TaskState};
use crate::counted::counted;
use crate::model::Table;

/// Why nothing can be decided.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotDecided {
    /// It is waiting for nobody.
    #[error("{key} is not set aside; `brigade files list` names what is")]
    NotSetAside {
        /// Its key.
        key: String,
    },
    /// The place at which it broke is not known any more.
    #[error(
        "source.csv.encoding or source.csv.compression is another one than when {key} was read, so the place at which it \
         broke is another one too; read it with --from-beginning"
    )]
    Unplaced {
        /// Its key.
        key: String,
    },
    /// Rows may be in the stream that the checkpoint does not know.
    #[error(
        "the last run did not stop cleanly, so rows may be in doubt; let `brigade run` end by itself or stop it with \
         SIGTERM once, then retry {key}"
    )]
    InDoubt {
        /// Its key.
        key: String,
    },
    /// Rows of it may be in the stream that the checkpoint does not know, and nobody can find out.
    #[error(
        "rows of {key} after {settled} may be in the stream already, and nobody can tell which: they were sent before a \
         stop, or after this state was saved, and the version that they came from cannot be compared with the stream any \
         more; `--allow-repeats` sends them again, `brigade files skip` leaves them out"
    )]
    Repeats {
        /// Its key.
        key: String,
        /// Up to where it is settled.
        settled: String,
    },
}

/// The step that makes a decision durable. `table` is that of a load file; `may_repeat` says whether rows may be sent that
/// may be in the stream already.
///
/// # Errors
/// If the object is not set aside, or is to be read again while something is in doubt.
pub fn decide(
    checkpoint: &Checkpoint,
    entry: &ObjectEntry,
    table: Option<&Table>,
    decision: Decision,
    may_repeat: bool,
) -> Result<CheckpointDelta, NotDecided> {
    let key = || entry.version.key.clone();
    let aside = entry.state.set_aside();
    let aside = aside.ok_or_else(|| NotDecided::NotSetAside { key: key() })?;
    if decision.is_retry() && (checkpoint.is_put_back || !checkpoint.task.clean_stop) {
        return Err(NotDecided::InDoubt { key: key() });
    }
    if decision == Decision::RetryAtMark && aside.watermark.is_unplaced() {
        return Err(NotDecided::Unplaced { key: key() });
    }
    // From the beginning all is sent again, as it was asked for.
    if decision == Decision::RetryAtMark && aside.is_in_doubt && !may_repeat {
        return Err(NotDecided::Repeats {
            key: key(),
            settled: match aside.watermark.ordinal {
                0 => "its beginning".to_owned(),
                rows => format!("its first {}", counted(rows, "row")),
            },
        });
    }
    let mut delta = CheckpointDelta {
        objects: vec![(entry.id.clone(), aside.decided(decision))],
        ..CheckpointDelta::default()
    };
    let was_retry = aside.decision.is_some_and(Decision::is_retry);
    let known = table.and_then(|table| {
        let mut tables = checkpoint.tables.iter();
        tables.find(|known| known.schema_name == table.owner && known.table_name == table.name)
    });
    if let Some(known) = known {
        let mut statistics: TableStatistics = known.clone();
        match (was_retry, decision.is_retry()) {
            (false, true) => {
                statistics.objects_quarantined = statistics.objects_quarantined.saturating_sub(1);
            }
            (true, false) => statistics.objects_quarantined += 1,
            (true, true) | (false, false) => {}
        }
        if decision.is_retry() {
            statistics.full_load_end_ms = None;
            delta.task = Some(TaskState {
                phase: Phase::FullLoad,
                ..checkpoint.task.clone()
            });
        }
        delta.tables.push(statistics);
    }
    Ok(delta)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::store::{ObjectState, ObjectTotals};
    use crate::model::{Mark, ObjectId, ObjectVersion, QueueName};

    fn entry(state: ObjectState) -> ObjectEntry {
        ObjectEntry {
            id: ObjectId {
                queue: QueueName::changes(),
                number: 1,
            },
            version: ObjectVersion {
                key: "cdc/1.csv".to_owned(),
                etag: "e".to_owned(),
                size_bytes: 9,
                modified_ms: 0,
            },
            state,
        }
    }

    fn quarantined() -> ObjectState {
        ObjectState::Quarantined {
            reason: "broken".to_owned(),
            watermark: Mark {
                position: 7,
                ordinal: 2,
                line: 3,
            },
            totals: ObjectTotals {
                records: 2,
                ..ObjectTotals::default()
            },
            is_in_doubt: false,
        }
    }

    fn checkpoint(clean_stop: bool) -> Checkpoint {
        Checkpoint {
            tables: vec![TableStatistics {
                schema_name: "s".to_owned(),
                table_name: "t".to_owned(),
                objects_quarantined: 2,
                full_load_end_ms: Some(5),
                ..TableStatistics::default()
            }],
            task: TaskState {
                phase: Phase::Changes,
                clean_stop,
                ..TaskState::default()
            },
            ..Checkpoint::default()
        }
    }

    #[test]
    fn a_table_goes_on_loading_when_a_load_file_is_read_again() {
        let table = Table {
            owner: "s".to_owned(),
            name: "t".to_owned(),
            path: String::new(),
            columns: Vec::new(),
        };
        let of = |state, decision| {
            let delta = decide(&checkpoint(true), &entry(state), Some(&table), decision, false).unwrap();
            let statistics = &delta.tables[0];
            (
                statistics.objects_quarantined,
                statistics.full_load_end_ms,
                delta.task.map(|task| task.phase),
                delta.objects[0].1.clone(),
            )
        };
        let retried = quarantined().set_aside().unwrap().decided(Decision::RetryAtMark);
        let skipped = quarantined().set_aside().unwrap().decided(Decision::Skip);
        assert_eq!(
            of(quarantined(), Decision::RetryAtMark),
            (1, None, Some(Phase::FullLoad), retried.clone())
        );
        assert_eq!(
            of(quarantined(), Decision::Skip),
            (2, Some(5), None, skipped.clone())
        );
        assert_eq!(of(retried, Decision::Skip), (3, Some(5), None, skipped));
    }

    #[test]
    fn what_is_read_again_starts_at_the_mark_or_at_the_beginning() {
        let after = |decision| {
            let delta = decide(&checkpoint(true), &entry(quarantined()), None, decision, false).unwrap();
            assert_eq!((delta.tables.len(), delta.task), (0, None));
            delta.objects[0].1.retried()
        };
        let Some(ObjectState::Open(progress)) = after(Decision::RetryAtMark) else {
            panic!("it goes on");
        };
        assert_eq!((progress.watermark.ordinal, progress.totals.records), (2, 2));
        assert_eq!(after(Decision::RetryFromBeginning), Some(ObjectState::Registered));
        assert_eq!(after(Decision::Skip), None);
    }

    /// What a killed process sent of a version that is gone cannot be looked for.
    #[test]
    fn what_may_be_in_the_stream_is_read_again_only_if_it_may_repeat() {
        let aside = entry(quarantined().doubted());
        let of = |decision, may_repeat| decide(&checkpoint(true), &aside, None, decision, may_repeat);
        let refused = of(Decision::RetryAtMark, false);
        assert!(matches!(refused, Err(NotDecided::Repeats { .. })), "{refused:?}");
        let delta = of(Decision::Skip, false).unwrap();
        let skipped = entry(delta.objects[0].1.clone());
        let refused = decide(&checkpoint(true), &skipped, None, Decision::RetryAtMark, false);
        assert!(matches!(refused, Err(NotDecided::Repeats { .. })), "{refused:?}");
        let delta = of(Decision::RetryAtMark, true).unwrap();
        let Some(ObjectState::Open(progress)) = delta.objects[0].1.retried() else {
            panic!("{delta:?}");
        };
        assert!(progress.is_in_doubt, "one consent is for one try");
        assert!(of(Decision::RetryFromBeginning, false).is_ok());
    }

    #[test]
    fn what_is_in_doubt_or_not_set_aside_is_left_alone() {
        let done = entry(ObjectState::Done(ObjectTotals::default()));
        let refused = decide(&checkpoint(true), &done, None, Decision::Skip, false);
        assert!(
            matches!(refused, Err(NotDecided::NotSetAside { .. })),
            "{refused:?}"
        );
        let aside = entry(quarantined());
        let refused = decide(&checkpoint(false), &aside, None, Decision::RetryAtMark, false);
        assert!(matches!(refused, Err(NotDecided::InDoubt { .. })), "{refused:?}");
        assert!(decide(&checkpoint(false), &aside, None, Decision::Skip, false).is_ok());
    }
}
