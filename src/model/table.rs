//! The tables of a task, as the DMS external table definition describes them. Pure: no I/O, no clock.

use serde::{Deserialize, Serialize};

/// Index of a table in the task's table list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TableIndex(pub usize);

/// One table of the external table definition.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Table {
    /// Schema name (`TableOwner`); becomes `metadata.schema-name`.
    pub owner: String,
    /// Table name (`TableName`); becomes `metadata.table-name`.
    pub name: String,
    /// Key prefix of the full-load files below the bucket folder, with exactly one slash at its end.
    pub path: String,
    /// The columns, in file order.
    pub columns: Vec<Column>,
}

impl Table {
    /// `schema.table`, the name people use for a table.
    pub fn full_name(&self) -> String {
        format!("{}.{}", self.owner, self.name)
    }

    /// The primary-key columns, in column order, with their indexes.
    pub fn primary_key(&self) -> impl Iterator<Item = (usize, &Column)> {
        self.columns
            .iter()
            .enumerate()
            .filter(|(_, column)| column.is_primary_key)
    }
}

/// One column of a table.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Column {
    /// Column name; becomes the member name in `data`.
    pub name: String,
    /// Type with its parameters.
    pub column_type: ColumnType,
    /// Whether an empty value is allowed; DMS's default is that it is not.
    pub nullable: bool,
    /// Whether the column is part of the primary key.
    pub is_primary_key: bool,
}

/// Column types of the external table definition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ColumnType {
    /// Signed 8-bit integer.
    Int1,
    /// Signed 16-bit integer.
    Int2,
    /// Signed 32-bit integer.
    Int4,
    /// Signed 64-bit integer.
    Int8,
    /// Unsigned 8-bit integer.
    Uint1,
    /// Unsigned 16-bit integer.
    Uint2,
    /// Unsigned 32-bit integer.
    Uint4,
    /// Unsigned 64-bit integer.
    Uint8,
    /// Exact decimal.
    Numeric {
        /// Total digits, 1 to 38.
        precision: u8,
        /// Digits after the point, 0 to 31.
        scale: u8,
    },
    /// IEEE single.
    Real4,
    /// IEEE double.
    Real8,
    /// True or false.
    Boolean,
    /// Calendar date.
    Date {
        /// Input format; `None` accepts the general DMS notations.
        format: Option<DateFormat>,
    },
    /// Time of day.
    Time {
        /// Input format; `None` accepts the general DMS notations.
        format: Option<DateFormat>,
    },
    /// Date and time (`DATETIME`, and `TIMESTAMP` of older documents).
    DateTime {
        /// Fractional digits kept, 0 to 9; more are cut off.
        scale: u8,
        /// Input format; `None` accepts the general DMS notations.
        format: Option<DateFormat>,
    },
    /// Text (`STRING`, `WSTRING`).
    String {
        /// Longest value in bytes; `None` means no limit.
        length: Option<u32>,
    },
    /// Large text (`CLOB`, `NCLOB`).
    Clob,
    /// Binary of at most this many bytes, as hexadecimal text.
    Byte {
        /// Longest value in bytes.
        length: u32,
    },
    /// Large binary, as hexadecimal text.
    Blob,
}

impl ColumnType {
    /// Whether values are text as it stands: blanks count, and it is cut at the first NUL.
    pub fn is_text(self) -> bool {
        matches!(self, Self::String { .. } | Self::Clob)
    }

    /// The name of the type in the rules of table mappings.
    pub fn dms_name(self) -> &'static str {
        match self {
            Self::Int1 => "int1",
            Self::Int2 => "int2",
            Self::Int4 => "int4",
            Self::Int8 => "int8",
            Self::Uint1 => "uint1",
            Self::Uint2 => "uint2",
            Self::Uint4 => "uint4",
            Self::Uint8 => "uint8",
            Self::Numeric { .. } => "numeric",
            Self::Real4 => "real4",
            Self::Real8 => "real8",
            Self::Boolean => "boolean",
            Self::Date { .. } => "date",
            Self::Time { .. } => "time",
            Self::DateTime { .. } => "datetime",
            Self::String { .. } => "string",
            Self::Clob => "clob",
            Self::Byte { .. } => "bytes",
            Self::Blob => "blob",
        }
    }
}

/// The values of `ColumnDateFormat`; `fraction` is the `.F` form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum DateFormat {
    /// `YYYY-MM-dd HH:mm:ss`
    YearMonthDayDashed {
        /// With `.F`.
        fraction: bool,
    },
    /// `YYYY/MM/dd HH:mm:ss`
    YearMonthDaySlashed {
        /// With `.F`.
        fraction: bool,
    },
    /// `MM/dd/YYYY HH:mm:ss`
    MonthDayYearSlashed {
        /// With `.F`.
        fraction: bool,
    },
    /// `YYYYMMdd HH:mm:ss`
    YearMonthDayPlain {
        /// With `.F`.
        fraction: bool,
    },
}
