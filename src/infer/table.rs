//! The definition of a table from its rows. Pure: no I/O, no clock.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use super::column::ColumnSeen;
use super::declared::merge;
use super::dialect::FirstField;
use super::shape::{Shape, shape_of};
use crate::counted::counted;
use crate::model::{Column, ColumnType, Table, TypeClass};
use crate::read::parquet::definition::FileDefinition;
use crate::value::csv::{Field, Fields, Quoting};

/// Columns from the left that are looked at as keys.
const KEY_COLUMNS_MAX: usize = 16;
/// Columns that a key of several columns has at most.
const JOINED_COLUMNS_MAX: usize = 4;
/// Longest text that may be a key, in bytes.
const KEY_BYTES_MAX: u64 = 128;
/// In fewer rows everything is unique.
const KEY_ROWS_MIN: u64 = 2;
/// The name that DMS gives to the column of operations.
const OPERATION_COLUMN: &[u8] = b"Op";

/// What was seen of the rows of a table.
#[derive(Debug, Default)]
pub struct TableSeen {
    /// Rows with as many fields as the first one.
    pub rows: u64,
    /// Rows with another number of fields: they would be dead letters.
    pub odd_rows: u64,
    names: Vec<Vec<u8>>,
    columns: Vec<ColumnSeen>,
    /// The first row of values, which may turn out to be a header.
    first_row: Vec<FirstValue>,
    /// Per column: hashes of its values, while all are different and none is NULL.
    single_keys: Vec<Option<HashSet<u64>>>,
    /// The same of the first two, three and four columns together.
    joined_keys: Vec<Option<HashSet<u64>>>,
    has_operation: bool,
    /// A bare field with this text is NULL, and so is one with nothing in it in any column but a text.
    null_value: Vec<u8>,
    /// The columns as a file of another format than CSV declares them.
    declared: Vec<Column>,
    /// What has to be reported of those files.
    notes: Vec<String>,
}

/// A value of the first row; `None` is NULL.
type FirstValue = Option<Vec<u8>>;

/// A definition, and what it was made from.
#[derive(Debug)]
pub struct Inferred {
    /// The table.
    pub table: Table,
    /// What was seen of each column.
    pub columns: Vec<ColumnSeen>,
    /// Rows that were seen.
    pub rows: u64,
    /// What a person should look at.
    pub notes: Vec<String>,
}

impl TableSeen {
    /// Takes the names of the columns from a header row; of several files the first one counts.
    pub fn header(&mut self, fields: Fields<'_>) {
        if self.names.is_empty() {
            self.names = fields
                .iter()
                .map(|field| field.text.trim_ascii().to_vec())
                .collect();
            let first = self.names.first();
            self.has_operation = first.is_some_and(|name| name.eq_ignore_ascii_case(OPERATION_COLUMN));
        }
    }

    /// Says what was seen of the beginnings of the files.
    pub fn expect(&mut self, first_field: FirstField, null_value: &str) {
        self.has_operation |= matches!(first_field, FirstField::Insert | FirstField::Operation);
        self.null_value = null_value.into();
    }

    /// Adds the columns that a file declares. All files are declared before the first row.
    pub fn declare(&mut self, file: FileDefinition) {
        self.has_operation |= file.has_operation;
        let left_out = file.left_out.iter();
        self.notes
            .extend(left_out.map(|(name, what)| format!("the column {name} is {what}, and was left out")));
        self.notes.extend(merge(&mut self.declared, file.columns));
        let operation = self.has_operation.then(|| OPERATION_COLUMN.to_vec());
        let names = self
            .declared
            .iter()
            .map(|column| column.name.clone().into_bytes());
        self.names = operation.into_iter().chain(names).collect();
    }

    /// The table that the rows of declared files are read as: its columns by their names, NULL where a file lacks them.
    pub fn declared_table(&self) -> Table {
        let columns = self.declared.iter().map(|column| Column {
            nullable: true,
            ..column.clone()
        });
        Table {
            owner: String::new(),
            name: String::new(),
            path: String::new(),
            columns: columns.collect(),
        }
    }

