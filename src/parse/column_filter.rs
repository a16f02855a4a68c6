//! The filters of the table mappings on the values of rows. Pure: no I/O, no clock.

use super::target::Rejection;
use crate::map::Mappings;
use crate::map::filter::RowFilter;
use crate::model::{Column, Table, TableIndex};
use crate::value::convert::FieldRules;
use crate::value::csv::Fields;

/// A filter, and the column it is on.
#[derive(Debug)]
pub(super) struct ColumnFilter {
    filter: RowFilter,
    column: Column,
}

impl ColumnFilter {
    /// Whether the row is to be sent.
    ///
    /// # Errors
    /// [`Rejection`] if the value cannot be compared.
    pub(super) fn lets_pass(
        &self,
        values: Fields<'_>,
        table: TableIndex,
        rules: &FieldRules,
        scratch: &mut Vec<u8>,
    ) -> Result<bool, Rejection> {
        let Some(field) = values.field(self.filter.column) else {
            return Ok(true);
        };
        let passes = self.filter.lets_pass(field, &self.column, rules, scratch);
        passes.map_err(|problem| Rejection {
            table: Some(table),
            column: Some(self.column.name.clone()),
            problem,
        })
    }
}

/// The filters of each table.
pub(super) fn column_filters(tables: &[Table], mappings: &Mappings) -> Vec<Vec<ColumnFilter>> {
    let tables = tables.iter().enumerate();
    let filters = tables.map(|(index, table)| {
        let filters = mappings
            .of(TableIndex(index))
            .map_or(&[][..], |mapping| &mapping.filters);
        let filters = filters.iter().filter_map(|filter| {
            Some(ColumnFilter {
                column: table.columns.get(filter.column)?.clone(),
                filter: filter.clone(),
            })
        });
        filters.collect()
    });
    filters.collect()
}
