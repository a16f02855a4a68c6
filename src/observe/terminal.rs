//! Standard error, shared by log lines and the moving lines of a progress display: log lines go above the moving
//! ones, and neither tears the other.

use std::io::{self, Write};
use std::sync::LazyLock;

use indicatif::MultiProgress;

static LINES: LazyLock<MultiProgress> = LazyLock::new(MultiProgress::new);

/// The moving lines of this process; they are hidden if standard error is not a terminal.
pub fn lines() -> &'static MultiProgress {
    &LINES
}

/// Standard error for whole lines, as a log writes them.
#[derive(Debug, Clone, Copy, Default)]
pub struct StandardError;

impl Write for StandardError {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        LINES.suspend(|| io::stderr().lock().write_all(bytes))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().lock().flush()
    }
}
