//! What a running task shows besides its status. Blocks: it reads files and the database.

use serde_json::Value;

use super::desk::TaskDesk;
use super::value;
use crate::cli::checkpoint::report::CheckpointReport;
use crate::cli::{dead_letters, files, tables, task_events};
use crate::fault::Fault;
use crate::serve::desk::Subject;

/// Unfinished and set-aside objects that are shown at most.
const OBJECTS_MAX: usize = 200;
/// Dead letters and events that are shown at most.
const LINES_MAX: usize = 200;

pub(super) fn look_up(desk: &TaskDesk, subject: &Subject) -> Result<Value, Fault> {
    match subject {
        Subject::Tables => value(&tables::report(&desk.config, &desk.noticeboard.status())),
        Subject::Files => files::listing(&desk.config, &desk.store),
        Subject::Checkpoint => {
            let report = CheckpointReport::of(&desk.store, OBJECTS_MAX).map_err(Fault::from)?;
            value(&report)
        }
        Subject::DeadLetters => dead_letters::without_rows(&desk.config, LINES_MAX),
        Subject::Events => task_events::newest(&desk.config, LINES_MAX),
    }
}
