//! Objects that are much larger than the memory of the engine, as text, gzip and Parquet, with rows that anybody can make
//! again from their numbers. For the benchmark of memory and the crash test.

use crate::saturate;

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::Arc;

use flate2::Compression;
use flate2::write::GzEncoder;
use parquet::basic::Compression as ColumnCompression;
use parquet::data_type::{ByteArray, ByteArrayType, DataType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;

/// Folder of the table.
pub const TABLE_PATH: &str = "s/t/";
/// The definition of the only table: a number and a text.
pub const TABLE_DEFINITION: &str = r#"{
  "TableCount": "1",
  "Tables": [{
    "TableName": "t", "TablePath": "s/t/", "TableOwner": "s",
    "TableColumns": [
      { "ColumnName": "id", "ColumnType": "INT8", "ColumnNullable": "false", "ColumnIsPk": "true" },
      { "ColumnName": "note", "ColumnType": "STRING", "ColumnLength": "1000", "ColumnNullable": "true" }
    ],
    "TableColumnsTotal": "2"
  }]
}"#;

/// Rows of a row group, which has about 128 MiB.
const GROUP_ROWS: u64 = 128 * 1024;
/// Words of a text.
const WORDS_COUNT: usize = 55;

/// What the object is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum LargeFormat {
    /// CSV.
    Csv,
    /// CSV, compressed with gzip to about half.
    Gzip,
    /// Parquet, compressed with snappy.
    Parquet,
}

impl LargeFormat {
    /// Name of the object.
    pub fn file_name(self) -> &'static str {
        match self {
            Self::Csv => "large.csv",
            Self::Gzip => "large.csv.gz",
            Self::Parquet => "large.parquet",
        }
    }

    /// Writes the object into a folder, with rows until they are so many bytes of text, before any compression; gives the
    /// number of rows, which have the numbers from 0.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write(self, folder: &Path, bytes: u64) -> io::Result<u64> {
        let file = File::create(folder.join(self.file_name()))?;
        match self {
            Self::Csv => {
                let mut file = BufWriter::with_capacity(1 << 20, file);
                let rows_count = write_rows(&mut file, bytes)?;
                file.into_inner()?.sync_all()?;
                Ok(rows_count)
            }
            Self::Gzip => {
                let file = BufWriter::with_capacity(1 << 20, file);
                let mut encoder = GzEncoder::new(file, Compression::fast());
                let rows_count = write_rows(&mut encoder, bytes)?;
                encoder.finish()?.into_inner()?.sync_all()?;
                Ok(rows_count)
            }
            Self::Parquet => write_parquet(file, bytes).map_err(io::Error::other),
        }
    }
}

/// The text of a row: about 1 KB that is unlike its neighbours.
pub fn note(row: u64) -> String {
    let mut state = row.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let words = (0..WORDS_COUNT).map(|_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        format!("{state:016x}")
    });
    words.collect::<Vec<_>>().join(" ")
}

fn write_rows(out: &mut impl Write, bytes_wanted: u64) -> io::Result<u64> {
    let (mut rows_count, mut bytes_count) = (0, 0);
    while bytes_count < bytes_wanted {
        let row = format!("{rows_count},{}\n", note(rows_count));
        out.write_all(row.as_bytes())?;
        bytes_count += length(&row);
        rows_count += 1;
    }
    Ok(rows_count)
}

fn write_parquet(file: File, bytes_wanted: u64) -> Result<u64, ParquetError> {
    let schema = parse_message_type("message rows { required int64 id; optional binary note (utf8); }")?;
    let properties = WriterProperties::builder()
        .set_compression(ColumnCompression::SNAPPY)
        .build();
    let mut writer = SerializedFileWriter::new(file, Arc::new(schema), Arc::new(properties))?;
    let (mut rows_count, mut bytes_count) = (0, 0);
    while bytes_count < bytes_wanted {
        let rows = rows_count..rows_count + GROUP_ROWS;
        let notes: Vec<_> = rows.clone().map(note).collect();
        bytes_count += notes.iter().map(|note| length(note)).sum::<u64>();
        let notes: Vec<_> = notes
            .into_iter()
            .map(|note| ByteArray::from(note.into_bytes()))
            .collect();
        let ids: Vec<_> = rows.filter_map(|row| i64::try_from(row).ok()).collect();
        let mut group = writer.next_row_group()?;
        write_column::<Int64Type>(&mut group, &ids, None)?;
        write_column::<ByteArrayType>(&mut group, &notes, Some(&vec![1; notes.len()]))?;
        group.close()?;
        rows_count += GROUP_ROWS;
    }
    writer.into_inner()?.sync_all()?;
    Ok(rows_count)
}

fn write_column<T: DataType>(
    group: &mut SerializedRowGroupWriter<'_, File>,
    values: &[T::T],
    levels: Option<&[i16]>,
) -> Result<(), ParquetError> {
    let no_column = || ParquetError::General("the schema has no such column".to_owned());
    let mut column = group.next_column()?.ok_or_else(no_column)?;
    column.typed::<T>().write_batch(values, levels, None)?;
    column.close()
}

fn length(text: &str) -> u64 {
    saturate::to_u64(text.len())
}
