//! What the header of a CSV file says of its columns: names are those of the definition, in any order. Pure: no I/O, no
//! clock.
//!
//! A name is that of a column if it is the same text, blanks around it aside; where no name is, one that differs in
//! case only. That is the rule for columns of Parquet, too.

use super::parquet::columns::{OPERATION_COLUMN, named};
use crate::model::{ColumnOrder, FileColumns, RowSource, Table, TableIndex};
use crate::parse::target::CHANGE_FIELDS;
use crate::settings::{CsvColumns, CsvDialect, HeaderDrift, LoadOperationColumn};
use crate::value::csv::FieldSplitter;

/// What a header says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// Where the columns are.
    pub columns: FileColumns,
    /// What is not as the definition has it, and is accepted.
    pub drift: Option<String>,
}

/// What the header of rows of a kind says of the columns of the tables.
///
/// # Errors
/// Why the file cannot be read by it, or by policy is not: one sentence.
pub fn read_header(
    header: &[u8],
    rows: RowSource,
    dialect: &CsvDialect,
    tables: &[Table],
) -> Result<Header, String> {
    let names = names_of(header, dialect)?;
    let policy = match dialect.columns {
        CsvColumns::ByPosition { .. } => HeaderDrift::Accept,
        CsvColumns::ByHeader { drift } => drift,
    };
    let leading = leading_fields(&names, rows, dialect.load_operation_column, tables);
    if names.len() <= leading {
        let count = names.len();
        return Err(format!(
            "its header has no columns: it has {count} names, and the first {leading} come before them"
        ));
    }
    let found = tables
        .iter()
        .zip(0..)
        .map(|(table, index)| (TableIndex(index), table));
    let found = found.filter(|(index, _)| rows.table().is_none_or(|table| table == *index));
    let found: Vec<_> = found
        .map(|(index, table)| (index, Found::new(&names, leading, table)))
        .collect();
    let known = found.iter().flat_map(|(_, found)| found.places.iter().flatten());
    let known: Vec<usize> = known.copied().collect();
    let mut drift = Vec::from_iter(unknown_names(&names, leading, &known));
    let orders = found.into_iter().map(|(index, found)| {
        let order = found.order(policy, &known, &mut drift);
        (index, order)
    });
    let orders: Vec<_> = orders.collect();
    let refusals = orders.iter().map(|(_, order)| order.as_ref().err().cloned());
    // Of several tables some can be of another file; if it has the columns of none, it is another file.
    if let Some(reasons) = refusals.collect::<Option<Vec<_>>>() {
        return Err(reasons
            .first()
            .cloned()
            .unwrap_or_else(|| "its table is not defined".to_owned()));
    }
    let drift = (!drift.is_empty()).then(|| drift.join("; "));
    if let (Some(drift), HeaderDrift::Quarantine | HeaderDrift::Stop) = (&drift, policy) {
        return Err(format!("{drift}; {CURE}"));
    }
    let columns = FileColumns {
        fields_count: names.len(),
        has_operation: leading > 0,
        orders,
    };
    Ok(Header { columns, drift })
}

/// What the definition does not have. A file without a header has a row in its place, whose values are not to be shown:
/// names are, if at least as many others are those of columns.
fn unknown_names(names: &[String], leading: usize, known: &[usize]) -> Option<String> {
    let unknown = names.iter().enumerate().skip(leading);
    let unknown = unknown.filter(|(index, _)| !known.contains(index));
    let unknown: Vec<(usize, &String)> = unknown.collect();
    let is_header = unknown.len() * 2 <= names.len() - leading;
    let told = || {
        let shown = if is_header {
            shown(unknown.iter().map(|(_, name)| name.as_str()))
        } else {
            let fields = unknown.iter().map(|(index, _)| (index + 1).to_string());
            format!("names in the fields {}", named(&fields.collect::<Vec<_>>()))
        };
        format!("its header has {shown}, which the definition does not have")
    };
    (!unknown.is_empty()).then(told)
}

/// What is to be done about a header that is not that of its table.
const CURE: &str = "correct the file or the definition, or accept it with source.csv.header_drift";

/// Whether a row is a header of a table: at least half of its fields are names of columns.
pub fn names_columns(row: &[u8], dialect: &CsvDialect, table: &Table) -> bool {
    is_header_of(&names_of(row, dialect).unwrap_or_default(), table)
}

