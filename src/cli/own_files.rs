//! The files that a task writes for itself: closed to everybody but their owner, whoever made them so that others can read
//! them.

use std::path::PathBuf;

use super::status::file::STATUS_FILE;
use super::verify::record::VERIFY_FILE;
use crate::checkpoint::store::folder::StateFolder;
use crate::config::Config;
use crate::durable::tighten::{Tightened, tighten, with_entries};
use crate::notify::EventSinks;
use crate::replay::log::REPLAYS_FILE;
use crate::replay::pending::PENDING_FILE;
use crate::supervise::events::{EVENTS_FILE, EVENTS_FILE_BEFORE};

/// Closes state and dead letters of a task, and says so once if there was anything to close.
pub(super) fn close(config: &Config) {
    let Tightened { closed, open } = tighten(paths(config));
    let state = config.state.path.display();
    let dead_letters = config.errors.dead_letters.display();
    if closed > 0 {
        tracing::info!(
            closed,
            %state,
            %dead_letters,
            "closed state and dead letters to everybody but their owner: files are 0600, folders 0700"
        );
    }
    if let Some((path, error)) = open.first() {
        tracing::warn!(
            path = %path.display(),
            %error,
            more = open.len() - 1,
            "others have access to state or dead letters, which hold rows; let their owner close them with `chmod go=`"
        );
    }
}

/// State folder and dead-letter folder with what this program writes there. Other files are not its own.
fn paths(config: &Config) -> Vec<PathBuf> {
    let state = StateFolder::new(&config.state.path);
    let mut paths = vec![state.path().to_owned(), state.identity_file()];
    paths.extend(
        [STATUS_FILE, VERIFY_FILE, EVENTS_FILE, EVENTS_FILE_BEFORE].map(|name| state.path().join(name)),
    );
    paths.extend(EventSinks::cursors(state.path()));
    let folders = [
        state.exports_folder(),
        state.database_folder(),
        state.database_folder().join("blobs"),
    ];
    paths.extend(folders.iter().flat_map(|folder| with_entries(folder)));
    let dead_letters = &config.errors.dead_letters;
    let is_own = |path: &PathBuf| {
        path == dead_letters
            || path.ends_with(REPLAYS_FILE)
            || path.ends_with(PENDING_FILE)
            || path.extension().is_some_and(|extension| extension == "ndjson")
    };
    paths.extend(with_entries(dead_letters).into_iter().filter(is_own));
    paths
}
