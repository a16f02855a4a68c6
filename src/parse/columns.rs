//! Which fields of a row are its columns. Pure: no I/O, no clock.

use super::target::{Rejection, check_narrow_load};
use crate::counted::counted;
use crate::model::{ColumnOrder, ColumnType, FileColumns, RowSource, TableIndex};
use crate::saturate;
use crate::settings::{LoadOperationColumn, NarrowRows};
use crate::value::convert::{FieldRules, FieldValue, Length, ValueProblem, read_field_as};
use crate::value::csv::Fields;

/// A row that has more or fewer values than its table has columns.
pub(super) fn wrong_count(table: TableIndex, values_count: usize, columns_count: usize) -> Rejection {
    let values = counted(saturate::to_u64(values_count), "value");
    let columns = counted(saturate::to_u64(columns_count), "column");
    let reason = format!("the row has {values}, the table definition has {columns}");
    Rejection::of(Some(table), ValueProblem::new("field_count", reason))
}

/// Where the columns are in a row that lacks some of them at its end and may do so; `None` if it has all of them, or may not.
///
/// # Errors
/// If nobody can say whether it begins with an operation.
pub(super) fn narrow_row(
    (narrow_rows, configured): (NarrowRows, LoadOperationColumn),
    of_file: LoadOperationColumn,
    source: RowSource,
    (fields, values): (Fields<'_>, Fields<'_>),
    columns_count: usize,
) -> Result<Option<Vec<Option<usize>>>, ValueProblem> {
    if narrow_rows.are_rejected() {
        return Ok(None);
    }
    let is_guessed = configured == LoadOperationColumn::Detect
        && of_file != LoadOperationColumn::Present
        && matches!(source, RowSource::Load(_));
    if is_guessed {
        check_narrow_load(fields, columns_count)?;
    }
    Ok(narrow_places(fields, values, columns_count))
}

/// Where the columns of a table are in a row that has its first ones only: the others are NULL. `None` if it has all of them,
/// or none.
fn narrow_places(fields: Fields<'_>, values: Fields<'_>, columns_count: usize) -> Option<Vec<Option<usize>>> {
    let (leading, count) = (fields.count().checked_sub(values.count())?, values.count());
    let place = |column: usize| (column < count).then_some(leading + column);
    let is_narrow = (1..columns_count).contains(&count);
    is_narrow.then(|| (0..columns_count).map(place).collect())
}

/// Where the columns of a table are among the fields of a row, by the header of its file.
pub(super) fn order_of<'c>(
    columns: &'c FileColumns,
    table: TableIndex,
    fields: Fields<'_>,
    rules: &FieldRules,
) -> Result<&'c ColumnOrder, ValueProblem> {
    let order = columns
        .order(table)
        .map_err(|reason| ValueProblem::new("header", reason))?;
    if fields.count() != columns.fields_count {
        let (has, names) = (fields.count(), columns.fields_count);
        let reason = format!("the row has {has} fields, the header of its file has {names} names");
        return Err(ValueProblem::new("field_count", reason));
    }
    let is_null = |field| read_field_as(field, ColumnType::Clob, rules) == FieldValue::Null;
    let mut foreign = order
        .foreign
        .iter()
        .filter_map(|place| fields.field(*place).zip(Some(place)));
    match foreign.find(|(field, _)| !is_null(*field)) {
        None => Ok(order),
        Some((field, place)) => {
            let reason = format!(
                "field {} has a value ({}), and by the header it is a column that the table does not have",
                place + 1,
                Length(field.text)
            );
            Err(ValueProblem::new("foreign_column", reason))
        }
    }
}
