//! An open object: its watermark, its cut, and what of it is stored. Pure: no I/O, no clock.
//!
//! **Invariants:** C2 (an object ends only when every record of it is settled).

use std::collections::BTreeSet;

use super::cut::ObjectCut;
use super::store::{ObjectProgress, ObjectState, ObjectTotals};
use super::tally::ChunkTally;
use super::watermark::Watermark;
use crate::chain::ends::LaneEnds;
use crate::model::trouble::{Suspension, Troubles};
use crate::model::{ObjectId, TableIndex};

/// How reading an object ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ObjectEnd {
    /// It was read to its end.
    Complete,
    /// The rest of it is set aside.
    Quarantined {
        /// Why, one sentence.
        reason: String,
        /// Whether what an earlier process may have sent of it could not be compared with it.
        is_in_doubt: bool,
    },
    /// Its table is suspended, so that it is not read on: by a row of it, or by the object itself, which then is said
    /// here.
    Suspended(Option<Box<Suspension>>),
}

impl ObjectEnd {
    /// Says whether something is in doubt: of an object that is set aside what an earlier process may have sent of it; of
    /// one that suspends its table also what it may have sent of those after it, which nobody reads now.
    pub(super) fn doubt(&mut self, id: &ObjectId, doubtful: &BTreeSet<ObjectId>) {
        match self {
            Self::Quarantined { is_in_doubt, .. } => *is_in_doubt &= doubtful.contains(id),
            Self::Suspended(Some(suspension)) => {
                let mut of_queue = doubtful.iter().filter(|other| other.queue == id.queue);
                suspension.is_in_doubt &= doubtful.contains(id);
                suspension.is_in_doubt |= of_queue.any(|other| other.number > id.number);
            }
            Self::Suspended(None) | Self::Complete => {}
        }
    }
}

/// An object between its opening and the commit that finishes it.
#[derive(Debug)]
pub(super) struct OpenObject {
    pub(super) table: Option<TableIndex>,
    pub(super) watermark: Watermark<ChunkTally>,
    pub(super) cut: ObjectCut,
    pub(super) dead_letters_through: u64,
    pub(super) totals: ObjectTotals,
    /// Where the lanes of its queue end at the watermark; `None` without a chain.
    pub(super) lanes: Option<LaneEnds>,
    /// What went wrong with tables before the watermark, in reading order.
    pub(super) troubles: Troubles,
    /// The stored name of its table, for a full-load file.
    pub(super) table_name: Option<String>,
    /// Whether it had been set aside before it was opened, so that nothing of it was ever sent.
    pub(super) was_set_aside: bool,
    /// Whether more of it may be in the stream than is known, whatever becomes of it.
    pub(super) is_in_doubt: bool,
    pub(super) end: Option<ObjectEnd>,
    pub(super) is_changed: bool,
}

impl OpenObject {
    /// What to store of the object now, and whether that is its end.
    pub(super) fn state(&self) -> (ObjectState, bool) {
        let watermark = self.watermark.mark();
        match &self.end {
            Some(ObjectEnd::Complete) if self.watermark.is_settled() => {
                (ObjectState::Done(self.totals), true)
            }
            Some(ObjectEnd::Quarantined { reason, is_in_doubt }) if self.watermark.is_settled() => {
                let aside = ObjectState::Quarantined {
                    reason: reason.clone(),
                    watermark,
                    totals: self.totals,
                    is_in_doubt: *is_in_doubt || self.has_more(),
                };
                (aside, true)
            }
            Some(ObjectEnd::Suspended(by_object)) if self.watermark.is_settled() => {
                let mut progress = self.progress();
                if let (Some(suspension), Some(table)) = (by_object, &self.table_name) {
                    let is_in_doubt = suspension.is_in_doubt || self.has_more();
                    progress.troubles.of_mut(table).suspension = Some(Suspension {
                        is_in_doubt,
                        ..suspension.as_ref().clone()
                    });
                }
                (ObjectState::Open(progress), true)
            }
            Some(_) | None => (ObjectState::Open(self.progress()), false),
        }
    }

    /// Whether rows after the watermark are settled, or may be: of a version that cannot be read on, nobody can tell which.
    fn has_more(&self) -> bool {
        let ordinal = self.watermark.mark().ordinal;
        let is_ahead = !self.cut.ahead_of(ordinal).is_empty() || self.dead_letters_through > ordinal;
        self.is_in_doubt || is_ahead
    }

    fn progress(&self) -> ObjectProgress {
        let watermark = self.watermark.mark();
        ObjectProgress {
            watermark,
            through: self.cut.ahead_of(watermark.ordinal),
            dead_letters_through: self.dead_letters_through,
            totals: self.totals,
            lanes: self.lanes.clone(),
            troubles: self.troubles.clone(),
            is_in_doubt: self.is_in_doubt,
        }
    }
}
