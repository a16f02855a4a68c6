//! The paths of the API, for those who serve them and those who ask. Pure: no I/O, no clock.

use super::desk::Subject;

/// The header in which a client says on whose behalf it asks.
pub const REQUESTER_HEADER: &str = "brigade-requester";
/// The header in which a client says which process it means, as [`TaskStatus::process`] names it.
///
/// [`TaskStatus::process`]: crate::checkpoint::status::TaskStatus::process
pub const PROCESS_HEADER: &str = "brigade-process";
/// Pause.
pub const PAUSE: &str = "/api/v1/pause";
/// Resume.
pub const RESUME: &str = "/api/v1/resume";
/// Stop.
pub const STOP: &str = "/api/v1/stop";
/// Load tables again.
pub const RELOAD: &str = "/api/v1/tables/reload";
/// Go on with a suspended table.
pub const RESUME_TABLE: &str = "/api/v1/tables/resume";
/// Decide what becomes of a file.
pub const DECIDE_FILE: &str = "/api/v1/files/decide";
/// Send dead letters again.
pub const REPLAY: &str = "/api/v1/dead-letters/replay";
/// Compare the stream with the files.
pub const VERIFY: &str = "/api/v1/verify";
/// What the last comparison found.
pub const COMPARISON: &str = "/api/v1/verify/result";
/// The whole status.
pub const SNAPSHOT: &str = "/api/v1/snapshot";
/// Tables, by the names of DMS.
pub const TABLES: &str = "/api/v1/tables";
/// Files that are set aside.
pub const FILES: &str = "/api/v1/files";
/// The checkpoint.
pub const CHECKPOINT: &str = "/api/v1/checkpoint";
/// Dead letters.
pub const DEAD_LETTERS: &str = "/api/v1/dead-letters";
/// The API itself, described.
pub const OPENAPI: &str = "/api/v1/openapi.json";
/// Events.
pub const EVENTS: &str = "/api/v1/events";
/// The configuration in force.
pub const CONFIGURATION: &str = "/api/v1/configuration";

/// Where something is looked up.
pub fn of(subject: Subject) -> &'static str {
    match subject {
        Subject::Tables => TABLES,
        Subject::Files => FILES,
        Subject::Checkpoint => CHECKPOINT,
        Subject::DeadLetters => DEAD_LETTERS,
        Subject::Events => EVENTS,
        Subject::Comparison => COMPARISON,
        Subject::Configuration => CONFIGURATION,
    }
}