    /// Adds a row of values.
    pub fn row(&mut self, fields: Fields<'_>) {
        let fields = if self.has_operation {
            fields.skip(1)
        } else {
            fields
        };
        if self.columns.is_empty() {
            self.columns = vec![ColumnSeen::default(); fields.count()];
            self.single_keys = vec![Some(HashSet::new()); fields.count().min(KEY_COLUMNS_MAX)];
            self.joined_keys = vec![Some(HashSet::new()); JOINED_COLUMNS_MAX.saturating_sub(1)];
            let value = |field: Field<'_>| (!is_null(field, &self.null_value)).then(|| field.text.to_vec());
            self.first_row = fields.iter().map(value).collect();
        } else if fields.count() != self.columns.len() {
            self.odd_rows += 1;
            return;
        } else {
            self.see(fields);
        }
        self.rows += 1;
        self.keys(fields);
    }

    fn see(&mut self, fields: Fields<'_>) {
        let row = self.rows + self.odd_rows + 1;
        for (column, field) in self.columns.iter_mut().zip(fields.iter()) {
            if is_null(field, &self.null_value) {
                column.add_null();
            } else {
                column.add(field.text, row);
            }
        }
    }

    fn keys(&mut self, fields: Fields<'_>) {
        let mut joined = DefaultHasher::new();
        let mut is_whole = true;
        for (index, field) in fields.iter().enumerate().take(KEY_COLUMNS_MAX) {
            let is_value = !field.text.is_empty() && field.text != self.null_value;
            is_whole &= is_value;
            let mut single = DefaultHasher::new();
            field.text.hash(&mut single);
            field.text.hash(&mut joined);
            add_key(self.single_keys.get_mut(index), is_value, single.finish());
            let of_columns = index.checked_sub(1);
            let set = of_columns.and_then(|index| self.joined_keys.get_mut(index));
            add_key(set, is_whole, joined.finish());
        }
    }

    /// The definition; `None` if no row was seen.
    pub fn finish(mut self, owner: &str, name: &str, path: &str) -> Option<Inferred> {
        if self.rows == 0 {
            return None;
        }
        let mut notes = std::mem::take(&mut self.notes);
        if self.names.is_empty() && self.looks_like_header() {
            notes.push(
                "the first row looks like names of columns; if it is a header, give --header".to_owned(),
            );
        }
        self.see_first_row();
        if self.odd_rows > 0 {
            notes.push(format!(
                "{} of {} rows with a different number of fields from the first: each would be a dead letter",
                self.odd_rows,
                self.rows + self.odd_rows
            ));
        }
        if self.has_operation {
            notes.push(
                "the first field of each row is the operation that DMS writes, and is not a column here"
                    .to_owned(),
            );
        }
        notes.extend(self.outliers());
        let types = self.types();
        let key = self.key(&types);
        match key.as_slice() {
            [] => notes.push(format!(
                "no key was found in {}: set `ColumnIsPk`, or all rows of the table go to one shard",
                counted(self.rows, "row")
            )),
            columns => notes.push(format!(
                "the key is a guess: its {} unique in {}; check it, rows with the same key are one row to a consumer",
                if columns.len() == 1 { "values are" } else { "columns together are" },
                counted(self.rows, "row")
            )),
        }
        let names = self.column_names(&mut notes);
        let columns = names.into_iter().zip(types).zip(&self.columns).enumerate();
        let columns = columns.map(|(index, ((name, column_type), seen))| Column {
            name,
            column_type,
            nullable: seen.nulls > 0
                || (seen.empties > 0 && !column_type.holds_nothing())
                || self.declared.get(index).is_some_and(|column| column.nullable),
            is_primary_key: key.contains(&index),
        });
        Some(Inferred {
            table: Table {
                owner: owner.to_owned(),
                name: name.to_owned(),
                path: path.to_owned(),
                columns: columns.collect(),
            },
            columns: self.columns,
            rows: self.rows,
            notes,
        })
    }

    /// The columns that a few values make text.
    fn outliers(&self) -> Vec<String> {
        let columns = self.columns.iter().zip(1..);
        let of_columns = columns
            .filter(|_| self.declared.is_empty())
            .filter_map(|(seen, number)| {
                let outliers = seen.outliers()?;
                Some(format!("column {number}: {outliers}"))
            });
        of_columns.collect()
    }

    /// The types that files declare, texts with the length that was seen, and guesses where none does.
    fn types(&self) -> Vec<ColumnType> {
        let mut declared = self.declared.iter();
        let type_of = |seen: &ColumnSeen| match declared.next() {
            None => seen.column_type(),
            Some(column) if column.column_type.is_text() => seen.text_type(),
            Some(column) => column.column_type,
        };
        self.columns.iter().map(type_of).collect()
    }

