//! Which change of an object's state is allowed. Pure: no I/O, no clock.
//!
//! **Invariants:** W1 (a watermark never goes back, a finished object stays as it is).

use super::{ObjectState, StoreError};
use crate::model::{Mark, ObjectId};

/// Refuses a change that would move an object backwards. A finished object accepts only the state it has.
///
/// | from \ to   | registered | open           | done  | quarantined    |
/// |-------------|------------|----------------|-------|----------------|
/// | registered  | yes        | yes            | yes   | yes            |
/// | open        | no         | mark not lower | yes   | mark not lower |
/// | done        | no         | no             | equal | no             |
/// | quarantined | no         | no             | no    | equal          |
///
/// # Errors
/// [`StoreError::Regression`].
pub fn check_transition(id: &ObjectId, from: &ObjectState, to: &ObjectState) -> Result<(), StoreError> {
    let refused = |detail: String| {
        Err(StoreError::Regression {
            id: id.clone(),
            detail,
        })
    };
    if from == to {
        return Ok(());
    }
    if from.is_finished() {
        return refused(format!(
            "it is {} for good and cannot become {}",
            name(from),
            name(to)
        ));
    }
    match (watermark(from), watermark(to)) {
        (Some(before), Some(after)) if !is_at_or_after(before, after) => {
            refused(format!("from {before:?} to {after:?}"))
        }
        (Some(_), None) if matches!(to, ObjectState::Registered) => {
            refused("it is open and cannot become registered".to_owned())
        }
        (Some(_) | None, Some(_) | None) => Ok(()),
    }
}

fn watermark(state: &ObjectState) -> Option<Mark> {
    match state {
        ObjectState::Open(progress) => Some(progress.watermark),
        ObjectState::Quarantined { watermark, .. } => Some(*watermark),
        ObjectState::Registered | ObjectState::Done(_) => None,
    }
}

fn is_at_or_after(before: Mark, after: Mark) -> bool {
    before.position <= after.position && before.ordinal <= after.ordinal && before.line <= after.line
}

fn name(state: &ObjectState) -> &'static str {
    match state {
        ObjectState::Registered => "registered",
        ObjectState::Open(_) => "open",
        ObjectState::Done(_) => "done",
        ObjectState::Quarantined { .. } => "quarantined",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::store::{ObjectProgress, ObjectTotals};
    use crate::model::QueueName;

    fn mark(step: u64) -> Mark {
        Mark {
            position: step * 10,
            ordinal: step,
            line: step,
        }
    }

    fn open(step: u64) -> ObjectState {
        ObjectState::Open(ObjectProgress {
            watermark: mark(step),
            ..ObjectProgress::default()
        })
    }

    fn done(records: u64) -> ObjectState {
        ObjectState::Done(ObjectTotals {
            records,
            ..ObjectTotals::default()
        })
    }

    fn quarantined(step: u64) -> ObjectState {
        let (reason, totals) = ("not gzip".to_owned(), ObjectTotals::default());
        ObjectState::Quarantined {
            reason,
            watermark: mark(step),
            totals,
        }
    }

    fn is_allowed(from: &ObjectState, to: &ObjectState) -> bool {
        let id = ObjectId {
            queue: QueueName::changes(),
            number: 3,
        };
        check_transition(&id, from, to).is_ok()
    }

    #[test]
    fn states_move_forward_only() {
        let table = [
            (ObjectState::Registered, ObjectState::Registered, true),
            (ObjectState::Registered, open(0), true),
            (ObjectState::Registered, done(1), true),
            (ObjectState::Registered, quarantined(0), true),
            (open(0), ObjectState::Registered, false),
            (open(2), open(2), true),
            (open(2), open(3), true),
            (open(2), open(1), false),
            (open(2), done(2), true),
            (open(2), quarantined(2), true),
            (open(2), quarantined(1), false),
            (done(2), ObjectState::Registered, false),
            (done(2), open(9), false),
            (done(2), done(2), true),
            (done(2), done(3), false),
            (done(2), quarantined(9), false),
            (quarantined(2), ObjectState::Registered, false),
            (quarantined(2), open(9), false),
            (quarantined(2), done(9), false),
            (quarantined(2), quarantined(2), true),
            (quarantined(2), quarantined(3), false),
        ];
        for (from, to, expected) in table {
            assert_eq!(is_allowed(&from, &to), expected, "from {from:?} to {to:?}");
        }
    }

    #[test]
    fn no_part_of_a_mark_goes_back() {
        let before = Mark {
            position: 10,
            ordinal: 10,
            line: 10,
        };
        for after in [
            Mark {
                position: 9,
                ..before
            },
            Mark {
                position: 11,
                ordinal: 9,
                line: 11,
            },
            Mark {
                position: 11,
                ordinal: 11,
                line: 9,
            },
        ] {
            let state = |watermark| {
                ObjectState::Open(ObjectProgress {
                    watermark,
                    ..ObjectProgress::default()
                })
            };
            assert!(!is_allowed(&state(before), &state(after)), "to {after:?}");
        }
    }
}
