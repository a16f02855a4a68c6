//! The checkpoint as text: JSON lines, each with its CRC, and a trailer that says whether all of it is there.
//!
//! An export depends on no database and no encoding of ours, so it can be read by people, and put back by another
//! version of the program. It is written and read line by line: finished objects may be many.

use std::fmt;
use std::io::Write;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::folder::StateFolder;
use super::identity::FORMAT_VERSION;
use super::sled::SledStore;
use super::state::State;
use super::{ObjectEntry, ShardCut, StoreError, TableStatistics, TaskLife, TaskState};
use crate::chain::ends::LaneEnds;
use crate::model::QueueName;

/// One line of an export. They come in this order; the objects of a queue follow the queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExportEntry {
    /// The first line.
    Header {
        /// Version of the layout.
        format_version: u32,
        /// The task it belongs to.
        task: String,
        /// Number of changes it contains.
        generation: u64,
    },
    /// The task as a whole.
    Task(TaskState),
    /// Decisions that a start has to keep, if there are any.
    Life(TaskLife),
    /// A table.
    Table(TableStatistics),
    /// A shard.
    Cut(ShardCut),
    /// Where the lanes of a queue end, if the task has a chain.
    Lanes {
        /// The queue.
        queue: QueueName,
        /// Its lanes.
        ends: LaneEnds,
    },
    /// A queue; its objects follow.
    Queue {
        /// Its name.
        name: QueueName,
        /// How many objects were given a number.
        objects_count: u64,
        /// The number of the first one that is not forgotten.
        #[serde(default, skip_serializing_if = "is_zero")]
        first_number: u64,
    },
    /// An object, finished or not.
    Object(ObjectEntry),
    /// The last line.
    Trailer(ExportCounts),
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// What an export holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExportCounts {
    /// Tables with statistics.
    pub tables: u64,
    /// Shards.
    pub cuts: u64,
    /// Queues.
    pub queues: u64,
    /// Objects, finished or not.
    pub objects: u64,
}

impl fmt::Display for ExportCounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            tables,
            cuts,
            queues,
            objects,
        } = self;
        write!(
            f,
            "{tables} tables, {cuts} shards, {queues} queues and {objects} objects"
        )
    }
}

impl ExportCounts {
    /// Counts one more line.
    pub(super) fn count(&mut self, entry: &ExportEntry) {
        match entry {
            ExportEntry::Table(_) => self.tables += 1,
            ExportEntry::Cut(_) => self.cuts += 1,
            ExportEntry::Queue { .. } => self.queues += 1,
            ExportEntry::Object(_) => self.objects += 1,
            ExportEntry::Header { .. }
            | ExportEntry::Task(_)
            | ExportEntry::Life(_)
            | ExportEntry::Lanes { .. }
            | ExportEntry::Trailer(_) => {}
        }
    }
}

/// A line as it is written: the CRC is that of the text of `entry`.
#[derive(Serialize, Deserialize)]
struct Line<'a> {
    crc32: String,
    #[serde(borrow)]
    entry: &'a RawValue,
}

fn checksum(text: &str) -> String {
    format!("{:08x}", crc32fast::hash(text.as_bytes()))
}

/// The text of one line, with its end.
pub(super) fn render_line(entry: &ExportEntry) -> serde_json::Result<String> {
    let entry = serde_json::value::to_raw_value(entry)?;
    let mut line = serde_json::to_string(&Line {
        crc32: checksum(entry.get()),
        entry: &entry,
    })?;
    line.push('\n');
    Ok(line)
}

/// What a line says, or why it cannot be believed.
pub(super) fn parse_line(line: &[u8]) -> Result<ExportEntry, String> {
    let line: Line<'_> = serde_json::from_slice(line).map_err(|error| error.to_string())?;
    let computed = checksum(line.entry.get());
    if line.crc32 != computed {
        return Err(format!(
            "the checksum is {}, the text gives {computed}",
            line.crc32
        ));
    }
    serde_json::from_str(line.entry.get()).map_err(|error| error.to_string())
}

impl SledStore {
    /// Writes the whole checkpoint as JSON lines. Commits wait meanwhile, so that it is of one moment.
    ///
    /// # Errors
    /// [`StoreError::Io`], also for `out`; [`StoreError::Damaged`].
    pub fn export(&self, out: &mut dyn Write) -> Result<ExportCounts, StoreError> {
        write_export(&self.lock()?.state, out)
    }
}

