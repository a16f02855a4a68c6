//! The documents of a new task: the table definition as DMS takes it, and a configuration with comments that say what
//! was seen. Pure: no I/O, no clock.

use std::fmt::Write as _;

use serde::Serialize;

use super::column::ColumnSeen;
use super::table::Inferred;
use crate::counted::counted;
use crate::model::{Column, ColumnType, DateFormat};
use crate::printable::printable;
use crate::saturate;
use crate::settings::{CsvDialect, TextEncoding};

/// Name of the table definition beside the configuration.
pub const TABLE_DEFINITION_FILE: &str = "table-definition.json";

/// Where a new task reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NewSource {
    /// A folder, as it is to stand in the configuration.
    Local {
        /// The folder.
        directory: String,
    },
    /// A bucket.
    S3 {
        /// Its name.
        bucket: String,
        /// Folder before the tables; may be empty.
        bucket_folder: String,
    },
}

/// A new task.
#[derive(Debug)]
pub struct NewTask<'a> {
    /// Its name.
    pub name: String,
    /// Where it reads.
    pub source: NewSource,
    /// How the text of its files is cut.
    pub dialect: &'a CsvDialect,
    /// What the bytes of its files mean.
    pub encoding: TextEncoding,
    /// What a person should look at, of all tables.
    pub notes: &'a [String],
    /// Whether files begin with a header row.
    pub has_header: bool,
    /// Stream to write to; files without it.
    pub stream: Option<String>,
    /// Its tables.
    pub tables: &'a [Inferred],
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Definition<'a> {
    table_count: String,
    tables: Vec<DefinedTable<'a>>,
}

#[derive(Debug, Serialize)]
#[expect(clippy::struct_field_names, reason = "they are the names of DMS")]
#[serde(rename_all = "PascalCase")]
struct DefinedTable<'a> {
    table_name: &'a str,
    table_path: &'a str,
    table_owner: &'a str,
    table_columns: Vec<DefinedColumn<'a>>,
    table_columns_total: String,
}

/// Numbers and booleans are texts, as in every document of DMS.
#[derive(Debug, Serialize)]
#[expect(clippy::struct_field_names, reason = "they are the names of DMS")]
#[serde(rename_all = "PascalCase")]
struct DefinedColumn<'a> {
    column_name: &'a str,
    column_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    column_length: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    column_precision: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    column_scale: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    column_date_format: Option<&'static str>,
    column_nullable: &'static str,
    column_is_pk: &'static str,
}

/// The table definition of DMS.
///
/// # Errors
/// Never in practice: texts can always be written.
pub fn table_definition(tables: &[Inferred]) -> serde_json::Result<String> {
    let tables = tables.iter().map(|Inferred { table, .. }| DefinedTable {
        table_name: &table.name,
        table_path: &table.path,
        table_owner: &table.owner,
        table_columns: table.columns.iter().map(DefinedColumn::of).collect(),
        table_columns_total: table.columns.len().to_string(),
    });
    let tables: Vec<_> = tables.collect();
    let definition = Definition {
        table_count: tables.len().to_string(),
        tables,
    };
    serde_json::to_string_pretty(&definition).map(|text| text + "\n")
}

/// The name of a type and its parameters, as a definition has them.
pub fn type_name(column_type: ColumnType) -> String {
    let column = Column {
        name: String::new(),
        column_type,
        nullable: false,
        is_primary_key: false,
    };
    let defined = DefinedColumn::of(&column);
    let numbers = [
        defined.column_length,
        defined.column_precision,
        defined.column_scale,
    ];
    let numbers: Vec<_> = numbers.into_iter().flatten().collect();
    if numbers.is_empty() {
        return defined.column_type.to_owned();
    }
    format!("{}({})", defined.column_type, numbers.join(","))
}

