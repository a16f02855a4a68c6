//! The configuration of a task, valid by construction: what [`load`] returns needs no further checks.
//!
//! The way of a document: text, located tree (`yaml`), values compared with the one list of [`keys`]
//! (`walk`), then the types of this file (`resolve`). Every step goes on after a problem, so that all
//! problems are reported at once, each with its place.

pub mod dms;
mod effective;
mod environment;
mod fingerprint;
mod interpolate;
pub mod keys;
mod load;
mod reference;
mod resolve;
mod scalar;
mod schema;
mod suggest;
mod task_settings;
mod tree;
pub mod units;
mod values;
mod walk;
mod yaml;

pub use self::effective::{Effective, EffectiveValue, Origin, OriginKind, Written};
pub use self::environment::{Environment, SystemEnvironment};
pub use self::load::{Loaded, load, load_str};
pub use self::reference::reference;
pub use self::schema::json_schema;
use crate::map::Mappings;
use crate::model::Table;
use crate::settings::{
    ApiConfig, DeliveryConfig, ErrorsConfig, EventSinksConfig, LimitsConfig, MessageConfig, MigrationType,
    OtlpConfig, SourceConfig, StateConfig, StopConfig, TargetConfig,
};

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
    /// What is served over HTTP.
    pub api: ApiConfig,
    /// Who is told of events.
    pub event_sinks: EventSinksConfig,
    /// OTLP over HTTP/protobuf endpoint, without a path; `None` sends nothing.
    pub otlp_endpoint: Option<String>,
    /// Whether metrics are printed for CloudWatch.
    pub is_emf: bool,
    /// What goes there.
    pub otlp: OtlpConfig,
}

#[cfg(test)]
pub(crate) mod tests;
