//! Which columns of a Parquet file make the fields of a row: those that the definition names, and before them what
//! the rows of its queue begin with. Pure: no I/O, no clock.

use parquet::schema::types::{ColumnDescriptor, SchemaDescriptor};

use super::kinds::ValueKind;
use super::values::TextForm;
use crate::model::object::is_named_as_changes;
use crate::model::{Table, TableIndex};
use crate::settings::LoadOperationColumn;

/// The column in which DMS writes the operation of a row.
pub const OPERATION_COLUMN: &str = "Op";
/// Columns named in a message at most.
const NAMED_MAX: usize = 10;

/// Which rows an object holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content<'a> {
    /// The rows of a full load of this table.
    Load(&'a Table, LoadOperationColumn),
    /// Changes of this table.
    Changes(&'a Table),
}

/// Where the fields of a row come from, in their order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FieldSource {
    /// A text that is the same in every row.
    Text(String),
    /// NULL in every row: the file is older than the column.
    Absent,
    /// A column of the file.
    Column(FileColumn),
}

/// A column of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileColumn {
    /// Its number.
    pub index: usize,
    /// Its name.
    pub name: String,
    /// What its values are.
    pub kind: ValueKind,
    /// How they are written.
    pub form: TextForm,
}

/// The fields of every row of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldPlan {
    /// Where they come from.
    pub fields: Vec<FieldSource>,
    /// Columns of the definition that the file does not have; all of them may be NULL.
    pub absent: Vec<String>,
    /// Columns of the file that the definition does not have.
    pub unused: Vec<String>,
}

impl FieldPlan {
    /// The plan for a file of this schema at a key.
    ///
    /// # Errors
    /// Why its rows cannot be those of the table: one sentence.
    pub fn new(schema: &SchemaDescriptor, key: &str, content: Content<'_>) -> Result<Self, String> {
        let file = FileColumns::new(schema);
        let (table, operation) = match content {
            Content::Load(table, rule) => (table, operation_of_load(&file, key, table, rule)?),
            Content::Changes(table) => (table, Some(operation_of_change(&file)?)),
        };
        let mut plan = Self {
            fields: Vec::new(),
            absent: Vec::new(),
            unused: Vec::new(),
        };
        let operation_index = operation.as_ref().map(|column| column.index);
        plan.fields.extend(operation.map(FieldSource::Column));
        if matches!(content, Content::Changes(_)) {
            plan.fields.push(FieldSource::Text(table.name.clone()));
            plan.fields.push(FieldSource::Text(table.owner.clone()));
        }
        let (mut used, mut missing) = (Vec::from_iter(operation_index), Vec::new());
        for column in &table.columns {
            match file.find(&column.name)? {
                Some(Found::Flat(index)) => {
                    used.push(index);
                    let descriptor = schema.column(index);
                    let kind = ValueKind::of(&descriptor, column.column_type);
                    let kind = kind.map_err(|what| {
                        format!("its column {} is {what}, which has no form as text", column.name)
                    })?;
                    plan.fields.push(FieldSource::Column(FileColumn {
                        index,
                        name: column.name.clone(),
                        kind,
                        form: TextForm::of(column.column_type),
                    }));
                }
                Some(Found::Nested) => {
                    return Err(format!(
                        "its column {} is nested (a list, a map, a group or repeated); only flat columns can be rows of \
                         a table: flatten the file, or take the column out of the definition of {}",
                        column.name,
                        table.full_name()
                    ));
                }
                None if column.nullable => {
                    plan.fields.push(FieldSource::Absent);
                    plan.absent.push(column.name.clone());
                }
                None => missing.push(column.name.clone()),
            }
        }
        if !missing.is_empty() {
            return Err(format!(
                "it has no column {}, which the definition of {} has and does not allow to be NULL; its columns are {}",
                named(&missing),
                table.full_name(),
                named(&file.names())
            ));
        }
        plan.unused = file.roots_without(&used);
        Ok(plan)
    }

    /// The columns of the file that are read, in the order of the fields.
    pub fn columns(&self) -> impl Iterator<Item = &FileColumn> {
        self.fields.iter().filter_map(|field| match field {
            FieldSource::Column(column) => Some(column),
            FieldSource::Text(_) | FieldSource::Absent => None,
        })
    }
}

fn operation_of_load(
    file: &FileColumns<'_>,
    key: &str,
    table: &Table,
    rule: LoadOperationColumn,
) -> Result<Option<FileColumn>, String> {
    let is_own = table.columns.iter().any(|column| column.name == OPERATION_COLUMN);
    if rule == LoadOperationColumn::Absent || (is_own && rule == LoadOperationColumn::Detect) {
        return Ok(None);
    }
    let found = file.operation()?;
    if found.is_some() && is_named_as_changes(key) {
        return Err(format!(
            "by its name and its column {OPERATION_COLUMN} it is a file of changes, and it lies with the files of a full \
             load; changes are read below cdc_path, where a file lies in a folder <schema>/<table>"
        ));
    }
    match (found, rule) {
        (None, LoadOperationColumn::Present) => Err(no_operation("load_operation_column is present")),
        (found, _) => Ok(found),
    }
}

