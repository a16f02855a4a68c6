//! Loads a configuration, and the table definition, table mappings and task settings it names. Pure but for the
//! [`Environment`] passed in.

use std::path::Path;

use super::dms::{table_definition, table_mappings};
use super::effective::{Documents, Effective, SettingsDocument};
use super::environment::Environment;
use super::tree::Node;
use super::{Config, resolve, task_settings, walk, yaml};
use crate::map::plan::MappedTables;
use crate::model::Table;
use crate::settings::problems::{ConfigProblems, Problem, Report};

/// Largest configuration, so that a wrong path does not read a data file into memory as YAML.
const DOCUMENT_BYTES_MAX: usize = 1024 * 1024;

/// A configuration, and what is odd about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// The same key by key, with the origin of each value; secrets are masked.
    pub effective: Effective,
    /// Warnings only.
    pub warnings: Vec<Problem>,
}

/// Loads the configuration from a file.
///
/// # Errors
/// Every problem of the file, and of the table definition and table mappings it names.
pub fn load(path: &Path, environment: &dyn Environment) -> Result<Loaded, ConfigProblems> {
    let mut report = Report::new(path.display().to_string());
    match read_text(path, DOCUMENT_BYTES_MAX, environment, &mut report) {
        Some(text) => load_str(&text, path, environment),
        None => Err(ConfigProblems(report.into_problems())),
    }
}

/// Loads the configuration from text, as if it stood in the file `path`.
///
/// # Errors
/// Every problem of the text, and of the table definition and table mappings it names.
pub fn load_str(text: &str, path: &Path, environment: &dyn Environment) -> Result<Loaded, ConfigProblems> {
    let mut report = Report::new(path.display().to_string());
    // Absolute, so that the same task has the same paths (and fingerprint) from whichever folder it is started.
    let absolute = match environment.absolute(path) {
        Ok(absolute) => absolute,
        Err(error) => {
            report.error(
                None,
                format!("has no absolute path: {error}; give the path from the root on"),
            );
            return Err(ConfigProblems(report.into_problems()));
        }
    };
    let folder = absolute.parent().unwrap_or(&absolute);
    let shown_folder = path.parent().unwrap_or(path);
    let mut of_tables = Vec::new();
    let loaded = yaml::read(text, &mut report).and_then(|mut root| {
        let settings = overlay_settings(&mut root, shown_folder, environment, &mut of_tables, &mut report);
        let values = walk::walk(&root, environment, &mut report);
        let tables = resolve::tables_path(&values, shown_folder)
            .and_then(|path| load_tables(&path, environment, &mut of_tables));
        let tables = match resolve::mappings_path(&values, shown_folder) {
            None => tables.map(MappedTables::unchanged),
            Some(path) => load_mappings(&path, tables, environment, &mut of_tables),
        };
        let config = resolve::resolve(&values, tables, folder, &mut report)?;
        let documents = Documents {
            configuration: path.display().to_string(),
            settings,
        };
        let effective = Effective::of(&config.task, &values, &documents);
        Some((config, effective))
    });
    let has_errors = report.has_errors() || of_tables.iter().any(Problem::is_error);
    if loaded.is_none() && !has_errors {
        report.error(None, "cannot be resolved; this is a bug, please report it");
    }
    let mut problems = report.into_problems();
    problems.append(&mut of_tables);
    match loaded {
        Some((config, effective)) if !has_errors => Ok(Loaded {
            config,
            effective,
            warnings: problems,
        }),
        Some(_) | None => Err(ConfigProblems(problems)),
    }
}

/// Adds what the settings document of DMS says, if the configuration names one; gives what was taken from it.
fn overlay_settings(
    root: &mut Node,
    folder: &Path,
    environment: &dyn Environment,
    problems: &mut Vec<Problem>,
    report: &mut Report,
) -> Option<SettingsDocument> {
    // Only to learn the path: the tree is walked again, and its problems are reported then.
    let values = walk::walk(root, environment, &mut Report::new(String::new()));
    let path = resolve::settings_path(&values, folder)?;
    let file = path.display().to_string();
    let mut of_document = Report::new(file.clone());
    let text = read_text(&path, DOCUMENT_BYTES_MAX, environment, &mut of_document);
    let members = text.map(|text| task_settings::overlay(root, &text, &mut of_document, report));
    problems.append(&mut of_document.into_problems());
    members.map(|members| SettingsDocument { file, members })
}

fn load_tables(
    path: &Path,
    environment: &dyn Environment,
    problems: &mut Vec<Problem>,
) -> Option<Vec<Table>> {
    let mut report = Report::new(path.display().to_string());
    let tables = read_text(
        path,
        table_definition::DOCUMENT_BYTES_MAX,
        environment,
        &mut report,
    )
    .and_then(|text| table_definition::parse(&text, &mut report));
    problems.append(&mut report.into_problems());
    tables
}

/// The tables as the rules of a document leave them. Its own problems are reported even if there are no tables.
fn load_mappings(
    path: &Path,
    tables: Option<Vec<Table>>,
    environment: &dyn Environment,
    problems: &mut Vec<Problem>,
) -> Option<MappedTables> {
    let mut report = Report::new(path.display().to_string());
    let text = read_text(
        path,
        table_definition::DOCUMENT_BYTES_MAX,
        environment,
        &mut report,
    );
    let rules = text.and_then(|text| table_mappings::parse(&text, &mut report));
    let mapped = rules
        .zip(tables)
        .map(|(rules, tables)| MappedTables::of(&rules, tables, &mut report));
    problems.append(&mut report.into_problems());
    mapped
}

fn read_text(
    path: &Path,
    bytes_max: usize,
    environment: &dyn Environment,
    report: &mut Report,
) -> Option<String> {
    let bytes = match environment.read_file(path) {
        Ok(bytes) => bytes,
        Err(error) => {
            report.error(
                None,
                format!("cannot be read: {error}; check the path and its permissions"),
            );
            return None;
        }
    };
    if bytes.len() > bytes_max {
        let message = format!(
            "has {} bytes, more than the {bytes_max} that are allowed",
            bytes.len()
        );
        report.error(None, message);
        return None;
    }
    match String::from_utf8(bytes) {
        Ok(text) => Some(text),
        Err(error) => {
            let valid = error.utf8_error().valid_up_to();
            report.error(
                None,
                format!("is not UTF-8 from byte {valid} on; save it as UTF-8"),
            );
            None
        }
    }
}
