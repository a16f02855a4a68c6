//! Expressions that give a schema, a table or a column its new name: evaluated once per table. Pure: no I/O, no clock.

use rusqlite::types::ValueRef;

use super::bounds::said;
use super::tokens::{refuse_unstable, straighten};
use super::{Evaluator, names_of};
use crate::model::{Column, Table};

impl Evaluator {
    /// The name that an expression gives to a table, its schema, or one of its columns.
    ///
    /// # Errors
    /// What is wrong with it, as one sentence.
    pub fn name(&self, text: &str, table: &Table, column: Option<&Column>) -> Result<String, String> {
        let text = straighten(text);
        refuse_unstable(&text)?;
        self.bounds.begin();
        let failed = |error| format!("the expression of the new name fails: {}", said(error));
        let statement = format!("SELECT CAST(({text}\n) AS TEXT)");
        let mut statement = self.connection.prepare_cached(&statement).map_err(failed)?;
        let names: Vec<_> = names_of(&statement).collect();
        for (name, index) in names.iter().zip(1..) {
            let value = variable(name, table, column).ok_or_else(|| {
                format!(
                    "{name} is not known in the expression of a new name; known are $AR_M_SOURCE_SCHEMA, \
                     $AR_M_SOURCE_TABLE_NAME and, for a column, $AR_M_SOURCE_COLUMN_NAME and $AR_M_SOURCE_COLUMN_DATATYPE"
                )
            })?;
            statement.raw_bind_parameter(index, value).map_err(failed)?;
        }
        let mut rows = statement.raw_query();
        let row = rows.next().map_err(failed)?;
        match row.map(|row| row.get_ref(0)).transpose().map_err(failed)? {
            Some(ValueRef::Text(name)) => Ok(String::from_utf8_lossy(name).into_owned()),
            Some(ValueRef::Null | ValueRef::Integer(_) | ValueRef::Real(_) | ValueRef::Blob(_)) | None => {
                Err("the expression of the new name gives NULL".to_owned())
            }
        }
    }
}

fn variable<'a>(name: &str, table: &'a Table, column: Option<&'a Column>) -> Option<&'a str> {
    match name.strip_prefix('$')? {
        "AR_M_SOURCE_SCHEMA" | "SCHEMA_NAME_VAR" => Some(&table.owner),
        "AR_M_SOURCE_TABLE_NAME" | "TABLE_NAME_VAR" => Some(&table.name),
        "AR_M_SOURCE_COLUMN_NAME" | "COLUMN_NAME_VAR" => column.map(|column| column.name.as_str()),
        "AR_M_SOURCE_COLUMN_DATATYPE" => column.map(|column| column.column_type.dms_name()),
        _ => None,
    }
}