impl<'a> DefinedColumn<'a> {
    fn of(column: &'a Column) -> Self {
        let word = |is_so: bool| if is_so { "true" } else { "false" };
        let mut defined = Self {
            column_name: &column.name,
            column_type: "",
            column_length: None,
            column_precision: None,
            column_scale: None,
            column_date_format: None,
            column_nullable: word(column.nullable),
            column_is_pk: word(column.is_primary_key),
        };
        defined.column_type = match column.column_type {
            ColumnType::Int1 => "INT1",
            ColumnType::Int2 => "INT2",
            ColumnType::Int4 => "INT4",
            ColumnType::Int8 => "INT8",
            ColumnType::Uint1 => "UINT1",
            ColumnType::Uint2 => "UINT2",
            ColumnType::Uint4 => "UINT4",
            ColumnType::Uint8 => "UINT8",
            ColumnType::Real4 => "REAL4",
            ColumnType::Real8 => "REAL8",
            ColumnType::Boolean => "BOOLEAN",
            ColumnType::Clob => "CLOB",
            ColumnType::Blob => "BLOB",
            ColumnType::Numeric { precision, scale } => {
                defined.column_precision = Some(precision.to_string());
                defined.column_scale = Some(scale.to_string());
                "NUMERIC"
            }
            ColumnType::Date { format } => {
                defined.column_date_format = format.map(pattern);
                "DATE"
            }
            ColumnType::Time { format } => {
                defined.column_date_format = format.map(pattern);
                "TIME"
            }
            ColumnType::DateTime { scale, format } => {
                defined.column_scale = Some(scale.to_string());
                defined.column_date_format = format.map(pattern);
                "DATETIME"
            }
            ColumnType::String { length } => {
                defined.column_length = length.map(|length| length.to_string());
                "STRING"
            }
            ColumnType::Byte { length } => {
                defined.column_length = Some(length.to_string());
                "BYTE"
            }
        };
        defined
    }
}

fn pattern(format: DateFormat) -> &'static str {
    match format {
        DateFormat::YearMonthDayDashed { fraction: false } => "YYYY-MM-dd HH:mm:ss",
        DateFormat::YearMonthDayDashed { fraction: true } => "YYYY-MM-dd HH:mm:ss.F",
        DateFormat::YearMonthDaySlashed { fraction: false } => "YYYY/MM/dd HH:mm:ss",
        DateFormat::YearMonthDaySlashed { fraction: true } => "YYYY/MM/dd HH:mm:ss.F",
        DateFormat::MonthDayYearSlashed { fraction: false } => "MM/dd/YYYY HH:mm:ss",
        DateFormat::MonthDayYearSlashed { fraction: true } => "MM/dd/YYYY HH:mm:ss.F",
        DateFormat::YearMonthDayPlain { fraction: false } => "YYYYMMdd HH:mm:ss",
        DateFormat::YearMonthDayPlain { fraction: true } => "YYYYMMdd HH:mm:ss.F",
    }
}

/// The configuration, with what was seen of each column as comments.
pub fn configuration(task: &NewTask<'_>) -> String {
    let mut text = String::from(
        "# Made by `brigade init` from samples: a proposal to be read and corrected.\n#\n\
         #   brigade validate     says what is wrong with it\n\
         #   brigade preview      shows the records it makes, without sending any\n\
         #   brigade plan         says how much there is and how long it takes\n\
         #   brigade run --once   sends everything that is there\n#\n\
         # Types are those that accept every value seen; a column without an empty value is not nullable, and a row\n\
         # with an empty value in it becomes a dead letter until ColumnNullable is \"true\".\n",
    );
    if !task.notes.is_empty() {
        text.push_str("#\n");
    }
    for note in task.notes {
        comment(&mut text, &format!("note: {note}"));
    }
    for inferred in task.tables {
        text.push_str("#\n");
        let columns = counted(saturate::to_u64(inferred.table.columns.len()), "column");
        comment(
            &mut text,
            &format!(
                "{}: {}, {columns}",
                inferred.table.full_name(),
                counted(inferred.rows, "row")
            ),
        );
        for (column, seen) in inferred.table.columns.iter().zip(&inferred.columns) {
            comment(&mut text, &format!("  {}", column_line(column, seen)));
        }
        for note in &inferred.notes {
            comment(&mut text, &format!("  note: {note}"));
        }
    }
    let (source, header) = (source(&task.source), u8::from(task.has_header));
    let by_header = if task.has_header {
        "    # To find columns by the names in each header instead of their order:\n    # columns: by_header\n"
    } else {
        ""
    };
    let (name, csv, target) = (quoted(&task.name), csv(task), target(task));
    text + &format!(
        "version: 1\ntask: {name}\n\
         # For change files as well: full-load-and-cdc, and cdc_path below.\n\
         migration_type: full-load\n\n\
         source:\n{source}  tables: ./{TABLE_DEFINITION_FILE}\n  csv:\n{csv}    \
         ignore_header_rows: {header}\n{by_header}\n\
         target:\n{target}\n\
         errors:\n  dead_letters: ./state/dead-letters\n\n\
         # Needs a disk that survives a restart.\nstate:\n  sled:\n    path: ./state\n"
    )
}

