//! What a row says before its values: its table and what it does to it. Pure: no I/O, no clock.

use std::collections::HashMap;

use crate::map::Mappings;
use crate::model::{Operation, QueueName, Table, TableIndex};
use crate::settings::{LoadOperationColumn, NarrowRows};
use crate::value::convert::{Length, ValueProblem};
use crate::value::csv::Fields;

/// Fields before the values of a change row: operation, table, schema.
pub(crate) const CHANGE_FIELDS: usize = 3;

/// Tables by schema, then name; `None` for those that no rule selects.
pub(super) type TableNames = HashMap<Vec<u8>, HashMap<Vec<u8>, Option<TableIndex>>>;

/// Why a record is rejected, before its place is added.
pub(super) struct Rejection {
    pub(super) table: Option<TableIndex>,
    pub(super) column: Option<String>,
    pub(super) problem: ValueProblem,
}

/// Table and operation of a record.
#[derive(Debug, Clone, Copy)]
pub(super) struct Target {
    pub(super) table: TableIndex,
    pub(super) operation: Operation,
}

impl Rejection {
    pub(super) fn of(table: Option<TableIndex>, problem: ValueProblem) -> Self {
        Self {
            table,
            column: None,
            problem,
        }
    }
}

/// The tables of a task by name, those that no rule selects included.
pub(super) fn table_names(tables: &[Table], mappings: &Mappings) -> TableNames {
    let mut by_name = TableNames::new();
    let mut insert = |owner: &str, name: &str, index| {
        let of_schema = by_name.entry(owner.into()).or_default();
        of_schema.insert(name.into(), index);
    };
    for (index, table) in tables.iter().enumerate() {
        insert(&table.owner, &table.name, Some(TableIndex(index)));
    }
    for table in &mappings.unselected {
        insert(&table.owner, &table.name, None);
    }
    by_name
}

/// Whether a full-load row looks like one that begins with an operation: an S3 target of DMS leaves an `I` there.
pub(crate) fn begins_with_operation(fields: Fields<'_>, columns_count: usize) -> bool {
    fields.count() == columns_count + 1 && first_of(fields).eq_ignore_ascii_case(b"I")
}

/// Refuses a full-load row of which nobody can say whether it begins with an operation and lacks columns, or with a value.
pub(super) fn check_narrow_load(fields: Fields<'_>, columns_count: usize) -> Result<(), ValueProblem> {
    if fields.count() > columns_count || !first_of(fields).eq_ignore_ascii_case(b"I") {
        return Ok(());
    }
    let reason = "with `narrow_rows: prefix`, the I that the row begins with may be an operation or a value; say in \
                  source.csv.load_operation_column whether rows have one";
    Err(ValueProblem::new("field_count", reason))
}

fn first_of(fields: Fields<'_>) -> &[u8] {
    fields.field(0).map_or(&b""[..], |field| field.text.trim_ascii())
}

/// The queues of change files that lie in the folders of their tables.
pub(super) fn change_queues(tables: &[Table]) -> HashMap<QueueName, TableIndex> {
    let names = tables
        .iter()
        .map(|table| QueueName::changes_of(&table.stored_name()));
    names
        .enumerate()
        .map(|(index, name)| (name, TableIndex(index)))
        .collect()
}

/// The values of a full-load row, with the operation column taken off if there is one. An S3 target of DMS
/// leaves an `I` there; the message is still a `load`.
pub(super) fn load_target(
    load_operation_column: LoadOperationColumn,
    table: TableIndex,
    columns_count: usize,
    fields: Fields<'_>,
) -> Result<(Target, Fields<'_>), Rejection> {
    let target = Target {
        table,
        operation: Operation::Load,
    };
    let is_present = match load_operation_column {
        LoadOperationColumn::Absent => false,
        LoadOperationColumn::Present => true,
        LoadOperationColumn::Detect => begins_with_operation(fields, columns_count),
    };
    if !is_present {
        return Ok((target, fields));
    }
    match read_operation(first_of(fields)) {
        Ok(Operation::Insert) => Ok((target, fields.skip(1))),
        Ok(Operation::Load | Operation::Update | Operation::Delete) => {
            let reason = "a full-load row can only be an insert, not an update or a delete";
            Err(Rejection::of(
                Some(table),
                ValueProblem::new("unknown_operation", reason),
            ))
        }
        Err(problem) => Err(Rejection::of(Some(table), problem)),
    }
}

