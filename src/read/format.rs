//! What an object is: by the configuration, by its name, by its first bytes. Pure: no I/O, no clock.
//!
//! Where each file speaks for itself, the bytes decide and the name is a promise: what is compressed is decoded
//! whatever it is called, and what is called compressed has to be.

use crate::settings::{CompressionChoice, DataFormat, SourceFormat};

/// First bytes that are enough to decide.
pub const MAGIC_BYTES: usize = 4;
/// What a member of gzip begins with.
pub const GZIP_MAGIC: &[u8] = &[0x1F, 0x8B];
/// What a frame of zstd begins with.
const ZSTD_MAGIC: &[u8] = &[0x28, 0xB5, 0x2F, 0xFD];
/// What a frame of zstd that is to be skipped begins with, but for the low half of the first byte.
const ZSTD_SKIPPABLE_MAGIC: [u8; MAGIC_BYTES] = [0x50, 0x2A, 0x4D, 0x18];
/// What Parquet begins and ends with.
pub const PARQUET_MAGIC: &[u8] = b"PAR1";

/// What an object is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Rows as text.
    Text,
    /// Rows as text, compressed.
    Compressed(Compression),
    /// Parquet.
    Parquet,
}

/// How text is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// RFC 1952; any number of members.
    Gzip,
    /// RFC 8878; any number of frames.
    Zstd,
}

impl Compression {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        }
    }

    /// What its parts are called.
    pub fn part(self) -> &'static str {
        match self {
            Self::Gzip => "member",
            Self::Zstd => "frame",
        }
    }
}

/// What is known before an object is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FormatGuess {
    /// It is known.
    Known(Format),
    /// Its first bytes decide.
    Ask,
}

/// What the configuration and the name of an object say.
pub fn judge_name(settings: SourceFormat, key: &str) -> FormatGuess {
    let is_parquet = match settings.data {
        DataFormat::Auto => has_suffix(key, &["parquet"]),
        DataFormat::Csv => false,
        DataFormat::Parquet => true,
    };
    if is_parquet {
        return FormatGuess::Known(Format::Parquet);
    }
    match (settings.compression, settings.data) {
        (CompressionChoice::Gzip, _) => FormatGuess::Known(Format::Compressed(Compression::Gzip)),
        (CompressionChoice::Zstd, _) => FormatGuess::Known(Format::Compressed(Compression::Zstd)),
        (CompressionChoice::None, DataFormat::Csv) => FormatGuess::Known(Format::Text),
        (CompressionChoice::None, DataFormat::Auto | DataFormat::Parquet) | (CompressionChoice::Auto, _) => {
            FormatGuess::Ask
        }
    }
}

/// What the first bytes of an object say: [`MAGIC_BYTES`] of them, or all there are.
///
/// # Errors
/// If the name promises what the bytes do not keep: one sentence.
pub fn judge_bytes(settings: SourceFormat, key: &str, head: &[u8]) -> Result<Format, String> {
    if settings.data == DataFormat::Auto && head.starts_with(PARQUET_MAGIC) {
        return Ok(Format::Parquet);
    }
    if settings.compression == CompressionChoice::None {
        return Ok(Format::Text);
    }
    if let Some(compression) = compression_of(head) {
        return Ok(Format::Compressed(compression));
    }
    let promised = [
        (Compression::Gzip, &["gz", "gzip"]),
        (Compression::Zstd, &["zst", "zstd"]),
    ];
    let promised = promised.iter().find(|(_, suffixes)| has_suffix(key, *suffixes));
    promised.map_or(Ok(Format::Text), |(compression, _)| {
        let name = compression.name();
        Err(format!(
            "its name says {name}, but it does not begin as {name} does; if it is plain text, rename it or set \
             source.csv.compression to none"
        ))
    })
}

