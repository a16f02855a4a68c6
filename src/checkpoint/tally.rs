//! What a chunk contributes to the statistics once all of it is settled. Pure: no I/O, no clock.

use crate::chain::ends::LaneEnds;
use crate::checkpoint::store::TableStatistics;
use crate::model::settle::ChunkRef;
use crate::model::trouble::Troubles;
use crate::model::{Operation, TableIndex};

/// Counts of one chunk.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChunkTally {
    /// Bytes of the span.
    pub bytes: u64,
    /// Records in it.
    pub records: u64,
    /// Records that become messages.
    pub delivered: u64,
    /// Records that become dead letters.
    pub dead_lettered: u64,
    /// Dead letters that belong to no table.
    pub unassigned: u64,
    /// Records that the table mappings leave out.
    pub filtered: u64,
    /// Those of them whose table no rule selects.
    pub unselected: u64,
    /// Counts per table, each table once.
    pub tables: Vec<TableTally>,
    /// The lanes that have records in it, with the last position of each.
    pub ends: LaneEnds,
    /// What went wrong with the tables of its bad rows, up to its end, in reading order.
    pub troubles: Troubles,
}

/// Counts of one chunk for one table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableTally {
    /// The table.
    pub table: TableIndex,
    /// Load rows to deliver.
    pub loads: u64,
    /// Insert rows to deliver.
    pub inserts: u64,
    /// Update rows to deliver.
    pub updates: u64,
    /// Delete rows to deliver.
    pub deletes: u64,
    /// Control records to deliver.
    pub ddls: u64,
    /// Load rows to dead-letter.
    pub load_errors: u64,
    /// Change rows to dead-letter.
    pub change_errors: u64,
    /// Rows that a filter leaves out.
    pub filtered: u64,
    /// Rows to deliver of which a value was cut or rounded.
    pub truncated: u64,
    /// Rows that were skipped as headers and read like rows.
    pub skipped_headers: u64,
    /// Source bytes of the rows.
    pub bytes: u64,
}

/// A row that was to become a message, and whose message the service refuses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedRow {
    /// Its chunk.
    pub chunk: ChunkRef,
    /// Its table.
    pub table: TableIndex,
    /// What it does.
    pub operation: Operation,
    /// Whether it is of a full-load file.
    pub is_load: bool,
}

impl TableTally {
    fn new(table: TableIndex) -> Self {
        Self {
            table,
            loads: 0,
            inserts: 0,
            updates: 0,
            deletes: 0,
            ddls: 0,
            load_errors: 0,
            change_errors: 0,
            filtered: 0,
            truncated: 0,
            skipped_headers: 0,
            bytes: 0,
        }
    }

    /// Records of the table, delivered or not.
    pub fn records(&self) -> u64 {
        let delivered = self.loads + self.inserts + self.updates + self.deletes + self.ddls;
        delivered + self.load_errors + self.change_errors + self.filtered
    }

    /// Adds the counts to the table's statistics.
    pub fn add_to(&self, statistics: &mut TableStatistics) {
        statistics.full_load_rows += self.loads;
        statistics.applied_inserts += self.inserts;
        statistics.applied_updates += self.updates;
        statistics.applied_deletes += self.deletes;
        statistics.applied_ddls += self.ddls;
        statistics.full_load_error_rows += self.load_errors;
        statistics.change_error_rows += self.change_errors;
        statistics.filtered_rows += self.filtered;
        statistics.truncated_rows += self.truncated;
        statistics.skipped_header_rows += self.skipped_headers;
        statistics.bytes += self.bytes;
    }
}

impl ChunkTally {
    /// Counts a record that becomes a message.
    pub fn deliver(&mut self, table: TableIndex, operation: Operation, bytes: u64) {
        self.records += 1;
        self.delivered += 1;
        let tally = self.table(table);
        tally.bytes += bytes;
        match operation {
            Operation::Load => tally.loads += 1,
            Operation::Insert => tally.inserts += 1,
            Operation::Update => tally.updates += 1,
            Operation::Delete => tally.deletes += 1,
        }
    }

    /// Counts a row of which a value was cut or rounded, and that becomes a message.
    pub fn truncate(&mut self, table: TableIndex) {
        self.table(table).truncated += 1;
    }

    /// Counts a row of this table that was skipped as a header and reads like a row, if there is one. It is none of the records.
    pub fn skip_header(&mut self, table: Option<TableIndex>) {
        if let Some(table) = table {
            self.table(table).skipped_headers += 1;
        }
    }

    /// Counts a control record.
    pub fn control(&mut self, table: Option<TableIndex>) {
        self.records += 1;
        self.delivered += 1;
        if let Some(table) = table {
            self.table(table).ddls += 1;
        }
    }

    /// Counts a record that becomes a dead letter.
    pub fn reject(&mut self, table: Option<TableIndex>, is_load: bool, bytes: u64) {
        self.records += 1;
        self.dead_lettered += 1;
        match table.map(|table| self.table(table)) {
            Some(tally) => {
                tally.bytes += bytes;
                *(if is_load {
                    &mut tally.load_errors
                } else {
                    &mut tally.change_errors
                }) += 1;
            }
            None => self.unassigned += 1,
        }
    }

    /// Counts a row as a dead letter that was counted as one that becomes a message.
    pub fn refuse(&mut self, row: &RefusedRow) {
        self.delivered = self.delivered.saturating_sub(1);
        self.dead_lettered += 1;
        let tally = self.table(row.table);
        let delivered = match row.operation {
            Operation::Load => &mut tally.loads,
            Operation::Insert => &mut tally.inserts,
            Operation::Update => &mut tally.updates,
            Operation::Delete => &mut tally.deletes,
        };
        *delivered = delivered.saturating_sub(1);
        *(if row.is_load {
            &mut tally.load_errors
        } else {
            &mut tally.change_errors
        }) += 1;
    }

    /// Counts a record that is not to be sent: it is settled as soon as it is read.
    pub fn filter(&mut self, table: Option<TableIndex>, bytes: u64) {
        self.records += 1;
        self.filtered += 1;
        match table.map(|table| self.table(table)) {
            Some(tally) => {
                tally.bytes += bytes;
                tally.filtered += 1;
            }
            None => self.unselected += 1,
        }
    }

    fn table(&mut self, table: TableIndex) -> &mut TableTally {
        // A load chunk has one table and a change chunk a few, so the newest is nearly always the right one.
        let index = self
            .tables
            .iter()
            .rposition(|tally| tally.table == table)
            .unwrap_or_else(|| {
                self.tables.push(TableTally::new(table));
                self.tables.len() - 1
            });
        #[expect(clippy::indexing_slicing, reason = "the index was just found or pushed")]
        &mut self.tables[index]
    }
}
