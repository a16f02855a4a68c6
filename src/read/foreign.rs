//! Bytes that are not the text they are taken for: told by what they begin with. Pure: no I/O, no clock.
//!
//! A file of another kind has rows too, if bytes are cut at delimiters: they must not become values.

use crate::settings::TextEncoding;

/// Bytes of a text that are looked at, or all there are.
pub const HEAD_BYTES: usize = 512;
/// Where the archives of `tar` say what they are.
const TAR_MAGIC_AT: usize = 257;
/// Fewer bytes than this do not show UTF-16 without a mark.
const UNMARKED_BYTES_MIN: usize = 8;

const NEEDS_ENCODING: &str = "set source.csv.encoding, or convert it";
const NEEDS_UNPACKING: &str = "read are plain text, gzip, zstd and Parquet: unpack or convert it";
const NEEDS_CHOICE: &str =
    "set source.csv.compression to auto or to what it is; what is compressed twice has to be unpacked once";

/// Kinds with bytes that no text begins with.
const KINDS: [(&[u8], &str, &str); 19] = [
    (&[0xFF, 0xFE, 0x00, 0x00], "UTF-32", NEEDS_UNPACKING),
    (&[0x00, 0x00, 0xFE, 0xFF], "UTF-32", NEEDS_UNPACKING),
    (&[0xFF, 0xFE], "UTF-16 (little-endian)", NEEDS_ENCODING),
    (&[0xFE, 0xFF], "UTF-16 (big-endian)", NEEDS_ENCODING),
    (&[0x1F, 0x8B, 0x08], "gzip", NEEDS_CHOICE),
    (&[0x28, 0xB5, 0x2F, 0xFD], "zstd", NEEDS_CHOICE),
    (
        b"PK\x03\x04",
        "a zip archive or an Office document",
        NEEDS_UNPACKING,
    ),
    (b"PK\x05\x06", "an empty zip archive", NEEDS_UNPACKING),
    (&[0xFD, b'7', b'z', b'X', b'Z', 0x00], "xz", NEEDS_UNPACKING),
    (
        &[b'7', b'z', 0xBC, 0xAF, 0x27, 0x1C],
        "a 7-Zip archive",
        NEEDS_UNPACKING,
    ),
    (&[0x04, 0x22, 0x4D, 0x18], "LZ4", NEEDS_UNPACKING),
    (&[0xFF, 0x06, 0x00, 0x00, b's', b'N'], "Snappy", NEEDS_UNPACKING),
    (&[0x89, b'L', b'Z', b'O'], "LZO", NEEDS_UNPACKING),
    (b"Rar!\x1A\x07", "a RAR archive", NEEDS_UNPACKING),
    (b"Obj\x01", "Avro", NEEDS_UNPACKING),
    (
        &[0xD0, 0xCF, 0x11, 0xE0, 0xA1, 0xB1],
        "an Office document",
        NEEDS_UNPACKING,
    ),
    (b"SQLite format 3\x00", "an SQLite database", NEEDS_UNPACKING),
    (&[0x7F, b'E', b'L', b'F'], "a program", NEEDS_UNPACKING),
    (&[0x1F, 0x9D], "compress (.Z)", NEEDS_UNPACKING),
];

/// Kinds that begin with letters: they are told only where no text follows.
const KINDS_WITH_LETTERS: [(&[u8], &str, &str); 5] = [
    (
        b"PAR1",
        "Parquet",
        "set source.data_format to auto or parquet; if it is, the file is cut off",
    ),
    (b"ORC", "ORC", NEEDS_UNPACKING),
    (b"BZh", "bzip2", NEEDS_UNPACKING),
    (b"SEQ", "a Hadoop sequence file", NEEDS_UNPACKING),
    (b"%PDF-", "a PDF document", NEEDS_UNPACKING),
];

