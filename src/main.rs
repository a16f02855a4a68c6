//! The `brigade` command.

use std::process::ExitCode;

use bucket_brigade::checkpoint::store::OPENING_THREAD;
use bucket_brigade::cli::cures::with_config;
use bucket_brigade::cli::{Cli, report};
use bucket_brigade::fault::FaultKind;
use clap::error::ErrorKind;
use clap::{CommandFactory, FromArgMatches};

fn main() -> ExitCode {
    leave_out_damage();
    let parsed = Cli::command().try_get_matches();
    let parsed = parsed.and_then(|matches| Ok((Cli::from_arg_matches(&matches)?, matches)));
    let (cli, matches) = match parsed {
        Ok(parsed) => parsed,
        Err(error) => {
            if error.kind() == ErrorKind::MissingSubcommand {
                // clap leaves the help out as soon as an option has a value, be it from the environment.
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
            report(&format!("error: {}", with_config(&fault.to_string(), &matches)));
            if let Some(help) = fault.kind.help() {
                report(&format!("help: {help}"));
            }
            ExitCode::from(fault.kind.exit_code())
        }
    }
}

/// sled panics on some damage. That becomes an error with a cure; what the panic says is for the developers of sled.
fn leave_out_damage() {
    let show = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if std::thread::current().name() != Some(OPENING_THREAD) {
            show(panic);
        }
    }));
}