fn is_header_of(names: &[String], table: &Table) -> bool {
    let is_column = |name: &&String| {
        let mut columns = table.columns.iter();
        columns.any(|column| column.name.eq_ignore_ascii_case(name))
    };
    !names.is_empty() && names.iter().filter(is_column).count() * 2 >= names.len()
}

/// Why fields cannot stand in the order of the definition, if the header that is skipped says that they do not: a table
/// of which it names as many columns as of any has one that it names elsewhere only, and each such table has.
pub fn misplaced(header: &[u8], rows: RowSource, dialect: &CsvDialect, tables: &[Table]) -> Option<String> {
    let names = bare_names(header, dialect);
    let leading = leading_fields(&names, rows, dialect.load_operation_column, tables);
    let columns = names.get(leading..).unwrap_or_default();
    let own = tables.iter().zip(0..);
    let own = own.filter(|(_, index)| rows.table().is_none_or(|table| table == TableIndex(*index)));
    let own = own.map(|(table, _)| (table, named_count(columns, table)));
    let own: Vec<_> = own.filter(|(table, _)| is_header_of(columns, table)).collect();
    let most = own.iter().map(|(_, count)| *count).max()?;
    let named_most = own.iter().filter(|(_, count)| *count == most);
    let misplaced: Option<Vec<_>> = named_most
        .map(|(table, _)| Some((*table, misplaced_in(columns, leading, table)?)))
        .collect();
    let (table, (column, place)) = misplaced?.into_iter().next()?;
    let expected = table.columns.iter().position(|known| known.name == column)?;
    Some(format!(
        "{column} is column {} of {}, and its header has it as name {} of its columns; read files by their headers with \
         source.csv.columns: by_header (then change files need headers too), or say that the header is wrong with source.csv.header_drift: accept",
        expected + 1,
        table.full_name(),
        place + 1
    ))
}

/// The first column of a table that stands elsewhere, with its place among the names.
fn misplaced_in<'t>(names: &[String], leading: usize, table: &'t Table) -> Option<(&'t str, usize)> {
    let place = elsewhere(names, table)?;
    // Rows that begin with an operation may have a header that calls it anything.
    let first = table.columns.first().map(|column| column.name.as_str());
    let is_wider = leading == 0 && names.len() == table.columns.len() + 1;
    let later = names.get(1..).filter(|later| {
        let second = later.first().map(String::as_str).unwrap_or_default();
        is_wider && first.is_some_and(|first| first.eq_ignore_ascii_case(second))
    });
    let is_later_too = later.is_none_or(|later| elsewhere(later, table).is_some());
    is_later_too.then_some(place)
}

/// How many columns of a table are named.
fn named_count(names: &[String], table: &Table) -> usize {
    let is_named = |name: &str| names.iter().any(|other| other.eq_ignore_ascii_case(name));
    let columns = table.columns.iter();
    columns.filter(|column| is_named(&column.name)).count()
}

/// The names in a header that need not be one: whatever else is wrong with it, names are to be known.
fn bare_names(header: &[u8], dialect: &CsvDialect) -> Vec<String> {
    let mut splitter = FieldSplitter::new(dialect);
    let names = splitter.split(header).iter().map(|field| {
        let name = String::from_utf8_lossy(field.text);
        name.trim_matches(|c: char| c.is_whitespace() || "\"'`[]".contains(c))
            .to_owned()
    });
    names.collect()
}

/// The first column that is named, and not where it stands in the definition, with its first place among the names.
fn elsewhere<'t>(names: &[String], table: &'t Table) -> Option<(&'t str, usize)> {
    let columns = table.columns.iter().enumerate();
    let mut misplaced = columns.filter_map(|(index, column)| {
        let is_name = |name: &String| column.name.eq_ignore_ascii_case(name);
        let place = names.iter().position(is_name)?;
        let is_in_place = names.get(index).is_some_and(is_name);
        (!is_in_place).then_some((column.name.as_str(), place))
    });
    misplaced.next()
}

/// The names in a header, without the blanks around them.
fn names_of(header: &[u8], dialect: &CsvDialect) -> Result<Vec<String>, String> {
    let mut splitter = FieldSplitter::new(dialect);
    let names = splitter.split(header).iter().map(|field| {
        let name = std::str::from_utf8(field.text.trim_ascii());
        name.map(ToOwned::to_owned)
            .map_err(|_not_text| "its header is not UTF-8".to_owned())
    });
    names.collect()
}

