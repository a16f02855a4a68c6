//! The `brigade` command.

use std::process::ExitCode;

use bucket_brigade::cli::{Cli, report};
use bucket_brigade::fault::FaultKind;
use clap::error::ErrorKind;
use clap::{CommandFactory, Parser};

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            if error.kind() == ErrorKind::MissingSubcommand {
                // Variables of the environment count as arguments, so clap does not see that there are none.
                report(&Cli::command().render_help().to_string());
            } else {
                drop(error.print());
            }
            let is_help = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
            return ExitCode::from(if is_help { 0 } else { FaultKind::Usage.exit_code() });
        }
    };
    match cli.run() {
        Ok(code) => ExitCode::from(code),
        Err(fault) => {
            report(&format!("error: {fault}"));
            if let Some(help) = fault.kind.help() {
                report(&format!("help: {help}"));
            }
            ExitCode::from(fault.kind.exit_code())
        }
    }
}
