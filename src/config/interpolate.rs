//! `${VAR}`, `${VAR:-default}`, `${file:/path}` and `$$` inside string values that are parsed already, so a
//! value can never change the structure of the document. Pure but for the [`Environment`] passed in.

use std::path::Path;

use super::environment::Environment;
use super::tree::quoted;

/// How the mark of a value begins that `import dms` could not find out.
pub(super) const LEFT_OPEN: &str = "unresolved:";

/// Why a string could not be filled in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum InterpolationError {
    /// `${` without `}`.
    #[error("opens `${{` and does not close it; add the `}}`, or write `$$` for a dollar sign")]
    Unclosed,
    /// Not one of the forms.
    #[error("has `${{{0}}}`, which is not one of `${{VAR}}`, `${{VAR:-default}}`, `${{file:/path}}`")]
    Form(String),
    /// What an import left open.
    #[error("was left open by `brigade import dms`: {0}; write the value in its place")]
    LeftOpen(String),
    /// The variable is not set.
    #[error("needs the environment variable {0}, which is not set; set it or write `${{{0}:-default}}`")]
    Undefined(String),
    /// The variable is not Unicode.
    #[error("needs the environment variable {0}, whose value is not Unicode")]
    NotUnicode(String),
    /// The file cannot be read.
    #[error("needs the file {path}, which cannot be read: {detail}")]
    File {
        /// The file.
        path: String,
        /// Why not.
        detail: String,
    },
    /// A value holds control characters; they would end up in names and messages.
    #[error("takes control characters (a newline, for example) from {0}; remove them there")]
    ControlCharacters(String),
}

impl InterpolationError {
    /// The same without any part of the value, which is a secret.
    pub(super) fn without_value(&self) -> String {
        match self {
            Self::Form(_) => {
                "has a `${…}` that is not one of `${VAR}`, `${VAR:-default}`, `${file:/path}`".to_owned()
            }
            Self::ControlCharacters(_) => {
                "takes control characters (a newline, for example) from elsewhere; remove them there"
                    .to_owned()
            }
            Self::Unclosed
            | Self::LeftOpen(_)
            | Self::Undefined(_)
            | Self::NotUnicode(_)
            | Self::File { .. } => self.to_string(),
        }
    }
}

/// What a value was taken from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Source {
    /// The environment variable with this name.
    Variable(String),
    /// The file with this path.
    File(String),
}

/// Text after interpolation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Interpolated {
    /// The text.
    pub text: String,
    /// Whether a value was put in.
    pub is_changed: bool,
    /// Where the values are from, each once; a default of `${VAR:-default}` is from nowhere else.
    pub sources: Vec<Source>,
}

/// Fills in a string value. The result is not looked at again: a value cannot ask for more values.
///
/// # Errors
/// [`InterpolationError`] for the first thing in it that cannot be filled in.
pub(super) fn interpolate(
    text: &str,
    environment: &dyn Environment,
) -> Result<Interpolated, InterpolationError> {
    let mut filled = String::with_capacity(text.len());
    let mut is_changed = false;
    let mut sources = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        filled.push_str(before);
        if let Some(after) = after.strip_prefix('$') {
            filled.push('$');
            rest = after;
        } else if let Some(after) = after.strip_prefix('{') {
            let (inner, after) = after.split_once('}').ok_or(InterpolationError::Unclosed)?;
            let (value, source) = value_of(inner, environment)?;
            filled.push_str(&value);
            is_changed = true;
            if let Some(source) = source.filter(|source| !sources.contains(source)) {
                sources.push(source);
            }
            rest = after;
        } else {
            filled.push('$');
            rest = after;
        }
    }
    filled.push_str(rest);
    Ok(Interpolated {
        text: filled,
        is_changed,
        sources,
    })
}

fn value_of(
    inner: &str,
    environment: &dyn Environment,
) -> Result<(String, Option<Source>), InterpolationError> {
    if let Some(what) = inner.strip_prefix(LEFT_OPEN) {
        return Err(InterpolationError::LeftOpen(what.trim().to_owned()));
    }
    let ((value, source), origin) = match inner.strip_prefix("file:") {
        Some(path) => {
            let source = Source::File(path.to_owned());
            let value = read_file(path, environment)?;
            ((value, Some(source)), format!("the file {path}"))
        }
        None => (variable(inner, environment)?, format!("`${{{inner}}}`")),
    };
    if value.chars().any(char::is_control) {
        return Err(InterpolationError::ControlCharacters(origin));
    }
    Ok((value, source))
}