    /// Adds the row that was kept apart, in case it was a header.
    fn see_first_row(&mut self) {
        let first_row = std::mem::take(&mut self.first_row);
        for (column, value) in self.columns.iter_mut().zip(first_row) {
            match value {
                None => column.add_null(),
                Some(value) => column.add(&value, 1),
            }
        }
    }

    /// Whether the first row holds words where the others hold none.
    fn looks_like_header(&self) -> bool {
        let mut columns = self.columns.iter().zip(&self.first_row);
        let starts_word = |byte: &u8| byte.is_ascii_alphabetic() || *byte == b'_';
        let is_word = |value: &FirstValue| {
            let first = value.as_ref().and_then(|text| text.first());
            first.is_some_and(starts_word)
        };
        let is_odd = |(column, value): (&ColumnSeen, &FirstValue)| {
            let is_text = value.as_ref().is_some_and(|text| shape_of(text) == Shape::Text);
            column.values > 0 && !column.column_type().is_text() && is_text
        };
        self.first_row.iter().all(is_word) && columns.any(is_odd)
    }

    /// The first column that identifies every row, or else the fewest first columns that do.
    fn key(&self, types: &[ColumnType]) -> Vec<usize> {
        if self.rows < KEY_ROWS_MIN {
            return Vec::new();
        }
        let is_unique = |set: &Option<HashSet<u64>>| set.is_some();
        let may_be_key = |index: usize| {
            let short = self
                .columns
                .get(index)
                .is_some_and(|seen| seen.bytes_max <= KEY_BYTES_MAX);
            short && types.get(index).copied().is_some_and(identifies)
        };
        let mut singles = self.single_keys.iter().enumerate();
        if let Some((index, _)) = singles.find(|(index, set)| is_unique(set) && may_be_key(*index)) {
            return vec![index];
        }
        let joined = self.joined_keys.iter().position(is_unique);
        let joined = joined
            .map(|index| index + 2)
            .filter(|count| *count <= self.columns.len());
        let joined = joined.filter(|count| (0..*count).all(may_be_key));
        joined.map_or_else(Vec::new, |count| (0..count).collect())
    }

    /// The names of the header, each once; made up where there is none.
    fn column_names(&self, notes: &mut Vec<String>) -> Vec<String> {
        let given = self.names.iter().skip(usize::from(self.has_operation));
        let mut given = given.map(|name| String::from_utf8_lossy(name).into_owned());
        let mut taken = HashSet::new();
        let mut names = Vec::new();
        for index in 0..self.columns.len() {
            let given = given.next().filter(|name| !name.is_empty());
            let made_up = format!("column_{}", index + 1);
            let mut name = given.clone().unwrap_or_else(|| made_up.clone());
            if !taken.insert(name.clone()) {
                name = format!("{name}_{}", index + 1);
                taken.insert(name.clone());
                notes.push(format!(
                    "two columns had the same name; the second is {name:?} now"
                ));
            }
            names.push(name);
        }
        if given.next().is_some() {
            notes.push("the header has more names than the rows have fields".to_owned());
        }
        if self.names.is_empty() {
            notes.push(
                "the columns are numbered: rename them, the names are the members of each message".to_owned(),
            );
        }
        names
    }
}

/// Whether a field is NULL: that of the files, or nothing, and without quotes.
fn is_null(field: Field<'_>, null_value: &[u8]) -> bool {
    (field.text == null_value || field.text.is_empty()) && field.quoting == Quoting::Bare
}

/// Whether values of the type identify a row.
fn identifies(column_type: ColumnType) -> bool {
    match column_type.class() {
        TypeClass::Integer { .. } | TypeClass::Date | TypeClass::DateTime | TypeClass::Text => true,
        TypeClass::Decimal { scale } => scale == 0,
        TypeClass::Float
        | TypeClass::Boolean
        | TypeClass::Time
        | TypeClass::LargeText
        | TypeClass::Bytes
        | TypeClass::LargeBytes => false,
    }
}

/// Adds a value to the set, which goes when it has the value already. Two values with one hash cost a key that might
/// have been one.
fn add_key(set: Option<&mut Option<HashSet<u64>>>, is_value: bool, hash: u64) {
    if let Some(slot) = set {
        let is_new = slot.as_mut().is_some_and(|set| set.insert(hash));
        if !is_value || !is_new {
            *slot = None;
        }
    }
}

#[cfg(test)]
#[path = "table_tests.rs"]
mod tests;
