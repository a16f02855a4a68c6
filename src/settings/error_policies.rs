//! What follows from errors: of one row, of a table, of the task. Pure: no I/O, no clock.

use std::path::PathBuf;

use serde::Serialize;

use super::EventErrorPolicy;
use crate::limits::DEAD_LETTERS_BYTES_DEFAULT;

/// What happens to bad rows and objects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorsConfig {
    /// Folder of the dead letters.
    pub dead_letters: PathBuf,
    /// Bytes of dead letters that one file may make in a minute; a file that makes more is set aside.
    pub dead_letters_max: u64,
    /// What follows from bad rows.
    pub rows: RowPolicies,
    /// So many suspended tables end the task; 0 never.
    pub suspended_tables_max: u64,
    /// What is done if an event cannot be written.
    pub event_error_policy: EventErrorPolicy,
}

impl Default for ErrorsConfig {
    fn default() -> Self {
        Self {
            dead_letters: PathBuf::new(),
            dead_letters_max: DEAD_LETTERS_BYTES_DEFAULT,
            rows: RowPolicies::default(),
            suspended_tables_max: 0,
            event_error_policy: EventErrorPolicy::default(),
        }
    }
}

/// What follows from a row that cannot become a message.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub enum DataErrorPolicy {
    /// It is kept as a dead letter, and its table goes on.
    #[default]
    DeadLetter,
    /// It is kept as a dead letter, and nothing of its table is sent from there on.
    SuspendTable,
    /// The task ends before it.
    StopTask,
}

impl DataErrorPolicy {
    /// The stricter of two.
    #[must_use]
    pub fn or_stricter(self, other: Self) -> Self {
        match (self, other) {
            (Self::StopTask, _) | (_, Self::StopTask) => Self::StopTask,
            (Self::SuspendTable, _) | (_, Self::SuspendTable) => Self::SuspendTable,
            (Self::DeadLetter, Self::DeadLetter) => Self::DeadLetter,
        }
    }
}

/// What follows when a table has too many bad rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Escalation {
    /// The bad row with this number since the task began, or since the table was resumed, is one too many.
    pub count: u64,
    /// What follows from it.
    pub policy: DataErrorPolicy,
}

/// What follows from bad rows. It decides which rows become messages, so it is part of the fingerprint.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct RowPolicies {
    /// Of a row that is wrong in any way but the next one.
    pub data: DataErrorPolicy,
    /// Of a row with a value that does not fit the length or the precision of its column.
    pub truncation: DataErrorPolicy,
    /// Of a row too many.
    pub escalation: Option<Escalation>,
}

impl RowPolicies {
    /// Whether every bad row is a dead letter and nothing follows from it.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}
