//! Standard error, shared by log lines and the moving lines of a progress display: log lines go above the moving
//! ones, and neither tears the other.

use std::io::{self, Write};
use std::sync::LazyLock;

use indicatif::MultiProgress;

use crate::printable::printable_log;

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
        // Whole lines come in; where one is cut, it is not one of ours.
        let text = String::from_utf8_lossy(bytes);
        let text = printable_log(&text);
        LINES.suspend(|| io::stderr().lock().write_all(text.as_bytes()))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().lock().flush()
    }
}
