//! The configuration of a task, valid by construction: what [`load`] returns needs no further checks.
//!
//! The way of a document: text, located tree (`yaml`), values compared with the one list of [`keys`]
//! (`walk`), then the types of this file (`resolve`). Every step goes on after a problem, so that all
//! problems are reported at once, each with its place.

pub mod dms;
mod csv_dialect;
mod environment;
mod error_policies;
mod fingerprint;
mod interpolate;
pub mod keys;
pub mod life;
mod load;
mod migration_type;
pub mod problems;
mod reference;
mod resolve;
mod restarts;
mod scalar;
mod schema;
mod source_format;
mod source_position;
mod stream_change;
mod suggest;
mod task_settings;
mod tree;
pub mod units;
mod values;
mod walk;
mod yaml;

use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;

pub use self::csv_dialect::{CsvColumns, CsvDialect, HeaderDrift, LoadOperationColumn};
pub use self::environment::{Environment, SystemEnvironment};
pub use self::error_policies::{DataErrorPolicy, ErrorsConfig, Escalation, RowPolicies};
pub use self::life::{ChangesFrom, EventErrorPolicy, StopAfter, StopConfig};
pub use self::load::{Loaded, load, load_str};
pub use self::migration_type::MigrationType;
pub use self::problems::{ConfigProblems, Place, Problem, Severity};
pub use self::reference::reference;
pub use self::restarts::RestartDelays;
pub use self::schema::json_schema;
pub use self::source_format::{CompressionChoice, DataFormat, SourceFormat};
pub use self::source_position::SourcePosition;
pub use self::stream_change::{OutOfRetention, RecreatedStream};
use crate::map::Mappings;
use crate::model::Table;

/// A task, ready to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Name of the task; also the task id in control records.
    pub task: String,
    /// What to read.
    pub migration_type: MigrationType,
    /// Where from.
    pub source: SourceConfig,
    /// The tables of the external table definition that are read, in document order.
    pub tables: Vec<Table>,
    /// What the table mappings make of them.
    pub mappings: Mappings,
    /// When it stops by itself.
    pub stop: StopConfig,
    /// Where to.
    pub target: TargetConfig,
    /// What the messages look like.
    pub message: MessageConfig,
    /// How records are delivered.
    pub delivery: DeliveryConfig,
    /// What happens to bad rows and objects.
    pub errors: ErrorsConfig,
    /// Where the checkpoint lives.
    pub state: StateConfig,
    /// Limits on memory and parallelism.
    pub limits: LimitsConfig,
    /// OTLP over HTTP/protobuf endpoint, without a path; `None` sends nothing.
    pub otlp_endpoint: Option<String>,
}

/// Where objects come from and how to read them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceConfig {
    /// The place.
    pub location: SourceLocation,
    /// Prefix in front of every table path and of `cdc_path`: empty, or ending in one slash.
    pub bucket_folder: String,
    /// Folder of the change files below `bucket_folder`, ending in one slash; `None` without changes, and where they
    /// lie in the folders of their tables.
    pub cdc_path: Option<String>,
    /// Where the changes begin.
    pub changes_from: ChangesFrom,
    /// The CSV dialect.
    pub csv: CsvDialect,
    /// CSV or Parquet, and how compressed.
    pub format: SourceFormat,
    /// What to do with a change file that appears behind the last one read.
    pub late_files: LateFiles,
    /// What to do with an object that changes while it is read.
    pub changed_objects: ChangedObjects,
    /// Pause between two listings for new files.
    pub poll_interval: Duration,
    /// Pause between two full listings, which find late files.
    pub full_listing_interval: Duration,
}

impl SourceConfig {
    /// Whether the change files of a table lie beside the files of its full load, as DMS writes Parquet.
    pub fn has_changes_beside_loads(&self) -> bool {
        self.cdc_path.is_none() && self.format.data == DataFormat::Parquet
    }
}

