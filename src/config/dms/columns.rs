//! One column of the external table definition. Pure: no I/O, no clock.

use super::super::suggest::closest;
use super::super::tree::{Node, quoted};
use super::members::Members;
use crate::model::{Column, ColumnType, DateFormat};
use crate::settings::problems::Report;

/// Longest value that a column can be declared with, in bytes.
pub(super) const LENGTH_MAX: u64 = 2_147_483_647;
pub(crate) const PRECISION_MAX: u64 = 38;
pub(crate) const NUMERIC_SCALE_MAX: u64 = 31;
pub(super) const DATETIME_SCALE_MAX: u64 = 9;

const MEMBERS: &[&str] = &[
    "ColumnName",
    "ColumnType",
    "ColumnNullable",
    "ColumnLength",
    "ColumnPrecision",
    "ColumnScale",
    "ColumnIsPk",
    "ColumnDateFormat",
];

const TYPES: &[&str] = &[
    "BYTE", "DATE", "TIME", "DATETIME", "INT1", "INT2", "INT4", "INT8", "NUMERIC", "REAL4", "REAL8",
    "STRING", "UINT1", "UINT2", "UINT4", "UINT8", "BLOB", "CLOB", "BOOLEAN",
];

/// Type names of databases, and what they are called here.
const FOREIGN_TYPES: &[(&str, &str)] = &[
    ("VARCHAR", "STRING"),
    ("VARCHAR2", "STRING"),
    ("NVARCHAR", "STRING"),
    ("CHAR", "STRING"),
    ("TEXT", "CLOB"),
    ("TINYINT", "INT1"),
    ("SMALLINT", "INT2"),
    ("INT", "INT4"),
    ("INTEGER", "INT4"),
    ("BIGINT", "INT8"),
    ("DECIMAL", "NUMERIC"),
    ("NUMBER", "NUMERIC"),
    ("FLOAT", "REAL4"),
    ("DOUBLE", "REAL8"),
    ("BOOL", "BOOLEAN"),
    ("BINARY", "BYTE"),
    ("VARBINARY", "BYTE"),
];

const DATE_FORMATS: &[(&str, DateFormat)] = &[
    (
        "YYYY-MM-dd HH:mm:ss",
        DateFormat::YearMonthDayDashed { fraction: false },
    ),
    (
        "YYYY-MM-dd HH:mm:ss.F",
        DateFormat::YearMonthDayDashed { fraction: true },
    ),
    (
        "YYYY/MM/dd HH:mm:ss",
        DateFormat::YearMonthDaySlashed { fraction: false },
    ),
    (
        "YYYY/MM/dd HH:mm:ss.F",
        DateFormat::YearMonthDaySlashed { fraction: true },
    ),
    (
        "MM/dd/YYYY HH:mm:ss",
        DateFormat::MonthDayYearSlashed { fraction: false },
    ),
    (
        "MM/dd/YYYY HH:mm:ss.F",
        DateFormat::MonthDayYearSlashed { fraction: true },
    ),
    (
        "YYYYMMdd HH:mm:ss",
        DateFormat::YearMonthDayPlain { fraction: false },
    ),
    (
        "YYYYMMdd HH:mm:ss.F",
        DateFormat::YearMonthDayPlain { fraction: true },
    ),
];

/// Reads one column; `None` if it has a problem without which its type is unknown.
pub(super) fn column(node: &Node, path: String, report: &mut Report) -> Option<Column> {
    let members = Members::of(node, path, MEMBERS, report)?;
    let name = members.text("ColumnName", report);
    let column_type = members.text("ColumnType", report);
    let column_type = column_type.and_then(|type_name| column_type_of(&members, type_name, report));
    let nullable = members.boolean("ColumnNullable", report);
    let is_primary_key = members.boolean("ColumnIsPk", report);
    if nullable && is_primary_key {
        let message = format!(
            "{} is part of the primary key and nullable; rows with NULL in it have no partition key and become dead \
             letters",
            members.path
        );
        report.warning(members.place_of("ColumnNullable"), message);
    }
    Some(Column {
        name: name?.to_owned(),
        column_type: column_type?,
        nullable,
        is_primary_key,
    })
}

