//! The rows of an object as the engine renders them, outside the engine: for commands that look back at what was
//! sent, or send it again. It shares with the engine how objects are read and rows are rendered, and nothing else.

use std::ops::ControlFlow;

use std::sync::Arc;

use super::framer::{Framer, FramerConfig};
use super::header::misplaced;
use super::header_text::FirstRow;
use super::object_chunks::{NextChunk, ObjectChunks, ReadSettings};
use crate::config::Config;
use crate::model::{Chunk, FileColumns, Mark, ObjectVersion, Operation, RowSource, TableIndex};
use crate::parse::row::{RenderedChunk, RowRenderer};
use crate::saturate;
use crate::settings::{CsvColumns, HeaderDrift};
use crate::source::{ObjectSource, SourceError};
use crate::value::timestamp::MessageTimestamp;

/// Where a row stands in its object.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RowPlace {
    /// 0-based number of the row.
    pub ordinal: u64,
    /// 1-based line at which it starts.
    pub line: u64,
    /// Byte offset in the text of the object: decoded if it is compressed, and for Parquet the text that rows become.
    pub byte: u64,
}

/// A row and what became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RenderedRow<'a> {
    /// Where it stands.
    pub place: RowPlace,
    /// The row as read, without its delimiter.
    pub text: &'a [u8],
    /// Its table, if it is known.
    pub table: Option<TableIndex>,
    /// What became of it.
    pub outcome: RowOutcome<'a>,
}

/// What became of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowOutcome<'a> {
    /// It is a message.
    Message(Message<'a>),
    /// It cannot be one, and why.
    Rejected(&'a str),
    /// It is not to be one, by the rules of the table mappings.
    Filtered,
}

/// A message with its partition key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Message<'a> {
    /// What it does.
    pub operation: Operation,
    /// The partition key.
    pub partition_key: &'a [u8],
    /// The message.
    pub payload: &'a [u8],
}

/// Takes rows, until it breaks.
pub type TakeRow<'t> = dyn FnMut(RenderedRow<'_>) -> ControlFlow<()> + 't;

/// Renders the rows of objects and of texts; reuses its buffers.
#[derive(Debug)]
pub struct RowReader {
    settings: ReadSettings,
    rows: RowRenderer,
    record_bytes_max: usize,
    timestamp: MessageTimestamp,
    now_us: i64,
}

impl<'a> RowOutcome<'a> {
    /// The message, if it is one.
    pub fn message(self) -> Option<Message<'a>> {
        match self {
            Self::Message(message) => Some(message),
            Self::Rejected(_) | Self::Filtered => None,
        }
    }
}

impl RowReader {
    /// A reader for the tables of a task and a stream that takes records of this size; messages are built at a time
    /// given in microseconds since the Unix epoch.
    pub fn new(config: &Config, record_bytes_max: usize, now_us: i64) -> Self {
        Self {
            settings: ReadSettings::new(config),
            rows: RowRenderer::new(
                &config.tables,
                &config.mappings,
                &config.source.csv,
                &config.message,
            ),
            record_bytes_max,
            timestamp: MessageTimestamp::from_unix_us(now_us),
            now_us,
        }
    }

    /// Says which number the object has in its queue that is read next: messages may show it.
    pub fn enter_object(&mut self, number: u64) {
        self.rows.enter_object(number);
    }

    /// Reads an object from its beginning. Within a chunk, rows without a message come after those with one.
    ///
    /// # Errors
    /// As [`ObjectSource::read`].
    pub async fn read(
        &mut self,
        source: &dyn ObjectSource,
        version: &ObjectVersion,
        rows: RowSource,
        take: &mut TakeRow<'_>,
    ) -> Result<(), SourceError> {
        let table = rows.table();
        let mut chunks = ObjectChunks::open(source, version, table, &self.settings, Mark::START).await?;
        loop {
            match chunks.next().await? {
                NextChunk::Chunk(chunk) => {
                    if self.render(version, &chunk, rows, take).is_break() {
                        return Ok(());
                    }
                }
                NextChunk::Pending => {}
                NextChunk::End => return Ok(()),
            }
        }
    }

    /// What the header of an object says of its columns, if they go by it.
    ///
    /// # Errors
    /// As [`ObjectChunks::open`].
    pub async fn columns(
        &self,
        source: &dyn ObjectSource,
        version: &ObjectVersion,
        rows: RowSource,
    ) -> Result<Option<Arc<FileColumns>>, SourceError> {
        if self.settings.framing.dialect.columns.is_by_position() {
            return Ok(None);
        }
        ObjectChunks::columns_of(source, version, rows.table(), &self.settings).await
    }

    /// What the header of a text says of its columns, if they go by it. If it is not one, or one that is skipped says that
    /// they stand elsewhere, no row can be read.
    fn columns_of_text(&self, text: &[u8], rows: RowSource) -> Option<Arc<FileColumns>> {
        let framing = &self.settings.framing;
        let first_row = FirstRow::of_text(text, framing)?;
        if let CsvColumns::ByPosition { drift } = framing.dialect.columns {
            let has_header = self.settings.framing_of(rows.table()).dialect.ignore_header_rows > 0;
            let header = first_row
                .text()
                .filter(|_| has_header && drift != HeaderDrift::Accept)?;
            let reason = misplaced(header, rows, &framing.dialect, &self.settings.tables)?;
            return Some(Arc::new(FileColumns::refused(rows.table(), &reason)));
        }
        let columns = match first_row.header(rows, &framing.dialect, &self.settings.tables) {
            Ok(header) => header.columns,
            Err(reason) => FileColumns::refused(rows.table(), &reason),
        };
        Some(Arc::new(columns))
    }