/// A bucket or a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SourceLocation {
    /// An S3 bucket.
    S3 {
        /// Bucket name.
        bucket: String,
        /// Region; `None` leaves it to the SDK's provider chain.
        region: Option<String>,
        /// Custom endpoint.
        endpoint: Option<String>,
        /// Whether the bucket goes into the path instead of the host name.
        path_style: bool,
        /// Account that must own the bucket.
        expected_bucket_owner: Option<String>,
    },
    /// A folder on this machine.
    Local {
        /// The folder.
        directory: PathBuf,
    },
}

/// What to do with a change file that appears behind the last one read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LateFiles {
    /// Read it now, after what was read.
    Process,
    /// Set it aside, visibly.
    Quarantine,
    /// Stop the task.
    Stop,
}

/// What to do with an object that changes while it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangedObjects {
    /// Set the rest of it aside, visibly.
    Quarantine,
    /// Suspend its table; a change file is set aside.
    SuspendTable,
    /// Stop the task.
    Stop,
}

/// A stream or a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TargetConfig {
    /// An Amazon Kinesis data stream.
    Kinesis {
        /// Stream name.
        stream: String,
        /// Region; `None` leaves it to the SDK's provider chain.
        region: Option<String>,
        /// Custom endpoint.
        endpoint: Option<String>,
        /// Time allowed for one request.
        request_timeout: Duration,
    },
    /// Files on this machine, one per shard.
    Ndjson {
        /// The folder.
        path: PathBuf,
        /// How many shards to pretend.
        shards: u32,
    },
}

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
    /// Puts `schema.table.` in front of primary-key partition keys.
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

/// How records are delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeliveryConfig {
    /// What is done about records in doubt.
    pub guarantee: Guarantee,
    /// Whether the configuration names the guarantee; otherwise it depends on what the role may do.
    pub is_guarantee_chosen: bool,
    /// How long a request may outlive whoever sent it.
    pub settle: Duration,
    /// What to do with records in doubt that the stream no longer keeps.
    pub out_of_retention: OutOfRetention,
    /// What to do if another stream has the name by now.
    pub recreated_stream: RecreatedStream,
    /// What a partial failure may do to the order.
    pub ordering: Ordering,
    /// How fast a shard is written to.
    pub pace: Pace,
    /// How long a batch may wait for more records.
    pub linger: Duration,
    /// Whether several records travel as one.
    pub aggregation: Aggregation,
}

/// What is done about records in doubt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guarantee {
    /// They are sent again and may come twice.
    AtLeastOnce,
    /// They are looked for in the stream.
    Dedupe,
}

/// What a partial failure may do to the order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ordering {
    /// A request has at most one record per partition key, so no record can overtake another of its key.
    Strict,
    /// Failed records and later ones of the same partition key are sent again before anything newer.
    Final,
    /// Failed records are sent again alone.
    None,
}

/// Whether several records travel as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aggregation {
    /// Each row is a record of its own.
    None,
    /// All rows of a request are one record in the format of the Kinesis Producer Library.
    Kpl,
}

/// How fast a shard is written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// The documented limits of a shard.
    Service,
    /// As fast as it goes.
    Off,
    /// Own limits per shard.
    Custom {
        /// Records per second and shard.
        records_per_second: u32,
        /// Bytes per second and shard.
        bytes_per_second: u64,
    },
}

/// Where the checkpoint lives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateConfig {
    /// Folder of the sled database, its identity file and its exports.
    pub path: PathBuf,
    /// Pause between two commits; the window is what is sent in that time.
    pub commit_interval: Duration,
}

/// Limits on memory and parallelism.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LimitsConfig {
    /// Bytes of rendered records in flight at most.
    pub in_flight_bytes: u64,
    /// Tables loaded in parallel.
    pub files_in_parallel: usize,
    /// Longest row in bytes.
    pub row_bytes_max: usize,
    /// Time a drain may take before the process gives up.
    pub drain_timeout: Duration,
    /// Restarts of the data path within ten minutes before the process gives up.
    pub restarts_max: u32,
    /// How they follow on each other.
    pub restart: RestartDelays,
}

#[cfg(test)]
pub(crate) mod tests;