fn column_type_of(members: &Members<'_>, type_name: &str, report: &mut Report) -> Option<ColumnType> {
    let canonical = type_name.to_ascii_uppercase();
    let format = date_format(members, &canonical, report);
    Some(match canonical.as_str() {
        "INT1" => ColumnType::Int1,
        "INT2" => ColumnType::Int2,
        "INT4" => ColumnType::Int4,
        "INT8" => ColumnType::Int8,
        "UINT1" => ColumnType::Uint1,
        "UINT2" => ColumnType::Uint2,
        "UINT4" => ColumnType::Uint4,
        "UINT8" => ColumnType::Uint8,
        "REAL4" => ColumnType::Real4,
        "REAL8" => ColumnType::Real8,
        "BOOLEAN" => ColumnType::Boolean,
        "NUMERIC" => numeric(members, report)?,
        "DATE" => ColumnType::Date { format },
        "TIME" => ColumnType::Time { format },
        // TIMESTAMP is the name that documents of 2018 use.
        "DATETIME" | "TIMESTAMP" => ColumnType::DateTime {
            scale: small(scale(members, DATETIME_SCALE_MAX, report)?)?,
            format,
        },
        "STRING" | "WSTRING" => string(members, report)?,
        "CLOB" | "NCLOB" => ColumnType::Clob,
        "BYTE" | "BYTES" => byte(members, report)?,
        "BLOB" => ColumnType::Blob,
        _ => {
            unknown_type(members, type_name, &canonical, report);
            return None;
        }
    })
}

fn numeric(members: &Members<'_>, report: &mut Report) -> Option<ColumnType> {
    let scale = scale(members, NUMERIC_SCALE_MAX, report);
    if members.node("ColumnPrecision").is_none() {
        let message = format!(
            "{} is NUMERIC without `ColumnPrecision`; add the number of digits, 1 to {PRECISION_MAX}",
            members.path
        );
        report.error(members.place, message);
        return None;
    }
    let precision = members.number("ColumnPrecision", 1, PRECISION_MAX, report)?;
    let scale = scale?;
    if scale > precision {
        let message = format!(
            "{}.ColumnScale is {scale}, more than its ColumnPrecision {precision}; digits after the point count \
            toward the precision: correct one of them",
            members.path
        );
        report.error(members.place_of("ColumnScale"), message);
        return None;
    }
    Some(ColumnType::Numeric {
        precision: small(precision)?,
        scale: small(scale)?,
    })
}

/// The scale, 0 if it is not there; `None` if it is wrong.
fn scale(members: &Members<'_>, maximum: u64, report: &mut Report) -> Option<u64> {
    match members.node("ColumnScale") {
        None => Some(0),
        Some(_) => members.number("ColumnScale", 0, maximum, report),
    }
}

/// A precision or scale, which is checked to be small.
pub(super) fn small(number: u64) -> Option<u8> {
    u8::try_from(number).ok()
}

fn string(members: &Members<'_>, report: &mut Report) -> Option<ColumnType> {
    let length = match members.node("ColumnLength") {
        None => 0,
        Some(_) => members.number("ColumnLength", 0, LENGTH_MAX, report)?,
    };
    if length == 0 {
        let message = format!(
            "{} is STRING without `ColumnLength`; values of any length are taken",
            members.path
        );
        report.warning(members.place_of("ColumnLength"), message);
    }
    Some(ColumnType::String {
        length: u32::try_from(length).ok().filter(|length| *length > 0),
    })
}

fn byte(members: &Members<'_>, report: &mut Report) -> Option<ColumnType> {
    if members.node("ColumnLength").is_none() {
        let message = format!(
            "{} is BYTE without `ColumnLength`; add its length in bytes",
            members.path
        );
        report.error(members.place, message);
        return None;
    }
    let length = members.number("ColumnLength", 1, LENGTH_MAX, report)?;
    Some(ColumnType::Byte {
        length: u32::try_from(length).ok()?,
    })
}

fn date_format(members: &Members<'_>, type_name: &str, report: &mut Report) -> Option<DateFormat> {
    members.node("ColumnDateFormat")?;
    if !matches!(type_name, "DATE" | "TIME" | "DATETIME" | "TIMESTAMP") {
        let message = format!("{}.ColumnDateFormat has no effect on {type_name}", members.path);
        report.warning(members.place_of("ColumnDateFormat"), message);
        return None;
    }
    let given = members.text("ColumnDateFormat", report)?;
    let format = DATE_FORMATS.iter().find(|(name, _)| *name == given);
    if format.is_none() {
        let names: Vec<_> = DATE_FORMATS.iter().map(|(name, _)| *name).collect();
        let message = format!(
            "{}.ColumnDateFormat is {}; allowed: {}",
            members.path,
            quoted(given),
            names.join(" | ")
        );
        report.error(members.place_of("ColumnDateFormat"), message);
    }
    format.map(|(_, format)| *format)
}

fn unknown_type(members: &Members<'_>, given: &str, canonical: &str, report: &mut Report) {
    let foreign = FOREIGN_TYPES.iter().find(|(name, _)| *name == canonical);
    let meant = foreign
        .map(|(_, name)| *name)
        .or_else(|| closest(given, TYPES.iter().copied()));
    let hint = meant
        .map(|name| format!("; perhaps {name} is meant"))
        .unwrap_or_default();
    let message = format!(
        "{}.ColumnType is {}, which is not known{hint}; allowed: {}",
        members.path,
        quoted(given),
        TYPES.join(", ")
    );
    report.error(members.place_of("ColumnType"), message);
}
