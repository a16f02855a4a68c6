//! The task that streams the blog's data set from the embedded S3 server to the embedded Kinesis server, as the
//! configuration file that `brigade run` takes. Pure: no I/O, no clock.

use std::path::Path;

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

/// What a configuration depends on.
#[derive(Debug, Clone, Copy)]
pub struct BlogTask<'a> {
    /// Base URL of the S3 server.
    pub s3_endpoint: &'a str,
    /// Base URL of the Kinesis server.
    pub kinesis_endpoint: &'a str,
    /// Folder that gets the state.
    pub state: &'a Path,
    /// Folder that gets the dead letters.
    pub dead_letters: &'a Path,
    /// `service` or `off`.
    pub pace: &'a str,
    /// Pause between two durable checkpoints, in milliseconds.
    pub commit_interval_ms: u64,
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
    delivery: at_least_once
    pace: "{pace}"
errors:
  dead_letters: {dead_letters}
state:
  sled:
    path: {state}
  commit_interval: {commit_interval_ms}ms
"#
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
    use crate::config::{Pace, SystemEnvironment, load_str};
    use crate::sandbox::blog_data::TABLE_DEFINITION;

    #[test]
    fn the_engine_takes_the_configuration_without_a_warning() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(TABLE_DEFINITION_FILE), TABLE_DEFINITION).unwrap();
        let state = folder.path().join("a \"b\": #c");
        let task = BlogTask {
            s3_endpoint: "http://127.0.0.1:1",
            kinesis_endpoint: "http://127.0.0.1:2",
            state: &state,
            dead_letters: Path::new("/tmp/d"),
            pace: "off",
            commit_interval_ms: 200,
        };
        let path = folder.path().join("brigade.yaml");
        let loaded = load_str(&task.configuration(), &path, &SystemEnvironment).unwrap();
        assert_eq!(loaded.warnings, []);
        assert_eq!(loaded.config.state.path, state);
        assert_eq!(loaded.config.state.commit_interval.as_millis(), 200);
        assert_eq!(loaded.config.delivery.pace, Pace::Off);
    }
}
