//! What the values of a column of Parquet are: its physical type, and what its annotations make of it, new ones and
//! those of old writers. Pure: no I/O, no clock.

use parquet::basic::{ConvertedType, LogicalType, TimeUnit, Type as Physical};
use parquet::schema::types::ColumnDescriptor;

use crate::model::ColumnType;

/// What the numbers of a column mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NumberKind {
    /// Themselves.
    Signed,
    /// Their 32 bits without a sign.
    Unsigned32,
    /// Their 64 bits without a sign.
    Unsigned64,
    /// Themselves with so many digits after the point.
    Decimal {
        /// The digits.
        scale: u32,
    },
    /// Days since 1970-01-01.
    Date,
    /// Parts of a second since midnight.
    Time {
        /// Decimal digits of the parts: 3, 6 or 9.
        digits: u32,
    },
    /// Parts of a second since 1970-01-01T00:00:00.
    Timestamp {
        /// Decimal digits of the parts: 3, 6 or 9.
        digits: u32,
    },
}

/// What the bytes of a column mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BytesKind {
    /// Text, as it is.
    Text,
    /// Bytes, written in hexadecimal digits.
    Binary,
    /// A big-endian number with so many digits after the point.
    Decimal {
        /// The digits.
        scale: u32,
    },
    /// A UUID.
    Uuid,
    /// A half-precision float.
    Half,
}

/// What the values of a column are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueKind {
    /// Booleans.
    Boolean,
    /// 32-bit numbers.
    Int32(NumberKind),
    /// 64-bit numbers.
    Int64(NumberKind),
    /// Time stamps of old writers.
    Int96,
    /// Singles.
    Float,
    /// Doubles.
    Double,
    /// Bytes of any length.
    Bytes(BytesKind),
    /// Bytes of one length.
    FixedBytes(BytesKind),
}

impl ValueKind {
    /// The kind of a column of a file whose values go to a column of the definition.
    ///
    /// # Errors
    /// What the column is, if it has no form as text.
    pub fn of(column: &ColumnDescriptor, target: ColumnType) -> Result<Self, String> {
        if column.converted_type() == ConvertedType::INTERVAL {
            return Err("an interval".to_owned());
        }
        Ok(match column.physical_type() {
            Physical::BOOLEAN => Self::Boolean,
            Physical::INT32 => Self::Int32(number_kind(column, NumberKind::Unsigned32)),
            Physical::INT64 => Self::Int64(number_kind(column, NumberKind::Unsigned64)),
            Physical::INT96 => Self::Int96,
            Physical::FLOAT => Self::Float,
            Physical::DOUBLE => Self::Double,
            Physical::BYTE_ARRAY => Self::Bytes(bytes_kind(column, target)?),
            Physical::FIXED_LEN_BYTE_ARRAY => Self::FixedBytes(bytes_kind(column, target)?),
        })
    }
}

fn number_kind(column: &ColumnDescriptor, unsigned: NumberKind) -> NumberKind {
    let digits = |unit: &TimeUnit| match unit {
        TimeUnit::MILLIS => 3,
        TimeUnit::MICROS => 6,
        TimeUnit::NANOS => 9,
    };
    match column.logical_type_ref() {
        Some(LogicalType::Integer(integer)) if !integer.is_signed => return unsigned,
        Some(LogicalType::Decimal(decimal)) => {
            return NumberKind::Decimal {
                scale: scale(decimal.scale),
            };
        }
        Some(LogicalType::Date) => return NumberKind::Date,
        Some(LogicalType::Time(time)) => {
            return NumberKind::Time {
                digits: digits(&time.unit),
            };
        }
        Some(LogicalType::Timestamp(timestamp)) => {
            return NumberKind::Timestamp {
                digits: digits(&timestamp.unit),
            };
        }
        Some(_) | None => {}
    }
    let converted = column.converted_type();
    let is = |types: &[ConvertedType]| types.contains(&converted);
    if is(&[
        ConvertedType::UINT_8,
        ConvertedType::UINT_16,
        ConvertedType::UINT_32,
        ConvertedType::UINT_64,
    ]) {
        unsigned
    } else if is(&[ConvertedType::DECIMAL]) {
        NumberKind::Decimal {
            scale: scale(column.type_scale()),
        }
    } else if is(&[ConvertedType::DATE]) {
        NumberKind::Date
    } else if is(&[ConvertedType::TIME_MILLIS]) {
        NumberKind::Time { digits: 3 }
    } else if is(&[ConvertedType::TIME_MICROS]) {
        NumberKind::Time { digits: 6 }
    } else if is(&[ConvertedType::TIMESTAMP_MILLIS]) {
        NumberKind::Timestamp { digits: 3 }
    } else if is(&[ConvertedType::TIMESTAMP_MICROS]) {
        NumberKind::Timestamp { digits: 6 }
    } else {
        NumberKind::Signed
    }
}

/// What says nothing of itself is what the definition takes it for.
fn bytes_kind(column: &ColumnDescriptor, target: ColumnType) -> Result<BytesKind, String> {
    match column.logical_type_ref() {
        Some(LogicalType::Decimal(decimal)) => Ok(BytesKind::Decimal {
            scale: scale(decimal.scale),
        }),
        Some(LogicalType::String | LogicalType::Enum | LogicalType::Json) => Ok(BytesKind::Text),
        Some(LogicalType::Bson | LogicalType::Geometry(_) | LogicalType::Geography(_)) => {
            Ok(BytesKind::Binary)
        }
        Some(LogicalType::Uuid) => Ok(BytesKind::Uuid),
        Some(LogicalType::Float16) => Ok(BytesKind::Half),
        Some(LogicalType::Variant(_)) => Err("a variant".to_owned()),
        Some(_) | None => {
            let converted = column.converted_type();
            let is_text =
                [ConvertedType::UTF8, ConvertedType::ENUM, ConvertedType::JSON].contains(&converted);
            let is_binary = matches!(target, ColumnType::Byte { .. } | ColumnType::Blob) && !is_text;
            Ok(if converted == ConvertedType::DECIMAL {
                let scale = scale(column.type_scale());
                BytesKind::Decimal { scale }
            } else if converted == ConvertedType::BSON || is_binary {
                BytesKind::Binary
            } else {
                BytesKind::Text
            })
        }
    }
}

fn scale(scale: i32) -> u32 {
    u32::try_from(scale).unwrap_or(0)
}
