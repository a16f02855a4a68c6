//! Libraries that stand between the real binary and the system, compiled with `cc` when they are needed.

mod clock_file;

use std::path::{Path, PathBuf};
use std::process::Command;

pub(crate) use self::clock_file::ClockFile;

/// Variable that makes the system load a library before all others.
pub(crate) const PRELOAD_VARIABLE: &str = "LD_PRELOAD";

/// A library.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Shim {
    /// Fails one write or sync.
    FailNth,
    /// Shows another time of day.
    SetClock,
}

impl Shim {
    fn source(self) -> (&'static str, &'static str) {
        match self {
            Self::FailNth => ("fail_nth", include_str!("fail_nth.c")),
            Self::SetClock => ("set_clock", include_str!("set_clock.c")),
        }
    }

    /// Compiles the library into a folder.
    ///
    /// The error says why it cannot be had on this machine.
    pub(crate) fn build(self, folder: &Path) -> Result<PathBuf, String> {
        if !cfg!(target_os = "linux") {
            return Err("it is made for Linux".to_owned());
        }
        let (name, text) = self.source();
        let (source, library) = (
            folder.join(format!("{name}.c")),
            folder.join(format!("{name}.so")),
        );
        std::fs::write(&source, text).map_err(|error| format!("{}: {error}", source.display()))?;
        let output = Command::new("cc")
            .args(["-shared", "-fPIC", "-O1", "-o"])
            .args([&library, &source])
            .output()
            .map_err(|error| format!("cc: {error}"))?;
        if output.status.success() {
            return Ok(library);
        }
        Err(format!("cc: {}", String::from_utf8_lossy(&output.stderr).trim()))
    }
}
