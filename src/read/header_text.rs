//! The first row of an object, read for its own sake: wherever the object is gone on with, and however it is compressed,
//! some KiB from its beginning are enough.

use bytes::Bytes;

use super::format::{Compression, Format};
use super::framer::{Framer, FramerConfig};
use super::header::{Header, names_columns, read_header};
use super::line_ends::{LineEnds, RETURNS_ALONE};
use super::object_text::{ObjectText, Peeked, damaged};
use super::operation_column::first_row;
use super::utf8_text::Utf8Text;
use crate::model::{Chunk, Mark, ObjectVersion, RawRecordKind, RowSource, Table};
use crate::settings::{CsvColumns, CsvDialect, SourceFormat};
use crate::source::{ObjectSource, SourceError};

/// Bytes of an object that are asked for; all of it, should they not be enough.
const HEAD_BYTES: u64 = 64 * 1024;
/// The same for its first row, before that.
pub const FIRST_ROW_BYTES: u64 = 1024;

/// How the head of an object is read.
pub(super) struct HeaderText<'a> {
    pub(super) source: &'a dyn ObjectSource,
    pub(super) version: &'a ObjectVersion,
    pub(super) framing: &'a FramerConfig,
    pub(super) format: SourceFormat,
    /// Whether a blank line is a row; a header is the first line, blank or not.
    pub(super) has_blank_rows: bool,
    pub(super) location: &'a str,
}

impl HeaderText<'_> {
    /// The first row of an object that is data and whole; `None` if there is none.
    ///
    /// # Errors
    /// As [`ObjectSource::read_range`].
    pub(super) async fn first_row(&self, format: Format) -> Result<Option<Bytes>, SourceError> {
        let framing = FramerConfig {
            chunk_bytes_max: 1,
            ..self.framing.clone()
        };
        let ends = [FIRST_ROW_BYTES, HEAD_BYTES];
        self.read(format, &framing, &ends, first_row).await
    }

    /// The first row of an object; `None` if there is nothing in it.
    ///
    /// # Errors
    /// As [`ObjectSource::read_range`]: it has to be the very version that is read on.
    pub(super) async fn header(&self, format: Format) -> Result<Option<FirstRow>, SourceError> {
        let of = |chunk: &Chunk| Some(FirstRow::of(chunk));
        self.read(format, &one_row(self.framing), &[HEAD_BYTES], of).await
    }

    /// What is looked for in the first rows: up to these places, or else in all of them.
    async fn read<T>(
        &self,
        format: Format,
        framing: &FramerConfig,
        ends: &[u64],
        find: impl Fn(&Chunk) -> Option<T>,
    ) -> Result<Option<T>, SourceError> {
        let compression = match format {
            Format::Text => None,
            Format::Compressed(compression) => Some(compression),
            Format::Parquet => return Ok(None),
        };
        let size = self.version.size_bytes;
        for end in ends.iter().filter(|end| size > **end) {
            if let Some(found) = self.read_to(*end, compression, framing, &find).await? {
                return Ok(Some(found));
            }
        }
        self.read_to(size, compression, framing, &find).await
    }

    async fn read_to<T>(
        &self,
        end: u64,
        compression: Option<Compression>,
        framing: &FramerConfig,
        find: &impl Fn(&Chunk) -> Option<T>,
    ) -> Result<Option<T>, SourceError> {
        let is_whole = end == self.version.size_bytes;
        let bytes = self.source.read_range(self.version, 0..end).await?;
        let raw = match compression {
            None => ObjectText::plain(bytes),
            Some(compression) => {
                let bytes = Peeked::read(bytes).await?;
                ObjectText::compressed(
                    bytes,
                    compression,
                    self.format.expansion_max,
                    0,
                    self.location.to_owned(),
                )?
            }
        };
        let location = self.location.to_owned();
        let mut text = Utf8Text::new(raw, self.format.encoding, 0, None, location);
        let framer = Framer::new(framing, Mark::START);
        let mut framer = if self.has_blank_rows {
            framer.with_blank_rows()
        } else {
            framer
        };
        let mut line_ends = LineEnds::new(self.framing, Mark::START);
        let alone = || damaged(self.location.to_owned(), &RETURNS_ALONE);
        loop {
            while let Some(chunk) = framer.next_chunk() {
                if let Some(found) = find(&chunk) {
                    return Ok(Some(found));
                }
            }
            match text.next().await {
                Ok(Some(text)) if line_ends.push(text) => return Err(alone()),
                Ok(Some(text)) => framer.push(text),
                Ok(None) if is_whole && line_ends.finish() => return Err(alone()),
                Ok(None) if is_whole => {
                    framer.finish();
                    let mut rest = std::iter::from_fn(|| framer.next_chunk());
                    return Ok(rest.find_map(|chunk| find(&chunk)));
                }
                Ok(None) => return Ok(None),
                // Of a part of what is compressed, the end is missing.
                Err(SourceError::Damaged { .. }) if !is_whole => return Ok(None),
                Err(error) => return Err(error),
            }
        }
    }
}

/// The first row of something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum FirstRow {
    /// Its text.
    Text(Bytes),
    /// It cannot be a header, and why.
    None(&'static str),
}

impl FirstRow {
    fn of(chunk: &Chunk) -> Self {
        let Some(raw) = chunk.records.first() else {
            return Self::None("its first row is blank, where its header should be");
        };
        match raw.kind {
            RawRecordKind::Whole => Self::Text(Bytes::copy_from_slice(chunk.text(raw))),
            RawRecordKind::UnclosedQuote => Self::None("its header has a quote that is not closed"),
            RawRecordKind::Unsayable => Self::None("its header is not text"),
            RawRecordKind::TooLong => {
                Self::None("its header is longer than the longest row allowed (limits.row)")
            }
        }
    }

    /// What it says of the columns of the tables, if it is a header.
    ///
    /// # Errors
    /// As [`read_header`], and why it is none.
    pub(super) fn header(
        &self,
        rows: RowSource,
        dialect: &CsvDialect,
        tables: &[Table],
    ) -> Result<Header, String> {
        match self {
            Self::None(reason) => Err((*reason).to_owned()),
            Self::Text(header) => read_header(header, rows, dialect, tables),
        }
    }

    /// Its text, if it has one.
    pub(super) fn text(&self) -> Option<&[u8]> {
        match self {
            Self::Text(text) => Some(text),
            Self::None(_) => None,
        }
    }

    /// Whether it names columns of the table, as a header does.
    pub(super) fn names_columns(&self, dialect: &CsvDialect, table: &Table) -> bool {
        matches!(self, Self::Text(row) if names_columns(row, dialect, table))
    }

    /// That of a text; `None` if there is nothing in it.
    pub(super) fn of_text(text: &[u8], framing: &FramerConfig) -> Option<Self> {
        let mut framer = Framer::new(&one_row(framing), Mark::START);
        framer.push(text);
        framer.finish();
        framer.next_chunk().map(|chunk| Self::of(&chunk))
    }
}

/// Cuts after each row, the first one too.
fn one_row(framing: &FramerConfig) -> FramerConfig {
    FramerConfig {
        dialect: CsvDialect {
            ignore_header_rows: 0,
            columns: CsvColumns::default(),
            ..framing.dialect.clone()
        },
        chunk_bytes_max: 1,
        ..framing.clone()
    }
}
