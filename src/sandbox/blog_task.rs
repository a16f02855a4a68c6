//! The task that streams the blog's data set from the embedded S3 server to the embedded Kinesis server, as the
//! configuration file that `brigade run` takes. Pure: no I/O, no clock.

use std::path::Path;

use clap::ValueEnum;
use serde::Serialize;

use super::blog_row::ChangeKey;
use super::fault_proxy::HOLD_MAX_MS;

/// Name of the task.
pub const TASK: &str = "blog";
/// The bucket of the data set.
pub const BUCKET: &str = "blog-source";
/// The stream it goes to.
pub const STREAM: &str = "blog-target";
/// Shards of the stream, as in the post.
pub const SHARDS_COUNT: u32 = 2;
/// File name of the table definition, beside the configuration.
pub const TABLE_DEFINITION_FILE: &str = "table-definition.json";

/// How long a request may outlive its sender here, in milliseconds: longer than anything that is late on purpose.
pub const SETTLE_MS: u64 = 1_000;
const _: () = assert!(
    SETTLE_MS > HOLD_MAX_MS,
    "a request that is late on purpose comes before the engine looks"
);

/// What the engine promises about repeats.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Delivery {
    /// What was in doubt is sent again.
    #[value(name = "at_least_once")]
    AtLeastOnce,
    /// What was in doubt is read back from the stream.
    #[default]
    Dedupe,
}

/// What the engine promises about order.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Ordering {
    /// Records of one partition key never overtake each other.
    Strict,
    /// The last state of each partition key is right.
    #[default]
    Final,
    /// Nothing.
    None,
}

/// How rows become records of the stream.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Aggregation {
    /// Each row is a record.
    #[default]
    None,
    /// The rows of a request travel in one record of the Kinesis Producer Library.
    Kpl,
}

/// What a configuration depends on.
#[derive(Debug, Clone, Copy)]
pub struct BlogTask<'a> {
    /// Base URL of the S3 server.
    pub s3_endpoint: &'a str,
    /// Base URL of the Kinesis server.
    pub kinesis_endpoint: &'a str,
    /// Where metrics, page and API are served, if not anywhere.
    pub listen: Option<&'a str>,
    /// Who knows it may give orders; none are taken without one.
    pub token: Option<&'a str>,
    /// Folder that gets the state.
    pub state: &'a Path,
    /// Folder that gets the dead letters.
    pub dead_letters: &'a Path,
    /// `service` or `off`.
    pub pace: &'a str,
    /// Pause between two durable checkpoints, in milliseconds.
    pub commit_interval_ms: u64,
    /// About repeats.
    pub delivery: Delivery,
    /// About order.
    pub ordering: Ordering,
    /// About records.
    pub aggregation: Aggregation,
    /// What partition keys of change records are made of.
    pub change_key: ChangeKey,
}

impl BlogTask<'_> {
    /// The configuration file.
    pub fn configuration(&self) -> String {
        let Self {
            s3_endpoint,
            kinesis_endpoint,
            pace,
            commit_interval_ms,
            ..
        } = self;
        let api = self.api();
        let promises = self.promises();
        let state = quoted(self.state);
        let dead_letters = quoted(self.dead_letters);
        let region = super::REGION;
        format!(
            r#"version: 1
task: {TASK}
migration_type: full-load-and-cdc
source:
  s3:
    bucket: {BUCKET}
    cdc_path: cdc
    region: {region}
    endpoint: "{s3_endpoint}"
    path_style: true
  tables: ./{TABLE_DEFINITION_FILE}
target:
  kinesis:
    stream: {STREAM}
    region: {region}
    endpoint: "{kinesis_endpoint}"
{promises}    pace: "{pace}"
errors:
  dead_letters: {dead_letters}
state:
  sled:
    path: {state}
  commit_interval: {commit_interval_ms}ms
{api}"#
        )
    }
}

impl BlogTask<'_> {
    /// The lines about what is served.
    fn api(&self) -> String {
        let listen = self.listen.map(|listen| format!("  listen: \"{listen}\"\n"));
        let token = self.token.map(|token| format!("  token: \"{token}\"\n"));
        match (listen, token) {
            (None, None) => String::new(),
            (listen, token) => ["api:\n", &listen.unwrap_or_default(), &token.unwrap_or_default()].concat(),
        }
    }

    /// The lines about repeats, order and records.
    fn promises(&self) -> String {
        let delivery = match self.delivery {
            Delivery::AtLeastOnce => "    delivery: at_least_once\n".to_owned(),
            Delivery::Dedupe => format!("    delivery: dedupe\n    settle: {SETTLE_MS}ms\n"),
        };
        let ordering = match self.ordering {
            Ordering::Strict => "strict",
            Ordering::Final => "final",
            Ordering::None => "none",
        };
        let aggregation = match self.aggregation {
            Aggregation::None => "none",
            Aggregation::Kpl => "kpl",
        };
        let change_key = match self.change_key {
            ChangeKey::SchemaTable => "schema-table",
            ChangeKey::PrimaryKey => "primary-key",
        };
        format!(
            "{delivery}    ordering: {ordering}\n    aggregation: {aggregation}\n    change_partition_key: {change_key}\n"
        )
    }
}

/// A JSON string is a YAML string, whatever is in the path.
fn quoted(path: &Path) -> String {
    serde_json::Value::from(path.to_string_lossy()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{SystemEnvironment, load_str};
    use crate::sandbox::blog_data::TABLE_DEFINITION;
    use crate::settings::Pace;

    fn task(state: &Path, delivery: Delivery, ordering: Ordering) -> BlogTask<'_> {
        BlogTask {
            s3_endpoint: "http://127.0.0.1:1",
            kinesis_endpoint: "http://127.0.0.1:2",
            listen: Some("127.0.0.1:0"),
            token: Some("a-token-of-16-letters"),
            state,
            dead_letters: Path::new("/tmp/d"),
            pace: "off",
            commit_interval_ms: 200,
            delivery,
            ordering,
            aggregation: Aggregation::Kpl,
            change_key: ChangeKey::PrimaryKey,
        }
    }

    #[test]
    fn the_engine_takes_the_configuration_without_a_warning() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(TABLE_DEFINITION_FILE), TABLE_DEFINITION).unwrap();
        let state = folder.path().join("a \"b\": #c");
        let path = folder.path().join("brigade.yaml");
        for ordering in [Ordering::Strict, Ordering::Final, Ordering::None] {
            let task = task(&state, Delivery::Dedupe, ordering);
            let loaded = load_str(&task.configuration(), &path, &SystemEnvironment).unwrap();
            assert_eq!(loaded.warnings, []);
            assert_eq!(loaded.config.state.path, state);
            assert_eq!(loaded.config.state.commit_interval.as_millis(), 200);
            assert_eq!(loaded.config.delivery.pace, Pace::Off);
        }
    }

    #[test]
    fn stronger_promises_bring_what_they_need() {
        let text = task(Path::new("s"), Delivery::Dedupe, Ordering::Strict).configuration();
        for line in [
            "    delivery: dedupe\n    settle: 1000ms\n",
            "    ordering: strict\n    aggregation: kpl\n    change_partition_key: primary-key\n",
        ] {
            assert!(text.contains(line), "{text}");
        }
        let text = task(Path::new("s"), Delivery::AtLeastOnce, Ordering::Final).configuration();
        assert!(!text.contains("settle"), "{text}");
    }
}