fn variable(
    inner: &str,
    environment: &dyn Environment,
) -> Result<(String, Option<Source>), InterpolationError> {
    let (name, default) = match inner.split_once(":-") {
        Some((name, default)) => (name, Some(default)),
        None => (inner, None),
    };
    let is_name = !name.is_empty()
        && !name.starts_with(|first: char| first.is_ascii_digit())
        && name
            .chars()
            .all(|character| character.is_ascii_alphanumeric() || character == '_');
    if !is_name {
        return Err(InterpolationError::Form(inner.to_owned()));
    }
    let value = environment
        .variable(name)
        .map_err(|_| InterpolationError::NotUnicode(name.to_owned()))?;
    // As in a shell, `:-` also stands in for a variable that is set to nothing.
    let source = || Some(Source::Variable(name.to_owned()));
    match (value, default) {
        (Some(value), None) => Ok((value, source())),
        (Some(value), Some(_)) if !value.is_empty() => Ok((value, source())),
        (_, Some(default)) => Ok((default.to_owned(), None)),
        (None, None) => Err(InterpolationError::Undefined(name.to_owned())),
    }
}

fn read_file(path: &str, environment: &dyn Environment) -> Result<String, InterpolationError> {
    let failed = |detail: String| InterpolationError::File {
        path: quoted(path),
        detail,
    };
    if !Path::new(path).is_absolute() {
        return Err(failed("the path must be absolute".to_owned()));
    }
    let bytes = environment
        .read_file(Path::new(path))
        .map_err(|error| failed(error.to_string()))?;
    let text = String::from_utf8(bytes).map_err(|_| failed("it is not UTF-8".to_owned()))?;
    // Editors and `echo` leave a newline behind; it is never part of a secret.
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::config::tests::Fixed;

    fn check(text: &str, expected: &str) {
        let environment = Fixed::new(
            &[
                ("NAME", "orders"),
                ("EMPTY", ""),
                ("NESTED", "${NAME}"),
                ("BAD", "a\nb"),
            ],
            &[("/run/secrets/x", "hidden \r\n"), ("/run/two", "a\nb\n")],
        );
        let actual = match interpolate(text, &environment) {
            Ok(filled) => filled.text,
            Err(error) => format!("! {error}"),
        };
        assert!(
            if expected.starts_with('!') {
                actual.contains(expected.trim_start_matches('!'))
            } else {
                actual == expected
            },
            "{text}: {actual}"
        );
    }

    #[test]
    fn every_form_is_filled_in() {
        check("a-${NAME}-b", "a-orders-b");
        check("${NAME}${NAME}", "ordersorders");
        check("${OTHER:-x:-y}", "x:-y");
        check("${OTHER:-}", "");
        check("${EMPTY:-x}", "x");
        check("${EMPTY}", "");
        check("${file:/run/secrets/x}", "hidden ");
        check("$$", "$");
        check("$${NAME}", "${NAME}");
        check("cost: 5$", "cost: 5$");
        check("$NAME", "$NAME");
    }

    #[test]
    fn a_value_cannot_ask_for_more_values() {
        check("${NESTED}", "${NAME}");
    }

    #[test]
    fn what_cannot_be_filled_in_is_refused() {
        check(
            "${OTHER}",
            "!needs the environment variable OTHER, which is not set; set it or write `${OTHER:-default}`",
        );
        check("${NAME", "!does not close it");
        check("${}", "!not one of");
        check("${1A}", "!not one of");
        check("${NAME:?x}", "!not one of");
        check("${BAD}", "!control characters");
        check("${file:/run/two}", "!control characters");
        check("${file:/missing}", "!cannot be read");
        check(
            "${unresolved: Folder}",
            "!left open by `brigade import dms`: Folder",
        );
        check("${file:relative}", "!must be absolute");
    }

    proptest! {
        #[test]
        fn text_without_a_dollar_stays_as_it_is(text in "[^$]*") {
            let filled = interpolate(&text, &Fixed::new(&[], &[])).unwrap();
            prop_assert_eq!(filled, Interpolated { text, is_changed: false, sources: Vec::new() });
        }

        #[test]
        fn doubled_dollars_give_back_any_text(text: String) {
            let filled = interpolate(&text.replace('$', "$$"), &Fixed::new(&[], &[])).unwrap();
            prop_assert_eq!(filled.text, text);
        }
    }
}
