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
    /// Exact numbers, or through a double as DMS does.
    pub number_format: NumberFormat,
    /// The default partition key of change records.
    pub change_partition_key: ChangePartitionKey,
    /// What a message says about its place; left out of the fingerprint as long as it is nothing.
    #[serde(skip_serializing_if = "SourcePosition::is_none")]
    pub source_position: SourcePosition,
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
            number_format: NumberFormat::Exact,
            change_partition_key: ChangePartitionKey::SchemaTable,
            source_position: SourcePosition::None,
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

/// The default partition key of change records (DMS: depends on `ParallelApplyThreads`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
pub enum ChangePartitionKey {
    /// `schema.table`: DMS's default (`ParallelApplyThreads` 0).
    SchemaTable,
    /// The primary key (`ParallelApplyThreads` above 0).
    PrimaryKey,
}
