//! The `brigade` command.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::process::ExitCode;

use bucket_brigade::checkpoint::store::{CLOSING_THREAD, OPENING_THREAD};
use bucket_brigade::cli::cures::with_config;
use bucket_brigade::cli::{Cli, report};
use bucket_brigade::fault::FaultKind;
use bucket_brigade::flow::panics::note_panic;
use clap::error::ErrorKind;
use clap::{CommandFactory, FromArgMatches};

fn main() -> ExitCode {
    watch_panics();
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

/// A panic is said in words that hold nothing of a row. sled panics on some damage: that becomes an error with a cure, and
/// what the panic says is for the developers of sled.
fn watch_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let text = note_panic(panic);
        let thread = std::thread::current();
        if matches!(thread.name(), Some(OPENING_THREAD | CLOSING_THREAD)) {
            return;
        }
        report(&format!(
            "thread {}: {text}; this is a defect of brigade, please report it",
            thread.name().unwrap_or("without a name")
        ));
        let backtrace = Backtrace::capture();
        if backtrace.status() == BacktraceStatus::Captured {
            report(&backtrace.to_string());
        }
    }));
}
