//! What is counted of one table, and what went wrong with it. Pure: no I/O, no clock.

use serde::{Deserialize, Serialize};

use crate::model::stored_name;
use crate::model::trouble::Trouble;

/// Statistics of one table; names follow DMS's table statistics. `Q1`: read = delivered + dead-lettered + filtered
/// + in flight; the stored part has nothing in flight.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableStatistics {
    /// Schema name.
    pub schema_name: String,
    /// Table name.
    pub table_name: String,
    /// `FullLoadRows`: load rows delivered.
    pub full_load_rows: u64,
    /// `FullLoadErrorRows`: load rows dead-lettered.
    pub full_load_error_rows: u64,
    /// `AppliedInserts`: insert rows delivered.
    pub applied_inserts: u64,
    /// `AppliedUpdates`: update rows delivered.
    pub applied_updates: u64,
    /// `AppliedDeletes`: delete rows delivered.
    pub applied_deletes: u64,
    /// `AppliedDdls`: control records delivered.
    pub applied_ddls: u64,
    /// Change rows dead-lettered.
    pub change_error_rows: u64,
    /// Rows that a filter of the table mappings leaves out.
    #[serde(default)]
    pub filtered_rows: u64,
    /// Rows delivered of which a value was cut or rounded, because the configuration wants it.
    #[serde(default)]
    pub truncated_rows: u64,
    /// Rows that were skipped as headers of files, and read like rows of the table.
    #[serde(default)]
    pub skipped_header_rows: u64,
    /// Source bytes settled.
    pub bytes: u64,
    /// Objects finished.
    pub objects_done: u64,
    /// Objects set aside.
    pub objects_quarantined: u64,
    /// When the first record of the full load was read, milliseconds since the epoch.
    pub full_load_start_ms: Option<i64>,
    /// When the last record of the full load settled.
    pub full_load_end_ms: Option<i64>,
    /// When a record last settled.
    pub last_update_ms: Option<i64>,
    /// What went wrong with it, in reading order, as far as objects are finished; a suspension as soon as it is settled.
    #[serde(default)]
    pub trouble: Trouble,
}

impl TableStatistics {
    /// Counts an object that is done, or set aside.
    pub fn object_ended(&mut self, is_done: bool) {
        if is_done {
            self.objects_done += 1;
        } else {
            self.objects_quarantined += 1;
        }
    }

    /// Rows that a shard acknowledged, with control records.
    pub fn delivered_rows(&self) -> u64 {
        let changes = self.applied_inserts + self.applied_updates + self.applied_deletes;
        self.full_load_rows + changes + self.applied_ddls
    }

    /// Rows that are dead letters.
    pub fn dead_lettered_rows(&self) -> u64 {
        self.full_load_error_rows + self.change_error_rows
    }

    /// Rows that are settled, one way or another.
    pub fn settled_rows(&self) -> u64 {
        self.delivered_rows() + self.dead_lettered_rows() + self.filtered_rows
    }

    /// Whether a file of it was set aside, or it is suspended: the state that DMS calls `Table error`.
    pub fn has_error(&self) -> bool {
        self.objects_quarantined > 0 || self.is_suspended()
    }

    /// Whether nothing more of it is sent until it is resumed.
    pub fn is_suspended(&self) -> bool {
        self.trouble.suspension.is_some()
    }

    /// `schema.table`.
    pub fn full_name(&self) -> String {
        format!("{}.{}", self.schema_name, self.table_name)
    }

    /// The name that no other table has in the state and in commands.
    pub fn stored_name(&self) -> String {
        stored_name(&self.schema_name, &self.table_name)
    }
}
