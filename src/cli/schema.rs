//! `brigade schema` and `brigade completions`: what editors and shells want to know.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::fault::Fault;

/// Arguments of `completions`.
#[derive(Debug, Args)]
pub(super) struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

/// Prints the JSON Schema of the configuration.
///
/// # Errors
/// If standard output cannot be written.
pub(super) fn print_schema() -> Result<u8, Fault> {
    super::print(&super::to_json(&crate::config::json_schema())?)?;
    Ok(0)
}

/// Prints a completion script.
///
/// # Errors
/// If standard output cannot be written.
pub(super) fn print_completions(args: &CompletionsArgs) -> Result<u8, Fault> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut super::Cli::command(), "brigade", &mut script);
    super::print(&String::from_utf8_lossy(&script))?;
    Ok(0)
}