/// Table, operation and values of a change row in a file of one table, of which rows that have two fields more than such a
/// row name the table as well. Where a header names the columns, none does: no number of columns is given.
pub(super) fn own_change_target<'a>(
    tables: &TableNames,
    table: TableIndex,
    (columns_count, narrow_rows): (Option<usize>, NarrowRows),
    fields: Fields<'a>,
) -> Result<Option<(Target, Fields<'a>)>, Rejection> {
    let is_wide = columns_count.is_some_and(|count| fields.count() == count + CHANGE_FIELDS);
    if is_wide || (narrow_rows == NarrowRows::Prefix && names_table(tables, table, fields)) {
        return change_target(tables, fields);
    }
    let first = fields.field(0).map_or(&b""[..], |field| field.text.trim_ascii());
    let operation = read_operation(first).map_err(|problem| Rejection::of(Some(table), problem))?;
    Ok(Some((Target { table, operation }, fields.skip(1))))
}

/// Whether fields 2 and 3 are the name and the schema of a table.
fn names_table(tables: &TableNames, table: TableIndex, fields: Fields<'_>) -> bool {
    let text = |index| fields.field(index).map(|field| field.text.trim_ascii());
    let found = text(2).and_then(|schema| tables.get(schema));
    let found = found.zip(text(1)).and_then(|(names, name)| names.get(name));
    found == Some(&Some(table))
}

/// Table, operation and values of a change row; `None` if no rule selects its table.
pub(super) fn change_target<'a>(
    tables: &TableNames,
    fields: Fields<'a>,
) -> Result<Option<(Target, Fields<'a>)>, Rejection> {
    let text = |index| {
        fields
            .field(index)
            .map_or(&b""[..], |field| field.text.trim_ascii())
    };
    let (kind, table_name, schema) = (text(0), text(1), text(2));
    // Values are not shown: a reason also goes to the log.
    let taken = || {
        format!(
            "a change row begins with operation, table and schema, and fields 1 to 3 ({}, {} and {}) were taken for them",
            Length(kind),
            Length(table_name),
            Length(schema)
        )
    };
    let operation = read_operation(kind).map_err(|problem| Rejection::of(None, problem))?;
    if fields.count() < CHANGE_FIELDS {
        let reason = format!(
            "the row has {} fields; a change row starts with operation, table and schema",
            fields.count()
        );
        return Err(Rejection::of(None, ValueProblem::new("field_count", reason)));
    }
    let of_schema = tables.get(schema).ok_or_else(|| {
        let reason = format!(
            "no table of the definition has the owner that field 3 names; {}",
            taken()
        );
        Rejection::of(None, ValueProblem::new("unknown_schema", reason))
    })?;
    let table = of_schema.get(table_name).copied().ok_or_else(|| {
        let reason = format!(
            "no table of this owner in the definition has the name in field 2; {}",
            taken()
        );
        Rejection::of(None, ValueProblem::new("unknown_table", reason))
    })?;
    Ok(table.map(|table| (Target { table, operation }, fields.skip(CHANGE_FIELDS))))
}

fn read_operation(text: &[u8]) -> Result<Operation, ValueProblem> {
    let is =
        |letter: &[u8], word: &[u8]| text.eq_ignore_ascii_case(letter) || text.eq_ignore_ascii_case(word);
    if is(b"I", b"INSERT") {
        Ok(Operation::Insert)
    } else if is(b"U", b"UPDATE") {
        Ok(Operation::Update)
    } else if is(b"D", b"DELETE") {
        Ok(Operation::Delete)
    } else if text.is_empty() {
        Err(ValueProblem::new("no_operation", "the operation field is empty"))
    } else {
        let reason = format!(
            "the operation ({}) is not one of INSERT, UPDATE, DELETE, I, U, D",
            Length(text)
        );
        Err(ValueProblem::new("unknown_operation", reason))
    }
}
