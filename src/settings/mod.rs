//! What a task is configured with: plain types, valid by construction. `config` reads them, everything below it is
//! built with them.
//!
//! They stand far down, so that a stage can name a setting without knowing how a document is read.

mod api;
mod csv_dialect;
mod delivery;
mod error_policies;
mod event_sinks;
mod file_selection;
pub mod life;
mod limits;
mod message;
mod migration_type;
mod otlp;
pub mod problems;
mod restarts;
mod run_mode;
mod source;
mod source_format;
mod source_position;
mod state;
mod stream_change;
mod target;

pub use self::api::{ApiConfig, ApiToken, HealthConfig};
pub use self::csv_dialect::{CsvColumns, CsvDialect, HeaderDrift, LoadOperationColumn, NarrowRows};
pub use self::delivery::{Aggregation, DeliveryConfig, Guarantee, Ordering, Pace};
pub use self::error_policies::{DataErrorPolicy, ErrorsConfig, Escalation, RowPolicies};
pub use self::event_sinks::{EventBusConfig, EventSinksConfig, TopicConfig, WebhookConfig};
pub use self::file_selection::{FilePattern, FileSelection, FilesConfig, LeftOut, is_side_file};
pub use self::life::{ChangesFrom, EventErrorPolicy, StopAfter, StopConfig};
pub use self::limits::LimitsConfig;
pub use self::message::{
    ChangePartitionKey, Fit, MessageConfig, MessageFormat, NonFinite, NumberFormat, TextFormat,
};
pub use self::migration_type::MigrationType;
pub use self::otlp::OtlpConfig;
pub use self::problems::{ConfigProblems, DocumentPlace, Problem, Severity};
pub use self::restarts::RestartDelays;
pub use self::run_mode::RunMode;
pub use self::source::{ArchivedObjects, ChangedObjects, LateFiles, SourceConfig, SourceLocation};
pub use self::source_format::{CompressionChoice, DataFormat, SourceFormat, TextEncoding};
pub use self::source_position::SourcePosition;
pub use self::state::StateConfig;
pub use self::stream_change::{OutOfRetention, RecreatedStream};
pub use self::target::TargetConfig;
