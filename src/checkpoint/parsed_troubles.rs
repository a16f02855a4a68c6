//! What went wrong with tables as far as chunks were parsed, and with that where each object begins. Pure: no I/O, no
//! clock.
//!
//! An object that was begun has its own counts in its progress, valid at its watermark. All others go on where the
//! chunks before them ended, which is known here because a chunk is registered before the next object is opened.

use super::store::{ObjectEntry, ObjectState, TableStatistics};
use crate::model::ObjectId;
use crate::model::trouble::{Suspension, Troubles};

/// The troubles of all tables at the end of what was parsed.
#[derive(Debug)]
pub(super) struct ParsedTroubles(Troubles);

impl ParsedTroubles {
    /// What a checkpoint knows.
    pub(super) fn new(tables: &[TableStatistics]) -> Self {
        let known = tables.iter();
        Self(
            known
                .map(|table| (table.stored_name(), table.trouble.clone()))
                .collect(),
        )
    }

    /// A chunk was parsed.
    pub(super) fn parsed(&mut self, troubles: &Troubles) {
        self.0.absorb(troubles);
    }

    /// The troubles before where an object begins or goes on: of its own table alone, if all its rows are of one,
    /// because other queues are read at the same time.
    pub(super) fn open(&mut self, entry: &ObjectEntry) -> Troubles {
        let table = entry.id.queue.table_name();
        let own = match &entry.state {
            ObjectState::Open(progress) => progress.troubles.clone(),
            ObjectState::Registered
            | ObjectState::Done(_)
            | ObjectState::Quarantined { .. }
            | ObjectState::Decided { .. } => {
                return table.map_or_else(|| self.0.clone(), |table| self.0.only(table));
            }
        };
        // Where a table is suspended is decided again before the object, if it was not in the object itself: what
        // the process before this one decided there may not have become durable, and the policy may be another one.
        let mut troubles = own;
        for (_, trouble) in troubles.iter_mut() {
            trouble
                .suspension
                .take_if(|suspension| suspension.object != entry.id);
        }
        let known = self
            .0
            .iter()
            .filter(|(name, _)| table.is_none_or(|table| table == *name));
        for (name, trouble) in known {
            if let Some(suspension) = &trouble.suspension
                && is_before(suspension, &entry.id)
            {
                troubles
                    .of_mut(name)
                    .suspension
                    .get_or_insert_with(|| suspension.clone());
            }
        }
        // What comes after it begins with its bad rows, which are in no statistics before it is finished.
        for (name, trouble) in troubles.iter() {
            self.0.of_mut(name).count(trouble);
        }
        troubles
    }
}

/// Whether a table was suspended before an object. Loads come before changes.
fn is_before(suspension: &Suspension, id: &ObjectId) -> bool {
    suspension.object.queue != id.queue || suspension.object.number < id.number
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::store::ObjectProgress;
    use crate::model::trouble::Trouble;
    use crate::model::{ObjectVersion, QueueName};

    fn id(number: u64) -> ObjectId {
        ObjectId {
            queue: QueueName::changes(),
            number,
        }
    }

    fn trouble(bad_rows: u64, suspended_in: Option<u64>) -> Troubles {
        let suspension = suspended_in.map(|number| Suspension {
            object: id(number),
            key: number.to_string(),
            row: None,
            reason: String::new(),
            is_in_doubt: false,
        });
        let trouble = Trouble {
            bad_rows,
            forgiven: 0,
            suspension,
        };
        [("s.t".to_owned(), trouble)].into_iter().collect()
    }

    fn entry(number: u64, own: Option<Troubles>) -> ObjectEntry {
        let state = own.map_or(ObjectState::Registered, |troubles| {
            ObjectState::Open(ObjectProgress {
                troubles,
                ..ObjectProgress::default()
            })
        });
        ObjectEntry {
            id: id(number),
            version: ObjectVersion {
                key: number.to_string(),
                etag: String::new(),
                size_bytes: 0,
                modified_ms: 0,
            },
            state,
        }
    }

    #[test]
    fn an_object_that_was_begun_has_its_own_count_and_a_new_one_that_of_all_before_it() {
        let mut known = ParsedTroubles::new(&[]);
        known.parsed(&trouble(7, None));
        assert_eq!(known.open(&entry(1, Some(trouble(3, None)))), trouble(3, None));
        assert_eq!(known.open(&entry(2, None)), trouble(7, None));
        let mut of_another = entry(2, None);
        of_another.id.queue = QueueName::changes_of("s.other");
        assert!(
            known.open(&of_another).is_empty(),
            "its rows are of another table"
        );
    }

    #[test]
    fn a_suspension_counts_after_its_object_and_not_before_it() {
        let mut known = ParsedTroubles::new(&[]);
        known.parsed(&trouble(4, Some(2)));
        let own = || Some(trouble(3, None));
        assert_eq!(known.open(&entry(1, own())), trouble(3, None), "before it");
        assert_eq!(
            known.open(&entry(2, Some(trouble(4, Some(2))))),
            trouble(4, Some(2)),
            "after its row in the same object"
        );
        assert_eq!(known.open(&entry(2, own())), trouble(3, None), "before its row");
        assert_eq!(known.open(&entry(3, own())), trouble(3, Some(2)), "after it");
    }

    /// A process that died had suspended the table at a row that was not settled, and the policy was changed since.
    #[test]
    fn a_suspension_that_was_not_decided_again_is_forgotten() {
        let mut known = ParsedTroubles::new(&[]);
        assert_eq!(known.open(&entry(3, Some(trouble(3, Some(2))))), trouble(3, None));
    }

    /// A process that restarts knows of bad rows in an open object by that object alone.
    #[test]
    fn an_object_after_an_open_one_begins_with_its_bad_rows() {
        let mut known = ParsedTroubles::new(&[]);
        known.open(&entry(1, Some(trouble(2, None))));
        assert_eq!(known.open(&entry(2, None)), trouble(2, None));
    }
}
