//! Objects and the queues they are read in. Pure: no I/O, no clock.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// One version of an S3 object or a local file.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ObjectVersion {
    /// Full key (S3) or path relative to the source directory, with `/` between the parts.
    pub key: String,
    /// Entity tag without quotes; a local file gets one made of inode, length and modification time.
    pub etag: String,
    /// Size in bytes as stored.
    pub size_bytes: u64,
    /// Last modification, milliseconds since the Unix epoch.
    pub modified_ms: i64,
}

/// Name of a queue: objects of one queue are read strictly one after another, in number order.
///
/// It is stored in the checkpoint, so it names the table and not its place in the configuration.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct QueueName(Arc<str>);

impl QueueName {
    /// The load queue of a table, given its stored name.
    pub fn load(table_stored_name: &str) -> Self {
        Self(format!("load:{table_stored_name}").into())
    }

    /// The one queue of change files.
    pub fn changes() -> Self {
        Self("changes".into())
    }

    /// The queue of the change files of one table, given its stored name, where they lie in its folder.
    pub fn changes_of(table_stored_name: &str) -> Self {
        Self(format!("changes:{table_stored_name}").into())
    }

    /// Whether its objects are change files that are read.
    pub fn is_of_changes(&self) -> bool {
        let is_one = &*self.0 == "changes" || self.0.starts_with("changes:");
        is_one && *self != Self::in_front()
    }

    /// Whether its objects are load files.
    pub fn is_of_load(&self) -> bool {
        self.0.starts_with("load:")
    }

    /// The stored name of the table, if all rows of its objects are of one table.
    pub fn table_name(&self) -> Option<&str> {
        self.0.split_once(':').map(|(_, table)| table)
    }

    /// The other queues in which a file of this queue's folder may have got a number, when the configuration was another
    /// one.
    pub fn others(&self) -> Vec<Self> {
        let Some(table) = self.table_name() else {
            return Vec::new();
        };
        let of_table = if self.is_of_load() {
            Self::changes_of(table)
        } else {
            Self::load(table)
        };
        vec![of_table, Self::changes()]
    }

    /// Where change files are registered that lie before the start of a task: they are never read.
    pub fn in_front() -> Self {
        Self("changes:in-front".into())
    }

    /// A queue name as it was stored.
    pub fn from_stored(name: &str) -> Self {
        Self(name.into())
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for QueueName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The durable number of an object in its queue. Numbers are given once, in reading order, and never reused.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ObjectId {
    /// The queue.
    pub queue: QueueName,
    /// Number within the queue, from 0.
    pub number: u64,
}

impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", self.queue, self.number)
    }
}

/// Whether a key ends as DMS names files of changes: `20230405-094615814.parquet`, or `.csv`, `.csv.gz` and the like. A
/// name that is not of Parquet has to be a time to the millisecond: others write dates into names as well.
pub fn is_named_as_changes(key: &str) -> bool {
    let name = key.rsplit('/').next().unwrap_or(key);
    let (stem, suffix) = name.split_once('.').unwrap_or((name, ""));
    let are_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let Some((date, time)) = stem.split_once('-') else {
        return false;
    };
    let is_written_so = date.len() == 8 && are_digits(date) && are_digits(time);
    is_written_so && (suffix.contains("parquet") || is_moment(date, time))
}

/// Whether eight digits are a day, and others a time of it to the millisecond.
fn is_moment(date: &str, time: &str) -> bool {
    let within = |text: &str, range: std::ops::Range<usize>, allowed: std::ops::RangeInclusive<u32>| {
        let number = text.get(range).and_then(|digits| digits.parse().ok());
        number.is_some_and(|number| allowed.contains(&number))
    };
    let is_day = within(date, 4..6, 1..=12) && within(date, 6..8, 1..=31);
    let is_time = within(time, 0..2, 0..=23) && within(time, 2..4, 0..=59) && within(time, 4..6, 0..=60);
    is_day && is_time && time.len() == 9
}
