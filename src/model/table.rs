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
    /// `schema.table`, the name people use for a table. Two tables can share one: `a.b` of `c` and `a` of `b.c`.
    pub fn full_name(&self) -> String {
        format!("{}.{}", self.owner, self.name)
    }

    /// The name that a table has in the state and in commands; no two tables share one.
    pub fn stored_name(&self) -> String {
        stored_name(&self.owner, &self.name)
    }

    /// The names of the columns, in column order.
    pub fn column_names(&self) -> Vec<String> {
        self.columns.iter().map(|column| column.name.clone()).collect()
    }

    /// The primary-key columns, in column order, with their indexes.
    pub fn primary_key(&self) -> impl Iterator<Item = (usize, &Column)> {
        self.columns
            .iter()
            .enumerate()
            .filter(|(_, column)| column.is_primary_key)
    }
}

/// `schema.table` with a backslash before each dot and backslash of the schema: it ends at the first dot that has none.
pub fn stored_name(schema: &str, table: &str) -> String {
    format!("{}.{table}", schema.replace('\\', "\\\\").replace('.', "\\."))
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

/// What the values of a type are, whatever their size and their format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TypeClass {
    /// An integer.
    Integer {
        /// Its width, with that of the sign.
        bits: u32,
        /// Whether it may be negative.
        is_signed: bool,
    },
    /// An exact decimal.
    Decimal {
        /// Digits after the point.
        scale: u8,
    },
    /// A number of IEEE 754.
    Float,
    /// True or false.
    Boolean,
    /// A calendar date.
    Date,
    /// A time of day.
    Time,
    /// A date and time.
    DateTime,
    /// Text.
    Text,
    /// Large text.
    LargeText,
    /// Bytes.
    Bytes,
    /// Many bytes.
    LargeBytes,
}

impl ColumnType {
    /// What values of the type are.
    pub fn class(self) -> TypeClass {
        let integer = |bits, is_signed| TypeClass::Integer { bits, is_signed };
        match self {
            Self::Int1 => integer(8, true),
            Self::Int2 => integer(16, true),
            Self::Int4 => integer(32, true),
            Self::Int8 => integer(64, true),
            Self::Uint1 => integer(8, false),
            Self::Uint2 => integer(16, false),
            Self::Uint4 => integer(32, false),
            Self::Uint8 => integer(64, false),
            Self::Numeric { scale, .. } => TypeClass::Decimal { scale },
            Self::Real4 | Self::Real8 => TypeClass::Float,
            Self::Boolean => TypeClass::Boolean,
            Self::Date { .. } => TypeClass::Date,
            Self::Time { .. } => TypeClass::Time,
            Self::DateTime { .. } => TypeClass::DateTime,
            Self::String { .. } => TypeClass::Text,
            Self::Clob => TypeClass::LargeText,
            Self::Byte { .. } => TypeClass::Bytes,
            Self::Blob => TypeClass::LargeBytes,
        }
    }

    /// Whether values are numbers.
    pub fn is_number(self) -> bool {
        match self.class() {
            TypeClass::Integer { .. } | TypeClass::Decimal { .. } | TypeClass::Float => true,
            TypeClass::Boolean
            | TypeClass::Date
            | TypeClass::Time
            | TypeClass::DateTime
            | TypeClass::Text
            | TypeClass::LargeText
            | TypeClass::Bytes
            | TypeClass::LargeBytes => false,
        }
    }

    /// Whether values are numbers of which every digit counts: integers and decimals.
    pub fn is_exact_number(self) -> bool {
        self.is_number() && self.class() != TypeClass::Float
    }

    /// Whether values may be so large that the rules of table mappings leave them alone.
    pub fn is_large(self) -> bool {
        matches!(self, Self::Clob | Self::Blob)
    }

    /// Whether values are text as it stands: blanks count.
    pub fn is_text(self) -> bool {
        matches!(self, Self::String { .. } | Self::Clob)
    }

    /// Whether nothing at all is a value of the type: the empty text, or no byte.
    pub fn holds_nothing(self) -> bool {
        matches!(
            self,
            Self::String { .. } | Self::Clob | Self::Byte { .. } | Self::Blob
        )
    }

    /// The type with so many fraction digits of a second, if it is a date and time.
    #[must_use]
    pub fn with_second_digits(self, scale: u8) -> Self {
        if let Self::DateTime { format, .. } = self {
            Self::DateTime { scale, format }
        } else {
            self
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    const FORMAT: Option<DateFormat> = Some(DateFormat::YearMonthDayPlain { fraction: true });

    #[test]
    fn integers_and_decimals_are_exact_numbers_and_floats_are_numbers() {
        let decimal = ColumnType::Numeric {
            precision: 9,
            scale: 2,
        };
        let table = [
            (ColumnType::Int1, true, true),
            (ColumnType::Uint8, true, true),
            (decimal, true, true),
            (ColumnType::Real4, true, false),
            (ColumnType::Real8, true, false),
            (ColumnType::Boolean, false, false),
            (ColumnType::Date { format: None }, false, false),
            (ColumnType::String { length: None }, false, false),
            (ColumnType::Byte { length: 1 }, false, false),
        ];
        for (column_type, is_number, is_exact) in table {
            let found = (column_type.is_number(), column_type.is_exact_number());
            assert_eq!(found, (is_number, is_exact), "{column_type:?}");
        }
        assert_eq!(decimal.class(), TypeClass::Decimal { scale: 2 });
    }

    #[test]
    fn an_integer_is_as_wide_as_its_name_says_in_bytes() {
        let signed = [
            ColumnType::Int1,
            ColumnType::Int2,
            ColumnType::Int4,
            ColumnType::Int8,
        ];
        let unsigned = [
            ColumnType::Uint1,
            ColumnType::Uint2,
            ColumnType::Uint4,
            ColumnType::Uint8,
        ];
        for (types, is_signed) in [(signed, true), (unsigned, false)] {
            for column_type in types {
                let bytes: u32 = column_type
                    .dms_name()
                    .trim_start_matches(char::is_alphabetic)
                    .parse()
                    .unwrap();
                let bits = bytes * 8;
                assert_eq!(column_type.class(), TypeClass::Integer { bits, is_signed });
            }
        }
    }

    #[test]
    fn stored_names_are_told_apart_and_those_of_plain_schemas_are_as_people_write_them() {
        let parts = ["a", "b.c", "a.b", "c", "a\\", "a\\.b", "\\", ".", "..", "\\."];
        let mut names = std::collections::BTreeMap::new();
        for (schema, table) in parts
            .iter()
            .flat_map(|schema| parts.map(|table| (*schema, table)))
        {
            let name = stored_name(schema, table);
            if !schema.contains(['.', '\\']) {
                assert_eq!(name, format!("{schema}.{table}"));
            }
            assert_eq!(names.insert(name, (schema, table)), None, "{schema} and {table}");
        }
        assert_eq!(stored_name("a.b", "c.d"), "a\\.b.c.d");
    }

    #[test]
    fn only_dates_with_a_time_get_fraction_digits() {
        let of = |scale| ColumnType::DateTime {
            scale,
            format: FORMAT,
        };
        assert_eq!(of(3).with_second_digits(9), of(9));
        let time = ColumnType::Time { format: FORMAT };
        assert_eq!(time.with_second_digits(9), time);
    }
}
