//! `brigade import dms`: makes a configuration of a task of AWS DMS, and says what became of every setting.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde::Serialize;

use super::new_files::{CONFIGURATION_FILE, NewFiles};
use super::text::{counted, lines, table};
use super::{Output, OutputFormat};
use crate::config::dms::import::{self, Document, Fate, Finding, Imported, Open, Options};
use crate::config::{self, SystemEnvironment};
use crate::fault::{Fault, FaultKind};
use crate::saturate;
use crate::settings::Problem;

/// Version of the JSON shape; consumers ignore members they do not know.
const SCHEMA_VERSION: u32 = 1;

/// Arguments of `import`.
#[derive(Debug, Args)]
pub(super) struct ImportArgs {
    #[command(subcommand)]
    from: From,
}

#[derive(Debug, Subcommand)]
enum From {
    /// Make a configuration from an AWS DMS replication task
    Dms(DmsArgs),
}

#[derive(Debug, Args)]
struct DmsArgs {
    /// What `aws dms describe-replication-tasks`, `describe-replication-configs` or `terraform show -json` prints, a
    /// template of `CloudFormation` or the CDK, or a state file of Terraform
    #[arg(long, value_name = "FILE")]
    task: PathBuf,
    /// What `aws dms describe-endpoints` prints, if the endpoints are not in the file of the task
    #[arg(long, value_name = "FILE")]
    endpoints: Option<PathBuf>,
    /// Which task, if there are several
    #[arg(long)]
    name: Option<String>,
    /// Value of a parameter of the template, of `AWS::Region`, or of any reference that the documents leave open
    #[arg(long = "parameter", value_name = "NAME=VALUE", value_parser = parameter)]
    parameters: Vec<(String, String)>,
    /// Write the configuration although values are not known; they stand in it so that `validate` refuses it
    #[arg(long)]
    allow_unresolved: bool,
    /// Folder for the configuration and the documents it names
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Overwrite files that exist
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    output: Output,
}

/// What `import dms --output json` prints.
#[derive(Debug, Serialize)]
struct Report<'a> {
    schema_version: u32,
    task: &'a str,
    files: Vec<String>,
    refused: usize,
    settings: &'a [Finding],
    /// What shapes the data and is not known.
    unresolved: &'a [Open],
    problems: Vec<String>,
    /// What makes the table definition, if none is in the documents and none is there.
    definition_command: Option<&'a str>,
}

/// Runs the command.
///
/// # Errors
/// What cannot be read or written, and what keeps the result from being a configuration.
pub(super) fn run(args: &ImportArgs) -> Result<u8, Fault> {
    let From::Dms(args) = &args.from;
    let mut documents = vec![read(&args.task)?];
    if let Some(endpoints) = &args.endpoints {
        documents.push(read(endpoints)?);
    }
    let options = Options {
        name: args.name.clone(),
        parameters: args.parameters.clone(),
    };
    let imported = import::import(&documents, &options)?;
    let is_written = imported.unresolved.is_empty() || args.allow_unresolved;
    let files = if is_written {
        write(&imported, args)?
    } else {
        Vec::new()
    };
    let path = args.out.join(CONFIGURATION_FILE);
    let problems = match is_written.then(|| config::load(&path, &SystemEnvironment)) {
        None => Vec::new(),
        Some(Ok(loaded)) => loaded.warnings,
        Some(Err(problems)) => problems.0,
    };
    let definition_command = definition_command(&imported, args);
    let report = Report {
        schema_version: SCHEMA_VERSION,
        task: &imported.task,
        files,
        refused: imported
            .findings
            .iter()
            .filter(|finding| finding.fate == Fate::Refused)
            .count(),
        settings: &imported.findings,
        unresolved: &imported.unresolved,
        problems: problems.iter().map(ToString::to_string).collect(),
        definition_command: definition_command.as_deref(),
    };
    super::print(&match args.output.format {
        OutputFormat::Json => super::to_json(&report)?,
        OutputFormat::Text => report.text(),
    })?;
    if !is_written {
        return Err(unresolved(&imported.unresolved));
    }
    if !problems.iter().any(Problem::is_error) {
        return Ok(0);
    }
    let what = match &definition_command {
        Some(command) => {
            format!("make its table definition with `{command}`, and see to the rest that is named above")
        }
        None => "correct what is named above".to_owned(),
    };
    let message = format!("{} was written, but is not valid yet; {what}", path.display());
    Err(Fault::new(FaultKind::Configuration, message))
}

