//! The text of an object from a position on: its bytes as they come, or decoded.
//!
//! A position is a place in the text. What is compressed can be entered at its beginning only, so it is decoded from
//! there, and what comes before the position is thrown away. The bytes of the object itself are resumed by the source,
//! at the exact byte, whatever is made of them.

use std::fmt;

use bytes::{Buf, Bytes, BytesMut};
use futures_util::{StreamExt, stream};

use super::decoder::Decoder;
use super::format::{Compression, MAGIC_BYTES};
use crate::saturate;
use crate::source::{ByteStream, SourceError};

/// Text decoded at once: small enough to keep, large enough that the call costs nothing.
const TEXT_BYTES: usize = 128 * 1024;

/// The text of an object.
pub struct ObjectText {
    bytes: ByteStream,
    /// Bytes that were only looked at.
    ahead: Option<Bytes>,
    /// The piece that is handed out, or decoded.
    piece: Bytes,
    decoding: Option<Box<Decoding>>,
}

struct Decoding {
    decoder: Decoder,
    text: Box<[u8]>,
    /// Text that is still to be thrown away.
    skip: u64,
    location: String,
    is_at_end: bool,
}

/// The bytes of an object with the first few of them looked at.
pub struct Peeked {
    bytes: ByteStream,
    head: Bytes,
}

impl Peeked {
    /// Reads as many bytes as show what an object is, fewer only if there are not more.
    ///
    /// # Errors
    /// As [`ObjectSource::read`](crate::source::ObjectSource::read).
    pub async fn read(mut bytes: ByteStream) -> Result<Self, SourceError> {
        let mut head = Bytes::new();
        while head.len() < MAGIC_BYTES {
            let Some(piece) = bytes.next().await.transpose()? else {
                // Whoever reads on meets the end a second time, which not every stream allows.
                bytes = Box::pin(stream::empty());
                break;
            };
            if head.is_empty() {
                head = piece;
            } else {
                let mut both = BytesMut::from(head);
                both.extend_from_slice(&piece);
                head = both.freeze();
            }
        }
        Ok(Self { bytes, head })
    }

    /// The first bytes.
    pub fn head(&self) -> &[u8] {
        self.head.get(..MAGIC_BYTES).unwrap_or(&self.head)
    }
}

impl ObjectText {
    /// Text that is the bytes themselves, from the place where they start.
    pub fn plain(bytes: ByteStream) -> Self {
        Self {
            bytes,
            ahead: None,
            piece: Bytes::new(),
            decoding: None,
        }
    }

    /// The same for bytes of which some were looked at.
    pub fn peeked(peeked: Peeked) -> Self {
        Self {
            bytes: peeked.bytes,
            ahead: Some(peeked.head),
            piece: Bytes::new(),
            decoding: None,
        }
    }

    /// Text that is compressed, from a position of the text on; the bytes are those of the whole object.
    ///
    /// # Errors
    /// If the decoder cannot be set up.
    pub fn compressed(
        bytes: Peeked,
        compression: Compression,
        expansion_max: u32,
        position: u64,
        location: String,
    ) -> Result<Self, SourceError> {
        let decoder = match Decoder::new(compression, expansion_max) {
            Ok(decoder) => decoder,
            Err(problem) => return Err(damaged(location, &problem)),
        };
        let decoding = Decoding {
            decoder,
            text: vec![0; TEXT_BYTES].into_boxed_slice(),
            skip: position,
            location,
            is_at_end: false,
        };
        Ok(Self {
            decoding: Some(Box::new(decoding)),
            ..Self::peeked(bytes)
        })
    }

    /// The next of it, empty while what comes before the position is thrown away; `None` at its end.
    ///
    /// # Errors
    /// [`SourceError::Damaged`] if it cannot be decoded, or as the stream of
    /// [`ObjectSource::read`](crate::source::ObjectSource::read).
    pub async fn next(&mut self) -> Result<Option<&[u8]>, SourceError> {
        let Some(decoding) = &mut self.decoding else {
            self.piece = match std::mem::take(&mut self.ahead) {
                Some(ahead) => ahead,
                None => match self.bytes.next().await.transpose()? {
                    Some(piece) => piece,
                    None => return Ok(None),
                },
            };
            return Ok(Some(&self.piece));
        };
        if let Some(ahead) = self.ahead.take() {
            self.piece = ahead;
        }
        while self.piece.is_empty() && !decoding.is_at_end {
            match self.bytes.next().await.transpose()? {
                Some(piece) => self.piece = piece,
                None => decoding.is_at_end = true,
            }
        }
        decoding.next(&mut self.piece)
    }
}

impl Decoding {
    fn next(&mut self, piece: &mut Bytes) -> Result<Option<&[u8]>, SourceError> {
        let given = if self.is_at_end {
            self.decoder.finish(&mut self.text)
        } else {
            let progress = self.decoder.decode(piece, &mut self.text);
            progress.map(|progress| {
                piece.advance(progress.taken);
                progress.given
            })
        };
        let given = given.map_err(|problem| damaged(self.location.clone(), &problem))?;
        if given == 0 && self.is_at_end {
            return match self.skip {
                0 => Ok(None),
                missing => Err(damaged(self.location.clone(), &ends_early(missing))),
            };
        }
        let skipped = saturate::to_usize(self.skip).min(given);
        self.skip -= u64::try_from(skipped).unwrap_or(0);
        Ok(Some(self.text.get(skipped..given).unwrap_or_default()))
    }
}

/// What is wrong with an object that is shorter than what was read of the version before.
pub fn ends_early(missing_bytes: u64) -> String {
    format!("it ends {missing_bytes} bytes before the row at which reading goes on")
}

/// What is wrong with the content of an object.
pub fn damaged(location: String, problem: &dyn std::fmt::Display) -> SourceError {
    SourceError::Damaged {
        location,
        detail: problem.to_string(),
    }
}

impl fmt::Debug for Peeked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Peeked({:?})", self.head())
    }
}

impl fmt::Debug for ObjectText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.decoding {
            Some(decoding) => write!(f, "ObjectText({:?})", decoding.decoder),
            None => f.write_str("ObjectText(plain)"),
        }
    }
}
