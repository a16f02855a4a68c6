//! `brigade check`: one question to a task, answered as monitoring systems read it: a line with numbers, and an exit
//! code of Nagios. It reads files only.

mod errors;
mod lag;
mod throttle;
pub(super) mod verdict;
mod verified;

use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};

use self::verdict::{Level, Limits, Verdict};
use super::task_view::TaskView;
use super::{ConfigPath, Output, OutputFormat};
use crate::config::Config;
use crate::config::units::parse_duration;
use crate::fault::Fault;

/// Arguments of `check`.
#[derive(Debug, Args)]
pub(super) struct CheckArgs {
    #[command(subcommand)]
    question: Question,
}

#[derive(Debug, Subcommand)]
enum Question {
    /// How long changes wait to be read, and how long nothing was settled although there is work
    Lag(LagArgs),
    /// What share of its records a shard refuses, because more is written to it than it takes
    Throttle(ThrottleArgs),
    /// Rows, files and tables that were not delivered
    Errors(ErrorsArgs),
    /// When `brigade verify` last compared the stream with the files, and what it found
    Verify(VerifiedArgs),
}

/// What all questions but the one for `verify` take.
#[derive(Debug, Args)]
struct RunningArgs {
    #[command(flatten)]
    config: ConfigPath,
    /// What a task is that does not run, although it has not come to its end
    #[arg(long, value_enum, default_value_t = NotRunning::Critical, value_name = "LEVEL")]
    not_running: NotRunning,
    /// A status that is older than this is not one to judge by
    #[arg(long, default_value = "30s", value_parser = parse_duration, value_name = "TIME")]
    stale_after: Duration,
    #[command(flatten)]
    output: Output,
}

/// What it means that a task does not run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum NotRunning {
    /// It is as it should be, and what it left is judged.
    Ok,
    /// A warning.
    Warning,
    /// Somebody has to start it.
    Critical,
    /// Nothing can be said.
    Unknown,
}

#[derive(Debug, Args)]
struct LagArgs {
    #[command(flatten)]
    running: RunningArgs,
    /// More than this is a warning
    #[arg(long, default_value = "1m", value_parser = parse_duration, value_name = "TIME")]
    warning: Duration,
    /// More than this is critical
    #[arg(long, default_value = "5m", value_parser = parse_duration, value_name = "TIME")]
    critical: Duration,
}

#[derive(Debug, Args)]
struct ThrottleArgs {
    #[command(flatten)]
    running: RunningArgs,
    /// More than this, in per cent of the records sent to a shard in ten seconds, is a warning
    #[arg(long, default_value_t = 10, value_name = "PERCENT")]
    warning: u64,
    /// More than this is critical
    #[arg(long, default_value_t = 50, value_name = "PERCENT")]
    critical: u64,
}

#[derive(Debug, Args)]
struct ErrorsArgs {
    #[command(flatten)]
    running: RunningArgs,
    /// More dead letters than this are a warning
    #[arg(long, default_value_t = 0, value_name = "COUNT")]
    warning: u64,
    /// More dead letters than this are critical
    #[arg(long, default_value_t = 100, value_name = "COUNT")]
    critical: u64,
}

#[derive(Debug, Args)]
struct VerifiedArgs {
    #[command(flatten)]
    config: ConfigPath,
    /// A comparison of everything that found nothing missing and is older than this is a warning
    #[arg(long, default_value = "168h", value_parser = parse_duration, value_name = "TIME")]
    warning: Duration,
    /// If it is older than this, it is critical
    #[arg(long, default_value = "744h", value_parser = parse_duration, value_name = "TIME")]
    critical: Duration,
    #[command(flatten)]
    output: Output,
}

/// Answers the question. What cannot be answered is an answer too, so only standard output can fail.
///
/// # Errors
/// If standard output cannot be written.
pub(super) fn run(args: &CheckArgs) -> Result<u8, Fault> {
    let (name, answer, output) = match &args.question {
        Question::Lag(args) => {
            let limits = Limits::of_times(args.warning, args.critical);
            let answer = of_task(&args.running, |view, config| lag::judge(view, config, limits));
            ("lag", answer, args.running.output)
        }
        Question::Throttle(args) => {
            let limits = Limits::new(args.warning, args.critical);
            let answer = of_task(&args.running, |view, _| throttle::judge(view, limits));
            ("throttle", answer, args.running.output)
        }
        Question::Errors(args) => {
            let limits = Limits::new(args.warning, args.critical);
            let answer = of_task(&args.running, |view, _| errors::judge(view, limits));
            ("errors", answer, args.running.output)
        }
        Question::Verify(args) => {
            let limits = Limits::of_times(args.warning, args.critical);
            ("verify", verified::answer(&args.config, limits), args.output)
        }
    };
    let verdict = answer.unwrap_or_else(|fault| Verdict::new(Level::Unknown, fault.to_string()));
    super::print(&match output.format {
        OutputFormat::Json => super::to_json(&verdict.report(name))?,
        OutputFormat::Text => format!("{verdict}\n"),
    })?;
    Ok(verdict.level.exit_code())
}

/// Looks whether the task runs as it should, and if so, or if that does not matter, asks the question.
fn of_task(args: &RunningArgs, judge: impl FnOnce(&TaskView, &Config) -> Verdict) -> Result<Verdict, Fault> {
    let (config, _) = args.config.load()?;
    let view = TaskView::of(&config)?;
    let not_running = match args.not_running {
        NotRunning::Ok => Level::Ok,
        NotRunning::Warning => Level::Warning,
        NotRunning::Critical => Level::Critical,
        NotRunning::Unknown => Level::Unknown,
    };
    let presence = verdict::presence(&view, not_running, args.stale_after);
    if presence.level == Level::Unknown || view.status.is_none() {
        return Ok(presence);
    }
    Ok(judge(&view, &config).after(presence))
}
