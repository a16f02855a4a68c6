//! Expressions of transformation rules, evaluated by SQLite, whose syntax they have. Pure: no I/O, no clock: the
//! database is empty and in memory, and what would ask for the time or for chance is refused, because a row has to give
//! the same message whenever it is rendered.

mod bounds;
mod names;
mod tokens;
mod values;

use std::cell::{Cell, OnceCell};
use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::types::{Value, ValueRef};
use rusqlite::{Connection, Statement};

use self::bounds::{Bounds, said, said_of_row};
use self::tokens::{calls, refuse_unstable, straighten, with_texts};
use self::values::{replace_characters, value_of};
use super::mask::push_hash;
use super::{ColumnSource, TableMapping};
use crate::hex;
use crate::model::{ColumnType, ObjectVersion, Operation, Table};
use crate::settings::Fit;
use crate::value::convert::{FieldRules, ValueProblem};
use crate::value::csv::Fields;
use crate::value::timestamp::MessageTimestamp;

/// A row that expressions are evaluated over.
#[derive(Debug, Clone, Copy)]
pub struct ExpressionRow<'a> {
    /// What it does.
    pub operation: Operation,
    /// The fields of the columns of the definition.
    pub fields: Fields<'a>,
    /// What fields mean.
    pub rules: &'a FieldRules,
    /// What becomes of values that do not fit.
    pub fit: Fit,
    /// Is set if one of them was cut.
    pub is_truncated: &'a Cell<bool>,
    /// The object it comes from.
    pub object: &'a ObjectVersion,
    /// The number of the object in its queue.
    pub object_number: u64,
    /// Its number in the object.
    pub ordinal: u64,
}

/// An expression with what its variables stand for.
#[derive(Debug, Clone)]
pub struct Expression {
    statement: String,
    variables: Vec<Variable>,
}

/// What a variable of an expression stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Variable {
    /// A column of the definition.
    Column {
        index: usize,
        name: String,
        column_type: ColumnType,
    },
    /// What is known when the expression is prepared.
    Fixed(String),
    Operation,
    StreamPosition,
    Timestamp,
    ChangeSequence,
}

/// Evaluates expressions.
pub struct Evaluator {
    connection: Connection,
    bounds: Bounds,
    operation: Arc<AtomicU8>,
}

impl fmt::Debug for Evaluator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Evaluator")
    }
}

/// An evaluator that is set up when an expression first asks for it: most rules have none, and one is enough for all
/// tables.
#[derive(Debug, Default)]
pub struct OnDemand(OnceCell<Result<Evaluator, String>>);

impl OnDemand {
    /// The evaluator.
    ///
    /// # Errors
    /// As [`Evaluator::new`].
    pub fn get(&self) -> Result<&Evaluator, String> {
        self.0.get_or_init(Evaluator::new).as_ref().map_err(Clone::clone)
    }
}

/// Statements that stay prepared; a task with more of them prepares the others again and again.
const PREPARED_MAX: usize = 1_024;

impl Evaluator {
    /// An evaluator with the functions of DMS that SQLite does not have.
    ///
    /// # Errors
    /// If SQLite cannot be set up, as one sentence.
    pub fn new() -> Result<Self, String> {
        let operation = Arc::new(AtomicU8::new(b'I'));
        let set_up = || -> rusqlite::Result<(Connection, Bounds)> {
            let mut connection = Connection::open_in_memory()?;
            connection.set_prepared_statement_cache_capacity(PREPARED_MAX);
            let current = Arc::clone(&operation);
            connection.create_scalar_function(
                "operation_indicator",
                3,
                FunctionFlags::SQLITE_UTF8,
                move |context| operation_indicator(context, current.load(Ordering::Relaxed)),
            )?;
            let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
            connection.create_scalar_function("hash_sha256", 1, flags, |context| Ok(hash_sha256(context)))?;
            connection.create_scalar_function("replaceChars", 3, flags, |context| {
                let texts = (
                    context.get::<Option<String>>(0)?,
                    context.get::<Option<String>>(1)?,
                    context.get::<Option<String>>(2)?,
                );
                Ok(match texts {
                    (Some(text), Some(from), Some(to)) => Some(replace_characters(&text, &from, &to)),
                    _ => None,
                })
            })?;
            let bounds = Bounds::of(&mut connection)?;
            Ok((connection, bounds))
        };
        let (connection, bounds) = set_up().map_err(|error| format!("SQLite cannot be started: {error}"))?;
        Ok(Self {
            connection,
            bounds,
            operation,
        })
    }

