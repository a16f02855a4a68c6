//! The commands, one file each.

use std::io::Write;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::config::{self, Config, SystemEnvironment};
use crate::fault::{Fault, FaultKind};

pub mod backends;
#[cfg(feature = "sandbox")]
pub mod demo;
mod logging;
mod progress;
mod run;
#[cfg(feature = "sandbox")]
mod sandbox_crash;
#[cfg(feature = "sandbox")]
mod sandbox_engine;
#[cfg(feature = "sandbox")]
mod sandbox_folder;
#[cfg(feature = "sandbox")]
mod sandbox_report;
mod signals;
pub mod status;

/// Streams the files landing in an S3 bucket into Amazon Kinesis Data Streams, row by row, losing nothing.
#[derive(Debug, Parser)]
#[command(name = "brigade", version, about, propagate_version = true)]
pub struct Cli {
    #[command(flatten)]
    logging: logging::LogArgs,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a task until it is done or told to stop
    Run(run::RunArgs),
    /// Watch the whole way work on this machine, judged by an independent reader
    #[cfg(feature = "sandbox")]
    Demo(demo::DemoArgs),
}

/// Where the configuration is.
#[derive(Debug, Clone, Args)]
pub struct ConfigPath {
    /// Configuration file
    #[arg(
        short,
        long,
        env = "BRIGADE_CONFIG",
        default_value = "brigade.yaml",
        value_name = "FILE"
    )]
    config: PathBuf,
}

/// How results are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OutputFormat {
    /// For people.
    Text,
    /// For programs; shapes carry a `schema_version`.
    Json,
}

impl ConfigPath {
    /// Loads the configuration; warnings go to standard error.
    fn load(&self) -> Result<(Config, PathBuf), Fault> {
        let loaded = config::load(&self.config, &SystemEnvironment)
            .map_err(|problems| Fault::new(FaultKind::Configuration, problems.to_string()))?;
        for warning in &loaded.warnings {
            report(&warning.to_string());
        }
        Ok((loaded.config, self.config.clone()))
    }
}

impl Cli {
    /// Runs the command and gives the exit code.
    ///
    /// # Errors
    /// The fault to report; its kind decides the exit code.
    pub fn run(&self) -> Result<u8, Fault> {
        match &self.command {
            Command::Run(args) => run::run(args, &self.logging),
            #[cfg(feature = "sandbox")]
            Command::Demo(args) => runtime()?.block_on(demo::run(args.clone())),
        }
    }
}

/// The runtime that the AWS SDK and everything but the actors live on.
fn runtime() -> Result<tokio::runtime::Runtime, Fault> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| {
            Fault::new(
                FaultKind::Internal,
                format!("cannot start the I/O threads: {error}"),
            )
        })
}

/// Writes a result to standard output.
fn print(text: &str) -> Result<(), Fault> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(Fault::new(
            FaultKind::StateIo,
            format!("cannot write to standard output: {error}"),
        )),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Writes a line for people to standard error; if even that is gone there is nobody left to tell.
pub fn report(line: &str) {
    drop(writeln!(std::io::stderr().lock(), "{line}"));
}

fn to_json(value: &impl serde::Serialize) -> Result<String, Fault> {
    serde_json::to_string_pretty(value)
        .map(|text| text + "\n")
        .map_err(|error| Fault::new(FaultKind::Internal, format!("cannot write JSON: {error}")))
}
