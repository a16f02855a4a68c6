//! How an object is opened: what it is, what its head says, and where its rows come from.

use std::fmt;
use std::sync::Arc;

use super::format::{Format, FormatGuess, MAGIC_BYTES, PARQUET_MAGIC, judge_bytes, judge_name};
use super::framer::FramerConfig;
use super::header_text::HeaderText;
use super::object_chunks::{ReadSettings, Rows};
use super::object_text::{ObjectText, Peeked, damaged, ends_early};
use super::operation_column::OperationColumn;
use super::parquet::columns::table_of_key;
use super::parquet::rows::ParquetRows;
use super::parquet::worker::Job;
use super::skipped_header::SkippedHeader;
use super::text_rows::TextRows;
use super::utf8_text::Utf8Text;
use crate::model::{FileColumns, Mark, ObjectVersion, RowSource, TableIndex};
use crate::settings::{CsvColumns, LoadOperationColumn, TextEncoding};
use crate::source::{ObjectSource, SourceError};

/// An object that was opened.
pub(super) struct Opened<'a> {
    pub(super) rows: Rows<'a>,
    pub(super) columns: Option<Arc<FileColumns>>,
    pub(super) operation: OperationColumn,
    pub(super) header: Option<SkippedHeader>,
}

/// An object that is being opened.
#[derive(Clone, Copy)]
pub(super) struct Opening<'o, 'a> {
    pub(super) source: &'a dyn ObjectSource,
    pub(super) version: &'o ObjectVersion,
    pub(super) table: Option<TableIndex>,
    pub(super) settings: &'o ReadSettings,
    /// That of its phase.
    pub(super) framing: &'o FramerConfig,
    pub(super) start: Mark,
    pub(super) location: &'o str,
}

impl<'a> Opening<'_, 'a> {
    pub(super) async fn open(self) -> Result<Opened<'a>, SourceError> {
        let (format, peeked) = self.format().await?;
        let columns = self.columns(format).await?;
        let operation = self.operation(format).await?;
        let header = self.skipped_header(format).await?;
        let rows = match self.rows(format, peeked).await? {
            Rows::Text(text) if self.settings.has_blank_rows(self.table, columns.as_deref()) => {
                Rows::Text(Box::new(text.with_blank_rows()))
            }
            rows @ (Rows::Text(_) | Rows::Parquet(_)) => rows,
        };
        Ok(Opened {
            rows,
            columns,
            operation,
            header,
        })
    }

    /// What the header has to be like that is skipped. One of an object that is read on is looked at here: it may be another
    /// version, whose beginning nobody has read.
    async fn skipped_header(self, format: Format) -> Result<Option<SkippedHeader>, SourceError> {
        let mut header = SkippedHeader::expected(&self);
        if self.start != Mark::START
            && let Some(expected) = &mut header
            && let Some(first_row) = self.head().header(format).await?
            && let Some(text) = first_row.text()
        {
            expected.check_resumed(text)?;
        }
        Ok(header)
    }

    /// Whether rows begin with an operation. What was read in part was decided by its first row, and still is.
    async fn operation(self, format: Format) -> Result<OperationColumn, SourceError> {
        let dialect = &self.framing.dialect;
        let is_asked = dialect.load_operation_column == LoadOperationColumn::Detect
            && dialect.columns.is_by_position()
            && format != Format::Parquet;
        let table = self.table.and_then(|table| self.settings.tables.get(table.0));
        let Some(table) = table.filter(|_| is_asked) else {
            return Ok(OperationColumn::NotAsked);
        };
        let mut operation = OperationColumn::Unknown(Arc::new(dialect.clone()), table.columns.len());
        if self.start != Mark::START
            && let Some(row) = self.head().first_row(format).await?
        {
            operation.decide(&row);
        }
        Ok(operation)
    }

    fn head(&self) -> HeaderText<'_> {
        HeaderText {
            source: self.source,
            version: self.version,
            framing: self.framing,
            format: self.settings.format,
            has_blank_rows: self.settings.has_blank_rows(self.table, None),
            location: self.location,
        }
    }

    pub(super) async fn format(self) -> Result<(Format, Option<Peeked>), SourceError> {
        match judge_name(self.settings.format, &self.version.key) {
            FormatGuess::Known(format) => Ok((format, None)),
            FormatGuess::Ask => self.ask().await,
        }
    }

    /// What the header says of the columns, if they go by it.
    pub(super) async fn columns(self, format: Format) -> Result<Option<Arc<FileColumns>>, SourceError> {
        let dialect = &self.framing.dialect;
        let CsvColumns::ByHeader { drift: policy } = dialect.columns else {
            return Ok(None);
        };
        let Some(first_row) = self.head().header(format).await? else {
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
                let size = self.version.size_bytes;
                if !self.encoding().is_utf_8() {
                    self.tell_again(self.encoding().name());
                    let raw = match peeked {
                        Some(peeked) => ObjectText::peeked(peeked),
                        None => ObjectText::plain(self.source.read(self.version, 0).await?),
                    };
                    return Ok(self.text_rows(raw, Some(size), None));
                }
                let missing = self.start.position.saturating_sub(size);
                if missing > 0 {
                    return Err(self.damaged(&ends_early(missing)));
                }
                let text = match peeked {
                    Some(peeked) => ObjectText::peeked(peeked),
                    None => ObjectText::plain(self.source.read(self.version, self.start.position).await?),
                };
                Ok(self.text_rows(text, None, Some(size)))
            }
            Format::Compressed(compression) => {
                let peeked = match peeked {
                    Some(peeked) => peeked,
                    None => Peeked::read(self.source.read(self.version, 0).await?).await?,
                };
                self.tell_again(compression.name());
                let location = self.location.to_owned();
                let expansion_max = self.settings.format.expansion_max;
                // Positions are those of the text in UTF-8.
                let position = if self.encoding().is_utf_8() {
                    self.start.position
                } else {
                    0
                };
                let text = ObjectText::compressed(peeked, compression, expansion_max, position, location)?;
                Ok(self.text_rows(text, None, None))
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

    fn encoding(self) -> TextEncoding {
        self.settings.format.encoding
    }

    fn tell_again(self, encoded: &str) {
        let (object, position) = (self.location, self.start.position);
        if position > 0 {
            tracing::info!(
                object,
                position,
                encoded,
                "decoded again from its beginning, up to where it was left"
            );
        }
    }

    /// Rows of a raw text. `expected` are its bytes and `expected_end` is the last position of the text, where they are known
    /// beforehand.
    fn text_rows(self, raw: ObjectText, expected: Option<u64>, expected_end: Option<u64>) -> Rows<'a> {
        let location = self.location.to_owned();
        let text = Utf8Text::new(
            raw,
            self.encoding(),
            self.start.position,
            expected,
            location.clone(),
        );
        let rows = TextRows::new(text, self.framing, self.start, expected_end, location);
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
            framing: self.framing.clone(),
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
