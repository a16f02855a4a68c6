//! `brigade shards`: what each shard of the target has taken, and what holds it up. It reads files only.

use std::time::Duration;

use clap::Args;
use serde::Serialize;

use super::status::file::Activity;
use super::task_view::TaskView;
use super::text::{grouped, lines, moment, span, table};
use super::{ConfigPath, Output, OutputFormat};
use crate::checkpoint::status::ShardStatus;
use crate::fault::Fault;
use crate::limits::{SHARD_BYTES_PER_SECOND, SHARD_RECORDS_PER_SECOND};
use crate::printable::printable;

/// Version of the JSON shape; consumers ignore members they do not know.
const SCHEMA_VERSION: u32 = 1;

/// Arguments of `shards`.
#[derive(Debug, Args)]
pub(super) struct ShardsArgs {
    #[command(flatten)]
    config: ConfigPath,
    #[command(flatten)]
    output: Output,
}

/// What `shards --output json` prints.
#[derive(Debug, Serialize)]
struct ShardsReport {
    schema_version: u32,
    task: String,
    activity: Activity,
    /// When the status was written; null if the task never ran.
    as_of: Option<String>,
    shards: Vec<ShardReport>,
}

/// One shard.
#[derive(Debug, Serialize)]
pub(super) struct ShardReport {
    #[serde(flatten)]
    shard: ShardStatus,
    /// What its sender is doing, in a word.
    pub(super) doing: &'static str,
    /// Share of the records that a shard takes in a second, in per cent.
    pub(super) records_percent: u64,
    /// Share of the bytes that a shard takes in a second, in per cent.
    pub(super) bytes_percent: u64,
}

/// Runs the command.
///
/// # Errors
/// If the configuration or the status cannot be read.
pub(super) fn run(args: &ShardsArgs) -> Result<u8, Fault> {
    let (config, _) = args.config.load()?;
    let view = TaskView::of(&config)?;
    let shards = view.status.iter().flat_map(|status| &status.shards);
    let report = ShardsReport {
        schema_version: SCHEMA_VERSION,
        task: config.task,
        activity: view.activity,
        as_of: view.status.as_ref().map(|status| moment(status.updated_ms)),
        shards: shards
            .map(|shard| ShardReport::of(shard, view.activity))
            .collect(),
    };
    super::print(&match args.output.format {
        OutputFormat::Json => super::to_json(&report)?,
        OutputFormat::Text => report.text(),
    })?;
    Ok(0)
}

impl ShardReport {
    /// A shard of a task.
    pub(super) fn of(shard: &ShardStatus, activity: Activity) -> Self {
        let lately = shard.activity.lately;
        Self {
            doing: doing(shard, activity),
            records_percent: percent(lately.records_rate, u64::from(SHARD_RECORDS_PER_SECOND)),
            bytes_percent: percent(lately.bytes_rate, SHARD_BYTES_PER_SECOND),
            shard: shard.clone(),
        }
    }

    /// Its name, fit for a terminal.
    pub(super) fn name(&self) -> String {
        printable(&self.shard.shard_id).into_owned()
    }

    /// The greater use of its two limits, in per cent.
    pub(super) fn used_percent(&self) -> u64 {
        self.records_percent.max(self.bytes_percent)
    }

    /// Share of its records that it refuses, in per cent.
    pub(super) fn refused_percent(&self) -> u64 {
        self.shard.activity.lately.refused_percent
    }

    /// Records that it has taken.
    pub(super) fn records(&self) -> u64 {
        self.shard.records
    }

    fn row(&self) -> Vec<String> {
        let last = self.shard.last_sequence_number.as_deref();
        vec![
            self.name(),
            grouped(self.shard.records),
            self.doing.to_owned(),
            format!("{} %", self.records_percent),
            format!("{} %", self.bytes_percent),
            format!("{} %", self.refused_percent()),
            last.map_or("-".into(), printable).into_owned(),
        ]
    }
}

fn doing(shard: &ShardStatus, activity: Activity) -> &'static str {
    let of = shard.activity;
    if activity != Activity::Running {
        "not running"
    } else if of.stall.is_some() {
        "stalled"
    } else if of.doubt.is_some() {
        "reading back"
    } else if of.lately.records_rate == 0 {
        "idle"
    } else if of.is_hot() {
        "waiting for its pace"
    } else {
        "sending"
    }
}

fn percent(part: u64, whole: u64) -> u64 {
    part.saturating_mul(100) / whole.max(1)
}

impl ShardsReport {
    fn text(&self) -> String {
        let Some(as_of) = &self.as_of else {
            return format!(
                "task {} never ran with this state: its shards are not known\n",
                self.task
            );
        };
        let headers = [
            "shard",
            "records",
            "doing",
            "records/s",
            "bytes/s",
            "refused",
            "last",
        ];
        let numbers = ["records", "records/s", "bytes/s", "refused"];
        let rows = self.shards.iter().map(ShardReport::row);
        let mut text = table(&headers, &numbers, rows);
        let stalls = self.shards.iter().filter_map(|shard| {
            let stall = shard.shard.activity.stall?;
            let lasted = span(Duration::from_millis(stall.lasted_ms));
            let name = shard.name();
            Some(format!(
                "{name} has stored nothing for {lasted}: {}",
                stall.waits_for
            ))
        });
        text += &lines(stalls);
        text + &format!("as of {as_of}; rates are of ten seconds, in per cent of what a shard takes\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::shards::ShardRates;

    #[test]
    fn what_a_shard_does_and_how_much_of_it_is_used() {
        let mut shard = ShardStatus::default();
        let doing_of = |shard: &ShardStatus| ShardReport::of(shard, Activity::Running).doing;
        assert_eq!(doing_of(&shard), "idle");
        shard.activity.lately = ShardRates {
            records_rate: 500,
            bytes_rate: SHARD_BYTES_PER_SECOND / 4,
            refused_percent: 3,
        };
        let report = ShardReport::of(&shard, Activity::Running);
        assert_eq!(
            (
                report.records_percent,
                report.bytes_percent,
                report.used_percent()
            ),
            (50, 25, 50)
        );
        assert_eq!(report.doing, "sending");
        shard.activity.paced_percent = 80;
        assert_eq!(doing_of(&shard), "waiting for its pace");
        assert_eq!(ShardReport::of(&shard, Activity::Stopped).doing, "not running");
    }
}