fn operation_of_change(file: &FileColumns<'_>) -> Result<FileColumn, String> {
    file.operation()?
        .ok_or_else(|| no_operation("it is a file of changes"))
}

fn no_operation(why: &str) -> String {
    format!("{why}, and it has no column {OPERATION_COLUMN} that says what is done with each row")
}

/// The table of a file of changes: the only one whose schema and name are two folders of its key, one in the other, or
/// else whose `TablePath` is.
///
/// # Errors
/// If there is none, or more than one.
pub fn table_of_key(key: &str, tables: &[Table]) -> Result<TableIndex, String> {
    let folders: Vec<&str> = key.split('/').collect();
    let is_named = |table: &Table| folders.windows(2).any(|pair| pair == [&table.owner, &table.name]);
    let is_in_path = |table: &Table| {
        let before = key.find(&table.path).and_then(|at| key.get(..at));
        before.is_some_and(|before| before.is_empty() || before.ends_with('/'))
    };
    let found = match only_one(tables, is_named)? {
        Some(found) => Some(found),
        None => only_one(tables, is_in_path)?,
    };
    found.ok_or_else(|| {
        "it is a file of changes in Parquet, and none of its folders are the schema and the name of a table: \
         <cdc_path>/<schema>/<table>/<file>"
            .to_owned()
    })
}

fn only_one(tables: &[Table], is_of: impl Fn(&Table) -> bool) -> Result<Option<TableIndex>, String> {
    let mut found = tables.iter().zip(0..).filter(|(table, _)| is_of(table));
    match (found.next(), found.next()) {
        (found, None) => Ok(found.map(|(_, index)| TableIndex(index))),
        (None, Some(_)) => Ok(None),
        (Some((one, _)), Some((other, _))) => Err(format!(
            "its folders are those of {} and of {}; it has to be one table",
            one.full_name(),
            other.full_name()
        )),
    }
}

/// Columns by name.
struct FileColumns<'a> {
    schema: &'a SchemaDescriptor,
}

enum Found {
    Flat(usize),
    Nested,
}

impl<'a> FileColumns<'a> {
    fn new(schema: &'a SchemaDescriptor) -> Self {
        Self { schema }
    }

    /// A column by its name; where none has it, one whose name differs in case only.
    fn find(&self, name: &str) -> Result<Option<Found>, String> {
        let roots = || self.schema.columns().iter().enumerate();
        let root = |index: usize| self.schema.get_column_root(index).name();
        let exact = roots().find(|(index, _)| root(*index) == name);
        let similar: Vec<_> = roots()
            .filter(|(index, _)| root(*index).eq_ignore_ascii_case(name))
            .collect();
        let found = match (exact, similar.as_slice()) {
            (Some(exact), _) => exact,
            (None, []) => return Ok(None),
            (None, [first, rest @ ..]) => {
                if let Some((other, _)) = rest.iter().find(|(index, _)| root(*index) != root(first.0)) {
                    return Err(format!(
                        "its columns {} and {} could both be the column {name} of the definition",
                        root(first.0),
                        root(*other)
                    ));
                }
                *first
            }
        };
        let (index, column) = found;
        Ok(Some(if is_flat(column) {
            Found::Flat(index)
        } else {
            Found::Nested
        }))
    }

    fn operation(&self) -> Result<Option<FileColumn>, String> {
        let is_operation = |index: &usize| self.schema.get_column_root(*index).name() == OPERATION_COLUMN;
        let Some(index) = (0..self.schema.num_columns()).find(is_operation) else {
            return Ok(None);
        };
        let target = crate::model::ColumnType::Clob;
        let kind = ValueKind::of(&self.schema.column(index), target)
            .map_err(|what| format!("its column {OPERATION_COLUMN} is {what}"))?;
        Ok(Some(FileColumn {
            index,
            name: OPERATION_COLUMN.to_owned(),
            kind,
            form: TextForm::of(target),
        }))
    }

    fn names(&self) -> Vec<String> {
        self.roots_without(&[])
    }

    fn roots_without(&self, used: &[usize]) -> Vec<String> {
        let unused = (0..self.schema.num_columns()).filter(|index| !used.contains(index));
        let mut roots: Vec<_> = unused
            .map(|index| self.schema.get_column_root(index).name().to_owned())
            .collect();
        roots.dedup();
        roots
    }
}

/// Whether each row has one value of the column, or none.
pub fn is_flat(column: &ColumnDescriptor) -> bool {
    column.path().parts().len() == 1 && column.max_rep_level() == 0
}

/// Names, the first of them if they are many.
pub fn named(names: &[String]) -> String {
    let shown = names
        .iter()
        .take(NAMED_MAX)
        .cloned()
        .collect::<Vec<_>>()
        .join(", ");
    match names.len().checked_sub(NAMED_MAX) {
        Some(more @ 1..) => format!("{shown} and {more} more"),
        Some(0) | None => shown,
    }
}

#[cfg(test)]
#[path = "columns_tests.rs"]
mod tests;
