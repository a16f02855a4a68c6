//! Asking before something is lost.

use std::io::{self, BufRead, IsTerminal, Write};

use clap::Args;

use crate::fault::{Fault, FaultKind};

/// Flags of a command that changes something for good.
#[derive(Debug, Clone, Copy, Args)]
pub(super) struct Consent {
    /// Do not ask
    #[arg(long)]
    yes: bool,
    /// Say what would change, and change nothing
    #[arg(long)]
    pub(super) dry_run: bool,
}

impl Consent {
    /// Whether to go on. Asks on a terminal; elsewhere only `--yes` is an answer.
    ///
    /// # Errors
    /// [`FaultKind::Usage`] if nobody can be asked.
    pub(super) fn given(self, what: &str) -> Result<bool, Fault> {
        if self.yes {
            return Ok(true);
        }
        if !io::stdin().is_terminal() {
            let message =
                format!("{what}; no terminal to ask on: add --yes to confirm, or --dry-run to look first");
            return Err(Fault::new(FaultKind::Usage, message));
        }
        let mut prompt = io::stderr().lock();
        let asked = write!(prompt, "{what}. Continue? [y/N] ").and_then(|()| prompt.flush());
        let mut answer = String::new();
        asked
            .and_then(|()| io::stdin().lock().read_line(&mut answer))
            .map_err(|error| {
                Fault::new(
                    FaultKind::StateIo,
                    format!("cannot ask on the terminal: {error}; add --yes"),
                )
            })?;
        Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
    }
}
