//! What a running task shows besides its status. Blocks: it reads files and the database.

use super::desk::TaskDesk;
use crate::cli::checkpoint::report::CheckpointReport;
use crate::cli::config_show::ConfigReport;
use crate::cli::{dead_letters, events, files, tables, to_json};
use crate::fault::Fault;
use crate::serve::desk::Subject;

/// Unfinished and set-aside objects that are shown at most.
const OBJECTS_MAX: usize = 200;
/// Dead letters and events that are shown at most.
const LINES_MAX: usize = 200;

pub(super) fn look_up(desk: &TaskDesk, subject: Subject) -> Result<String, Fault> {
    match subject {
        Subject::Tables => to_json(&tables::report(&desk.config, &desk.noticeboard.status())),
        Subject::Files => files::listing(&desk.config, &desk.store),
        Subject::Checkpoint => {
            let report = CheckpointReport::of(&desk.store, OBJECTS_MAX).map_err(Fault::from)?;
            to_json(&report)
        }
        Subject::DeadLetters => dead_letters::without_rows(&desk.config, LINES_MAX),
        Subject::Events => events::newest(&desk.config, LINES_MAX),
        Subject::Comparison => desk.comparer.shown(&desk.config.task),
        Subject::Configuration => to_json(&ConfigReport::of(&desk.effective)),
    }
}
