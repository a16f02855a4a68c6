//! The values that the user gives for what the documents leave open. Pure: no I/O, no clock.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

/// `--parameter NAME=VALUE`, and which of them were of use.
#[derive(Debug, Default)]
pub(in super::super) struct Parameters {
    given: BTreeMap<String, String>,
    used: RefCell<BTreeSet<String>>,
}

impl Parameters {
    pub(in super::super) fn new(given: &[(String, String)]) -> Self {
        Self {
            given: given.iter().cloned().collect(),
            used: RefCell::default(),
        }
    }

    /// The value of a name.
    pub(in super::super) fn get(&self, name: &str) -> Option<&str> {
        let value = self.given.get(name)?;
        self.declare(name);
        Some(value)
    }

    /// A name that a document knows, whether or not it matters.
    pub(in super::super) fn declare(&self, name: &str) {
        self.used.borrow_mut().insert(name.to_owned());
    }

    /// The names that no document knows. What is known of every stack may be given for nothing.
    pub(in super::super) fn unused(&self) -> Vec<&str> {
        let used = self.used.borrow();
        let names = self.given.keys().filter(|name| !used.contains(*name));
        names
            .map(String::as_str)
            .filter(|name| !name.starts_with("AWS::"))
            .collect()
    }
}
