//! The rows of a text in chunks, from a mark on.

use super::framer::{Framer, FramerConfig};
use super::line_ends::{LineEnds, RETURNS_ALONE};
use super::object_chunks::NextChunk;
use super::object_text::damaged;
use super::utf8_text::{Utf8Text, ended_at};
use crate::model::Mark;
use crate::source::SourceError;

/// A text that is cut into chunks.
#[derive(Debug)]
pub struct TextRows {
    text: Utf8Text,
    framer: Framer,
    line_ends: LineEnds,
    /// How far the text has to reach, if that is known beforehand.
    expected_end: Option<u64>,
    location: String,
    is_at_end: bool,
    /// What is reported once the rows before the damage are given out.
    damage: Option<SourceError>,
}

impl TextRows {
    /// The rows of a text that starts at the mark. `expected_end` is its last position, if that is known beforehand.
    pub fn new(
        text: Utf8Text,
        framing: &FramerConfig,
        start: Mark,
        expected_end: Option<u64>,
        location: String,
    ) -> Self {
        Self {
            text,
            framer: Framer::new(framing, start),
            line_ends: LineEnds::new(framing, start),
            expected_end,
            location,
            is_at_end: false,
            damage: None,
        }
    }

    /// The same where blank lines are rows, as they are of a table with one column.
    #[must_use]
    pub fn with_blank_rows(mut self) -> Self {
        self.framer = self.framer.with_blank_rows();
        self
    }

    /// What comes next. After the end, and after an error, nothing does.
    ///
    /// # Errors
    /// As [`Utf8Text::next`]; damage is reported after the last whole row before it.
    pub async fn next(&mut self) -> Result<NextChunk, SourceError> {
        if let Some(chunk) = self.framer.next_chunk() {
            return Ok(NextChunk::Chunk(chunk));
        }
        if let Some(damage) = self.damage.take() {
            return Err(damage);
        }
        if self.is_at_end {
            return self.ensure_end().map(|()| NextChunk::End);
        }
        match self.text.next().await {
            Ok(Some(text)) => {
                if self.line_ends.push(text) {
                    return Err(damaged(self.location.clone(), &RETURNS_ALONE));
                }
                self.framer.push(text);
            }
            Ok(None) => {
                if self.line_ends.finish() {
                    return Err(damaged(self.location.clone(), &RETURNS_ALONE));
                }
                self.framer.finish();
                self.is_at_end = true;
            }
            Err(damage @ SourceError::Damaged { .. }) => {
                self.damage = Some(damage);
                if let Some(chunk) = self.framer.close_chunk() {
                    return Ok(NextChunk::Chunk(chunk));
                }
            }
            Err(error) => return Err(error),
        }
        Ok(NextChunk::Pending)
    }

    /// An object that ends before its end would lose rows in silence.
    fn ensure_end(&self) -> Result<(), SourceError> {
        let position = self.framer.mark().position;
        match self.expected_end {
            Some(end) if position < end => Err(ended_at(&self.location, position, end)),
            Some(_) | None => Ok(()),
        }
    }
}