/// The keys of `source.csv` that are not as they are anyway, and the delimiter.
fn csv(task: &NewTask<'_>) -> String {
    let CsvDialect {
        delimiter,
        row_delimiter,
        null_value,
        rfc4180,
        quote,
        escape,
        ..
    } = task.dialect;
    let usual = CsvDialect::default();
    let text = |bytes: &[u8]| quoted(&String::from_utf8_lossy(bytes).replace('\\', r"\\"));
    let byte = |byte: u8| quoted(&char::from(byte).to_string());
    let mut lines = vec![format!("delimiter: {}", text(delimiter))];
    if *row_delimiter != usual.row_delimiter {
        lines.push(format!("row_delimiter: {}", text(row_delimiter)));
    }
    if *rfc4180 && *quote != usual.quote {
        lines.push(format!("quote: {}", byte(*quote)));
    }
    if !rfc4180 {
        lines.push("rfc4180: false".to_owned());
    }
    if let Some(escape) = escape {
        lines.push(format!("escape: {}", byte(*escape)));
    }
    if !null_value.is_empty() {
        lines.push(format!("null_value: {}", quoted(null_value)));
    }
    if !task.encoding.is_utf_8() {
        lines.push(format!("encoding: {}", quoted(task.encoding.name())));
    }
    let lines = lines.iter().flat_map(|line| ["    ", line, "\n"]);
    lines.collect()
}

/// A column and what was seen of it, in one line.
pub fn column_line(column: &Column, seen: &ColumnSeen) -> String {
    let mut line = format!("{}: {}", column.name, type_name(column.column_type));
    if column.is_primary_key {
        line.push_str(", key");
    }
    if column.nullable {
        line.push_str(", nullable");
    }
    // Writing to a String cannot fail.
    let _written = write!(line, "; {}", counted(seen.values, "value"));
    if seen.values > 0 {
        let _written = write!(line, " of {} to {} bytes", seen.bytes_min, seen.bytes_max);
    }
    if seen.nulls > 0 {
        let _written = write!(line, ", {} empty", seen.nulls);
    }
    if seen.empties > 0 && !column.column_type.holds_nothing() {
        let _written = write!(line, ", {} of them nothing in quotes: NULL", seen.empties);
    }
    if seen.not_utf8 > 0 {
        let _written = write!(line, ", {} not UTF-8: they become dead letters", seen.not_utf8);
    }
    if seen.with_nul > 0 {
        let _written = write!(line, ", {} with a NUL, at which DMS cuts", seen.with_nul);
    }
    if seen.is_ambiguous_date() {
        line.push_str("; dates, but month and day cannot be distinguished");
    }
    line
}

fn source(source: &NewSource) -> String {
    match source {
        NewSource::Local { directory } => format!(
            "  local:\n    directory: {}\n    # cdc_path: cdc\n",
            quoted(directory)
        ),
        NewSource::S3 {
            bucket,
            bucket_folder,
        } => format!(
            "  s3:\n    bucket: {}\n    bucket_folder: {}\n    # cdc_path: cdc\n    # region: us-west-2\n",
            quoted(bucket),
            quoted(bucket_folder)
        ),
    }
}

fn target(task: &NewTask<'_>) -> String {
    match &task.stream {
        Some(stream) => format!("  kinesis:\n    stream: {}\n    # region: us-west-2\n", quoted(stream)),
        None => "  # Files to try it with. For a stream, instead of ndjson:\n  # kinesis:\n  #   stream: orders\n  \
                 ndjson:\n    path: ./out\n    shards: 1\n"
            .to_owned(),
    }
}

fn comment(text: &mut String, line: &str) {
    text.push_str("# ");
    text.push_str(&printable(line));
    text.push('\n');
}

/// A text of YAML; a dollar sign would take a variable's value.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            '$' => quoted.push_str("$$"),
            _ if character.is_control() => {
                let _written = write!(quoted, "\\u{:04x}", u32::from(character));
            }
            _ => quoted.push(character),
        }
    }
    quoted.push('"');
    quoted
}