    /// Prepares an expression for a column of a type over the columns of a table.
    ///
    /// # Errors
    /// What is wrong with it, as one sentence.
    pub fn prepare(
        &self,
        text: &str,
        column_type: ColumnType,
        table: &Table,
        output: &Table,
    ) -> Result<Expression, String> {
        let text = straighten(text);
        refuse_unstable(&text)?;
        // In brackets nothing after the expression can be a second statement; as text, numbers look as SQLite shows
        // them.
        let statement = if column_type.is_text() {
            format!("SELECT CAST(({text}\n) AS TEXT)")
        } else {
            format!("SELECT ({text}\n)")
        };
        let prepared = self.connection.prepare_cached(&statement).map_err(said)?;
        let variables = names_of(&prepared)
            .map(|name| Variable::of(&name, table, output).ok_or_else(|| unknown_variable(&name, table)));
        let variables = variables.collect::<Result<_, _>>()?;
        drop(prepared);
        if calls(&text, "operation_indicator") && table.primary_key().next().is_none() {
            return Err("operation_indicator needs a table with a primary key (`ColumnIsPk`)".to_owned());
        }
        Ok(Expression { statement, variables })
    }

    /// Appends the text of the value for a row to `out` and gives its place; `None` if it is NULL.
    ///
    /// # Errors
    /// If a column it needs has no proper value, or SQLite cannot go through with it.
    pub fn evaluate(
        &self,
        expression: &Expression,
        row: ExpressionRow<'_>,
        out: &mut Vec<u8>,
    ) -> Result<Option<Range<usize>>, ValueProblem> {
        self.operation.store(
            match row.operation {
                Operation::Load | Operation::Insert => b'I',
                Operation::Update => b'U',
                Operation::Delete => b'D',
            },
            Ordering::Relaxed,
        );
        self.bounds.begin();
        let failed = |error| ValueProblem::new("expression_failed", said_of_row(error));
        let mut statement = self
            .connection
            .prepare_cached(&expression.statement)
            .map_err(failed)?;
        for (variable, index) in expression.variables.iter().zip(1..) {
            let value = variable.value(row)?;
            statement.raw_bind_parameter(index, value).map_err(failed)?;
        }
        let mut rows = statement.raw_query();
        let Some(result) = rows.next().map_err(failed)? else {
            return Ok(None);
        };
        let start = out.len();
        match result.get_ref(0).map_err(failed)? {
            ValueRef::Null => return Ok(None),
            ValueRef::Integer(number) => {
                out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
            }
            ValueRef::Real(number) => out.extend_from_slice(number.to_string().as_bytes()),
            ValueRef::Text(text) => out.extend_from_slice(text),
            ValueRef::Blob(bytes) => hex::push(out, bytes),
        }
        Ok(Some(start..out.len()))
    }
}

/// Whether the expression of an added column works for a table.
///
/// # Errors
/// Why it does not, as one sentence.
pub fn check(added: &str, table: &Table, mapping: &TableMapping, evaluator: &OnDemand) -> Result<(), String> {
    for (column, mapped) in mapping.output.columns.iter().zip(&mapping.columns) {
        if let (true, ColumnSource::Expression(text)) = (column.name == added, &mapped.source) {
            let evaluator = evaluator.get()?;
            evaluator.prepare(text, column.column_type, table, &mapping.output)?;
        }
    }
    Ok(())
}

fn names_of(statement: &Statement<'_>) -> impl Iterator<Item = String> {
    let name = |index| statement.parameter_name(index).unwrap_or("?").to_owned();
    (1..=statement.parameter_count()).map(name)
}

fn unknown_variable(name: &str, table: &Table) -> String {
    let columns: Vec<_> = table
        .columns
        .iter()
        .map(|column| format!("${}", column.name))
        .collect();
    format!(
        "{name} is neither a column of it nor a header or metadata variable; columns are {}",
        columns.join(", ")
    )
}

