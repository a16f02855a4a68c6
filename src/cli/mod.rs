//! The commands, one file or folder each, and what they share.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::config::{self, Config, Loaded, SystemEnvironment};
use crate::fault::{Fault, FaultKind};
use crate::observe::terminal::StandardError;
use crate::printable::printable_lines;
use crate::serve::desk::Order;

pub mod backends;
mod ca_bundle;
mod check;
mod checkpoint;
mod config_show;
mod confirm;
pub mod cures;
mod dead_letters;
#[cfg(feature = "sandbox")]
pub mod demo;
mod doctor;
mod events;
mod file_system;
mod files;
mod first_rows;
mod iam;
mod import;
mod init;
mod interrupt;
mod logging;
mod man;
mod new_files;
mod orders;
mod own_files;
mod plan;
mod preview;
mod reload;
mod run;
mod schema;
mod shards;
mod start_type;
pub mod status;
mod steer;
mod stream_view;
mod tables;
mod tap;
mod task_events;
mod task_files;
mod task_view;
mod text;
mod top;
mod validate;
mod verify;

/// Streams the files landing in an S3 bucket into Amazon Kinesis Data Streams, row by row, losing nothing.
#[derive(Debug, Parser)]
#[command(
    name = "brigade",
    version,
    about,
    propagate_version = true,
    subcommand_required = true,
    arg_required_else_help = true
)]
pub struct Cli {
    #[command(flatten)]
    logging: logging::LogArgs,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a task until it is done or stopped
    Run(run::RunArgs),
    /// Report everything that is wrong with a configuration
    Validate(validate::ValidateArgs),
    /// Show the values of a configuration that are in force, and where each comes from
    Config(config_show::ConfigArgs),
    /// Look whether this machine, its credentials and its network are fit for a task
    Doctor(doctor::DoctorArgs),
    /// Make a configuration and a table definition from sample files
    Init(init::InitArgs),
    /// Show what is left to be sent and how long it will take, and warn about what stands in the way
    Plan(plan::PlanArgs),
    /// Show the exact records of the first rows, without sending anything
    Preview(preview::PreviewArgs),
    /// Show what a task is doing, running or not
    Status(status::StatusArgs),
    /// Show what a task is doing on the whole terminal, until q
    Top(top::TopArgs),
    /// Answer one question about a task with the exit codes of Nagios, for monitoring
    Check(check::CheckArgs),
    /// Show the statistics of each table, by the names of DMS, and resume suspended ones
    Tables(tables::TablesArgs),
    /// Show what each shard of the target has taken, and what holds it up
    Shards(shards::ShardsArgs),
    /// Show some of the records that arrive in the stream from now on
    Tap(tap::TapArgs),
    /// Show the changes of state of a task, and go on with those to come
    Events(events::EventsArgs),
    /// Show, export, import or remove the durable state of a task
    Checkpoint(checkpoint::CheckpointArgs),
    /// Load tables again: the next run sends every row of them once more
    Reload(reload::ReloadArgs),
    /// Let a running task read and send nothing more until it is resumed
    Pause(steer::SteerArgs),
    /// Let a paused task go on
    Resume(steer::SteerArgs),
    /// Let a running task end once its requests in flight have, and wait until it has
    Stop(steer::SteerArgs),
    /// List the files that are set aside, read one again, or leave its rest out
    Files(files::FilesArgs),
    /// Compare the stream with the files: every row reported as delivered must be there
    Verify(verify::VerifyArgs),
    /// List the dead letters, rows that could not be sent, and send them again
    Dlq(dead_letters::DeadLettersArgs),
    /// Convert a task of another tool into a configuration
    Import(import::ImportArgs),
    /// Print the policy of IAM with exactly the rights that the task needs
    Iam(iam::IamArgs),
    /// Print the JSON Schema of the configuration, for editors
    Schema,
    /// Print a completion script for a shell
    Completions(schema::CompletionsArgs),
    /// Print a manual page, or write all of them into a folder
    Man(man::ManArgs),
    /// Watch the whole pipeline work on this machine, judged by an independent reader
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

/// The form of a result.
#[derive(Debug, Clone, Copy, Args)]
struct Output {
    /// Form of the result on standard output
    #[arg(
        short = 'o',
        long = "output",
        env = "BRIGADE_OUTPUT",
        value_enum,
        default_value_t = OutputFormat::Text,
        value_name = "FORMAT"
    )]
    format: OutputFormat,
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
    /// The path itself.
    fn path(&self) -> &Path {
        &self.config
    }

    /// Loads the configuration; warnings go to standard error.
    fn load(&self) -> Result<(Config, PathBuf), Fault> {
        let loaded = self.load_whole()?;
        Ok((loaded.config, self.config.clone()))
    }

    /// The same, with the origin of each value.
    fn load_whole(&self) -> Result<Loaded, Fault> {
        let loaded = config::load(&self.config, &SystemEnvironment).map_err(Fault::from)?;
        for warning in &loaded.warnings {
            report(&warning.to_string());
        }
        Ok(loaded)
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
            Command::Validate(args) => validate::run(args),
            Command::Config(args) => config_show::run(args),
            Command::Doctor(args) => doctor::run(args),
            Command::Init(args) => init::run(args),
            Command::Plan(args) => plan::run(args),
            Command::Preview(args) => preview::run(args),
            Command::Status(args) => status::run(args),
            Command::Top(args) => top::run(args),
            Command::Check(args) => check::run(args),
            Command::Tables(args) => tables::run(args),
            Command::Shards(args) => shards::run(args),
            Command::Tap(args) => tap::run(args),
            Command::Events(args) => events::run(args),
            Command::Checkpoint(args) => checkpoint::run(args),
            Command::Reload(args) => reload::run(args),
            Command::Pause(args) => steer::run(args, &Order::Pause),
            Command::Resume(args) => steer::run(args, &Order::Resume),
            Command::Stop(args) => steer::stop(args),
            Command::Files(args) => files::run(args),
            Command::Verify(args) => verify::run(args),
            Command::Dlq(args) => dead_letters::run(args),
            Command::Import(args) => import::run(args),
            Command::Iam(args) => iam::run(args),
            Command::Schema => schema::print_schema(),
            Command::Completions(args) => schema::print_completions(args),
            Command::Man(args) => man::run(args),
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

/// Writes a result to standard output. That nobody reads it any more is not a failure.
fn print(text: &str) -> Result<(), Fault> {
    print_on(text).map(drop)
}

/// Writes a part of a result to standard output; gives whether somebody still reads it.
fn print_on(text: &str) -> Result<bool, Fault> {
    let mut out = std::io::stdout().lock();
    match out
        .write_all(printable_lines(text).as_bytes())
        .and_then(|()| out.flush())
    {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(Fault::new(
            FaultKind::StateIo,
            format!("cannot write to standard output: {error}"),
        )),
        Ok(()) => Ok(true),
        Err(_broken_pipe) => Ok(false),
    }
}

/// Writes a line for people to standard error; if even that is gone, the line is dropped.
pub fn report(line: &str) {
    drop(StandardError.write_all(format!("{line}\n").as_bytes()));
}

fn to_json(value: &impl serde::Serialize) -> Result<String, Fault> {
    serde_json::to_string_pretty(value)
        .map(|text| text + "\n")
        .map_err(|error| Fault::new(FaultKind::Internal, format!("cannot write JSON: {error}")))
}
