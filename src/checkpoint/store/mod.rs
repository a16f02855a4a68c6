//! Where checkpoints are kept: one small seam, two backends (sled, memory).
//!
//! **Invariants:** C1 (durable state never ahead of acknowledged), C2 (an object is done only after a durable
//! commit).

mod building;
pub mod codec;
#[cfg(feature = "testkit")]
pub mod conformance;
mod database;
pub mod decision;
pub mod digest;
mod entries;
mod error;
pub mod export;
pub mod folder;
mod guard;
pub mod identity;
pub mod import;
pub mod keys;
mod life;
#[cfg(feature = "testkit")]
pub mod memory;
mod opening;
mod origin;
mod planted;
pub mod rules;
pub mod sled;
mod staging;
mod state;
mod statistics;
mod upkeep;

use std::fmt::{Debug, Display};

use serde::{Deserialize, Serialize};

pub use self::decision::{Decision, SetAside};
pub use self::error::StoreError;
pub use self::guard::CLOSING_THREAD;
pub use self::life::TaskLife;
pub use self::opening::OPENING_THREAD;
pub use self::statistics::TableStatistics;
use crate::chain::ends::LaneEnds;
use crate::model::places::LaneCut;
use crate::model::trouble::Troubles;
use crate::model::{Mark, ObjectId, ObjectVersion, QueueName};
use crate::route::shard_map::HashRange;

/// Everything durable that a generation starts from. Finished objects are not in it: ask [`CheckpointStore::lookup`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Checkpoint {
    /// Objects that have a number and are not finished, by queue and number.
    pub unfinished: Vec<ObjectEntry>,
    /// Per shard: what is known to be stored there.
    pub cuts: Vec<ShardCut>,
    /// Statistics per table.
    pub tables: Vec<TableStatistics>,
    /// The greatest key that has a number, per queue: a new key below it is late.
    pub greatest_keys: Vec<(QueueName, String)>,
    /// Where the lanes of a queue end after its finished objects, if the task has a chain.
    pub lanes: Vec<(QueueName, LaneEnds)>,
    /// The task as a whole.
    pub task: TaskState,
    /// Decisions that a start has to keep.
    pub life: TaskLife,
    /// Queues that were restarted.
    pub reloaded: Vec<QueueName>,
    /// Whether it is of an earlier time and not taken up yet: imported, or found in a folder that is a copy. The stream
    /// may hold rows that it does not know, also of files that it does not know.
    pub is_put_back: bool,
}

impl Checkpoint {
    /// Whether an object is not read, or not read on, because its table was suspended in it or before it.
    pub fn is_held_back(&self, id: &ObjectId) -> bool {
        let suspensions = self
            .tables
            .iter()
            .filter_map(|table| table.trouble.suspension.as_ref());
        let mut in_loads = suspensions.map(|suspension| &suspension.object);
        id.queue.is_of_load() && in_loads.any(|object| object.queue == id.queue && object.number <= id.number)
    }
}

/// An object that has a number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectEntry {
    /// Its durable number.
    pub id: ObjectId,
    /// The version that was listed.
    pub version: ObjectVersion,
    /// How far it is.
    pub state: ObjectState,
}

impl ObjectEntry {
    /// Whether it is a load file whose table was suspended in it: it is not read on before the table is resumed.
    pub fn is_parked(&self) -> bool {
        let ObjectState::Open(progress) = &self.state else {
            return false;
        };
        let mut troubles = progress.troubles.iter();
        self.id.queue.is_of_load() && troubles.any(|(_, trouble)| trouble.suspension.is_some())
    }

    /// Bytes that are still to be read and settled.
    pub fn unsettled_bytes(&self) -> u64 {
        match &self.state {
            ObjectState::Registered => self.version.size_bytes,
            ObjectState::Open(progress) => self
                .version
                .size_bytes
                .saturating_sub(progress.watermark.position),
            ObjectState::Done(_) | ObjectState::Quarantined { .. } | ObjectState::Decided { .. } => 0,
        }
    }
}

