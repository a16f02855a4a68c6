//! One column of a row group: some of its values at a time, and each of them as text.

use crate::saturate;

use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::{
    BoolType, ByteArrayType, DataType, DoubleType, FixedLenByteArrayType, FloatType, Int32Type, Int64Type,
    Int96Type,
};
use parquet::errors::ParquetError;
use parquet::file::reader::RowGroupReader;

use super::columns::FileColumn;
use super::kinds::{BytesKind, NumberKind, ValueKind};
use super::values::{Said, TextForm, float};

/// A column that is read.
pub struct Column {
    name: String,
    form: TextForm,
    /// The level of a value that is not NULL.
    value_level: i16,
    levels: Vec<i16>,
    next_value: usize,
    values: Values,
}

/// What was written of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wrote {
    /// Nothing: it is NULL.
    Null,
    /// Its text.
    Value,
    /// Something else, because it has no form as text, and the column takes any.
    Unsayable,
}

/// Values of a type, and where more of them come from.
struct Typed<T: DataType> {
    reader: ColumnReaderImpl<T>,
    values: Vec<T::T>,
}

enum Values {
    Boolean(Typed<BoolType>),
    Int32(Typed<Int32Type>, NumberKind),
    Int64(Typed<Int64Type>, NumberKind),
    Int96(Typed<Int96Type>),
    Float(Typed<FloatType>),
    Double(Typed<DoubleType>),
    Bytes(Typed<ByteArrayType>, BytesKind),
    FixedBytes(Typed<FixedLenByteArrayType>, BytesKind),
}

impl<T: DataType> Typed<T> {
    fn new(reader: ColumnReaderImpl<T>) -> Self {
        Self {
            reader,
            values: Vec::new(),
        }
    }

    fn read(&mut self, rows: usize, levels: &mut Vec<i16>) -> Result<usize, ParquetError> {
        self.values.clear();
        levels.clear();
        let (records, ..) = self
            .reader
            .read_records(rows, Some(levels), None, &mut self.values)?;
        Ok(records)
    }
}

/// Does the same with the values of any type.
macro_rules! each_type {
    ($values:expr, $typed:ident => $result:expr) => {
        match $values {
            Values::Boolean($typed) => $result,
            Values::Int32($typed, _) => $result,
            Values::Int64($typed, _) => $result,
            Values::Int96($typed) => $result,
            Values::Float($typed) => $result,
            Values::Double($typed) => $result,
            Values::Bytes($typed, _) => $result,
            Values::FixedBytes($typed, _) => $result,
        }
    };
}

impl Column {
    /// Opens a column of a row group.
    ///
    /// # Errors
    /// If the row group does not have it as the file says.
    pub fn open(group: &dyn RowGroupReader, column: &FileColumn) -> Result<Self, ParquetError> {
        let descriptor = group.metadata().schema_descr().column(column.index);
        let reader = group.get_column_reader(column.index)?;
        let values = match (reader, column.kind) {
            (ColumnReader::BoolColumnReader(reader), ValueKind::Boolean) => {
                Values::Boolean(Typed::new(reader))
            }
            (ColumnReader::Int32ColumnReader(reader), ValueKind::Int32(kind)) => {
                Values::Int32(Typed::new(reader), kind)
            }
            (ColumnReader::Int64ColumnReader(reader), ValueKind::Int64(kind)) => {
                Values::Int64(Typed::new(reader), kind)
            }
            (ColumnReader::Int96ColumnReader(reader), ValueKind::Int96) => Values::Int96(Typed::new(reader)),
            (ColumnReader::FloatColumnReader(reader), ValueKind::Float) => Values::Float(Typed::new(reader)),
            (ColumnReader::DoubleColumnReader(reader), ValueKind::Double) => {
                Values::Double(Typed::new(reader))
            }
            (ColumnReader::ByteArrayColumnReader(reader), ValueKind::Bytes(kind)) => {
                Values::Bytes(Typed::new(reader), kind)
            }
            (ColumnReader::FixedLenByteArrayColumnReader(reader), ValueKind::FixedBytes(kind)) => {
                Values::FixedBytes(Typed::new(reader), kind)
            }
            (_, kind) => {
                let message = format!(
                    "column {} is {kind:?} in the footer and something else in a row group",
                    column.name
                );
                return Err(ParquetError::General(message));
            }
        };
        Ok(Self {
            name: column.name.clone(),
            form: column.form,
            value_level: descriptor.max_def_level(),
            levels: Vec::new(),
            next_value: 0,
            values,
        })
    }

    /// Passes over rows.
    ///
    /// # Errors
    /// If there are not so many.
    pub fn skip(&mut self, rows: u64) -> Result<(), ParquetError> {
        let wanted = saturate::to_usize(rows);
        let skipped = each_type!(&mut self.values, typed => typed.reader.skip_records(wanted))?;
        self.ensure(wanted, skipped)
    }

    /// Takes the next rows; those of the time before are forgotten.
    ///
    /// # Errors
    /// If there are not so many, or they cannot be decoded.
    pub fn read(&mut self, rows: u64) -> Result<(), ParquetError> {
        let wanted = saturate::to_usize(rows);
        self.next_value = 0;
        let levels = &mut self.levels;
        let read = each_type!(&mut self.values, typed => typed.read(wanted, levels))?;
        self.ensure(wanted, read)
    }

    fn ensure(&self, wanted: usize, found: usize) -> Result<(), ParquetError> {
        if found == wanted {
            return Ok(());
        }
        let message = format!(
            "column {} ends {} rows too early in its row group",
            self.name,
            wanted - found.min(wanted)
        );
        Err(ParquetError::General(message))
    }

    /// Writes the value of a row, one row after the other.
    pub fn write(&mut self, row: u64, out: &mut Vec<u8>) -> Wrote {
        let level = usize::try_from(row).ok().and_then(|row| self.levels.get(row));
        if self.value_level > 0 && level.is_none_or(|level| *level < self.value_level) {
            return Wrote::Null;
        }
        let index = self.next_value;
        self.next_value += 1;
        let form = self.form;
        let written = match &self.values {
            Values::Boolean(typed) => typed.values.get(index).map(|value| {
                form.boolean(out, *value);
                Said::Whole
            }),
            Values::Int32(typed, kind) => typed
                .values
                .get(index)
                .map(|value| form.number(out, *kind, i64::from(*value))),
            Values::Int64(typed, kind) => typed
                .values
                .get(index)
                .map(|value| form.number(out, *kind, *value)),
            Values::Int96(typed) => typed.values.get(index).map(|value| form.int96(out, value)),
            Values::Float(typed) => typed.values.get(index).map(|value| float(out, value)),
            Values::Double(typed) => typed.values.get(index).map(|value| float(out, value)),
            Values::Bytes(typed, kind) => typed
                .values
                .get(index)
                .map(|value| form.bytes(out, *kind, value.data())),
            Values::FixedBytes(typed, kind) => typed
                .values
                .get(index)
                .map(|value| form.bytes(out, *kind, value.data())),
        };
        match written {
            None => Wrote::Null,
            Some(Said::StandIn) if form.is_text => Wrote::Unsayable,
            Some(Said::Whole | Said::StandIn) => Wrote::Value,
        }
    }
}

impl std::fmt::Debug for Column {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Column({})", self.name)
    }
}
