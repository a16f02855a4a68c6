//! `brigade config show`: the values of a configuration that are in force, and where each comes from.

use clap::{Args, Subcommand};
use serde::Serialize;

use super::text::lines;
use super::{ConfigPath, Output, OutputFormat};
use crate::config::{Effective, EffectiveValue};
use crate::fault::Fault;

/// Version of the JSON shape; consumers ignore members they do not know.
const SCHEMA_VERSION: u32 = 1;
/// Origins stand below one another up to this length of a value.
const VALUE_WIDTH_MAX: usize = 32;

/// Arguments of `config`.
#[derive(Debug, Args)]
pub(super) struct ConfigArgs {
    #[command(subcommand)]
    command: ConfigCommand,
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Show every value in force and where it comes from: a place in a file, a variable, a default; secrets are masked
    Show(ShowArgs),
}

#[derive(Debug, Args)]
struct ShowArgs {
    #[command(flatten)]
    config: ConfigPath,
    #[command(flatten)]
    output: Output,
}

/// What `config show --output json` prints, and the API answers.
#[derive(Debug, Serialize)]
pub(super) struct ConfigReport<'a> {
    schema_version: u32,
    task: &'a str,
    values: &'a [EffectiveValue],
}

/// Runs the command.
///
/// # Errors
/// Every problem of the configuration.
pub(super) fn run(args: &ConfigArgs) -> Result<u8, Fault> {
    let ConfigCommand::Show(args) = &args.command;
    let loaded = args.config.load_whole()?;
    let report = ConfigReport::of(&loaded.effective);
    super::print(&match args.output.format {
        OutputFormat::Json => super::to_json(&report)?,
        OutputFormat::Text => report.text(),
    })?;
    Ok(0)
}

impl<'a> ConfigReport<'a> {
    pub(super) fn of(effective: &'a Effective) -> Self {
        Self {
            schema_version: SCHEMA_VERSION,
            task: &effective.task,
            values: &effective.values,
        }
    }

    fn text(&self) -> String {
        let shown = self.values.iter().map(|value| {
            let EffectiveValue { key, value, origin } = value;
            (key, value.to_string(), origin)
        });
        let shown: Vec<_> = shown.collect();
        let width = |text: &str| text.chars().count();
        let key_width = shown.iter().map(|(key, ..)| width(key)).max().unwrap_or(0);
        let widths = shown.iter().map(|(_, value, _)| width(value));
        let value_width = widths.filter(|width| *width <= VALUE_WIDTH_MAX).max();
        let value_width = value_width.unwrap_or(0);
        lines(
            shown.iter().map(|(key, value, origin)| {
                format!("{key:<key_width$} = {value:<value_width$}   # {origin}")
            }),
        )
    }
}
