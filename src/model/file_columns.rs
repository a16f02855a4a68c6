//! Which field of a row is which column, where files say so themselves. Pure: no I/O, no clock.

use super::TableIndex;

/// What the header of a file says of its rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileColumns {
    /// Fields of every row.
    pub fields_count: usize,
    /// Whether the rows of a full load begin with an operation.
    pub has_operation: bool,
    /// Where the columns of each table are whose rows can be in the file; or why it has none of them.
    pub orders: Vec<(TableIndex, Result<ColumnOrder, String>)>,
}

/// Where the columns of a table are in a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnOrder {
    /// By column, the number of its field; `None` for one that the file does not have: it is NULL.
    pub places: Vec<Option<usize>>,
    /// Fields that are columns of other tables: nothing may stand there.
    pub foreign: Vec<usize>,
}

impl FileColumns {
    /// Columns of a file whose rows cannot be read, and why.
    pub fn refused(table: Option<TableIndex>, reason: &str) -> Self {
        Self {
            fields_count: 0,
            has_operation: false,
            orders: table
                .map(|table| (table, Err(reason.to_owned())))
                .into_iter()
                .collect(),
        }
    }

    /// Where the columns of a table are.
    ///
    /// # Errors
    /// Why there are none.
    pub fn order(&self, table: TableIndex) -> Result<&ColumnOrder, &str> {
        let found = self.orders.iter().find(|(index, _)| *index == table);
        match found {
            Some((_, order)) => order.as_ref().map_err(String::as_str),
            None => Err("the header of the file has no columns of its table"),
        }
    }
}