fn compression_of(head: &[u8]) -> Option<Compression> {
    let is_skippable = head
        .first_chunk::<MAGIC_BYTES>()
        .is_some_and(|[first, rest @ ..]| {
            let [low, magic @ ..] = ZSTD_SKIPPABLE_MAGIC;
            first & 0xF0 == low && *rest == magic
        });
    if head.starts_with(GZIP_MAGIC) {
        Some(Compression::Gzip)
    } else if head.starts_with(ZSTD_MAGIC) || is_skippable {
        Some(Compression::Zstd)
    } else {
        None
    }
}

fn has_suffix(key: &str, suffixes: &[&str]) -> bool {
    let last = key.rsplit_once('.').map(|(_, last)| last);
    last.is_some_and(|last| suffixes.iter().any(|suffix| last.eq_ignore_ascii_case(suffix)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(data: DataFormat, compression: CompressionChoice) -> SourceFormat {
        SourceFormat {
            data,
            compression,
            ..SourceFormat::default()
        }
    }

    const GZIP: Format = Format::Compressed(Compression::Gzip);
    const ZSTD: Format = Format::Compressed(Compression::Zstd);

    #[test]
    fn the_configuration_decides_where_it_does() {
        use FormatGuess::{Ask, Known};
        let cases = [
            (DataFormat::Auto, CompressionChoice::Auto, "a.csv", Ask),
            (DataFormat::Auto, CompressionChoice::Auto, "a.csv.gz", Ask),
            (DataFormat::Auto, CompressionChoice::None, "a.csv", Ask),
            (DataFormat::Auto, CompressionChoice::Gzip, "a.csv", Known(GZIP)),
            (
                DataFormat::Auto,
                CompressionChoice::Gzip,
                "a.Parquet",
                Known(Format::Parquet),
            ),
            (DataFormat::Csv, CompressionChoice::Zstd, "a.parquet", Known(ZSTD)),
            (
                DataFormat::Csv,
                CompressionChoice::None,
                "a.gz",
                Known(Format::Text),
            ),
            (
                DataFormat::Parquet,
                CompressionChoice::Gzip,
                "a.csv.gz",
                Known(Format::Parquet),
            ),
        ];
        for (data, compression, key, expected) in cases {
            assert_eq!(
                judge_name(settings(data, compression), key),
                expected,
                "{data:?} {compression:?} {key}"
            );
        }
    }

    #[test]
    fn the_bytes_decide_otherwise_and_the_name_is_a_promise() {
        let auto = SourceFormat::default();
        let judge = |key, head: &[u8]| judge_bytes(auto, key, head);
        assert_eq!(judge("a.csv", b"1,2\n"), Ok(Format::Text));
        assert_eq!(judge("a.csv", b""), Ok(Format::Text));
        assert_eq!(judge("a.csv", &[0x1F, 0x8B, 8, 0]), Ok(GZIP));
        assert_eq!(judge("a.zst", &[0x1F, 0x8B, 8, 0]), Ok(GZIP));
        assert_eq!(judge("a.gz", ZSTD_MAGIC), Ok(ZSTD));
        assert_eq!(judge("a", &[0x5A, 0x2A, 0x4D, 0x18]), Ok(ZSTD));
        assert_eq!(judge("a", b"PAR1"), Ok(Format::Parquet));
        for (key, head) in [
            ("a.csv.gz", &b"1,2\n"[..]),
            ("a.GZIP", b""),
            ("a.zst", b"\x28"),
            ("b/a.zstd", b"1"),
        ] {
            let told = judge(key, head).unwrap_err();
            assert!(
                told.contains("its name says") && told.contains("source.csv.compression"),
                "{told}"
            );
        }
    }

    #[test]
    fn what_is_never_compressed_is_not_looked_into() {
        let none = settings(DataFormat::Auto, CompressionChoice::None);
        assert_eq!(judge_bytes(none, "a.gz", GZIP_MAGIC), Ok(Format::Text));
        assert_eq!(judge_bytes(none, "a", PARQUET_MAGIC), Ok(Format::Parquet));
        let csv = settings(DataFormat::Csv, CompressionChoice::Auto);
        assert_eq!(judge_bytes(csv, "a", PARQUET_MAGIC), Ok(Format::Text));
    }
}
