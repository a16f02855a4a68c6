//! What a queue starts from. Pure: no I/O, no clock.

use super::folders::FileRule;
use super::read_otherwise::Others;
use crate::checkpoint::store::ObjectEntry;
use crate::model::control::ControlPlan;
use crate::model::start::StartPoint;
use crate::model::{QueueName, TableIndex};
use crate::settings::LateFiles;

/// How a queue is listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Watch {
    /// Once, to its end.
    Once,
    /// In full, until a listing that began when everything known was settled finds nothing new: that is the end of a
    /// load. Then, if at all, now and then for files that come after it.
    Load {
        /// Milliseconds between two of those.
        afterwards_ms: Option<i64>,
    },
    /// Again and again: a short listing after the last key, and now and then a full one.
    Poll {
        /// Milliseconds between two listings.
        interval_ms: i64,
        /// Milliseconds between two full listings.
        full_interval_ms: i64,
    },
}

/// What a queue starts from.
#[derive(Debug, Clone)]
pub struct QueueStart {
    /// Its name.
    pub name: QueueName,
    /// Its table, for a load queue.
    pub table: Option<TableIndex>,
    /// Which objects are its own.
    pub rule: FileRule,
    /// How it is listed.
    pub watch: Watch,
    /// What to do with late files.
    pub late_files: LateFiles,
    /// The control records that go first.
    pub control: Option<ControlPlan>,
    /// Whether the load of its table is complete: new objects get no numbers and are named.
    pub is_loaded: bool,
    /// Whether its table is suspended: new objects get their numbers and are not read.
    pub is_suspended: bool,
    /// The first objects that are not read because its table is suspended.
    pub unread: Vec<String>,
    /// Objects that have a number and are not finished, as far as they are to be read.
    pub unfinished: Vec<ObjectEntry>,
    /// The greatest key that has a number.
    pub greatest_key: Option<String>,
    /// Which of its objects are not read because they lie before the start.
    pub from: StartPoint,
    /// Where its files may have been read as files of another kind.
    pub others: Others,
    /// Short listings begin after this key at least.
    pub list_after: Option<String>,
}
