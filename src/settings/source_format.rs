//! `source.data_format` and what `source.csv` says about compression and encoding. Pure: no I/O, no clock.

use std::hash::{Hash, Hasher};

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE};
use serde::{Serialize, Serializer};

/// What the files of a source are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
pub struct SourceFormat {
    /// Rows as text, or Parquet.
    pub data: DataFormat,
    /// How CSV files are compressed.
    pub compression: CompressionChoice,
    /// What the bytes of a text mean; left out of the fingerprint as long as it is UTF-8.
    #[serde(skip_serializing_if = "TextEncoding::is_utf_8")]
    pub encoding: TextEncoding,
    /// Bytes of text that a byte of a compressed file may become.
    #[serde(skip)]
    pub expansion_max: u32,
}

/// Rows as text, or Parquet; DMS's `DataFormat`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize)]
pub enum DataFormat {
    /// The name and the first bytes of each file decide.
    #[default]
    Auto,
    /// All files are CSV.
    Csv,
    /// All files are Parquet.
    Parquet,
}

/// How CSV files are compressed; DMS's `CompressionType`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize)]
pub enum CompressionChoice {
    /// The first bytes of each file decide; one that is named as compressed has to be.
    #[default]
    Auto,
    /// None is.
    None,
    /// All with gzip.
    Gzip,
    /// All with zstd.
    Zstd,
}

/// What the bytes of a text mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TextEncoding(&'static Encoding);

impl TextEncoding {
    /// What needs no translation.
    pub const UTF_8: Self = Self(UTF_8);

    /// The encoding of a label of the WHATWG Encoding Standard, which knows most names in use.
    pub fn of(label: &str) -> Option<Self> {
        // Its `replacement` stands for encodings that are refused, and is none.
        Encoding::for_label_no_replacement(label.as_bytes()).map(Self)
    }

    /// What translates it.
    pub fn encoding(self) -> &'static Encoding {
        self.0
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        self.0.name()
    }

    /// Whether it is one of the two that have two bytes or four for each character.
    pub fn is_utf_16(self) -> bool {
        self.0 == UTF_16LE || self.0 == UTF_16BE
    }

    /// Whether a text begins with the mark of this encoding, which is one of the two of UTF-16.
    pub fn is_marked_by(self, head: &[u8]) -> bool {
        let is_utf_32 = head.starts_with(&[0xFF, 0xFE, 0, 0]);
        (self.0 == UTF_16LE && head.starts_with(&[0xFF, 0xFE]) && !is_utf_32)
            || (self.0 == UTF_16BE && head.starts_with(&[0xFE, 0xFF]))
    }

    /// Whether it needs no translation.
    pub fn is_utf_8(&self) -> bool {
        *self == Self::UTF_8
    }
}

impl Hash for TextEncoding {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name().hash(state);
    }
}

impl Serialize for TextEncoding {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl SourceFormat {
    /// What gzip reaches at most is about 1,030, so this stops nothing but what was made to be a bomb.
    pub const EXPANSION_MAX_DEFAULT: u32 = 1_000;

    /// What positions in objects count, which another value makes worthless: bytes of the file, or of its text.
    pub fn positions(&self) -> String {
        format!("{:?} {}", self.compression, self.encoding.name())
    }

    /// Whether each file says what it is.
    pub fn is_auto(&self) -> bool {
        self.data == DataFormat::Auto
            && self.compression == CompressionChoice::Auto
            && self.encoding.is_utf_8()
    }
}

impl Default for SourceFormat {
    fn default() -> Self {
        Self {
            data: DataFormat::Auto,
            compression: CompressionChoice::Auto,
            encoding: TextEncoding::UTF_8,
            expansion_max: Self::EXPANSION_MAX_DEFAULT,
        }
    }
}
