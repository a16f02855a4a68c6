//! Where the value of a key comes from, for people and for programs. Pure: no I/O, no clock.

use std::fmt;

use serde::Serialize;

use super::super::interpolate::Source;
use crate::settings::problems::DocumentPlace;

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Origin {
    /// What it comes from; of several that it is put together of, the first.
    #[serde(flatten)]
    pub kind: OriginKind,
    /// The place that says so, if one does.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub at: Option<FilePlace>,
    /// What else it is put together of.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<OriginKind>,
}

/// What a value comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", content = "name", rename_all = "snake_case")]
pub enum OriginKind {
    /// Nobody says anything.
    Default,
    /// It is written in the configuration.
    File,
    /// The environment variable with this name.
    Environment(String),
    /// What is in the file with this path, which the configuration asks for.
    FileContent(String),
    /// This member of the task settings.
    TaskSettings(String),
    /// This option of the command.
    Option(String),
}

/// A place in a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FilePlace {
    /// The file, as the user named it.
    pub file: String,
    /// Line, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    /// Column, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<usize>,
}

impl Origin {
    pub(super) fn of(kind: OriginKind, at: Option<FilePlace>) -> Self {
        Self {
            kind,
            at,
            also: Vec::new(),
        }
    }
}

impl OriginKind {
    pub(super) fn of(source: &Source) -> Self {
        match source {
            Source::Variable(name) => Self::Environment(name.clone()),
            Source::File(path) => Self::FileContent(path.clone()),
        }
    }
}

impl FilePlace {
    pub(super) fn of(file: &str, place: Option<DocumentPlace>) -> Self {
        Self {
            file: file.to_owned(),
            line: place.map(|place| place.line),
            column: place.map(|place| place.column),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.kind, &self.at) {
            (OriginKind::File, Some(at)) => return at.fmt(f),
            (kind, _) => kind.fmt(f)?,
        }
        for other in &self.also {
            write!(f, ", {other}")?;
        }
        match &self.at {
            Some(at) => write!(f, " ({at})"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for OriginKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File => f.write_str("configuration"),
            Self::Environment(name) => write!(f, "environment variable {name}"),
            Self::FileContent(path) => write!(f, "file {path}"),
            Self::TaskSettings(member) => write!(f, "task settings {member}"),
            Self::Option(option) => write!(f, "option {option}"),
        }
    }
}

impl fmt::Display for FilePlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        match (self.line, self.column) {
            (Some(line), Some(column)) => write!(f, ":{line}:{column}"),
            _ => Ok(()),
        }
    }
}