/// The expression of an added column, with what is known of the column that it is about.
pub(super) fn of_column(text: &str, name: &str, type_name: &str) -> String {
    with_texts(text, |variable| match variable {
        "$AR_M_SOURCE_COLUMN_NAME" | "$COLUMN_NAME_VAR" => Some(name.to_owned()),
        "$AR_M_SOURCE_COLUMN_DATATYPE" => Some(type_name.to_owned()),
        _ => None,
    })
}

fn operation_indicator(context: &Context<'_>, operation: u8) -> rusqlite::Result<Value> {
    context.get(match operation {
        b'D' => 0,
        b'U' => 1,
        _ => 2,
    })
}

fn hash_sha256(context: &Context<'_>) -> Option<String> {
    let mut digits = Vec::new();
    match context.get_raw(0) {
        ValueRef::Null => return None,
        ValueRef::Integer(number) => push_hash(&mut digits, number.to_string().as_bytes()),
        ValueRef::Real(number) => push_hash(&mut digits, number.to_string().as_bytes()),
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => push_hash(&mut digits, bytes),
    }
    String::from_utf8(digits).ok()
}

impl Variable {
    fn of(name: &str, table: &Table, output: &Table) -> Option<Self> {
        let name = name.strip_prefix('$')?;
        let fixed = |text: &str| Some(Self::Fixed(text.to_owned()));
        match name {
            "AR_H_OPERATION" => Some(Self::Operation),
            "AR_H_STREAM_POSITION" => Some(Self::StreamPosition),
            "AR_H_TIMESTAMP" | "AR_H_COMMIT_TIMESTAMP" => Some(Self::Timestamp),
            "AR_H_CHANGE_SEQ" => Some(Self::ChangeSequence),
            "AR_H_USER" => fixed(""),
            "AR_M_SOURCE_SCHEMA" => fixed(&table.owner),
            "AR_M_SOURCE_TABLE_NAME" => fixed(&table.name),
            "AR_M_MODIFIED_SCHEMA" => fixed(&output.owner),
            "AR_M_MODIFIED_TABLE_NAME" => fixed(&output.name),
            _ => {
                let position = |is_same: fn(&str, &str) -> bool| {
                    table
                        .columns
                        .iter()
                        .position(|column| is_same(&column.name, name))
                };
                let index = position(str::eq).or_else(|| position(str::eq_ignore_ascii_case))?;
                let column = table.columns.get(index)?;
                Some(Self::Column {
                    index,
                    name: column.name.clone(),
                    column_type: column.column_type,
                })
            }
        }
    }

    fn value(&self, row: ExpressionRow<'_>) -> Result<Value, ValueProblem> {
        let is_load = row.operation == Operation::Load;
        Ok(match self {
            Self::Column {
                index,
                name,
                column_type,
            } => {
                let field = row.fields.field(*index);
                let value = field.map_or(Ok(Value::Null), |field| value_of(field, *column_type, row));
                value.map_err(|problem| {
                    let reason = format!("the expression needs the column {name:?}: {}", problem.reason);
                    ValueProblem::new(problem.code, reason)
                })?
            }
            Self::Fixed(text) => Value::Text(text.clone()),
            Self::Operation => Value::Text(
                match row.operation {
                    Operation::Load | Operation::Insert => "INSERT",
                    Operation::Update => "UPDATE",
                    Operation::Delete => "DELETE",
                }
                .to_owned(),
            ),
            // As in DMS, rows of a full load have neither.
            Self::StreamPosition | Self::ChangeSequence if is_load => Value::Text(String::new()),
            Self::StreamPosition => Value::Text(format!("{}:{}", row.object.key, row.ordinal)),
            // Two files may have one time, and a later one an earlier time: the order of reading is that of numbers.
            Self::ChangeSequence => Value::Text(format!("{:016}{:019}", row.object_number, row.ordinal)),
            Self::Timestamp => Value::Text(file_time(row.object.modified_ms)),
        })
    }
}

/// When the file was written, in the notation of a DATETIME with scale 7. The time of the change is not in a file, and
/// the time of day would be another one whenever the row is rendered.
fn file_time(modified_ms: i64) -> String {
    let text = MessageTimestamp::from_unix_us(modified_ms.saturating_mul(1_000));
    let text = String::from_utf8_lossy(text.as_bytes()).replace('T', " ");
    format!("{}0", text.trim_end_matches('Z'))
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
