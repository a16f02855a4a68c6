//! The status of a task: what `status`, `tables` and the progress lines show. Pure: no I/O, no clock.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::life_status::LifeStatus;
pub use crate::checkpoint::object_counts::{ObjectCounts, QuarantinedObject, remember};
use crate::checkpoint::store::{Checkpoint, Phase, ShardCut, TableStatistics};
use crate::flow::outage::{Outage, Side};
use crate::observe::shards::ShardActivity;
use crate::saturate;

/// Version of the JSON shape; consumers ignore members they do not know.
pub const STATUS_SCHEMA_VERSION: u32 = 1;

/// A task as it stands. Counts are of settled records unless they say otherwise.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskStatus {
    /// Version of this shape.
    pub schema_version: u32,
    /// The task's name.
    pub task: String,
    /// Process that wrote it.
    pub process_id: u32,
    /// Where that process serves its API, if it does.
    #[serde(default)]
    pub api_address: Option<String>,
    /// When that process started, milliseconds since the Unix epoch.
    #[serde(default)]
    pub started_ms: Option<i64>,
    /// When the task was first started with this state.
    #[serde(default)]
    pub fresh_start_ms: Option<i64>,
    /// When it was written, milliseconds since the Unix epoch.
    pub updated_ms: i64,
    /// Its life.
    #[serde(flatten)]
    pub life: LifeStatus,
    /// What the task is doing.
    pub phase: Phase,
    /// Lives of the data path since the process started, from 1.
    pub generation: u32,
    /// How many of those followed a fault or other shards; what somebody ordered is none of them.
    #[serde(default)]
    pub restarts: u32,
    /// Whether there is a data path: source, target and state were reached, and rows can flow.
    #[serde(default)]
    pub has_data_path: bool,
    /// Whether it waits because somebody paused it.
    #[serde(default)]
    pub paused: bool,
    /// Whether the task ended with nothing in flight.
    pub clean_stop: bool,
    /// Bytes of rendered records in flight.
    pub in_flight_bytes: u64,
    /// Rows that belong to no table and were dead-lettered.
    pub unassigned_error_rows: u64,
    /// Rows of change files whose table no rule of the table mappings selects.
    #[serde(default)]
    pub unselected_rows: u64,
    /// Change files known, done and set aside.
    pub changes: ObjectCounts,
    /// When the oldest change file that is not settled yet was written, milliseconds since the epoch: what is in later ones waits.
    #[serde(default)]
    pub oldest_open_change_ms: Option<i64>,
    /// Objects set aside that wait for a person to decide, whenever that was.
    #[serde(default)]
    pub set_aside: u64,
    /// The newest of them; the newest is the last.
    #[serde(default)]
    pub quarantined: VecDeque<QuarantinedObject>,
    /// The sides of the task that are away.
    #[serde(default)]
    pub outages: Vec<Outage>,
    /// Per table.
    pub tables: Vec<TableStatus>,
    /// Per shard.
    pub shards: Vec<ShardStatus>,
}

/// One table.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableStatus {
    /// Statistics by DMS's names.
    #[serde(flatten)]
    pub statistics: TableStatistics,
    /// Records parsed and not yet settled.
    pub in_flight_records: u64,
    /// Records read: those that were settled when the data path was last started, and those parsed since.
    #[serde(default)]
    pub read_records: u64,
    /// Its load files.
    pub load: ObjectCounts,
    /// Bytes of the known load files that are not settled yet.
    #[serde(default)]
    pub load_bytes_left: u64,
}

/// One shard.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShardStatus {
    /// The shard.
    pub shard_id: String,
    /// Records acknowledged since the task began.
    pub records: u64,
    /// Sequence number of the last of them.
    pub last_sequence_number: Option<String>,
    /// What its publisher is doing.
    #[serde(default)]
    pub activity: ShardActivity,
}

impl TaskStatus {
    /// Takes over what a checkpoint says; what it does not know stays.
    pub fn show(&mut self, checkpoint: &Checkpoint) {
        self.phase = checkpoint.task.phase;
        self.clean_stop = checkpoint.task.clean_stop;
        self.life.show(checkpoint);
        self.fresh_start_ms = checkpoint.task.fresh_start_ms;
        self.unassigned_error_rows = checkpoint.task.unassigned_error_rows;
        self.unselected_rows = checkpoint.task.unselected_rows;
        let tables = checkpoint.tables.iter().cloned();
        self.tables = tables
            .map(|statistics| TableStatus {
                read_records: statistics.settled_rows(),
                statistics,
                ..TableStatus::default()
            })
            .collect();
        let idle = |cut| ShardStatus::of(cut, ShardActivity::default());
        self.shards = checkpoint.cuts.iter().map(idle).collect();
    }
}

impl TaskStatus {
    /// Rows of all tables and of none that were dead-lettered.
    pub fn dead_lettered_rows(&self) -> u64 {
        let tables = self.tables.iter().map(|table| &table.statistics);
        tables.map(TableStatistics::dead_lettered_rows).sum::<u64>() + self.unassigned_error_rows
    }

    /// Which process it is of: ids of processes are given out again.
    pub fn process(&self) -> String {
        format!(
            "{}/{}/{}",
            self.task,
            self.process_id,
            self.started_ms.unwrap_or_default()
        )
    }

    /// Why a side does not answer, if it does not.
    pub fn outage(&self, side: Side) -> Option<&Outage> {
        self.outages.iter().find(|outage| outage.side == side)
    }

    /// Rows that the table mappings leave out: by a filter, or because no rule selects their table.
    pub fn filtered_rows(&self) -> u64 {
        let tables = self.tables.iter().map(|table| &table.statistics);
        tables.map(|table| table.filtered_rows).sum::<u64>() + self.unselected_rows
    }
}

impl TableStatus {
    /// Rows read less those that are settled or in flight (Q1): anything but 0 is a defect.
    pub fn identity_difference(&self) -> i64 {
        let known = self.statistics.settled_rows() + self.in_flight_records;
        saturate::to_i64(self.read_records) - saturate::to_i64(known)
    }
}

impl ShardStatus {
    pub(super) fn of(cut: &ShardCut, activity: ShardActivity) -> Self {
        Self {
            activity,
            shard_id: cut.shard_id.clone(),
            records: cut.records,
            last_sequence_number: cut.last_sequence_number.clone(),
        }
    }
}
