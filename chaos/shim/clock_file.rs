//! The time of day that a shimmed process is shown.

use std::fs;
use std::path::{Path, PathBuf};

use super::{PRELOAD_VARIABLE, Shim};

/// Sets the clock of every process that gets its environment, also while it runs.
#[derive(Debug)]
pub(crate) struct ClockFile {
    file: PathBuf,
    library: PathBuf,
    ahead_s: i64,
}

impl ClockFile {
    /// A clock that shows the time of the system.
    ///
    /// The error says why it cannot be had on this machine.
    pub(crate) fn new(folder: &Path) -> Result<Self, String> {
        let clock = Self {
            file: folder.join("clock"),
            library: Shim::SetClock.build(folder)?,
            ahead_s: 0,
        };
        clock.write()?;
        Ok(clock)
    }

    /// What a process needs to be shown this clock.
    pub(crate) fn environment(&self) -> Vec<(&'static str, String)> {
        let text = |path: &Path| path.to_string_lossy().into_owned();
        vec![
            (PRELOAD_VARIABLE, text(&self.library)),
            ("SET_CLOCK_FILE", text(&self.file)),
        ]
    }

    /// Turns it on by so many seconds, or back.
    pub(crate) fn turn(&mut self, seconds: i64) -> Result<(), String> {
        self.ahead_s = self.ahead_s.saturating_add(seconds);
        self.write()
    }

    /// By how many seconds it is ahead of the system.
    pub(crate) fn ahead_s(&self) -> i64 {
        self.ahead_s
    }

    /// In place, because processes look at the very file.
    fn write(&self) -> Result<(), String> {
        let options = fs::File::options()
            .create(true)
            .write(true)
            .truncate(false)
            .open(&self.file);
        let written =
            options.and_then(|mut file| std::io::Write::write_all(&mut file, &self.ahead_s.to_ne_bytes()));
        written.map_err(|error| format!("{}: {error}", self.file.display()))
    }
}