/// Fields before the columns.
fn leading_fields(names: &[String], rows: RowSource, rule: LoadOperationColumn, tables: &[Table]) -> usize {
    match rows {
        RowSource::Changes => CHANGE_FIELDS,
        RowSource::ChangesOf(_) => 1,
        RowSource::Values { .. } => 0,
        RowSource::Load(table) => {
            let is_operation = |name: &str| name.eq_ignore_ascii_case(OPERATION_COLUMN);
            let table = tables.get(table.0);
            let is_own =
                table.is_some_and(|table| table.columns.iter().any(|column| is_operation(&column.name)));
            let is_there = match rule {
                LoadOperationColumn::Absent => false,
                LoadOperationColumn::Present => true,
                LoadOperationColumn::Detect => {
                    !is_own && names.first().is_some_and(|name| is_operation(name))
                }
            };
            usize::from(is_there)
        }
    }
}

/// The columns of a table among the names.
struct Found<'a> {
    table: &'a Table,
    places: Vec<Option<usize>>,
    /// Why rows of the table cannot be read by them. The columns that are there are still its columns.
    refusal: Option<String>,
}

impl<'a> Found<'a> {
    fn new(names: &[String], leading: usize, table: &'a Table) -> Self {
        let columns = table.columns.iter();
        let places = columns.map(|column| find(names, leading, &column.name));
        let (places, refusal) = match places.collect::<Result<Vec<_>, _>>() {
            Ok(places) => {
                let refusal = refusal(table, &places);
                (places, refusal)
            }
            Err(reason) => (vec![None; table.columns.len()], Some(reason)),
        };
        Self {
            table,
            places,
            refusal,
        }
    }

    fn order(
        self,
        policy: HeaderDrift,
        known: &[usize],
        drift: &mut Vec<String>,
    ) -> Result<ColumnOrder, String> {
        if let Some(refusal) = self.refusal {
            return Err(refusal);
        }
        let absent = self.table.columns.iter().zip(&self.places);
        let absent = absent.filter(|(_, place)| place.is_none());
        let absent: Vec<&str> = absent.map(|(column, _)| column.name.as_str()).collect();
        if !absent.is_empty() {
            let told = format!(
                "its header has no {} of {}",
                shown(absent),
                self.table.full_name()
            );
            if policy != HeaderDrift::Accept {
                return Err(format!("{told}; {CURE}"));
            }
            drift.push(told);
        }
        let foreign = known.iter().filter(|place| !self.places.contains(&Some(**place)));
        let mut foreign: Vec<usize> = foreign.copied().collect();
        foreign.sort_unstable();
        foreign.dedup();
        Ok(ColumnOrder {
            foreign,
            places: self.places,
        })
    }
}

/// Why rows of a table cannot be read by the columns that were found, if they cannot. What stands in the first row is left
/// out: it may be no header.
fn refusal(table: &Table, places: &[Option<usize>]) -> Option<String> {
    let columns = || table.columns.iter().zip(places);
    let missing = columns().filter(|(column, place)| place.is_none() && !column.nullable);
    let missing: Vec<&str> = missing.map(|(column, _)| column.name.as_str()).collect();
    if missing.is_empty() && columns().any(|(_, place)| place.is_some()) {
        return None;
    }
    let table = table.full_name();
    let what = if missing.is_empty() {
        format!("none of the columns of {table}")
    } else {
        format!("no {} of {table}, which may not be NULL", shown(missing))
    };
    Some(format!(
        "its header has {what}; is the first row of the file a header?"
    ))
}

/// The place of a column by its name; where none has it, by one that differs in case only.
fn find(names: &[String], leading: usize, column: &str) -> Result<Option<usize>, String> {
    let places = |is_same: fn(&str, &str) -> bool| {
        let places = names.iter().enumerate().skip(leading);
        let places = places.filter(|(_, name)| is_same(name, column));
        places.map(|(place, _)| place).collect::<Vec<_>>()
    };
    let mut found = places(|name, column| name == column);
    if found.is_empty() {
        found = places(str::eq_ignore_ascii_case);
    }
    match found.as_slice() {
        [] => Ok(None),
        [place] => Ok(Some(*place)),
        [_, _, ..] => Err(format!(
            "its header has {} names for the column {column} of the definition; name it once",
            found.len()
        )),
    }
}

/// Names as people can read them, whatever they are.
fn shown<'n>(names: impl IntoIterator<Item = &'n str>) -> String {
    let names: Vec<String> = names.into_iter().map(|name| format!("{name:?}")).collect();
    named(&names)
}

#[cfg(test)]
#[path = "header_tests.rs"]
mod tests;