/// Writes the whole checkpoint.
pub(super) fn write_export(state: &State, out: &mut dyn Write) -> Result<ExportCounts, StoreError> {
    let mut lines = Lines {
        folder: &state.folder,
        out,
        counts: ExportCounts::default(),
    };
    lines.write(&ExportEntry::Header {
        format_version: FORMAT_VERSION,
        task: state.identity.task.clone(),
        generation: state.identity.generation,
    })?;
    lines.write(&ExportEntry::Task(state.task()?))?;
    let life = state.life()?;
    if life != TaskLife::default() {
        lines.write(&ExportEntry::Life(life))?;
    }
    for table in state.tables()? {
        lines.write(&ExportEntry::Table(table))?;
    }
    for cut in state.cuts()? {
        lines.write(&ExportEntry::Cut(cut))?;
    }
    for (queue, ends) in state.lanes()? {
        lines.write(&ExportEntry::Lanes { queue, ends })?;
    }
    for queue in state.queues.values() {
        lines.write(&ExportEntry::Queue {
            name: queue.name.clone(),
            objects_count: queue.next_number,
            first_number: state.first(&queue.name),
        })?;
        state.visit_objects(queue, 0..queue.next_number, &mut |object| {
            lines.write(&ExportEntry::Object(object))
        })?;
    }
    let counts = lines.counts;
    lines.write(&ExportEntry::Trailer(counts))?;
    lines.out.flush().map_err(|error| lines.failed(&error))?;
    Ok(counts)
}

struct Lines<'a> {
    folder: &'a StateFolder,
    out: &'a mut dyn Write,
    counts: ExportCounts,
}

impl Lines<'_> {
    fn write(&mut self, entry: &ExportEntry) -> Result<(), StoreError> {
        let line = render_line(entry).map_err(|error| self.failed(&error))?;
        self.out
            .write_all(line.as_bytes())
            .map_err(|error| self.failed(&error))?;
        self.counts.count(entry);
        Ok(())
    }

    fn failed(&self, error: &dyn std::fmt::Display) -> StoreError {
        self.folder.io(format!("cannot write the export: {error}"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::checkpoint::store::{ObjectProgress, ObjectState, RangeThrough};
    use crate::model::{ObjectId, ObjectVersion};
    use crate::route::shard_map::HashRange;

    fn object(key: &str) -> ExportEntry {
        let version = ObjectVersion {
            key: key.to_owned(),
            etag: "e".to_owned(),
            size_bytes: 1,
            modified_ms: -2,
        };
        let through = vec![RangeThrough {
            range: HashRange::ALL,
            through: u64::MAX,
        }];
        let state = ObjectState::Open(ObjectProgress {
            through,
            ..ObjectProgress::default()
        });
        ExportEntry::Object(ObjectEntry {
            id: ObjectId {
                queue: QueueName::changes(),
                number: 4,
            },
            version,
            state,
        })
    }

    proptest! {
        #[test]
        fn a_line_reads_back_whatever_the_key(key in ".{0,60}") {
            let line = render_line(&object(&key)).unwrap();
            prop_assert_eq!(line.matches('\n').count(), 1);
            prop_assert_eq!(parse_line(line.as_bytes()), Ok(object(&key)));
        }

        #[test]
        fn a_changed_line_is_refused(place in any::<prop::sample::Index>(), new in any::<u8>()) {
            let mut line = render_line(&object("k")).unwrap().into_bytes();
            let index = place.index(line.len());
            prop_assume!(line[index] != new && !(line[index].is_ascii_whitespace() && new.is_ascii_whitespace()));
            line[index] = new;
            prop_assert!(parse_line(&line).is_err(), "byte {} became {}", index, new);
        }
    }

    #[test]
    fn a_line_is_readable_by_people() {
        let counts = ExportCounts {
            tables: 1,
            cuts: 2,
            queues: 3,
            objects: 4,
        };
        let line = render_line(&ExportEntry::Trailer(counts)).unwrap();
        let entry = r#"{"trailer":{"tables":1,"cuts":2,"queues":3,"objects":4}}"#;
        assert_eq!(
            line,
            format!("{{\"crc32\":\"{}\",\"entry\":{entry}}}\n", checksum(entry)),
            "the trailer"
        );
    }
}
