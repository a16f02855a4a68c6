//! Where the checkpoint lives. Pure: no I/O, no clock.

use std::path::PathBuf;
use std::time::Duration;

/// Where the checkpoint lives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateConfig {
    /// Folder of the sled database, its identity file and its exports.
    pub path: PathBuf,
    /// Pause between two commits; the window is what is sent in that time.
    pub commit_interval: Duration,
}
