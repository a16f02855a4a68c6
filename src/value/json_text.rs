//! JSON strings with the escapes DMS writes (those of the C library cJSON): `"`, `\` and control characters;
//! not `/`, not DEL, nothing beyond ASCII. Pure: no I/O, no clock.

use crate::hex;

/// Bytes looked at together.
const WORD_BYTES: usize = size_of::<u64>();
const ONES: u64 = u64::from_ne_bytes([0x01; WORD_BYTES]);
const HIGH_BITS: u64 = u64::from_ne_bytes([0x80; WORD_BYTES]);

/// Appends the text as a JSON string, quotes included.
pub fn write_json_string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    write_escaped(out, text);
    out.push(b'"');
}

/// Appends the text with escapes, without quotes.
pub fn write_escaped(out: &mut Vec<u8>, text: &str) {
    let mut rest = text.as_bytes();
    loop {
        let clean_bytes = clean_prefix(rest);
        let Some((clean, tail)) = rest.split_at_checked(clean_bytes) else {
            return;
        };
        out.extend_from_slice(clean);
        let Some((byte, after)) = tail.split_first() else {
            return;
        };
        write_escape(out, *byte);
        rest = after;
    }
}

fn write_escape(out: &mut Vec<u8>, byte: u8) {
    let letter = match byte {
        b'"' | b'\\' => byte,
        0x08 => b'b',
        0x0C => b'f',
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        _ => {
            out.extend_from_slice(b"\\u00");
            out.extend_from_slice(&hex::digits(byte));
            return;
        }
    };
    out.extend_from_slice(&[b'\\', letter]);
}

/// A JSON value as it was written, without the quotes around it if it has some.
pub(crate) fn unquoted(written: &[u8]) -> &[u8] {
    let inner = written
        .strip_prefix(b"\"")
        .and_then(|rest| rest.strip_suffix(b"\""));
    inner.unwrap_or(written)
}

/// How many bytes at the front need no escape.
fn clean_prefix(bytes: &[u8]) -> usize {
    let words = bytes.chunks_exact(WORD_BYTES);
    let mut clean = 0;
    for word in words {
        let mut array = [0; WORD_BYTES];
        array.copy_from_slice(word);
        if has_escape(u64::from_ne_bytes(array)) {
            break;
        }
        clean += WORD_BYTES;
    }
    let tail = bytes.get(clean..).unwrap_or_default();
    clean
        + tail
            .iter()
            .position(|byte| needs_escape(*byte))
            .unwrap_or(tail.len())
}

fn needs_escape(byte: u8) -> bool {
    byte < b' ' || byte == b'"' || byte == b'\\'
}

/// Whether one of eight bytes needs an escape. May say yes without need, never no without right: the word is
/// then looked at byte by byte.
fn has_escape(word: u64) -> bool {
    let below = |value: u64, limit: u8| value.wrapping_sub(ONES.wrapping_mul(limit.into())) & !value;
    let equal = |byte: u8| below(word ^ ONES.wrapping_mul(byte.into()), 1);
    (below(word, b' ') | equal(b'"') | equal(b'\\')) & HIGH_BITS != 0
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn escaped(text: &str) -> String {
        let mut out = Vec::new();
        write_json_string(&mut out, text);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn only_quotes_backslashes_and_control_characters_are_escaped() {
        assert_eq!(
            escaped("a\"b\\c/d\u{8}\u{c}\n\r\t\u{1}\u{1f}\u{7f}é😀"),
            "\"a\\\"b\\\\c/d\\b\\f\\n\\r\\t\\u0001\\u001f\u{7f}é😀\""
        );
        assert_eq!(escaped(""), "\"\"");
    }

    proptest! {
        #[test]
        fn any_text_comes_back_through_a_json_parser(text in "(?s)[a-z\"\\\\\\x00-\\x20]{0,20}.{0,20}") {
            let back: String = serde_json::from_str(&escaped(&text)).unwrap();
            prop_assert_eq!(back, text);
        }
    }
}
