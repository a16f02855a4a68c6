//! The encoding of a text from its beginning. Pure: no I/O, no clock.

use std::borrow::Cow;

use crate::settings::TextEncoding;

/// Bytes that are looked at for zeros, which UTF-16 is full of.
const ZEROS_LOOKED_AT: usize = 4 * 1024;

/// What the bytes of a text mean.
#[derive(Debug)]
pub struct EncodingSeen<'a> {
    /// The encoding.
    pub encoding: TextEncoding,
    /// The text in UTF-8.
    pub text: Cow<'a, [u8]>,
    /// What a person should look at.
    pub note: Option<String>,
}

impl<'a> EncodingSeen<'a> {
    /// The encoding of the beginning of a text, which may be cut off in the middle of a character.
    pub fn of(head: &'a [u8]) -> Self {
        if let Some(encoding) = utf_16(head) {
            return Self::decoded(head, encoding, None);
        }
        match std::str::from_utf8(head) {
            Ok(_) => Self::plain(head),
            // Nothing but the last character is not whole.
            Err(error) if error.error_len().is_none() => {
                Self::plain(head.get(..error.valid_up_to()).unwrap_or_default())
            }
            Err(error) => {
                let at = error.valid_up_to();
                let note = format!(
                    "byte {at} of a sample is not UTF-8, so the encoding is taken for windows-1252: look whether accents \
                     are right in `brigade preview`, and set source.csv.encoding if they are not"
                );
                let encoding = TextEncoding::of("windows-1252").unwrap_or(TextEncoding::UTF_8);
                Self::decoded(head, encoding, Some(note))
            }
        }
    }

    fn plain(head: &'a [u8]) -> Self {
        Self {
            encoding: TextEncoding::UTF_8,
            text: Cow::Borrowed(head),
            note: None,
        }
    }

    fn decoded(head: &[u8], encoding: TextEncoding, note: Option<String>) -> Self {
        let (text, _, _) = encoding.encoding().decode(head);
        let text = Cow::Owned(text.into_owned().into_bytes());
        Self { encoding, text, note }
    }
}

/// Told by its mark, or by zeros in every other byte.
fn utf_16(head: &[u8]) -> Option<TextEncoding> {
    let candidates = ["utf-16le", "utf-16be"].map(TextEncoding::of);
    let [little, big] = candidates;
    let marked = candidates
        .into_iter()
        .flatten()
        .find(|encoding| encoding.is_marked_by(head));
    if marked.is_some() {
        return marked;
    }
    let looked_at = head.get(..ZEROS_LOOKED_AT).unwrap_or(head);
    let zeros = |offset: usize| {
        looked_at
            .iter()
            .skip(offset)
            .step_by(2)
            .filter(|byte| **byte == 0)
            .count()
    };
    let (first, second, pairs) = (zeros(0), zeros(1), looked_at.len() / 2);
    let is_most = |zeros: usize| zeros * 2 > pairs && pairs > 1;
    match (is_most(first), is_most(second)) {
        (false, true) => little,
        (true, false) => big,
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(head: &[u8]) -> (&'static str, String, bool) {
        let seen = EncodingSeen::of(head);
        let text = String::from_utf8(seen.text.into_owned()).unwrap();
        (seen.encoding.name(), text, seen.note.is_some())
    }

    #[test]
    fn encodings_are_told_by_marks_zeros_and_what_is_no_utf_8() {
        let text = "1,größe\n2,x\n";
        let wide = |order: fn(u16) -> [u8; 2]| -> Vec<u8> { text.encode_utf16().flat_map(order).collect() };
        let (little, big) = (wide(u16::to_le_bytes), wide(u16::to_be_bytes));
        assert_eq!(of(&little), ("UTF-16LE", text.to_owned(), false));
        assert_eq!(of(&big), ("UTF-16BE", text.to_owned(), false));
        let marked = [&[0xFF, 0xFE], &little[..]].concat();
        assert_eq!(of(&marked), ("UTF-16LE", text.to_owned(), false));
        assert_eq!(of(text.as_bytes()), ("UTF-8", text.to_owned(), false));
        let cut = &text.as_bytes()[..5];
        assert_eq!(of(cut), ("UTF-8", "1,gr".to_owned(), false), "cut in a character");
        let latin: Vec<u8> = text
            .chars()
            .map(|c| u8::try_from(u32::from(c)).unwrap())
            .collect();
        assert_eq!(of(&latin), ("windows-1252", text.to_owned(), true));
        assert_eq!(of(b""), ("UTF-8", String::new(), false));
        assert_eq!(
            of(b"1,a\0b\n"),
            ("UTF-8", "1,a\0b\n".to_owned(), false),
            "a NUL is a character"
        );
    }
}
