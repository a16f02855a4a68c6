//! The text of an object as rows are cut from it: known to be text, and in UTF-8.

use std::fmt;

use super::foreign::{HEAD_BYTES, foreign, manifest};
use super::object_text::{ObjectText, damaged, ends_early};
use super::transcoder::{NoCharacter, Transcoder};
use crate::saturate;
use crate::settings::TextEncoding;
use crate::source::SourceError;

/// The text of an object from a position on. With another encoding than UTF-8 its bytes are those from the beginning, and
/// what comes before the position is thrown away.
pub struct Utf8Text {
    raw: ObjectText,
    encoding: TextEncoding,
    location: String,
    /// Whether it is still to be seen whether this is text; only its beginning says so.
    is_unknown: bool,
    head: Vec<u8>,
    /// The beginning while it is handed out.
    given: Vec<u8>,
    transcoding: Option<Box<Transcoding>>,
    is_at_end: bool,
    /// What is reported once the beginning was given.
    problem: Option<SourceError>,
}

struct Transcoding {
    transcoder: Transcoder,
    text: String,
    /// Text that is still to be thrown away.
    skip: u64,
    /// What is reported once the text before it was given.
    problem: Option<NoCharacter>,
    taken: u64,
    /// How many bytes there have to be, if that is known beforehand.
    expected: Option<u64>,
    is_finished: bool,
}

impl Utf8Text {
    /// Text from a position on. The raw text starts there if it is UTF-8, and at its beginning otherwise; then `expected`
    /// are its bytes, if that is known beforehand.
    pub fn new(
        raw: ObjectText,
        encoding: TextEncoding,
        position: u64,
        expected: Option<u64>,
        location: String,
    ) -> Self {
        let transcoding = (!encoding.is_utf_8()).then(|| {
            Box::new(Transcoding {
                transcoder: Transcoder::new(encoding),
                text: String::new(),
                skip: position,
                problem: None,
                taken: 0,
                expected,
                is_finished: false,
            })
        });
        Self {
            raw,
            encoding,
            location,
            is_unknown: position == 0,
            head: Vec::new(),
            given: Vec::new(),
            transcoding,
            is_at_end: false,
            problem: None,
        }
    }

    /// The next of it, which may be empty; `None` at its end.
    ///
    /// # Errors
    /// [`SourceError::Damaged`] if it is not text, or not in its encoding; as [`ObjectText::next`].
    pub async fn next(&mut self) -> Result<Option<&[u8]>, SourceError> {
        if self.is_unknown {
            self.read_head().await?;
        }
        let Self {
            raw,
            location,
            head,
            given,
            transcoding,
            is_at_end,
            problem,
            ..
        } = self;
        if head.is_empty()
            && let Some(problem) = problem.take()
        {
            return Err(problem);
        }
        let Some(transcoding) = transcoding else {
            if !head.is_empty() {
                *given = std::mem::take(head);
                return Ok(Some(given));
            }
            if *is_at_end {
                return Ok(None);
            }
            return raw.next().await;
        };
        if let Some(problem) = &transcoding.problem {
            return Err(damaged(location.clone(), problem));
        }
        if !head.is_empty() {
            *given = std::mem::take(head);
            return Ok(Some(transcoding.translate(given, false)));
        }
        if *is_at_end && transcoding.is_finished {
            return transcoding.end(location).map(|()| None);
        }
        let piece = if *is_at_end { None } else { raw.next().await? };
        *is_at_end |= piece.is_none();
        let is_last = piece.is_none();
        Ok(Some(transcoding.translate(piece.unwrap_or_default(), is_last)))
    }

    /// Reads as much as shows whether it is text.
    async fn read_head(&mut self) -> Result<(), SourceError> {
        while self.head.len() < HEAD_BYTES && !self.is_at_end && self.problem.is_none() {
            match self.raw.next().await {
                Ok(Some(piece)) => self.head.extend_from_slice(piece),
                Ok(None) => self.is_at_end = true,
                // Rows before the damage are rows.
                Err(problem) => self.problem = Some(problem),
            }
        }
        self.is_unknown = false;
        let head = self.head.get(..HEAD_BYTES).unwrap_or(&self.head);
        let told = foreign(head, self.encoding).or_else(|| manifest(&self.location, head));
        match told {
            Some(problem) => Err(damaged(self.location.clone(), &problem)),
            None => Ok(()),
        }
    }
}

impl Transcoding {
    /// The text of the next bytes, without what is thrown away.
    fn translate(&mut self, bytes: &[u8], is_last: bool) -> &[u8] {
        self.taken += saturate::to_u64(bytes.len());
        self.is_finished = is_last;
        self.text.clear();
        self.problem = self.transcoder.push(bytes, is_last, &mut self.text).err();
        let skipped = saturate::to_usize(self.skip).min(self.text.len());
        self.skip -= saturate::to_u64(skipped);
        self.text.as_bytes().get(skipped..).unwrap_or_default()
    }

    /// Whether all of it came; an object that ends before its end would lose rows in silence.
    fn end(&self, location: &str) -> Result<(), SourceError> {
        let taken = self.taken;
        match self.expected {
            Some(expected) if taken < expected => Err(ended_at(location, taken, expected)),
            Some(_) | None if self.skip > 0 => Err(damaged(location.to_owned(), &ends_early(self.skip))),
            Some(_) | None => Ok(()),
        }
    }
}

/// A reading that ended before its object did.
pub(super) fn ended_at(location: &str, position: u64, end: u64) -> SourceError {
    SourceError::Unreachable {
        action: "read",
        location: location.to_owned(),
        attempts: 1,
        detail: format!("it ended at byte {position} of {end}"),
    }
}

impl fmt::Debug for Utf8Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Utf8Text({:?} in {})", self.raw, self.encoding.name())
    }
}

#[cfg(test)]
#[path = "utf8_text_tests.rs"]
mod tests;
