//! Planted defects: doubt that is not looked into, reading that begins one record too late, places that are gone and not
//! missed, and matching that knows one lane only. Pure: no I/O, no clock.

#[cfg(feature = "planted-defects")]
pub(super) use with_defects::{in_doubt, is_place_believed, lane, read};
#[cfg(not(feature = "planted-defects"))]
pub(super) use without_defects::{in_doubt, is_place_believed, lane, read};

#[cfg(feature = "planted-defects")]
mod with_defects {
    use crate::observe::planted::{Defect, is_planted};
    use crate::publish::attempt::InDoubt;
    use crate::publish::looked::Looked;

    pub(in crate::publish) fn in_doubt() -> InDoubt {
        if is_planted(Defect::DoubtResentBlindly) {
            InDoubt::SendAgain
        } else {
            InDoubt::Look
        }
    }

    pub(in crate::publish) fn read(mut looked: Looked) -> Looked {
        if is_planted(Defect::ReadBackTooLate) {
            looked.forget_first();
        }
        looked
    }

    pub(in crate::publish) fn is_place_believed() -> bool {
        is_planted(Defect::GonePlaceBelieved)
    }

    pub(in crate::publish) fn lane(index: usize) -> usize {
        if is_planted(Defect::MissesOfAllShards) {
            0
        } else {
            index
        }
    }
}

#[cfg(not(feature = "planted-defects"))]
mod without_defects {
    use crate::publish::attempt::InDoubt;
    use crate::publish::looked::Looked;

    pub(in crate::publish) fn in_doubt() -> InDoubt {
        InDoubt::Look
    }

    pub(in crate::publish) fn read(looked: Looked) -> Looked {
        looked
    }

    pub(in crate::publish) fn is_place_believed() -> bool {
        false
    }

    pub(in crate::publish) fn lane(index: usize) -> usize {
        index
    }
}
