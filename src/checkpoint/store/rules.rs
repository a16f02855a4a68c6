//! Which change of an object's state is allowed. Pure: no I/O, no clock.
//!
//! **Invariants:** W1 (a watermark never goes back, a finished object stays as it is).

use super::{ObjectState, StoreError};
use crate::model::{Mark, ObjectId};

/// Refuses a change that would move an object backwards. A finished object accepts only the state it has; one that was
/// set aside also what a person decides of it.
///
/// | from \ to   | registered | open           | done  | quarantined    | decided       |
/// |-------------|------------|----------------|-------|----------------|---------------|
/// | registered  | yes        | yes            | yes   | yes            | no            |
/// | open        | no         | mark not lower | yes   | mark not lower | no            |
/// | done        | no         | no             | equal | no             | no            |
/// | quarantined | no         | no             | no    | equal          | the same rest |
/// | decided     | no         | no             | no    | no             | the same rest |
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
    if from == to || becomes_doubted(from, to) {
        return Ok(());
    }
    let (aside, decided) = (from.set_aside(), to.set_aside());
    let is_decision = matches!(to, ObjectState::Decided { .. });
    if let (true, Some(aside), Some(decided)) = (is_decision, aside, decided)
        && aside.is_same(&decided)
    {
        return Ok(());
    }
    if from.is_finished() || is_decision {
        return refused(format!("it is {} and cannot become {}", name(from), name(to)));
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

/// The same of a change after which positions count something else, such as characters of another encoding: a watermark
/// that stands before the same row may have any of them, and that of an object that is set aside none.
///
/// # Errors
/// As [`check_transition`].
pub fn check_relocation(id: &ObjectId, from: &ObjectState, to: &ObjectState) -> Result<(), StoreError> {
    match (from, to) {
        (ObjectState::Open(before), ObjectState::Open(after))
            if before.watermark.ordinal == after.watermark.ordinal =>
        {
            Ok(())
        }
        _ if from.set_aside().is_some()
            && (*to == from.unplaced() || becomes_doubted(&from.unplaced(), to)) =>
        {
            Ok(())
        }
        _ => check_transition(id, from, to),
    }
}

/// Whether what is set aside comes to be doubted, by a checkpoint that was put back; what was decided of it is void then.
fn becomes_doubted(from: &ObjectState, to: &ObjectState) -> bool {
    from.set_aside().is_some() && (*to == from.doubted() || *to == from.undecided().doubted())
}

fn watermark(state: &ObjectState) -> Option<Mark> {
    match state {
        ObjectState::Open(progress) => Some(progress.watermark),
        ObjectState::Quarantined { watermark, .. } | ObjectState::Decided { watermark, .. } => {
            Some(*watermark)
        }
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
        ObjectState::Decided { .. } => "decided on",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::store::{Decision, ObjectProgress, ObjectTotals};
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
            is_in_doubt: false,
        }
    }

    fn decided(step: u64, decision: Decision) -> ObjectState {
        quarantined(step).set_aside().unwrap().decided(decision)
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
            (quarantined(2), decided(2, Decision::Skip), true),
            (quarantined(2), decided(3, Decision::Skip), false),
            (
                decided(2, Decision::Skip),
                decided(2, Decision::RetryAtMark),
                true,
            ),
            (
                decided(2, Decision::Skip),
                decided(1, Decision::RetryAtMark),
                false,
            ),
            (decided(2, Decision::Skip), quarantined(2), false),
            (decided(2, Decision::RetryAtMark), open(2), false),
            (ObjectState::Registered, decided(0, Decision::Skip), false),
            (open(2), decided(2, Decision::Skip), false),
            (done(2), decided(2, Decision::Skip), false),
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

    /// Also if its place is another one at the same time.
    #[test]
    fn what_is_set_aside_may_come_to_be_doubted_and_then_nobody_has_decided() {
        let check =
            |from: &ObjectState, to: &ObjectState, check: fn(&ObjectId, &ObjectState, &ObjectState) -> _| {
                let id = ObjectId {
                    queue: QueueName::changes(),
                    number: 1,
                };
                let checked: Result<(), StoreError> = check(&id, from, to);
                checked.is_ok()
            };
        for from in [
            quarantined(2),
            decided(2, Decision::RetryAtMark),
            decided(2, Decision::Skip),
        ] {
            for to in [from.doubted(), from.undecided().doubted()] {
                assert!(check(&from, &to, check_transition), "{from:?}, {to:?}");
                let moved = to.unplaced();
                assert!(check(&from, &moved, check_relocation), "{from:?}, {moved:?}");
                assert!(!check(&from, &moved, check_transition), "{from:?}, {moved:?}");
                if to != from {
                    assert!(
                        !check(&to, &from, check_transition),
                        "doubt does not go by itself"
                    );
                }
            }
        }
    }
}
