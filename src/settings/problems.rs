//! What is wrong with a configuration, with the place of each problem. Pure: no I/O, no clock.

use std::fmt;

use crate::fault::{Fault, FaultKind};

/// A place in a document, both numbers from 1; the column counts characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DocumentPlace {
    /// Line.
    pub line: usize,
    /// Column.
    pub column: usize,
}

impl fmt::Display for DocumentPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// How bad a problem is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Severity {
    /// The task cannot start.
    Error,
    /// The task starts, but probably not as it was meant.
    Warning,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Error => "error",
            Self::Warning => "warning",
        })
    }
}

/// One thing that is wrong, printed as `brigade.yaml:12:5: error: …`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The file, as the user named it.
    pub file: String,
    /// Where in the file; `None` if it is about the file as a whole.
    pub place: Option<DocumentPlace>,
    /// Key path, given value, what is allowed, and the cure.
    pub message: String,
    /// How bad it is.
    pub severity: Severity,
}

impl Problem {
    /// Whether the task cannot start because of it.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.place {
            Some(place) => write!(f, "{}:{place}: {}: {}", self.file, self.severity, self.message),
            None => write!(f, "{}: {}: {}", self.file, self.severity, self.message),
        }
    }
}

/// All that is wrong with a configuration; at least one of the problems is an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigProblems(pub Vec<Problem>);

impl fmt::Display for ConfigProblems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            write!(f, "{separator}{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigProblems {}

impl From<ConfigProblems> for Fault {
    fn from(problems: ConfigProblems) -> Self {
        let errors = problems.0.iter().filter(|problem| problem.is_error()).count();
        let plural = if errors == 1 { "" } else { "s" };
        let message = format!("the configuration has {errors} error{plural}\n{problems}");
        Self::new(FaultKind::Configuration, message)
    }
}

/// Collects the problems of one file.
#[derive(Debug)]
pub struct Report {
    file: String,
    problems: Vec<Problem>,
}

impl Report {
    /// An empty report about a file.
    pub fn new(file: impl Into<String>) -> Self {
        Self {
            file: file.into(),
            problems: Vec::new(),
        }
    }

    /// Notes an error.
    pub fn error(&mut self, place: impl Into<Option<DocumentPlace>>, message: impl Into<String>) {
        self.push(place.into(), message.into(), Severity::Error);
    }

    /// Notes a warning.
    pub fn warning(&mut self, place: impl Into<Option<DocumentPlace>>, message: impl Into<String>) {
        self.push(place.into(), message.into(), Severity::Warning);
    }

    /// Whether an error was noted.
    pub fn has_errors(&self) -> bool {
        self.problems.iter().any(Problem::is_error)
    }

    /// What was noted, by place.
    pub fn into_problems(mut self) -> Vec<Problem> {
        self.problems.sort_by_key(|problem| problem.place);
        self.problems
    }

    fn push(&mut self, place: Option<DocumentPlace>, message: String, severity: Severity) {
        self.problems.push(Problem {
            file: self.file.clone(),
            place,
            message: without_controls(message),
            severity,
        });
    }
}

/// A message may quote a document; what a terminal would obey is shown instead of sent. A line feed is part of the form.
fn without_controls(message: String) -> String {
    let is_command = |character: char| character.is_control() && character != '\n';
    if !message.contains(is_command) {
        return message;
    }
    let mut shown = String::with_capacity(message.len());
    for character in message.chars() {
        if is_command(character) {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_shown_instead() {
        let mut report = Report::new("t.json");
        report.error(None, "has the member `\u{1b}[2J\0`\n    and more");
        let problems = report.into_problems();
        assert_eq!(
            problems[0].message,
            "has the member `\\u{1b}[2J\\u{0}`\n    and more"
        );
    }

    #[test]
    fn problems_are_printed_as_compilers_do_and_by_place() {
        let mut report = Report::new("brigade.yaml");
        report.warning(DocumentPlace { line: 12, column: 5 }, "second");
        report.error(DocumentPlace { line: 3, column: 1 }, "first");
        assert!(report.has_errors(), "one of the two is an error");
        report.error(None, "whole file");
        assert_eq!(
            ConfigProblems(report.into_problems()).to_string(),
            "brigade.yaml: error: whole file\nbrigade.yaml:3:1: error: first\nbrigade.yaml:12:5: warning: second"
        );
    }

    #[test]
    fn a_warning_alone_is_no_error() {
        let mut report = Report::new("brigade.yaml");
        report.warning(None, "odd");
        assert!(!report.has_errors(), "warnings do not stop a task");
    }
}
