//! The schema of a Parquet object, of which nothing but the end is read.

use parquet::errors::ParquetError;
use parquet::file::metadata::ParquetMetaDataReader;

use super::definition::FileDefinition;
use super::rows::read_part;
use crate::model::ObjectVersion;
use crate::read::object_text::damaged;
use crate::saturate;
use crate::source::{ObjectSource, SourceError};

/// Bytes that are read at first: the footer of most files.
const TAIL_BYTES: u64 = 64 * 1024;

/// What a file says of its columns.
///
/// # Errors
/// As [`ObjectSource::read`], and [`SourceError::Damaged`] if it is not a Parquet file.
pub async fn definition_of(
    source: &dyn ObjectSource,
    version: &ObjectVersion,
) -> Result<FileDefinition, SourceError> {
    let mut wanted = TAIL_BYTES;
    loop {
        let size = version.size_bytes;
        let tail = read_part(source, version, size.saturating_sub(wanted)..size).await?;
        let mut reader = ParquetMetaDataReader::new();
        // The reader asks for no more than the file has.
        match reader.try_parse_sized(&tail, size).and_then(|()| reader.finish()) {
            Ok(metadata) => return Ok(FileDefinition::of(metadata.file_metadata().schema_descr())),
            Err(ParquetError::NeedMoreData(more)) => wanted = saturate::to_u64(more),
            Err(error) => return Err(damaged(source.locate(&version.key), &error)),
        }
    }
}