/// How far an object is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ObjectState {
    /// It has a number; nothing of it is settled.
    Registered,
    /// Some of it is settled.
    Open(ObjectProgress),
    /// All of it is settled.
    Done(ObjectTotals),
    /// It was set aside; everything before `watermark` is settled.
    Quarantined {
        /// Why, one sentence.
        reason: String,
        /// Up to where it was delivered.
        watermark: Mark,
        /// Totals up to there.
        totals: ObjectTotals,
        /// Whether more of it may be in the stream: what a process sent of it before it was killed, from a version that
        /// nobody can compare with any more.
        #[serde(default)]
        is_in_doubt: bool,
    },
    /// It was set aside, and a person decided what becomes of the rest.
    Decided {
        /// Why it was set aside, one sentence.
        reason: String,
        /// Up to where it was delivered.
        watermark: Mark,
        /// Totals up to there.
        totals: ObjectTotals,
        /// Whether more of it may be in the stream.
        #[serde(default)]
        is_in_doubt: bool,
        /// What was decided.
        decision: Decision,
    },
}

impl ObjectState {
    /// Whether nothing more will be read of the object, under this number.
    pub fn is_finished(&self) -> bool {
        matches!(
            self,
            Self::Done(_) | Self::Quarantined { .. } | Self::Decided { .. }
        )
    }
}

/// The watermark of an open object and, above it, what single lanes are known to have settled.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectProgress {
    /// Every record before this mark is settled (W2).
    pub watermark: Mark,
    /// The cut of this object: per hash range, the ordinal below which every record whose partition key falls
    /// into the range is settled. Ranges do not overlap; a range that is missing has nothing above the watermark.
    pub through: Vec<RangeThrough>,
    /// The ordinal below which every dead letter of the object is durable.
    pub dead_letters_through: u64,
    /// Totals of the settled part.
    pub totals: ObjectTotals,
    /// Where the lanes of the queue end at the watermark, if the task has a chain.
    #[serde(default)]
    pub lanes: Option<LaneEnds>,
    /// What went wrong with tables before the watermark, in reading order: of a load file with its own table only.
    #[serde(default)]
    pub troubles: Troubles,
    /// Whether more of it may be in the stream than is known, because it is read again after that was said of it.
    #[serde(default)]
    pub is_in_doubt: bool,
}

/// One range of a cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RangeThrough {
    /// The hash range.
    pub range: HashRange,
    /// Records with an ordinal below this one are settled in the range.
    pub through: u64,
}

/// Counts of an object, or of its settled part.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectTotals {
    /// Records read.
    pub records: u64,
    /// Records that a shard acknowledged.
    pub delivered: u64,
    /// Records that are durably dead-lettered.
    pub dead_lettered: u64,
    /// Records that the table mappings leave out.
    #[serde(default)]
    pub filtered: u64,
    /// Bytes of the decompressed object.
    pub bytes: u64,
}

/// What is known to be stored in a shard.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShardCut {
    /// The shard.
    pub shard_id: String,
    /// Its hash range when the cut was taken.
    pub range: HashRange,
    /// Sequence number of the last acknowledged record; `None` before the first.
    pub last_sequence_number: Option<String>,
    /// What each lane knows of it: its own, and lanes whose records were stored here because the stream was resharded.
    pub lanes: Vec<LaneCut>,
    /// Records acknowledged by this shard since the task began.
    pub records: u64,
}

/// The phase a task is in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Files that were there at the start are being read.
    #[default]
    FullLoad,
    /// Change files are being read.
    Changes,
}

impl Phase {
    /// The phase as text.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::FullLoad => "full_load",
            Self::Changes => "changes",
        }
    }
}

/// What is stored of the task as a whole.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskState {
    /// Its phase.
    pub phase: Phase,
    /// Fingerprint of everything in the configuration that changes what is sent.
    pub configuration_fingerprint: String,
    /// Identity of the stream the cuts speak of.
    pub stream_identity: String,
    /// Rows that could not be given to any table (unknown table, no operation).
    pub unassigned_error_rows: u64,
    /// Rows of change files whose table no rule of the table mappings selects.
    #[serde(default)]
    pub unselected_rows: u64,
    /// When the task was first started, milliseconds since the epoch.
    pub fresh_start_ms: Option<i64>,
    /// Whether everything in flight was settled when the process ended.
    pub clean_stop: bool,
    /// Since when something may be in the stream that the checkpoint does not know, if the process before this one left
    /// it so; milliseconds since the epoch.
    #[serde(default)]
    pub in_doubt_since_ms: Option<i64>,
    /// Whether what is in doubt may be in the stream more than once, because after a refused record later ones of its key
    /// were sent again.
    #[serde(default)]
    pub may_hold_copies: bool,
    /// What positions in its files count ([`crate::settings::SourceFormat::positions`]); empty before the first start.
    #[serde(default)]
    pub positions: String,
    /// Number of the chain that its records belong to; a new one is greater.
    #[serde(default)]
    pub chain: Option<u64>,
}

