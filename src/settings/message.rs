//! What the messages look like. Pure: no I/O, no clock.

use serde::Serialize;

use super::SourcePosition;

/// What the messages look like; names follow DMS's `KinesisSettings`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "each is an independent DMS setting")]
pub struct MessageConfig {
    /// `json` (tab-indented) or `json-unformatted`.
    pub format: MessageFormat,
    /// Adds the `control` object with the table definition to control records.
    pub include_control_details: bool,
    /// Keeps NULL and empty columns.
    pub include_null_and_empty: bool,
    /// Adds `partition-key-value` to the metadata.
    pub include_partition_value: bool,
    /// Puts `schema.table.` before primary-key partition keys.
    pub partition_include_schema_table: bool,
    /// Leaves the `0x` of binary values out.
    pub no_hex_prefix: bool,
    /// Whether drop-table and create-table records are sent.
    pub control_records: bool,
    /// What stands for the task in control records, if that is not its name; left out of the fingerprint as long as it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task_resource_id: Option<String>,
    /// Exact numbers, or through a double as DMS does.
    pub number_format: NumberFormat,
    /// The default partition key of change records.
    pub change_partition_key: ChangePartitionKey,
    /// What a message says about its place; left out of the fingerprint as long as it is nothing.
    #[serde(skip_serializing_if = "SourcePosition::is_none")]
    pub source_position: SourcePosition,
    /// Texts with a NUL; left out of the fingerprint as long as they are whole.
    #[serde(skip_serializing_if = "TextFormat::is_exact")]
    pub text_format: TextFormat,
    /// NaN and infinity; left out of the fingerprint as long as they are refused.
    #[serde(skip_serializing_if = "NonFinite::is_refused")]
    pub non_finite: NonFinite,
    /// Values that do not fit their column; left out of the fingerprint as long as they are refused. It follows from
    /// `errors.data_truncation_error_policy`.
    #[serde(skip_serializing_if = "Fit::is_whole")]
    pub fit: Fit,
}

impl Default for MessageConfig {
    fn default() -> Self {
        Self {
            format: MessageFormat::Json,
            include_control_details: false,
            include_null_and_empty: false,
            include_partition_value: false,
            partition_include_schema_table: false,
            no_hex_prefix: false,
            control_records: true,
            task_resource_id: None,
            number_format: NumberFormat::Exact,
            change_partition_key: ChangePartitionKey::SchemaTable,
            source_position: SourcePosition::None,
            text_format: TextFormat::Exact,
            non_finite: NonFinite::Refused,
            fit: Fit::Whole,
        }
    }
}

/// White space of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
pub enum MessageFormat {
    /// Tab-indented, no newline at the end.
    Json,
    /// No white space, one newline at the end.
    JsonUnformatted,
}

/// How integers above 2^53 and decimals are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
pub enum NumberFormat {
    /// Every digit as it is in the source.
    Exact,
    /// Through a double, as DMS prints it.
    Dms,
}

/// How a text with a NUL is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize)]
pub enum TextFormat {
    /// Whole: a NUL is a character.
    #[default]
    Exact,
    /// As far as its first NUL, as DMS does for Kinesis.
    Dms,
}

impl TextFormat {
    /// Whether a text is written whole.
    pub fn is_exact(&self) -> bool {
        *self == Self::Exact
    }
}

/// What NaN and infinity are in a column of numbers; JSON has neither.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize)]
pub enum NonFinite {
    /// Not one of its values.
    #[default]
    Refused,
    /// NULL.
    Null,
}

impl NonFinite {
    /// Whether they are refused.
    pub fn is_refused(&self) -> bool {
        *self == Self::Refused
    }
}

/// What becomes of a value that has more digits, characters or parts than its column takes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize)]
pub enum Fit {
    /// Its row does not become a message: a value is written whole or not at all.
    #[default]
    Whole,
    /// It is cut or rounded, and its row is counted.
    Truncate,
}

impl Fit {
    /// Whether a value is written whole or not at all.
    pub fn is_whole(&self) -> bool {
        *self == Self::Whole
    }
}

/// The default partition key of change records (DMS: depends on `ParallelApplyThreads`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
pub enum ChangePartitionKey {
    /// `schema.table`: DMS's default (`ParallelApplyThreads` 0).
    SchemaTable,
    /// The primary key (`ParallelApplyThreads` above 0).
    PrimaryKey,
}
