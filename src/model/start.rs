//! Where the changes of a task begin, once that is decided. Pure: no I/O, no clock.

use serde::{Deserialize, Serialize};

use crate::model::ObjectVersion;
use crate::settings::ChangesFrom;

/// The decision, with the setting that it came from: a later configuration has to ask for the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangesStart {
    /// What the configuration said.
    pub wish: ChangesFrom,
    /// What was made of it.
    pub point: StartPoint,
}

/// Which change files lie before the start.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StartPoint {
    /// None.
    #[default]
    Beginning,
    /// Those up to this key.
    AfterKey(String),
    /// Those that were modified before this time, in milliseconds since the epoch.
    ModifiedSince(i64),
    /// Those that are registered as [`crate::model::QueueName::in_front`]. While that goes on, more may be.
    Registered {
        /// Whether a whole listing was registered.
        is_complete: bool,
    },
}

impl StartPoint {
    /// What a setting comes to at once; `None` for one that takes a listing.
    pub fn of(wish: &ChangesFrom) -> Option<Self> {
        match wish {
            ChangesFrom::Beginning => Some(Self::Beginning),
            ChangesFrom::AfterKey(key) => Some(Self::AfterKey(key.clone())),
            ChangesFrom::ModifiedSince(ms) => Some(Self::ModifiedSince(*ms)),
            ChangesFrom::Now => None,
        }
    }

    /// Whether all of it is known: what a listing under way has registered is not the whole.
    pub fn is_decided(&self) -> bool {
        !matches!(self, Self::Registered { is_complete: false })
    }

    /// Whether an object lies before the start by its key or its time; those that are registered as such are for
    /// the store to say.
    pub fn is_before(&self, version: &ObjectVersion) -> bool {
        match self {
            Self::Beginning | Self::Registered { .. } => false,
            Self::AfterKey(key) => version.key <= *key,
            Self::ModifiedSince(ms) => version.modified_ms < *ms,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_and_a_time_tell_what_lies_before_the_start() {
        let version = |key: &str, modified_ms| ObjectVersion {
            key: key.to_owned(),
            etag: "e".to_owned(),
            size_bytes: 1,
            modified_ms,
        };
        let after = StartPoint::AfterKey("cdc/5".to_owned());
        let since = StartPoint::ModifiedSince(100);
        let cases = [
            (&after, version("cdc/5", 0), true),
            (&after, version("cdc/49", 999), true),
            (&after, version("cdc/50", 0), false),
            (&since, version("cdc/1", 99), true),
            (&since, version("cdc/1", 100), false),
            (&StartPoint::Beginning, version("cdc/1", 0), false),
        ];
        for (point, version, expected) in cases {
            assert_eq!(point.is_before(&version), expected, "{point:?}: {version:?}");
        }
    }
}
