//! The configuration of a task of the field, as the file that `brigade run` takes. Pure: no I/O, no clock.

use bucket_brigade::sandbox::REGION;

use super::data::CHANGES;
use super::world::{BUCKET, STREAM};

/// Name of the task.
pub(crate) const TASK: &str = "field";
/// How long a request may outlive its sender here: all that the world holds back comes before.
const SETTLE: &str = "1s";

/// What of a configuration the doors change.
#[derive(Debug, Clone)]
pub(crate) struct TaskConfig {
    pub(crate) bucket: String,
    pub(crate) bucket_folder: String,
    /// `dedupe` or `at_least_once`.
    pub(crate) delivery: &'static str,
    /// `strict`, `final` or `none`.
    pub(crate) ordering: &'static str,
    /// Records a second and shard; none: as fast as it goes.
    pub(crate) records_per_second: Option<u64>,
    /// Further lines about the target.
    pub(crate) target: String,
    /// Lines about limits.
    pub(crate) limits: String,
    /// Name of a file with table mappings.
    pub(crate) mappings: Option<&'static str>,
}

impl Default for TaskConfig {
    fn default() -> Self {
        Self {
            bucket: BUCKET.to_owned(),
            bucket_folder: String::new(),
            delivery: "dedupe",
            ordering: "final",
            records_per_second: None,
            target: String::new(),
            limits: "  in_flight: 4MiB\n".to_owned(),
            mappings: None,
        }
    }
}

impl TaskConfig {
    /// The configuration file; the endpoints are those of S3 and of Kinesis.
    pub(crate) fn configuration(&self, (s3, kinesis): (&str, &str)) -> String {
        let Self {
            bucket,
            bucket_folder,
            delivery,
            ordering,
            target,
            limits,
            ..
        } = self;
        let settle = match *delivery {
            "dedupe" => format!("    settle: {SETTLE}\n"),
            _other => String::new(),
        };
        let pace = self.records_per_second.map_or_else(
            || "\"off\"".to_owned(),
            |records| format!("{{ records_per_second: {records}, bytes_per_second: 64MiB }}"),
        );
        let mappings = self
            .mappings
            .map_or_else(String::new, |name| format!("table_mappings: ./{name}\n"));
        format!(
            r#"version: 1
task: {TASK}
api: {{ listen: off }}
migration_type: full-load-and-cdc
source:
  s3:
    bucket: {bucket}
    bucket_folder: "{bucket_folder}"
    cdc_path: {CHANGES}
    region: {REGION}
    endpoint: "{s3}"
    path_style: true
  tables: ./table-definition.json
  poll_interval: 200ms
  full_listing_interval: 2s
{mappings}target:
  kinesis:
    stream: {STREAM}
    region: {REGION}
    endpoint: "{kinesis}"
    request_timeout: 3s
    delivery: {delivery}
{settle}    ordering: {ordering}
    change_partition_key: primary-key
    message_format: json-unformatted
    pace: {pace}
{target}errors:
  dead_letters: ./dead-letters
state:
  sled:
    path: ./state
  commit_interval: 200ms
limits:
{limits}"#
        )
    }
}
