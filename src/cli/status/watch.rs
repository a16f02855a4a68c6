//! `brigade status --watch`: the status again and again, until Ctrl-C.

use std::io::{IsTerminal, Write};
use std::time::Duration;

use super::StatusReport;
use crate::cli::OutputFormat;
use crate::cli::interrupt::Interrupt;
use crate::config::Config;
use crate::fault::Fault;

/// Time between two looks.
const INTERVAL: Duration = Duration::from_secs(2);
/// Moves to the upper left corner of a terminal and clears it.
const CLEAR: &[u8] = b"\x1b[H\x1b[2J";

/// Shows the status until Ctrl-C: on a terminal in its place, otherwise a block whenever something changed.
///
/// # Errors
/// If the status cannot be read, or standard output not be written.
pub(super) fn watch(config: &Config, format: OutputFormat) -> Result<u8, Fault> {
    let is_terminal = std::io::stdout().is_terminal();
    crate::cli::runtime()?.block_on(async {
        let mut interrupt = Interrupt::watched()?;
        let mut shown = None;
        loop {
            let mut report = StatusReport::of(config)?;
            let text = report.form(format)?;
            // That time passes is not a change.
            (report.age_ms, report.status.updated_ms) = (0, 0);
            let facts = report.form(format)?;
            if is_terminal || shown.as_ref() != Some(&facts) {
                if !show(&text, is_terminal, shown.is_none())? {
                    return Ok(0);
                }
                shown = Some(facts);
            }
            tokio::select! {
                () = interrupt.given() => return Ok(0),
                () = tokio::time::sleep(INTERVAL) => {}
            }
        }
    })
}

/// Shows a status; gives whether somebody still reads it.
fn show(text: &str, is_terminal: bool, is_first: bool) -> Result<bool, Fault> {
    if is_terminal {
        // What keeps this from being written keeps the text from it as well, and is an error there.
        drop(std::io::stdout().lock().write_all(CLEAR));
        return crate::cli::print_on(text);
    }
    let gap = if is_first { "" } else { "\n" };
    crate::cli::print_on(&format!("{gap}{text}"))
}
