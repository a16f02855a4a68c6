//! What kind of file a record comes from. Pure: no I/O, no clock.

use super::{Operation, TableIndex};

/// What kind of file the records come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowSource {
    /// A full-load file of this table.
    Load(TableIndex),
    /// A change file; every row names its table.
    Changes,
    /// Rows of values alone, with nothing before them: corrected by hand, to be sent again.
    Values {
        /// Their table.
        table: TableIndex,
        /// What they do.
        operation: Operation,
    },
}

impl RowSource {
    /// The table of all its rows, if they share one.
    pub fn table(self) -> Option<TableIndex> {
        match self {
            Self::Load(table) | Self::Values { table, .. } => Some(table),
            Self::Changes => None,
        }
    }
}
