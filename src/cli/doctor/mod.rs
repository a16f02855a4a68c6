//! `brigade doctor`: whether this machine, these credentials and this network are fit for the task, and what to do about
//! it. It reads what a run would need, writes a small file into the state folder to see how fast the disk is, and removes
//! it again.

mod aws;
mod finding;
mod machine;

use clap::Args;

use self::finding::{Diagnosis, Finding};
use super::validate;
use super::{ConfigPath, Output, OutputFormat};
use crate::config::Config;
use crate::fault::{Fault, FaultKind};

/// Arguments of `doctor`.
#[derive(Debug, Args)]
pub(super) struct DoctorArgs {
    #[command(flatten)]
    config: ConfigPath,
    /// End with exit code 1 if there is a warning
    #[arg(long)]
    deny_warnings: bool,
    #[command(flatten)]
    output: Output,
}

/// Runs the command.
///
/// # Errors
/// The class of the first thing that failed; what failed was printed.
pub(super) fn run(args: &DoctorArgs) -> Result<u8, Fault> {
    let (config, _) = args.config.load()?;
    let mut findings = super::runtime()?.block_on(outside(&config));
    findings.extend(machine::examine(&config));
    let diagnosis = Diagnosis::new(config.task, findings);
    super::print(&match args.output.format {
        OutputFormat::Json => super::to_json(&diagnosis)?,
        OutputFormat::Text => diagnosis.text(),
    })?;
    diagnosis.verdict(args.deny_warnings)
}

/// Credentials, the clock, and everything that a run asks of source and target.
async fn outside(config: &Config) -> Vec<Finding> {
    let mut findings = vec![aws::credentials(config).await, aws::clock(config).await];
    for check in validate::ask(config).await {
        let kind = check.kind.unwrap_or(FaultKind::Internal);
        findings.push(if check.passed {
            Finding::ok(check.subject, check.detail)
        } else {
            Finding::failed_saying(check.subject, kind, check.detail)
        });
    }
    findings
}
