//! The rows of an object in chunks, from a mark on, whatever the object is: the one way to read an object.

use std::fmt;
use std::sync::Arc;

use super::format::{Format, FormatGuess, MAGIC_BYTES, PARQUET_MAGIC, judge_bytes, judge_name};
use super::framer::FramerConfig;
use super::header_text::HeaderText;
use super::object_text::{ObjectText, Peeked, damaged, ends_early};
use super::parquet::columns::table_of_key;
use super::parquet::rows::ParquetRows;
use super::parquet::worker::Job;
use super::text_rows::TextRows;
use crate::config::Config;
use crate::limits::CHUNK_BYTES_MAX;
use crate::model::{Chunk, FileColumns, Mark, ObjectVersion, RowSource, Table, TableIndex};
use crate::settings::{CsvColumns, SourceFormat};
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
    mark: Mark,
}

#[derive(Debug)]
enum Rows<'a> {
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
        let location = source.locate(&version.key);
        let opening = Opening {
            source,
            version,
            table,
            settings,
            start,
            location: &location,
        };
        let (rows, columns) = opening.open().await?;
        Ok(Self {
            rows,
            columns,
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
        let location = source.locate(&version.key);
        let opening = Opening {
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
        let location = source.locate(&version.key);
        let opening = Opening {
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
    /// As the stream of [`ObjectSource::read`], and [`SourceError::Damaged`] after the last whole row before damage.
    pub async fn next(&mut self) -> Result<NextChunk, SourceError> {
        let mut step = match &mut self.rows {
            Rows::Text(rows) => rows.next().await,
            Rows::Parquet(rows) => rows.next().await,
        }?;
        if let NextChunk::Chunk(chunk) = &mut step {
            chunk.columns.clone_from(&self.columns);
            self.mark = chunk.span.end;
        }
        Ok(step)
    }

    /// The end of the last chunk, or the start.
    pub fn mark(&self) -> Mark {
        self.mark
    }
}

/// An object that is being opened.
#[derive(Clone, Copy)]
struct Opening<'o, 'a> {
    source: &'a dyn ObjectSource,
    version: &'o ObjectVersion,
    table: Option<TableIndex>,
    settings: &'o ReadSettings,
    start: Mark,
    location: &'o str,
}

impl<'a> Opening<'_, 'a> {
    async fn open(self) -> Result<(Rows<'a>, Option<Arc<FileColumns>>), SourceError> {
        let (format, peeked) = self.format().await?;
        let columns = self.columns(format).await?;
        let rows = match self.rows(format, peeked).await? {
            Rows::Text(text) if self.settings.has_blank_rows(self.table, columns.as_deref()) => {
                Rows::Text(Box::new(text.with_blank_rows()))
            }
            rows @ (Rows::Text(_) | Rows::Parquet(_)) => rows,
        };
        Ok((rows, columns))
    }

    async fn format(self) -> Result<(Format, Option<Peeked>), SourceError> {
        match judge_name(self.settings.format, &self.version.key) {
            FormatGuess::Known(format) => Ok((format, None)),
            FormatGuess::Ask => self.ask().await,
        }
    }

    /// What the header says of the columns, if they go by it.
    async fn columns(self, format: Format) -> Result<Option<Arc<FileColumns>>, SourceError> {
        let dialect = &self.settings.framing.dialect;
        let CsvColumns::ByHeader { drift: policy } = dialect.columns else {
            return Ok(None);
        };
        let head = HeaderText {
            source: self.source,
            version: self.version,
            framing: &self.settings.framing,
            expansion_max: self.settings.format.expansion_max,
            location: self.location,
        };
        let Some(first_row) = head.read(format).await? else {
            return Ok(None);
        };
        let rows = self.table.map_or(RowSource::Changes, RowSource::Load);
        let header = first_row.header(rows, dialect, &self.settings.tables);
        let header = header.map_err(|detail| SourceError::Drifted {
            location: self.location.to_owned(),
            detail,
            policy,
        })?;
        if let Some(drift) = &header.drift {
            tracing::warn!(
                object = self.location,
                drift,
                "read by its header, which is not that of its table"
            );
        }
        Ok(Some(Arc::new(header.columns)))
    }

    async fn rows(self, format: Format, peeked: Option<Peeked>) -> Result<Rows<'a>, SourceError> {
        match format {
            Format::Text => {
                let missing = self.start.position.saturating_sub(self.version.size_bytes);
                if missing > 0 {
                    return Err(self.damaged(&ends_early(missing)));
                }
                let text = match peeked {
                    Some(peeked) => ObjectText::peeked(peeked),
                    None => ObjectText::plain(self.source.read(self.version, self.start.position).await?),
                };
                Ok(self.text_rows(text, Some(self.version.size_bytes)))
            }
            Format::Compressed(compression) => {
                let peeked = match peeked {
                    Some(peeked) => peeked,
                    None => Peeked::read(self.source.read(self.version, 0).await?).await?,
                };
                if self.start.position > 0 {
                    let (location, position) = (self.location, self.start.position);
                    let compression = compression.name();
                    tracing::info!(
                        object = location,
                        position,
                        compression,
                        "decoded again from its beginning, up to where it was left"
                    );
                }
                let location = self.location.to_owned();
                let expansion_max = self.settings.format.expansion_max;
                let text = ObjectText::compressed(
                    peeked,
                    compression,
                    expansion_max,
                    self.start.position,
                    location,
                )?;
                Ok(self.text_rows(text, None))
            }
            Format::Parquet => self.parquet_rows().map(Rows::Parquet),
        }
    }

    /// Lets the first bytes decide; gives what was opened for it, if rows can be read from it.
    async fn ask(self) -> Result<(Format, Option<Peeked>), SourceError> {
        let is_resumed = self.start.position > 0;
        // Of an object that was read in part only its head is asked for: most go on where they were.
        let end = if is_resumed {
            MAGIC_END
        } else {
            self.version.size_bytes
        };
        let bytes = self.source.read_range(self.version, 0..end).await?;
        let peeked = Peeked::read(bytes).await?;
        let format = judge_bytes(self.settings.format, &self.version.key, peeked.head());
        let mut format = format.map_err(|problem| self.damaged(&problem))?;
        if format == Format::Parquet && !self.ends_as_parquet().await? {
            format = Format::Text;
        }
        Ok((format, (!is_resumed).then_some(peeked)))
    }

    /// A text may begin with the four letters that Parquet begins with; it does not end with them.
    async fn ends_as_parquet(self) -> Result<bool, SourceError> {
        let size = self.version.size_bytes;
        let tail = self
            .source
            .read_range(self.version, size.saturating_sub(MAGIC_END)..size)
            .await?;
        Ok(Peeked::read(tail).await?.head() == PARQUET_MAGIC)
    }

    fn text_rows(self, text: ObjectText, expected_end: Option<u64>) -> Rows<'a> {
        let location = self.location.to_owned();
        let rows = TextRows::new(text, &self.settings.framing, self.start, expected_end, location);
        Rows::Text(Box::new(rows))
    }

    fn parquet_rows(self) -> Result<ParquetRows<'a>, SourceError> {
        let tables = &self.settings.tables;
        let key = &self.version.key;
        let index = match self.table {
            Some(index) => index,
            None => table_of_key(key, tables).map_err(|problem| self.damaged(&problem))?,
        };
        let table = tables.get(index.0).cloned();
        let table = table.ok_or_else(|| self.damaged("its table is not defined"))?;
        let job = Job {
            key: key.clone(),
            location: self.location.to_owned(),
            size: self.version.size_bytes,
            table,
            is_load: self.table.is_some(),
            framing: self.settings.framing.clone(),
            expansion_max: self.settings.format.expansion_max,
            start: self.start,
        };
        Ok(ParquetRows::new(self.source, self.version.clone(), job))
    }

    fn damaged(self, problem: &str) -> SourceError {
        damaged(self.location.to_owned(), &problem)
    }
}

/// [`MAGIC_BYTES`] as a position.
const MAGIC_END: u64 = 4;
const _: () = assert!(
    MAGIC_BYTES == 4,
    "the head that is asked for is the head that is looked at"
);

impl fmt::Debug for Opening<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Opening({})", self.location)
    }
}

#[cfg(test)]
#[path = "object_chunks_tests.rs"]
mod tests;
