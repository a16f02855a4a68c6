//! What a person decided of an object that was set aside. Pure: no I/O, no clock.
//!
//! **Invariants:** W1 (the object stays what it was; what is read again has a number of its own).

use serde::{Deserialize, Serialize};

use super::{ObjectProgress, ObjectState, ObjectTotals};
use crate::model::Mark;

/// What becomes of the rest of an object that was set aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// Nothing: it is left out for good.
    Skip,
    /// Its key gets a new number, under which it is read from the row before which everything was settled.
    RetryAtMark,
    /// The same, from its first row.
    RetryFromBeginning,
}

impl Decision {
    /// Whether its key is to be read again.
    pub fn is_retry(self) -> bool {
        matches!(self, Self::RetryAtMark | Self::RetryFromBeginning)
    }
}

/// What is known of an object that was set aside, whatever was decided since.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SetAside<'a> {
    /// Why, one sentence.
    pub reason: &'a str,
    /// Up to where it was delivered.
    pub watermark: Mark,
    /// Totals up to there.
    pub totals: ObjectTotals,
    /// Whether more of it may be in the stream.
    pub is_in_doubt: bool,
    /// What was decided; `None` as long as it waits for a person.
    pub decision: Option<Decision>,
}

impl SetAside<'_> {
    /// The state of the object after a decision.
    pub fn decided(&self, decision: Decision) -> ObjectState {
        ObjectState::Decided {
            reason: self.reason.to_owned(),
            watermark: self.watermark,
            totals: self.totals,
            is_in_doubt: self.is_in_doubt,
            decision,
        }
    }

    /// Whether only the decision differs.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        let decision = self.decision;
        *self == SetAside { decision, ..*other }
    }
}

impl ObjectState {
    /// What is known of the object, if it was set aside.
    pub fn set_aside(&self) -> Option<SetAside<'_>> {
        match self {
            Self::Quarantined {
                reason,
                watermark,
                totals,
                is_in_doubt,
            } => Some(SetAside {
                reason,
                watermark: *watermark,
                totals: *totals,
                is_in_doubt: *is_in_doubt,
                decision: None,
            }),
            Self::Decided {
                reason,
                watermark,
                totals,
                is_in_doubt,
                decision,
            } => Some(SetAside {
                reason,
                watermark: *watermark,
                totals: *totals,
                is_in_doubt: *is_in_doubt,
                decision: Some(*decision),
            }),
            Self::Registered | Self::Open(_) | Self::Done(_) => None,
        }
    }

    /// The same object, set aside before a row whose place is not known any more.
    #[must_use]
    pub fn unplaced(&self) -> Self {
        let mut state = self.clone();
        if let Self::Quarantined { watermark, .. } | Self::Decided { watermark, .. } = &mut state {
            *watermark = watermark.unplaced();
        }
        state
    }

    /// The same object, set aside, as if nobody had decided.
    #[must_use]
    pub fn undecided(&self) -> Self {
        self.set_aside().map_or_else(
            || self.clone(),
            |aside| Self::Quarantined {
                reason: aside.reason.to_owned(),
                watermark: aside.watermark,
                totals: aside.totals,
                is_in_doubt: aside.is_in_doubt,
            },
        )
    }

    /// The same object, set aside, of which more may be in the stream.
    #[must_use]
    pub fn doubted(&self) -> Self {
        let mut state = self.clone();
        if let Self::Quarantined { is_in_doubt, .. } | Self::Decided { is_in_doubt, .. } = &mut state {
            *is_in_doubt = true;
        }
        state
    }

    /// What the key of the object starts as under a new number, if it is to be read again.
    pub fn retried(&self) -> Option<Self> {
        let aside = self.set_aside()?;
        match aside.decision? {
            Decision::Skip => None,
            Decision::RetryAtMark if aside.watermark != Mark::START || aside.is_in_doubt => {
                Some(Self::Open(ObjectProgress {
                    watermark: aside.watermark,
                    dead_letters_through: aside.watermark.ordinal,
                    totals: aside.totals,
                    // One consent is for one try.
                    is_in_doubt: aside.is_in_doubt,
                    ..ObjectProgress::default()
                }))
            }
            Decision::RetryAtMark | Decision::RetryFromBeginning => Some(Self::Registered),
        }
    }
}
