//! What kind of file a record comes from. Pure: no I/O, no clock.

use super::{Operation, QueueName, Table, TableIndex};

/// What kind of file the records come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowSource {
    /// A full-load file of this table.
    Load(TableIndex),
    /// A change file; every row names its table.
    Changes,
    /// A change file in the folder of this table, of which DMS leaves out the names: every row has its operation, then its
    /// values. Rows that name this table all the same are taken as well.
    ChangesOf(TableIndex),
    /// Rows of values alone, with nothing before them: corrected by hand, to be sent again.
    Values {
        /// Their table.
        table: TableIndex,
        /// What they do.
        operation: Operation,
    },
}

impl RowSource {
    /// The table of all its rows, if they are rows without a change of their own.
    pub fn table(self) -> Option<TableIndex> {
        match self {
            Self::Load(table) | Self::Values { table, .. } => Some(table),
            Self::Changes | Self::ChangesOf(_) => None,
        }
    }

    /// What the objects of a queue hold; `None` for the load of a table that is not among these.
    pub fn of_queue(queue: &QueueName, tables: &[Table]) -> Option<Self> {
        let is_named = |table: &Table| queue.table_name() == Some(table.stored_name().as_str());
        let table = tables.iter().position(is_named).map(TableIndex);
        match (queue.is_of_changes(), table) {
            (true, table) => Some(table.map_or(Self::Changes, Self::ChangesOf)),
            (false, table) => table.filter(|_| queue.is_of_load()).map(Self::Load),
        }
    }
}
