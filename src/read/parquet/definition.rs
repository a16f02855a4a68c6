//! The columns of a table definition from the schema of a Parquet file. Pure: no I/O, no clock.

use parquet::schema::types::{ColumnDescriptor, SchemaDescriptor};

use super::columns::{OPERATION_COLUMN, is_flat};
use super::kinds::{BytesKind, NumberKind, ValueKind};
use crate::config::dms::columns::{NUMERIC_SCALE_MAX, PRECISION_MAX};
use crate::model::{Column, ColumnType};
use crate::saturate;

/// Characters of a UUID.
const UUID_LENGTH: u32 = 36;

/// What a file says of its columns.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FileDefinition {
    /// Those that can be columns of a table, in the order of the file. None of them is a key: files do not say.
    pub columns: Vec<Column>,
    /// Names of those that cannot, with the reason.
    pub left_out: Vec<(String, String)>,
    /// Whether it has the column in which DMS writes operations.
    pub has_operation: bool,
}

impl FileDefinition {
    /// What the schema of a file says.
    pub fn of(schema: &SchemaDescriptor) -> Self {
        let mut definition = Self::default();
        for (index, column) in schema.columns().iter().enumerate() {
            let name = schema.get_column_root(index).name();
            let column_type = if is_flat(column) {
                column_type_of(column)
            } else {
                Err("nested".to_owned())
            };
            match column_type {
                Ok(_) if name == OPERATION_COLUMN => definition.has_operation = true,
                Ok(column_type) => definition.columns.push(Column {
                    name: name.to_owned(),
                    column_type,
                    nullable: column.max_def_level() > 0,
                    is_primary_key: false,
                }),
                Err(reason) => definition.left_out.push((name.to_owned(), reason)),
            }
        }
        // A nested column has several leaves.
        definition.left_out.dedup();
        definition
    }
}

/// The type whose values those of the column are, or what the column is.
fn column_type_of(column: &ColumnDescriptor) -> Result<ColumnType, String> {
    let precision = saturate::to_u8(column.type_precision());
    // Bytes that say nothing of themselves are bytes.
    Ok(match ValueKind::of(column, ColumnType::Blob)? {
        ValueKind::Boolean => ColumnType::Boolean,
        ValueKind::Int32(NumberKind::Signed) => ColumnType::Int4,
        ValueKind::Int32(NumberKind::Unsigned32 | NumberKind::Unsigned64) => ColumnType::Uint4,
        ValueKind::Int64(NumberKind::Signed) => ColumnType::Int8,
        ValueKind::Int64(NumberKind::Unsigned32 | NumberKind::Unsigned64) => ColumnType::Uint8,
        ValueKind::Int32(number) | ValueKind::Int64(number) => type_of_number(number, precision),
        ValueKind::Int96 => date_time(9),
        ValueKind::Float => ColumnType::Real4,
        ValueKind::Double => ColumnType::Real8,
        ValueKind::Bytes(bytes) | ValueKind::FixedBytes(bytes) => match bytes {
            BytesKind::Text => ColumnType::String { length: None },
            BytesKind::Binary => ColumnType::Blob,
            BytesKind::Decimal { scale } => numeric(precision, scale),
            BytesKind::Uuid => ColumnType::String {
                length: Some(UUID_LENGTH),
            },
            BytesKind::Half => ColumnType::Real4,
        },
    })
}

fn type_of_number(number: NumberKind, precision: u8) -> ColumnType {
    match number {
        NumberKind::Signed | NumberKind::Unsigned32 | NumberKind::Unsigned64 => ColumnType::Int8,
        NumberKind::Decimal { scale } => numeric(precision, scale),
        NumberKind::Date => ColumnType::Date { format: None },
        NumberKind::Time { .. } => ColumnType::Time { format: None },
        NumberKind::Timestamp { digits } => date_time(u8::try_from(digits).unwrap_or(9)),
    }
}

fn date_time(scale: u8) -> ColumnType {
    ColumnType::DateTime { scale, format: None }
}

/// A decimal, or a text where no definition can say what it is.
fn numeric(precision: u8, scale: u32) -> ColumnType {
    match u8::try_from(scale) {
        Ok(scale) if u64::from(precision) <= PRECISION_MAX && u64::from(scale) <= NUMERIC_SCALE_MAX => {
            ColumnType::Numeric { precision, scale }
        }
        Ok(_) | Err(_) => ColumnType::String { length: None },
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use parquet::schema::parser::parse_message_type;

    use super::*;

    fn definition(columns: &str) -> FileDefinition {
        let schema = parse_message_type(&format!("message m {{ {columns} }}")).unwrap();
        FileDefinition::of(&SchemaDescriptor::new(Arc::new(schema)))
    }

    #[test]
    fn annotations_tell_the_types() {
        let text = ColumnType::String { length: None };
        for (column, expected) in [
            ("boolean", ColumnType::Boolean),
            ("int32", ColumnType::Int4),
            ("int64", ColumnType::Int8),
            ("int32 x (INTEGER(32,false))", ColumnType::Uint4),
            ("int64 x (INTEGER(64,false))", ColumnType::Uint8),
            ("int32 x (DATE)", ColumnType::Date { format: None }),
            ("int64 x (TIME(MICROS,true))", ColumnType::Time { format: None }),
            ("int64 x (TIMESTAMP(MILLIS,true))", date_time(3)),
            ("int96", date_time(9)),
            ("int64 x (DECIMAL(12,2))", numeric(12, 2)),
            ("fixed_len_byte_array(20) x (DECIMAL(45,2))", text),
            ("float", ColumnType::Real4),
            ("double", ColumnType::Real8),
            ("binary x (UTF8)", text),
            ("binary", ColumnType::Blob),
        ] {
            let column = if column.contains(" x") {
                column.to_owned()
            } else {
                format!("{column} x")
            };
            let found = definition(&format!("required {column};")).columns;
            assert_eq!(found[0].column_type, expected, "{column}");
        }
    }

    #[test]
    fn nullability_is_the_files_and_what_cannot_be_a_column_is_named() {
        let found = definition(
            "required binary Op (UTF8); required int32 id; optional int32 n; \
             optional group tags (LIST) { repeated group list { optional int32 element; } } \
             optional group place { optional double x; optional double y; } \
             optional fixed_len_byte_array(12) span (INTERVAL);",
        );
        assert!(found.has_operation, "{found:?}");
        let columns: Vec<_> = found
            .columns
            .iter()
            .map(|column| (column.name.as_str(), column.nullable))
            .collect();
        assert_eq!(columns, [("id", false), ("n", true)]);
        let left_out: Vec<_> = found.left_out.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(left_out, ["tags", "place", "span"]);
    }
}
