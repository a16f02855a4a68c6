//! Text in other encodings as UTF-8, piece by piece. Pure: no I/O, no clock.
//!
//! What comes out depends on the bytes alone and never on the pieces in which they came. Bytes that are not a character of
//! the encoding are refused, with their place: a replacement would be a wrong value.

use std::fmt;

use encoding_rs::{Decoder, DecoderResult};

use crate::saturate;
use crate::settings::TextEncoding;

/// Turns the text of one object into UTF-8.
pub struct Transcoder {
    decoder: Decoder,
    name: &'static str,
    /// Bytes taken so far.
    taken: u64,
    is_finished: bool,
}

/// Why a text cannot be read on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("byte {at} of its text is part of no character in {name} (source.csv.encoding)")]
pub struct NoCharacter {
    /// The encoding.
    pub name: &'static str,
    /// Where the bytes end that are none, in the text as it was before.
    pub at: u64,
}

impl Transcoder {
    /// For a text from its beginning. A mark of the encoding there is no text.
    pub fn new(encoding: TextEncoding) -> Self {
        Self {
            decoder: encoding.encoding().new_decoder_with_bom_removal(),
            name: encoding.name(),
            taken: 0,
            is_finished: false,
        }
    }

    /// Appends the text of the next bytes; `is_last` says that no more come.
    ///
    /// # Errors
    /// [`NoCharacter`]; the text before it was appended.
    pub fn push(&mut self, mut bytes: &[u8], is_last: bool, text: &mut String) -> Result<(), NoCharacter> {
        if self.is_finished {
            return Ok(());
        }
        loop {
            let needed = self
                .decoder
                .max_utf8_buffer_length_without_replacement(bytes.len());
            text.reserve(needed.unwrap_or(bytes.len()));
            let (result, taken) = self
                .decoder
                .decode_to_string_without_replacement(bytes, text, is_last);
            self.taken += saturate::to_u64(taken);
            bytes = bytes.get(taken..).unwrap_or_default();
            match result {
                DecoderResult::InputEmpty => {
                    self.is_finished = is_last;
                    return Ok(());
                }
                DecoderResult::OutputFull => {}
                DecoderResult::Malformed(_, _) => {
                    return Err(NoCharacter {
                        name: self.name,
                        at: self.taken,
                    });
                }
            }
        }
    }
}

impl fmt::Debug for Transcoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Transcoder({}, {} bytes taken)", self.name, self.taken)
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn encoding(label: &str) -> TextEncoding {
        TextEncoding::of(label).unwrap()
    }

    fn read(label: &str, pieces: &[&[u8]]) -> Result<String, NoCharacter> {
        let mut transcoder = Transcoder::new(encoding(label));
        let mut text = String::new();
        for piece in pieces {
            transcoder.push(piece, false, &mut text)?;
        }
        transcoder.push(&[], true, &mut text)?;
        Ok(text)
    }

    proptest! {
        #[test]
        fn the_pieces_do_not_matter(text in "\\PC{0,40}", cuts in vec(1_usize..7, 1..9), is_marked: bool) {
            let mark = if is_marked { "\u{feff}" } else { "" };
            let bytes: Vec<u8> = format!("{mark}{text}").encode_utf16().flat_map(u16::to_le_bytes).collect();
            let (mut pieces, mut rest) = (Vec::new(), &bytes[..]);
            for cut in cuts.iter().cycle() {
                if rest.is_empty() {
                    break;
                }
                let (piece, remainder) = rest.split_at((*cut).min(rest.len()));
                pieces.push(piece);
                rest = remainder;
            }
            prop_assert_eq!(read("utf-16le", &pieces).unwrap(), text);
        }
    }

    #[test]
    fn every_byte_of_windows_1252_is_a_character_or_refused() {
        assert_eq!(read("windows-1252", &[b"caf\xE9 \x80"]).unwrap(), "café €");
        assert_eq!(read("latin1", &[b"\xFC"]).unwrap(), "ü");
        assert_eq!(read("shift_jis", &[b"\x93\x8C", b"\x8B\x9E"]).unwrap(), "東京");
    }

    #[test]
    fn what_is_no_character_is_refused_with_its_place() {
        let refused = read("shift_jis", &[b"ab\xFF"]).unwrap_err();
        assert_eq!((refused.name, refused.at), ("Shift_JIS", 3));
        // Half a character at the end.
        let refused = read("utf-16le", &[b"a\0b"]).unwrap_err();
        assert_eq!(refused.at, 3);
        // A surrogate alone.
        assert!(read("utf-16be", &[b"\xD8\x00\x00a"]).is_err());
    }
}
