//! `source.data_format` and what `source.csv` says about compression. Pure: no I/O, no clock.

use serde::Serialize;

/// What the files of a source are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
pub struct SourceFormat {
    /// Rows as text, or Parquet.
    pub data: DataFormat,
    /// How CSV files are compressed.
    pub compression: CompressionChoice,
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

impl SourceFormat {
    /// What gzip reaches at most is about 1,030, so this stops nothing but what was made to be a bomb.
    pub const EXPANSION_MAX_DEFAULT: u32 = 1_000;

    /// Whether each file says what it is.
    pub fn is_auto(&self) -> bool {
        self.data == DataFormat::Auto && self.compression == CompressionChoice::Auto
    }
}

impl Default for SourceFormat {
    fn default() -> Self {
        Self {
            data: DataFormat::Auto,
            compression: CompressionChoice::Auto,
            expansion_max: Self::EXPANSION_MAX_DEFAULT,
        }
    }
}
