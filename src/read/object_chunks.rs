//! The rows of an object in chunks, from a mark on, whatever the object is: the one way to read an object.

use std::fmt;

use super::format::{Format, MAGIC_BYTES, Verdict, judge_bytes, judge_name};
use super::framer::{Framer, FramerConfig};
use super::object_text::{ObjectText, Peeked, damaged};
use crate::config::{Config, SourceFormat};
use crate::limits::CHUNK_BYTES_MAX;
use crate::model::{Chunk, Mark, ObjectVersion};
use crate::source::{ObjectSource, SourceError};

/// How the objects of a task are read.
#[derive(Debug, Clone)]
pub struct ReadSettings {
    /// How to cut text into rows.
    pub framing: FramerConfig,
    /// What objects are.
    pub format: SourceFormat,
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
        }
    }
}

/// What comes next of an object.
#[derive(Debug)]
pub enum Step {
    /// The next rows.
    Chunk(Chunk),
    /// Nothing yet; ask again.
    Pending,
    /// It was read to its end.
    End,
}

/// The chunks of one object. They are the same in whatever pieces the object came, and those of a reading that starts
/// at the end of one of them are the ones behind it.
#[derive(Debug)]
pub struct ObjectChunks {
    text: ObjectText,
    framer: Framer,
    /// How far the text has to reach, if that is known beforehand.
    expected_end: Option<u64>,
    location: String,
    is_at_end: bool,
    /// What is told once the rows before the damage are given out.
    damage: Option<SourceError>,
}

impl ObjectChunks {
    /// Opens a version of an object at a mark: its beginning, or the end of a chunk that a reading with the same
    /// settings gave.
    ///
    /// # Errors
    /// As [`ObjectSource::read`], and [`SourceError::Damaged`] if the object is not what it has to be.
    pub async fn open(
        source: &dyn ObjectSource,
        version: &ObjectVersion,
        settings: &ReadSettings,
        start: Mark,
    ) -> Result<Self, SourceError> {
        let location = source.locate(&version.key);
        let opening = Opening {
            source,
            version,
            settings: settings.format,
            start,
            location: &location,
        };
        let (text, format) = opening.open().await?;
        Ok(Self {
            text,
            framer: Framer::new(&settings.framing, start),
            expected_end: (format == Format::Text).then_some(version.size_bytes),
            location,
            is_at_end: false,
            damage: None,
        })
    }

    /// What comes next. After the end, and after an error, nothing does.
    ///
    /// # Errors
    /// As the stream of [`ObjectSource::read`], and [`SourceError::Damaged`] behind the last whole row before damage.
    pub async fn next(&mut self) -> Result<Step, SourceError> {
        if let Some(chunk) = self.framer.next_chunk() {
            return Ok(Step::Chunk(chunk));
        }
        if let Some(damage) = self.damage.take() {
            return Err(damage);
        }
        if self.is_at_end {
            return self.ensure_end().map(|()| Step::End);
        }
        match self.text.next().await {
            Ok(Some(text)) => self.framer.push(text),
            Ok(None) => {
                self.framer.finish();
                self.is_at_end = true;
            }
            Err(damage @ SourceError::Damaged { .. }) => {
                self.damage = Some(damage);
                if let Some(chunk) = self.framer.close_chunk() {
                    return Ok(Step::Chunk(chunk));
                }
            }
            Err(error) => return Err(error),
        }
        Ok(Step::Pending)
    }

    /// The end of the last chunk, or the start.
    pub fn mark(&self) -> Mark {
        self.framer.mark()
    }

    /// An object that ends before its end would lose rows in silence.
    fn ensure_end(&self) -> Result<(), SourceError> {
        let position = self.framer.mark().position;
        match self.expected_end {
            Some(end) if position < end => Err(SourceError::Unreachable {
                action: "read",
                location: self.location.clone(),
                attempts: 1,
                detail: format!("it ended at byte {position} of {end}"),
            }),
            Some(_) | None => Ok(()),
        }
    }
}

/// An object that is being opened.
#[derive(Clone, Copy)]
struct Opening<'a> {
    source: &'a dyn ObjectSource,
    version: &'a ObjectVersion,
    settings: SourceFormat,
    start: Mark,
    location: &'a str,
}

impl Opening<'_> {
    async fn open(self) -> Result<(ObjectText, Format), SourceError> {
        let is_resumed = self.start.position > 0;
        let (format, peeked) = match judge_name(self.settings, &self.version.key) {
            Verdict::Known(format) => (format, None),
            Verdict::Ask => {
                // Of an object that was read in part only its head is asked for: most go on where they were.
                let end = if is_resumed {
                    MAGIC_END
                } else {
                    self.version.size_bytes
                };
                let bytes = self.source.read_range(self.version, 0..end).await?;
                let peeked = Peeked::read(bytes).await?;
                let format = judge_bytes(self.settings, &self.version.key, peeked.head());
                let format = format.map_err(|problem| damaged(self.location.to_owned(), &problem))?;
                (format, (!is_resumed).then_some(peeked))
            }
        };
        let text = match format {
            Format::Text => match peeked {
                Some(peeked) => ObjectText::peeked(peeked),
                None => ObjectText::plain(self.source.read(self.version, self.start.position).await?),
            },
            Format::Compressed(compression) => {
                let peeked = match peeked {
                    Some(peeked) => peeked,
                    None => Peeked::read(self.source.read(self.version, 0).await?).await?,
                };
                let location = self.location.to_owned();
                let expansion_max = self.settings.expansion_max;
                ObjectText::compressed(peeked, compression, expansion_max, self.start.position, location)?
            }
            Format::Parquet => {
                return Err(damaged(self.location.to_owned(), &"Parquet is not read yet"));
            }
        };
        Ok((text, format))
    }
}

/// [`MAGIC_BYTES`] as a position.
const MAGIC_END: u64 = 4;
const _: () = assert!(
    MAGIC_BYTES == 4,
    "the head that is asked for is the head that is looked at"
);

impl fmt::Debug for Opening<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Opening({})", self.location)
    }
}
