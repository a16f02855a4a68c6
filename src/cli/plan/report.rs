//! What `brigade plan` prints.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

use crate::cli::first_rows::UnreadableFile;
use crate::cli::text::{counted, grouped, lines, span, table};
use crate::printable::printable;
use crate::saturate;

/// What `plan --output json` prints. Records and times are estimates from a sample of rows.
#[derive(Debug, Serialize)]
pub(super) struct Plan {
    pub(super) schema_version: u32,
    pub(super) task: String,
    pub(super) target: String,
    /// Open shards; null if they are not known, and the times are those of one shard.
    pub(super) shards: Option<usize>,
    pub(super) record_bytes_max: usize,
    /// Where the state of the files comes from.
    pub(super) state: StateOrigin,
    pub(super) folders: Vec<FolderPlan>,
    /// Files that belong to no table.
    pub(super) files_of_no_table: Stray,
    pub(super) total: Work,
    pub(super) warnings: Vec<String>,
}

/// Where the state of the files comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum StateOrigin {
    /// Nothing ran yet: every file is new.
    None,
    /// From the checkpoint.
    Checkpoint,
    /// A running process has the checkpoint: every file counts as new.
    Unknown,
}

/// A table's load files, or the change files.
#[derive(Debug, Serialize)]
pub(super) struct FolderPlan {
    /// `schema.table`, or `change files`.
    pub(super) name: String,
    pub(super) prefix: String,
    pub(super) files: FileCounts,
    pub(super) bytes: u64,
    pub(super) first_key: Option<String>,
    pub(super) last_key: Option<String>,
    /// The first file that is not data, and the first that is named as change files are.
    pub(super) not_data_first: Option<String>,
    pub(super) unread_changes_first: Option<String>,
    /// Files of which no rows can be shown, and why.
    pub(super) unreadable: Vec<UnreadableFile>,
    pub(super) sample: SampleMeans,
    pub(super) left: Work,
}

/// Files by what the checkpoint says of them.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize)]
pub(super) struct FileCounts {
    pub(super) all: u64,
    /// Not known to the checkpoint, to be read.
    pub(super) new: u64,
    /// Known, not begun or not finished.
    pub(super) open: u64,
    pub(super) done: u64,
    /// Of those: other versions now than the ones that were read.
    pub(super) replaced: u64,
    /// Set aside, and waiting for a person.
    pub(super) set_aside: u64,
    /// Set aside, and left out by `brigade files skip`.
    pub(super) skipped: u64,
    /// Arrived after the full load of their table was complete, or lie before where the changes begin: they are
    /// not read.
    pub(super) not_read: u64,
    /// Read as files of another kind, load or changes, before the configuration changed.
    pub(super) read_otherwise: u64,
    /// Of the folder, and no data: side files, and what `source.files` leaves out. Not among all.
    pub(super) not_data: u64,
    /// Named as DMS names change files, where none are read. Not among all.
    pub(super) unread_changes: u64,
    /// New change files with a name that sorts before one already read.
    pub(super) late: u64,
}

/// What the sampled rows are like.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize)]
pub(super) struct SampleMeans {
    pub(super) rows: u64,
    pub(super) rejected: u64,
    pub(super) row_bytes_mean: Option<u64>,
    pub(super) record_bytes_mean: Option<u64>,
    pub(super) record_bytes_max: u64,
}

/// What is left to do; null where the sample says nothing.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize)]
pub(super) struct Work {
    pub(super) files: u64,
    pub(super) bytes: u64,
    pub(super) records: Option<u64>,
    pub(super) seconds: Option<u64>,
}

/// Files outside of all folders.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Stray {
    pub(super) count: u64,
    /// The first of them.
    pub(super) keys: Vec<String>,
    /// Whether the whole bucket folder was looked through.
    pub(super) is_complete: bool,
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let headers = [
            "Folder",
            "Files",
            "New",
            "Open",
            "Done",
            "Bytes left",
            "Records",
            "Time",
        ];
        let numbers = ["Files", "New", "Open", "Done", "Bytes left", "Records", "Time"];
        let count = |count: Option<u64>| count.map_or_else(|| "?".to_owned(), grouped);
        let rows = self.folders.iter().map(|folder| {
            vec![
                folder.name.clone(),
                grouped(folder.files.all),
                grouped(folder.files.new),
                grouped(folder.files.open),
                grouped(folder.files.done),
                grouped(folder.left.bytes),
                count(folder.left.records),
                time(folder.left.seconds),
            ]
        });
        f.write_str(&table(&headers, &numbers, rows))?;
        let shards = match self.shards {
            Some(shards) => counted(saturate::to_u64(shards), "shard"),
            None => "one shard, because the shards are not known".to_owned(),
        };
        let state = match self.state {
            StateOrigin::None => "nothing ran yet",
            StateOrigin::Checkpoint => "by the checkpoint",
            StateOrigin::Unknown => "a running process has the checkpoint: every file counts as new",
        };
        let records = self.total.records;
        writeln!(
            f,
            "left ({state}): {}, {}, about {}, {} with {shards}",
            counted(self.total.files, "file"),
            counted(self.total.bytes, "byte"),
            records.map_or_else(|| "? records".to_owned(), |records| counted(records, "record")),
            time(self.total.seconds)
        )?;
        let warnings = self.warnings.iter();
        f.write_str(&lines(
            warnings.map(|warning| format!("warning: {}", printable(warning))),
        ))
    }
}

fn time(seconds: Option<u64>) -> String {
    seconds.map_or_else(|| "?".to_owned(), |seconds| span(Duration::from_secs(seconds)))
}