    /// Whether columns go by their places, and a text does not begin with their names.
    fn begins_with_row(&self, text: &[u8], rows: RowSource) -> bool {
        let framing = &self.settings.framing;
        let table = rows.table().and_then(|table| self.settings.tables.get(table.0));
        let first_row = FirstRow::of_text(text, framing);
        let is_header =
            |row: &FirstRow| table.is_some_and(|table| row.names_columns(&framing.dialect, table));
        framing.dialect.columns.is_by_position() && first_row.is_some_and(|row| !is_header(&row))
    }

    /// Reads a text as if it were an object of this name. Rows that somebody took out of a file may come without its header:
    /// the first one is skipped only if it is one.
    pub fn read_text(&mut self, text: &[u8], name: &str, rows: RowSource, take: &mut TakeRow<'_>) {
        let object = ObjectVersion {
            key: name.to_owned(),
            etag: String::new(),
            size_bytes: saturate::to_u64(text.len()),
            modified_ms: self.now_us / 1_000,
        };
        // It has no number in any queue: the time stands after all of them, and after texts that were read earlier.
        self.enter_object(u64::try_from(object.modified_ms).unwrap_or_default());
        let columns = self.columns_of_text(text, rows);
        let mut framing = self.settings.framing_of(rows.table());
        if framing.dialect.ignore_header_rows > 0 && self.begins_with_row(text, rows) {
            framing.dialect.ignore_header_rows = 0;
        }
        let mut framer = self.framer(&framing, Mark::START, rows, columns.as_ref());
        framer.push(text);
        framer.finish();
        let place = (&object, columns.as_ref());
        let _is_broken_off = self.drain(&mut framer, place, rows, take).is_break();
    }

    /// Renders the text of what was one row, to be found at a place of its object. Gives the number of rows that it
    /// has under the dialect of today; the row is what it was if that is 1. `columns` are those of its object.
    pub fn read_row(
        &mut self,
        text: &[u8],
        (object, place): (&ObjectVersion, RowPlace),
        (rows, columns): (RowSource, Option<&Arc<FileColumns>>),
        take: &mut TakeRow<'_>,
    ) -> u64 {
        let start = Mark {
            // Nowhere is it the beginning of an object, where a header might stand.
            position: place.byte.max(1),
            ordinal: place.ordinal,
            line: place.line.saturating_sub(1),
        };
        let framing = self.settings.framing_of(rows.table());
        let mut framer = self.framer(&framing, start, rows, columns);
        framer.push(text);
        if text.is_empty() {
            // Without its delimiter a blank row would be nothing.
            framer.push(&self.settings.framing.dialect.row_delimiter);
        }
        framer.finish();
        let mut count = 0;
        let _is_broken_off = self
            .drain(&mut framer, (object, columns), rows, &mut |mut row| {
                count += 1;
                row.place = place;
                take(row)
            })
            .is_break();
        count
    }

    fn framer(
        &self,
        framing: &FramerConfig,
        start: Mark,
        rows: RowSource,
        columns: Option<&Arc<FileColumns>>,
    ) -> Framer {
        let framer = Framer::new(framing, start);
        let columns = columns.map(Arc::as_ref);
        if self.settings.has_blank_rows(rows.table(), columns) {
            framer.with_blank_rows()
        } else {
            framer
        }
    }

    fn drain(
        &mut self,
        framer: &mut Framer,
        (object, columns): (&ObjectVersion, Option<&Arc<FileColumns>>),
        rows: RowSource,
        take: &mut TakeRow<'_>,
    ) -> ControlFlow<()> {
        while let Some(mut chunk) = framer.next_chunk() {
            chunk.columns = columns.cloned();
            self.render(object, &chunk, rows, take)?;
        }
        ControlFlow::Continue(())
    }

    fn render(
        &mut self,
        object: &ObjectVersion,
        chunk: &Chunk,
        rows: RowSource,
        take: &mut TakeRow<'_>,
    ) -> ControlFlow<()> {
        let RenderedChunk {
            buffer,
            records,
            rejected,
            filtered,
            rest: _,
        } = self.rows.render_chunk(rows, object, chunk, &self.timestamp);
        for record in records {
            let (place, text) = place_and_text(chunk, record.ordinal);
            let size = record.payload.len() + record.key.len();
            let too_large;
            let outcome = if size > self.record_bytes_max {
                too_large = format!(
                    "the message has {size} bytes with its partition key; the stream takes {}",
                    self.record_bytes_max
                );
                RowOutcome::Rejected(too_large.as_str())
            } else {
                RowOutcome::Message(Message {
                    operation: record.operation,
                    partition_key: buffer.get(record.key).unwrap_or_default(),
                    payload: buffer.get(record.payload).unwrap_or_default(),
                })
            };
            take(RenderedRow {
                place,
                text,
                table: Some(record.table),
                outcome,
            })?;
        }
        let rejected = rejected
            .iter()
            .map(|record| (record.ordinal, record.table, RowOutcome::Rejected(&record.reason)));
        let filtered = filtered
            .iter()
            .map(|record| (record.ordinal, record.table, RowOutcome::Filtered));
        for (ordinal, table, outcome) in rejected.chain(filtered) {
            let (place, text) = place_and_text(chunk, ordinal);
            take(RenderedRow {
                place,
                text,
                table,
                outcome,
            })?;
        }
        ControlFlow::Continue(())
    }
}

fn place_and_text(chunk: &Chunk, ordinal: u64) -> (RowPlace, &[u8]) {
    let Some(raw) = chunk.record(ordinal) else {
        return (RowPlace::default(), &[]);
    };
    let mark = chunk.mark_before(ordinal);
    let place = RowPlace {
        ordinal,
        line: mark.line + 1,
        byte: mark.position,
    };
    (place, chunk.text(raw))
}