/// Why a text that begins like this is none, with the cure: one sentence; `None` if it may be one. `head` are its first
/// [`HEAD_BYTES`], or all of it.
pub fn foreign(head: &[u8], encoding: TextEncoding) -> Option<String> {
    let begins = |kinds: &[(&[u8], &'static str, &'static str)]| {
        let kind = kinds.iter().find(|(magic, ..)| head.starts_with(magic));
        kind.map(|(_, name, cure)| (*name, *cure))
    };
    let told = |(name, cure): (&str, &str)| {
        let encoding = encoding.name();
        format!("it is not text in {encoding}: by its first bytes it is {name}; {cure}")
    };
    if encoding.is_marked_by(head) {
        return None;
    }
    if let Some(kind) = begins(&KINDS) {
        return Some(told(kind));
    }
    if head
        .get(TAR_MAGIC_AT..)
        .is_some_and(|rest| rest.starts_with(b"ustar"))
    {
        return Some(told(("a tar archive", NEEDS_UNPACKING)));
    }
    if is_binary(head)
        && let Some(kind) = begins(&KINDS_WITH_LETTERS)
    {
        return Some(told(kind));
    }
    if encoding.is_utf_16() {
        let is_ascii = !head.is_empty() && head.is_ascii() && !head.contains(&0);
        return is_ascii.then(|| told(("text in ASCII or UTF-8", "set source.csv.encoding to utf-8")));
    }
    unmarked_utf_16(head).map(told)
}

/// Why a file is none of rows that its name and its beginning say to be a manifest: JSON that names the files of an export or
/// of an inventory. Its lines can look like rows.
pub fn manifest(key: &str, head: &[u8]) -> Option<String> {
    let name = key.rsplit('/').next().unwrap_or(key).to_ascii_lowercase();
    let is_named = name.strip_suffix(".json").unwrap_or(&name).ends_with("manifest");
    let rest = head.trim_ascii_start().strip_prefix(b"{")?;
    let is_object = rest.trim_ascii_start().starts_with(b"\"");
    (is_named && is_object).then(|| {
        "by its name and its content it is a manifest, and no rows; leave it out with source.files.exclude".to_owned()
    })
}

/// Text in UTF-16 without a mark has a zero in every second byte, as long as it is in a Latin script.
fn unmarked_utf_16(head: &[u8]) -> Option<(&'static str, &'static str)> {
    if head.len() < UNMARKED_BYTES_MIN {
        return None;
    }
    let zeros = |first: usize| {
        head.iter()
            .skip(first)
            .step_by(2)
            .filter(|byte| **byte == 0)
            .count()
    };
    let (even, odd) = (zeros(0), zeros(1));
    // Nine in ten: other scripts come in between.
    let most = head.len() / 2 * 9 / 10;
    match (even > most, odd > most) {
        (false, true) if even == 0 => Some(("UTF-16 (little-endian, without a mark)", NEEDS_ENCODING)),
        (true, false) if odd == 0 => Some(("UTF-16 (big-endian, without a mark)", NEEDS_ENCODING)),
        _other => None,
    }
}

