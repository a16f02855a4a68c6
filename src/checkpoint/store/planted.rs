//! Planted defects: changes of the state that are not synced, and a side file that is not renewed with them.
//!
//! The first leaves out both syncs of a change. Where a journal keeps a whole file system in order, as that of ext4 does, the sync
//! of the side file brings the database along.

use crate::durable::replace::Survives;
#[cfg(feature = "planted-defects")]
use crate::observe::planted::{Defect, is_planted};

/// Whether the database is left to the system after a change.
#[cfg(feature = "planted-defects")]
pub(super) fn leaves_sync_out() -> bool {
    is_planted(Defect::StateNotSynced)
}

/// Whether the database is left to the system after a change.
#[cfg(not(feature = "planted-defects"))]
pub(super) fn leaves_sync_out() -> bool {
    false
}

/// Whether the side file stays as it was at a change.
#[cfg(feature = "planted-defects")]
pub(super) fn leaves_side_file_behind() -> bool {
    is_planted(Defect::IdentityBehind)
}

/// Whether the side file stays as it was at a change.
#[cfg(not(feature = "planted-defects"))]
pub(super) fn leaves_side_file_behind() -> bool {
    false
}

/// What the side file of a change survives.
pub(super) fn side_file_survives() -> Survives {
    if leaves_sync_out() {
        Survives::Crash
    } else {
        Survives::PowerCut
    }
}