/// A name and a value; the name can be a reference, the value can be anything.
fn parameter(text: &str) -> Result<(String, String), String> {
    let parts = text.split_once('=').filter(|(name, _)| !name.is_empty());
    let owned = parts.map(|(name, value)| (name.to_owned(), value.to_owned()));
    owned.ok_or_else(|| "is not NAME=VALUE".to_owned())
}

/// Everything that is not known, by its place.
fn unresolved(open: &[Open]) -> Fault {
    let count = counted(saturate::to_u64(open.len()), "setting");
    let list: Vec<_> = open.iter().map(|one| format!("\n  {one}")).collect();
    let list = list.concat();
    let message = format!(
        "nothing was written, because what shapes the data is not known ({count}):{list}\n\
         give what is in quotes with --parameter NAME=VALUE, or write the rest by hand after --allow-unresolved"
    );
    Fault::new(FaultKind::Configuration, message)
}

/// The command that makes the table definition of the files, unless it is there already.
fn definition_command(imported: &Imported, args: &DmsArgs) -> Option<String> {
    if imported.samples.is_empty() {
        return None;
    }
    let path = args.out.join(import::TABLE_DEFINITION);
    if path.exists() {
        tracing::warn!(path = %path.display(), "the table definition that is there already is used: the documents have none");
        return None;
    }
    let samples: Vec<_> = imported.samples.iter().map(|sample| word(sample)).collect();
    let folder = word(&args.out.display().to_string());
    let samples = samples.join(" ");
    Some(format!(
        "brigade init --definition-only --to {folder} --sample {samples}"
    ))
}

/// A text as one word of a command.
fn word(text: &str) -> String {
    let is_plain = |character: char| character.is_alphanumeric() || "/:._-=@+".contains(character);
    if text.chars().all(is_plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

fn read(path: &Path) -> Result<Document, Fault> {
    let text = fs::read_to_string(path).map_err(|error| {
        let hint = if error.kind() == io::ErrorKind::InvalidData {
            "; save it as UTF-8, and of a plan of Terraform give what `terraform show -json FILE` prints"
        } else {
            ""
        };
        let message = format!("cannot read {}: {error}{hint}", path.display());
        Fault::new(FaultKind::SourceMissing, message)
    })?;
    Ok(Document {
        name: path.display().to_string(),
        text,
    })
}

fn write(imported: &Imported, args: &DmsArgs) -> Result<Vec<String>, Fault> {
    let mut files = vec![(CONFIGURATION_FILE, imported.configuration.as_str())];
    if let Some(definition) = &imported.table_definition {
        files.push((import::TABLE_DEFINITION, definition.as_str()));
    }
    if let Some(mappings) = &imported.table_mappings {
        files.push((import::TABLE_MAPPINGS, mappings.as_str()));
    }
    let new_files = NewFiles {
        folder: &args.out,
        folder_option: "--out",
        is_forced: args.force,
    };
    new_files.write(&files)
}

impl Report<'_> {
    fn text(&self) -> String {
        let rows = self.settings.iter().map(|finding| {
            vec![
                finding.setting.clone(),
                finding.value.chars().take(40).collect(),
                format!("{:?}", finding.fate).to_lowercase(),
                finding.key.clone().unwrap_or_default(),
                finding.reason.clone(),
            ]
        });
        let mut text = table(&["setting", "value", "fate", "key", "reason"], &[], rows);
        text += &lines(self.problems.iter().cloned());
        text += &lines(self.files.iter().map(|file| format!("wrote {file}")));
        if let Some(command) = self.definition_command {
            text += &lines([
                "the documents have no table definition; make it of one file of each table, which says what its columns \
                 are (correct the names below if yours differ):"
                    .to_owned(),
                format!("  {command}"),
            ]);
        }
        text += &lines([format!(
            "task {}: {}, {} refused, {} unresolved",
            self.task,
            counted(saturate::to_u64(self.settings.len()), "setting"),
            self.refused,
            self.unresolved.len()
        )]);
        text
    }
}
