//! The rows of an object in chunks, from a mark on, whatever the object is: the one way to read an object.

use std::sync::Arc;

use super::format::Format;
use super::framer::FramerConfig;
use super::opening::{Opened, Opening};
use super::operation_column::OperationColumn;
use super::parquet::rows::ParquetRows;
use super::skipped_header::SkippedHeader;
use super::text_rows::TextRows;
use crate::config::Config;
use crate::limits::CHUNK_BYTES_MAX;
use crate::model::{Chunk, FileColumns, Mark, ObjectVersion, Table, TableIndex};
use crate::settings::SourceFormat;
use crate::source::{ObjectSource, SourceError};

/// How the objects of a task are read.
#[derive(Debug, Clone)]
pub struct ReadSettings {
    /// How to cut text into rows.
    pub framing: FramerConfig,
    /// What objects are.
    pub format: SourceFormat,
    /// The tables of the task: columns of Parquet go by their names.
    pub tables: Arc<[Table]>,
}

impl ReadSettings {
    /// Those of a task.
    pub fn new(config: &Config) -> Self {
        Self {
            framing: FramerConfig {
                dialect: config.source.csv.clone(),
                row_bytes_max: config.limits.row_bytes_max,
                chunk_bytes_max: CHUNK_BYTES_MAX,
            },
            format: config.source.format,
            tables: config.tables.clone().into(),
        }
    }

    /// How to cut the text of a load of a table, or of changes, into rows: each has its own number of header rows.
    pub fn framing_of(&self, table: Option<TableIndex>) -> FramerConfig {
        let mut framing = self.framing.clone();
        if table.is_none() {
            framing.dialect.ignore_header_rows = framing.dialect.ignore_header_rows_in_changes;
        }
        framing
    }

    /// Whether the rows of a table have one field, so that a blank line is one of them. Rows of changes have more.
    pub(super) fn has_blank_rows(&self, table: Option<TableIndex>, columns: Option<&FileColumns>) -> bool {
        let table = table.and_then(|index| self.tables.get(index.0));
        table.is_some_and(|table| match columns {
            Some(columns) => columns.fields_count == 1,
            None => table.columns.len() == 1,
        })
    }
}

/// What comes next of an object.
#[derive(Debug)]
pub enum NextChunk {
    /// The next rows.
    Chunk(Chunk),
    /// Nothing yet; ask again.
    Pending,
    /// It was read to its end.
    End,
}

/// The chunks of one object. They are the same in whatever pieces the object came, and those of a reading that starts
/// at the end of one of them are the ones after it.
#[derive(Debug)]
pub struct ObjectChunks<'a> {
    rows: Rows<'a>,
    /// Travels with each chunk.
    columns: Option<Arc<FileColumns>>,
    operation: OperationColumn,
    /// What the header has to be like that is skipped.
    header: Option<SkippedHeader>,
    mark: Mark,
}

#[derive(Debug)]
pub(super) enum Rows<'a> {
    Text(Box<TextRows>),
    Parquet(ParquetRows<'a>),
}

impl<'a> ObjectChunks<'a> {
    /// Opens a version of an object at a mark: its beginning, or the end of a chunk that a reading with the same
    /// settings gave. `table` is that of a full-load file; changes name theirs.
    ///
    /// # Errors
    /// As [`ObjectSource::read`], [`SourceError::Damaged`] if the object is not what it has to be, and
    /// [`SourceError::Drifted`] if its columns go by its header, which is not that of the table.
    pub async fn open(
        source: &'a dyn ObjectSource,
        version: &ObjectVersion,
        table: Option<TableIndex>,
        settings: &ReadSettings,
        start: Mark,
    ) -> Result<Self, SourceError> {
        let (location, framing) = (source.locate(&version.key), settings.framing_of(table));
        let opening = Opening {
            framing: &framing,
            source,
            version,
            table,
            settings,
            start,
            location: &location,
        };
        let Opened {
            rows,
            columns,
            operation,
            header,
        } = opening.open().await?;
        Ok(Self {
            rows,
            columns,
            operation,
            header,
            mark: start,
        })
    }

    /// What the header of an object says of its columns, if they go by it; no more of the object is read than that
    /// takes.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub async fn columns_of(
        source: &'a dyn ObjectSource,
        version: &ObjectVersion,
        table: Option<TableIndex>,
        settings: &ReadSettings,
    ) -> Result<Option<Arc<FileColumns>>, SourceError> {
        let (location, framing) = (source.locate(&version.key), settings.framing_of(table));
        let opening = Opening {
            framing: &framing,
            source,
            version,
            table,
            settings,
            start: Mark::START,
            location: &location,
        };
        let (format, _) = opening.format().await?;
        opening.columns(format).await
    }

    /// What an object is.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub async fn format_of(
        source: &'a dyn ObjectSource,
        version: &ObjectVersion,
        settings: &ReadSettings,
    ) -> Result<Format, SourceError> {
        let (location, framing) = (source.locate(&version.key), settings.framing_of(None));
        let opening = Opening {
            framing: &framing,
            source,
            version,
            table: None,
            settings,
            start: Mark::START,
            location: &location,
        };
        opening.format().await.map(|(format, _)| format)
    }

    /// What comes next. After the end, and after an error, nothing does.
    ///
    /// # Errors
    /// As the stream of [`ObjectSource::read`], [`SourceError::Damaged`] after the last whole row before damage, and
    /// [`SourceError::Drifted`] if a header that is skipped names its columns in another order.
    pub async fn next(&mut self) -> Result<NextChunk, SourceError> {
        let mut step = match &mut self.rows {
            Rows::Text(rows) => rows.next().await,
            Rows::Parquet(rows) => rows.next().await,
        }?;
        if let NextChunk::Chunk(chunk) = &mut step {
            if let Some(header) = &mut self.header {
                header.check(chunk)?;
            }
            chunk.columns.clone_from(&self.columns);
            self.operation.mark(chunk);
            self.mark = chunk.span.end;
        }
        Ok(step)
    }

    /// The end of the last chunk, or the start.
    pub fn mark(&self) -> Mark {
        self.mark
    }
}

#[cfg(test)]
#[path = "object_chunks_tests.rs"]
mod tests;
