//! The checked values of a document by key path. Pure: no I/O, no clock.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::interpolate::Source;
use super::keys::join;
use super::scalar::Scalar;
use crate::settings::problems::DocumentPlace;

/// Where the document has a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Given {
    /// At its own place, perhaps filled in from elsewhere.
    Here(Vec<Source>),
    /// Nowhere: it is the default.
    Not,
}

/// The checked values of a document, defaults included.
#[derive(Debug, Default)]
pub(super) struct Values {
    scalars: BTreeMap<String, Located>,
    groups: BTreeMap<String, DocumentPlace>,
    names: BTreeMap<String, Vec<String>>,
    broken: BTreeSet<String>,
}

/// A value with its place; a default has that of its group.
#[derive(Debug)]
pub(super) struct Located {
    /// The place.
    pub(super) place: DocumentPlace,
    /// The value.
    pub(super) scalar: Scalar,
    /// Whether it is there.
    pub(super) given: Given,
}

impl Values {
    /// Notes the value of a key.
    pub(super) fn insert(&mut self, path: &str, located: Located) {
        self.scalars.insert(path.to_owned(), located);
    }

    /// The value of a key, if it has one.
    pub(super) fn located(&self, path: &str) -> Option<&Located> {
        self.scalars.get(path)
    }

    /// Whether a group is there.
    pub(super) fn has_group(&self, path: &str) -> bool {
        self.groups.contains_key(path)
    }

    /// The names that a key has of its own.
    pub(super) fn names(&self, path: &str) -> &[String] {
        self.names.get(path).map_or(&[], Vec::as_slice)
    }

    /// Notes that a key is there with a value that cannot be used, so that nobody calls it missing.
    pub(super) fn insert_broken(&mut self, path: &str) {
        self.broken.insert(path.to_owned());
    }

    /// Notes that a group is there.
    pub(super) fn insert_group(&mut self, path: &str, place: DocumentPlace) {
        self.groups.insert(path.to_owned(), place);
    }

    /// Notes which names of its own a key has.
    pub(super) fn insert_names(&mut self, path: &str, names: Vec<String>) {
        self.names.insert(path.to_owned(), names);
    }

    /// The values below a key, if the key is there.
    pub(super) fn section(&self, path: &str) -> Option<Section<'_>> {
        self.has_group(path).then(|| Section {
            values: self,
            path: path.to_owned(),
        })
    }
}

/// The values below one key. A getter has nothing where the document has a problem, which is reported already.
#[derive(Debug, Clone)]
pub(super) struct Section<'a> {
    values: &'a Values,
    path: String,
}

impl<'a> Section<'a> {
    /// Where a key of this section is; the section itself if the key is not written down.
    pub(super) fn place(&self, name: &str) -> Option<DocumentPlace> {
        let path = join(&self.path, name);
        let scalar = self.values.located(&path).map(|located| located.place);
        scalar.or_else(|| self.values.groups.get(&path).copied())
    }

    /// Whether a key is there with a value that cannot be used.
    pub(super) fn is_broken(&self, name: &str) -> bool {
        self.values.broken.contains(&join(&self.path, name))
    }

    /// The section below a key of this section, if it is there.
    pub(super) fn section(&self, name: &str) -> Option<Section<'a>> {
        self.values.section(&join(&self.path, name))
    }

    /// Text.
    pub(super) fn text(&self, name: &str) -> Option<&'a str> {
        match self.scalar(name)? {
            Scalar::Text(text) => Some(text),
            Scalar::Texts(_)
            | Scalar::Duration(_)
            | Scalar::Number(_)
            | Scalar::Boolean(_)
            | Scalar::Word(_) => None,
        }
    }

    /// Some texts.
    pub(super) fn texts(&self, name: &str) -> Option<&'a [String]> {
        match self.scalar(name)? {
            Scalar::Texts(texts) => Some(texts),
            Scalar::Text(_)
            | Scalar::Duration(_)
            | Scalar::Number(_)
            | Scalar::Boolean(_)
            | Scalar::Word(_) => None,
        }
    }

    /// The names that a key of this section has of its own.
    pub(super) fn names(&self, name: &str) -> &'a [String] {
        self.values.names(&join(&self.path, name))
    }

    /// Text that stands for nothing when it is empty, as an unset variable gives it.
    pub(super) fn filled_text(&self, name: &str) -> Option<String> {
        self.text(name).filter(|text| !text.is_empty()).map(str::to_owned)
    }

    /// A duration.
    pub(super) fn duration(&self, name: &str) -> Option<Duration> {
        match self.scalar(name)? {
            Scalar::Duration(duration) => Some(*duration),
            Scalar::Text(_) | Scalar::Texts(_) | Scalar::Number(_) | Scalar::Boolean(_) | Scalar::Word(_) => {
                None
            }
        }
    }

    /// A whole number or a size, in the type that is needed.
    pub(super) fn number<T: TryFrom<u64>>(&self, name: &str) -> Option<T> {
        match self.scalar(name)? {
            Scalar::Number(number) => T::try_from(*number).ok(),
            Scalar::Text(_)
            | Scalar::Texts(_)
            | Scalar::Duration(_)
            | Scalar::Boolean(_)
            | Scalar::Word(_) => None,
        }
    }

    /// True or false.
    pub(super) fn boolean(&self, name: &str) -> Option<bool> {
        match self.scalar(name)? {
            Scalar::Boolean(value) => Some(*value),
            Scalar::Text(_)
            | Scalar::Texts(_)
            | Scalar::Duration(_)
            | Scalar::Number(_)
            | Scalar::Word(_) => None,
        }
    }

    /// One of the words of a choice.
    pub(super) fn word(&self, name: &str) -> Option<&'static str> {
        match self.scalar(name)? {
            Scalar::Word(word) => Some(word),
            Scalar::Text(_)
            | Scalar::Texts(_)
            | Scalar::Duration(_)
            | Scalar::Number(_)
            | Scalar::Boolean(_) => None,
        }
    }

    /// What a word of a choice means. A word without a meaning is a mistake in the code, and nothing.
    pub(super) fn choice<T: Copy>(&self, name: &str, meanings: &[(&str, T)]) -> Option<T> {
        let given = self.word(name)?;
        meanings
            .iter()
            .find(|(word, _)| *word == given)
            .map(|(_, meaning)| *meaning)
    }

    fn scalar(&self, name: &str) -> Option<&'a Scalar> {
        let located = self.values.located(&join(&self.path, name));
        located.map(|located| &located.scalar)
    }
}