/// One atomic step of the checkpoint: only what changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CheckpointDelta {
    /// Objects whose state changed.
    pub objects: Vec<(ObjectId, ObjectState)>,
    /// Shards that acknowledged something.
    pub cuts: Vec<ShardCut>,
    /// Tables whose statistics changed.
    pub tables: Vec<TableStatistics>,
    /// Queues in which objects were finished, if the task has a chain.
    pub lanes: Vec<(QueueName, LaneEnds)>,
    /// The task, if it changed.
    pub task: Option<TaskState>,
    /// The task's life, if it changed.
    pub life: Option<TaskLife>,
    /// Queues that are restarted: their objects are forgotten, and numbers go on after them.
    pub reload: Vec<QueueName>,
    /// Whether a checkpoint that was put back is taken up: every file that it did not know has a number.
    pub is_taken_up: bool,
    /// Whether positions in files count something else from now on.
    pub is_relocated: bool,
}

impl CheckpointDelta {
    /// Whether there is nothing to commit.
    pub fn is_empty(&self) -> bool {
        let Self {
            objects,
            cuts,
            tables,
            lanes,
            task,
            life,
            reload,
            is_taken_up,
            // It says how the objects of a delta are checked.
            is_relocated: _,
        } = self;
        let is_task_same = task.is_none() && life.is_none() && reload.is_empty() && !is_taken_up;
        objects.is_empty() && cuts.is_empty() && tables.is_empty() && lanes.is_empty() && is_task_same
    }

    /// What refuses a change of an object's state (W1).
    fn check(&self) -> fn(&ObjectId, &ObjectState, &ObjectState) -> Result<(), StoreError> {
        if self.is_relocated {
            rules::check_relocation
        } else {
            rules::check_transition
        }
    }
}

/// A place that keeps checkpoints. Methods block: call them where blocking is allowed.
///
/// Every backend passes the same conformance suite.
pub trait CheckpointStore: Debug + Display + Send + Sync {
    /// Everything a generation starts from.
    ///
    /// # Errors
    /// If the state cannot be read or does not decode.
    fn load(&self) -> Result<Checkpoint, StoreError>;

    /// The entry of each key in a queue, finished or not, in the order asked for.
    ///
    /// # Errors
    /// If the state cannot be read or does not decode.
    fn lookup(&self, queue: &QueueName, keys: &[&str]) -> Result<Vec<Option<ObjectEntry>>, StoreError>;

    /// The objects that are set aside, whatever was decided of them, by queue and key. One whose key has a newer number is
    /// not among them. It visits every object, so it is nothing for the path of a row.
    ///
    /// # Errors
    /// If the state cannot be read or does not decode.
    fn set_aside(&self) -> Result<Vec<ObjectEntry>, StoreError>;

    /// Gives each version the next number of the queue; durable when it returns. The keys must be new, or their
    /// objects were set aside and are to be read again.
    ///
    /// # Errors
    /// As [`CheckpointStore::register_as`].
    fn register(&self, queue: &QueueName, versions: &[ObjectVersion]) -> Result<Vec<ObjectId>, StoreError> {
        let objects: Vec<_> = versions
            .iter()
            .map(|version| (version.clone(), ObjectState::Registered))
            .collect();
        self.register_as(queue, &objects)
    }

    /// The same for objects that are more than registered from the start: what is to be set aside must never be
    /// found as an object to read, not even by a process that starts after a crash.
    ///
    /// # Errors
    /// [`StoreError::AlreadyRegistered`] if a key has a number, or an I/O error; then nothing was registered.
    fn register_as(
        &self,
        queue: &QueueName,
        objects: &[(ObjectVersion, ObjectState)],
    ) -> Result<Vec<ObjectId>, StoreError>;

    /// Applies a delta: all or nothing, durable when it returns.
    ///
    /// # Errors
    /// [`StoreError::Unregistered`] for an object without a number, [`StoreError::Regression`] if a watermark
    /// would go back or a finished object would be reopened (W1), or an I/O error; then nothing was applied.
    fn commit(&self, delta: &CheckpointDelta) -> Result<(), StoreError>;
}
