//! Says what is known of the file system of the state: one that does not outlive the machine or the container loses the
//! checkpoint, and then everything is sent again.

use std::path::Path;

use crate::cli::file_system::unsafe_file_system;

/// Warns if the state is where it may be lost.
pub(super) fn warn_if_unsafe(state: &Path) {
    let Some(found) = unsafe_file_system(state) else {
        return;
    };
    tracing::warn!(
        path = %state.display(),
        "the state is {}: {}",
        found.name,
        found.consequence
    );
}