/// Whether it has a NUL or is not UTF-8, apart from a character that is cut off at the end.
fn is_binary(head: &[u8]) -> bool {
    let is_cut_off = |error: std::str::Utf8Error| error.error_len().is_none();
    head.contains(&0) || std::str::from_utf8(head).is_err_and(|error| !is_cut_off(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name_of(head: &[u8]) -> String {
        foreign(head, TextEncoding::UTF_8).unwrap_or_else(|| panic!("{head:?} is taken for text"))
    }

    #[test]
    fn what_is_no_text_is_named_with_its_cure() {
        let utf_16: Vec<u8> = "id,name\n1,Zoë\n"
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect();
        let big: Vec<u8> = "id,name\n1,a\n"
            .encode_utf16()
            .flat_map(u16::to_be_bytes)
            .collect();
        let mut tar = vec![b'a'; 512];
        tar[TAR_MAGIC_AT..TAR_MAGIC_AT + 5].copy_from_slice(b"ustar");
        for (head, name, cure) in [
            (&[0xFF, 0xFE, b'1', 0][..], "UTF-16 (little-endian)", "encoding"),
            (&[0xFE, 0xFF, 0, b'1'], "UTF-16 (big-endian)", "encoding"),
            (&[0xFF, 0xFE, 0, 0, b'1', 0, 0, 0], "UTF-32", "convert"),
            (&utf_16, "UTF-16 (little-endian, without a mark)", "encoding"),
            (&big, "UTF-16 (big-endian, without a mark)", "encoding"),
            (&[0x1F, 0x8B, 8, 0], "gzip", "compression"),
            (b"PK\x03\x04\x14\x00", "zip", "unpack"),
            (b"BZh91AY&SY\x00\x01", "bzip2", "unpack"),
            (&[0xFD, b'7', b'z', b'X', b'Z', 0, 0], "xz", "unpack"),
            (&tar, "tar", "unpack"),
            (b"PAR1\x15\x04\x15\x00", "Parquet", "data_format"),
            (b"ORC\x0A\x03\x00\x00", "ORC", "convert"),
            (b"Obj\x01\x04\x14avro.codec", "Avro", "convert"),
        ] {
            let told = name_of(head);
            assert!(told.contains(name) && told.contains(cure), "{head:?}: {told}");
        }
    }

    #[test]
    fn a_manifest_is_told_by_its_name_and_its_content() {
        for (key, head, expected) in [
            ("s3://b/t/manifest", "{ \"entries\": [", true),
            ("t/000_MANIFEST", "\n{\n  \"entries\":[", true),
            ("t/x.manifest", "{\"a\":1}", true),
            ("t/manifest.json", "{\"sourceBucket\":\"b\"", true),
            ("t/manifest", "1,{\"a\":1}\n", false),
            ("t/manifest", "{a},1\n", false),
            ("t/manifest", "", false),
            ("t/manifest/a.csv", "{\"a\":1}\n", false),
            ("t/a.json", "{\"a\":1}\n", false),
        ] {
            assert_eq!(
                manifest(key, head.as_bytes()).is_some(),
                expected,
                "{key} {head:?}"
            );
        }
    }

    #[test]
    fn text_is_not_taken_for_anything_else() {
        let cut_off = "ORC,Zo\u{eb}".as_bytes();
        for head in [
            &b""[..],
            b"1,a\n",
            b"PAR1,10\n",
            b"ORC\n1\n",
            b"BZh,1\n",
            b"7z,1\n",
            b"PK,1\n",
            &cut_off[..cut_off.len() - 1],
            b"1,a\x00b\n2,\x00\n",
            b"1\x002\x00",
            b"\xEF\xBB\xBF1,a\n",
            b"1,caf\xE9\n",
        ] {
            assert_eq!(foreign(head, TextEncoding::UTF_8), None, "{head:?}");
        }
    }

    #[test]
    fn text_in_another_encoding_than_the_one_that_is_set_is_named() {
        let told = |head: &[u8], label| foreign(head, TextEncoding::of(label).unwrap());
        assert_eq!(told(&[0xFF, 0xFE, b'1', 0], "utf-16le"), None);
        assert_eq!(told(b"1\x00,\x001\x00,\x001\x00", "utf-16le"), None);
        assert_eq!(told(b"1,caf\xE9\n", "latin1"), None);
        for (head, label, name) in [
            (&[0xFE, 0xFF, 0, b'1'][..], "utf-16le", "big-endian"),
            (b"1,a\n2,b\n", "utf-16le", "ASCII"),
            (&[0xFF, 0xFE, b'1', 0], "latin1", "little-endian"),
            (b"PK\x03\x04\x14\x00", "utf-16be", "zip"),
        ] {
            let told = told(head, label).unwrap();
            assert!(told.contains(name), "{told}");
        }
    }
}
