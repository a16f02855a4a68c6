//! What keeps a task from being taken over: settings that shape the data and are not known. Pure: no I/O, no clock.

use std::fmt;

use serde::Serialize;

use super::super::super::interpolate::LEFT_OPEN;
use super::resolve::Reference;

/// A setting that shapes the data, whose value is not known or means nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Open {
    /// The task or the endpoint it belongs to.
    pub resource: String,
    /// Where it stands: `S3Settings.BucketFolder`.
    pub setting: String,
    /// The key it would become.
    pub key: Option<&'static str>,
    /// What would have to be known; with nothing here, the reason says all.
    pub references: Vec<Reference>,
    /// What is wrong with it.
    pub reason: String,
}

impl Open {
    /// The value in the configuration: no key takes it.
    pub(super) fn marker(&self) -> String {
        let names: Vec<_> = self.references.iter().map(|one| one.name.as_str()).collect();
        let what = if names.is_empty() {
            self.reason.clone()
        } else {
            names.join(", ")
        };
        serde_json::Value::from(format!("${{{LEFT_OPEN} {what}}}")).to_string()
    }
}

impl fmt::Display for Open {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} {}", self.resource, self.setting, self.reason)?;
        for (index, reference) in self.references.iter().enumerate() {
            let separator = if index == 0 { ": " } else { "; " };
            write!(f, "{separator}`{}` ({})", reference.name, reference.reason)?;
        }
        Ok(())
    }
}
