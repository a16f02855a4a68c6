//! `brigade status`: what a task is doing, whether or not a process runs. It reads files only and takes no lock for
//! longer than a moment.

pub mod file;
pub(super) mod replication_task;
pub(super) mod task_statistics;
pub(super) mod unread;
mod watch;

use std::fmt;

use clap::Args;
use serde::Serialize;

use self::file::Activity;
use self::replication_task::ReplicationTask;
use self::unread::{suspension_lines, unread_lines};
use super::task_view::TaskView;
use super::text::{counted, grouped, moment, span};
use super::{ConfigPath, Output, OutputFormat};
use crate::checkpoint::status::{ObjectCounts, STATUS_SCHEMA_VERSION, TaskStatus};
use crate::checkpoint::store::Phase;
use crate::config::Config;
use crate::fault::Fault;
use crate::flow::outage::Outage;
use crate::observe::shards::{Doubt, ShardActivity};
use crate::observe::stall::Stall;
use crate::printable::printable;
use crate::saturate;
use crate::settings::ChangesFrom;

/// Arguments of `status`.
#[derive(Debug, Args)]
pub(super) struct StatusArgs {
    #[command(flatten)]
    config: ConfigPath,
    /// Show it again and again until Ctrl-C: every two seconds on a terminal, otherwise whenever it changed
    #[arg(short, long)]
    watch: bool,
    #[command(flatten)]
    output: Output,
}

/// What `status --output json` prints.
#[derive(Debug, Serialize)]
struct StatusReport {
    activity: Activity,
    /// Milliseconds since the status was written.
    age_ms: i64,
    #[serde(flatten)]
    status: TaskStatus,
    /// The task as DMS's API shows it.
    #[serde(rename = "ReplicationTask")]
    replication_task: ReplicationTask,
    /// Whether anything comes after the full load.
    #[serde(skip)]
    has_changes: bool,
}

/// Runs the command.
///
/// # Errors
/// If the configuration or the status cannot be read.
pub(super) fn run(args: &StatusArgs) -> Result<u8, Fault> {
    let (config, _) = args.config.load()?;
    if args.watch {
        return watch::watch(&config, args.output.format);
    }
    super::print(&StatusReport::of(&config)?.form(args.output.format)?)?;
    Ok(0)
}

impl fmt::Display for StatusReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let status = &self.status;
        writeln!(f, "task          {}: {}", status.task, self.activity_text())?;
        if self.activity == Activity::NeverStarted {
            return Ok(());
        }
        self.write_end(f)?;
        let phase = match status.phase {
            Phase::FullLoad => "full load",
            Phase::Changes if self.has_changes => "changes",
            Phase::Changes => "full load, complete",
        };
        writeln!(f, "phase         {phase}")?;
        let age = std::time::Duration::from_millis(u64::try_from(self.age_ms).unwrap_or_default());
        writeln!(
            f,
            "as of         {} ({} ago)",
            moment(status.updated_ms),
            span(age)
        )?;
        writeln!(f, "tables        {}", tables_text(status))?;
        if status.changes != ObjectCounts::default() {
            writeln!(f, "change files  {}", changes_text(&status.changes))?;
        }
        self.write_beginning(f)?;
        let in_flight: u64 = status.tables.iter().map(|table| table.in_flight_records).sum();
        let bytes = counted(status.in_flight_bytes, "byte");
        writeln!(f, "in flight     {}, {bytes}", counted(in_flight, "record"))?;
        let sent = status.shards.iter().map(|shard| shard.records).sum();
        let shards = saturate::to_u64(status.shards.len());
        writeln!(
            f,
            "delivered     {} to {}",
            counted(sent, "record"),
            counted(shards, "shard")
        )?;
        self.write_outages(f)?;
        self.write_doubt(f)?;
        let dead = status.dead_lettered_rows();
        let hint = if dead > 0 { "; see `brigade dlq ls`" } else { "" };
        writeln!(f, "dead letters  {}{hint}", grouped(dead))?;
        let filtered = status.filtered_rows();
        if filtered > 0 {
            writeln!(
                f,
                "left out      {} by the table mappings",
                counted(filtered, "row")
            )?;
        }
        self.write_unread(f)?;
        self.write_quarantined(f)
    }
}

impl StatusReport {
    /// What the files of the task say now.
    fn of(config: &Config) -> Result<Self, Fault> {
        let TaskView {
            activity,
            status,
            now_ms,
        } = TaskView::of(config)?;
        let status = status.unwrap_or_else(|| TaskStatus {
            schema_version: STATUS_SCHEMA_VERSION,
            task: config.task.clone(),
            updated_ms: now_ms,
            ..TaskStatus::default()
        });
        let has_table_errors = status.tables.iter().any(|table| table.statistics.has_error());
        Ok(Self {
            activity,
            replication_task: ReplicationTask::of(config, Some(&status), activity, has_table_errors),
            age_ms: now_ms.saturating_sub(status.updated_ms).max(0),
            status,
            has_changes: config.migration_type.has_changes(),
        })
    }

    fn form(&self, format: OutputFormat) -> Result<String, Fault> {
        match format {
            OutputFormat::Json => super::to_json(self),
            OutputFormat::Text => Ok(self.to_string()),
        }
    }

    fn activity_text(&self) -> String {
        let process = self.status.process_id;
        match self.activity {
            Activity::NeverStarted => "not started yet; `brigade run` starts it".to_owned(),
            Activity::Running if self.age_ms > STALE_AGE_MS => {
                "a process has the state open, but this status is old".to_owned()
            }
            Activity::Running if self.status.paused => {
                format!("paused, process {process}; `brigade resume` lets it go on")
            }
            Activity::Running if self.status.restarts > 0 => {
                let restarts = u64::from(self.status.restarts);
                format!(
                    "running, process {process}, {} of the data path",
                    counted(restarts, "restart")
                )
            }
            Activity::Running => format!("running, process {process}"),
            Activity::Stopped => "stopped, nothing in flight".to_owned(),
            Activity::Interrupted => format!(
                "not running; process {process} ended without a clean stop, and the next run continues from the \
                checkpoint"
            ),
            Activity::Unknown => "running or not is unknown: the state cannot be read".to_owned(),
        }
    }

    /// How the last run ended, if it did, and what failed.
    fn write_end(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(reason) = self.replication_task.stop_reason() {
            writeln!(f, "state         {}, {reason}", self.replication_task.status())?;
        }
        if let Some(failure) = self.replication_task.last_failure() {
            writeln!(f, "last failure  {}", printable(failure))?;
        }
        Ok(())
    }

    /// Where the changes begin, if that is not the beginning.
    fn write_beginning(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let status = &self.status;
        if let Some(start) = status.life.changes_start.as_ref().filter(|_| self.has_changes)
            && start.wish != ChangesFrom::Beginning
        {
            writeln!(
                f,
                "begun         with {}; {} before it not read",
                start.wish,
                counted(status.changes.in_front, "file")
            )?;
        }
        Ok(())
    }

    /// What does not answer.
    fn write_outages(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.activity != Activity::Running {
            return Ok(());
        }
        for Outage {
            side,
            since_ms,
            last_error,
            errors: _,
        } in &self.status.outages
        {
            let lasted_ms = self.status.updated_ms.saturating_sub(*since_ms);
            let lasted = std::time::Duration::from_millis(u64::try_from(lasted_ms).unwrap_or_default());
            writeln!(
                f,
                "away          {side}, since {} ({}): {}",
                moment(*since_ms),
                span(lasted),
                printable(last_error)
            )?;
        }
        Ok(())
    }

    /// Shards that look for records in doubt, that can store nothing, and whose limits hold their records up.
    fn write_doubt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.activity != Activity::Running {
            return Ok(());
        }
        for shard in &self.status.shards {
            let name = &shard.shard_id;
            if let Some(doubt) = shard.activity.doubt {
                let wait_ms = doubt.settled_at_ms.saturating_sub(self.status.updated_ms);
                let wait = std::time::Duration::from_millis(u64::try_from(wait_ms).unwrap_or_default());
                let doing = match doubt.behind_ms {
                    None if wait_ms > 0 => format!("reading back starts in {}", span(wait)),
                    None => "reading back".to_owned(),
                    Some(behind_ms) => read_back(&doubt, behind_ms),
                };
                writeln!(f, "in doubt      {name}: {doing}")?;
            }
            if let Some(Stall { lasted_ms, waits_for }) = shard.activity.stall {
                let lasted = span(std::time::Duration::from_millis(lasted_ms));
                writeln!(
                    f,
                    "stalled       {name}: nothing stored for {lasted}: {waits_for}"
                )?;
            }
            if shard.activity.is_hot() {
                let ShardActivity {
                    paced_percent,
                    rate_percent,
                    ..
                } = shard.activity;
                writeln!(
                    f,
                    "hot           {name}: waits for its pace {paced_percent} % of the time, at {rate_percent} % of it"
                )?;
            }
        }
        Ok(())
    }

    /// What is not read, and why.
    fn write_unread(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for table in &self.status.tables {
            let name = table.statistics.stored_name();
            let suspension = table.statistics.trouble.suspension.as_ref();
            for line in suspension_lines(&name, suspension, &table.load.unread) {
                writeln!(f, "suspended     {line}")?;
            }
        }
        for line in unread_lines(&self.status) {
            writeln!(f, "not read      {line}")?;
        }
        Ok(())
    }

    fn write_quarantined(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let quarantined = &self.status.quarantined;
        if quarantined.is_empty() {
            return Ok(());
        }
        let files = counted(self.status.set_aside, "file");
        writeln!(
            f,
            "set aside     {files}, the rest of which is not sent; `brigade files list` names all, `brigade files retry` or \
             `skip` decides (newest last):"
        )?;
        for object in quarantined {
            writeln!(f, "  {}: {}", printable(&object.key), printable(&object.reason))?;
        }
        Ok(())
    }
}

/// How far a look is.
fn read_back(doubt: &Doubt, behind_ms: u64) -> String {
    let records = counted(doubt.records_read, "record");
    let of = |ms: u64| span(std::time::Duration::from_millis(ms));
    let left = format!("{records} read back, {} of the shard left", of(behind_ms));
    match doubt.remaining_ms {
        Some(remaining_ms) if behind_ms > 0 => format!("{left}, done in about {}", of(remaining_ms)),
        Some(_) | None => left,
    }
}

/// Age from which on a status is not that of a healthy process.
const STALE_AGE_MS: i64 = 10_000;

fn tables_text(status: &TaskStatus) -> String {
    let of = |wanted: fn(bool, bool) -> bool| {
        let statistics = status.tables.iter().map(|table| &table.statistics);
        let matching = statistics.filter(|table| {
            wanted(
                table.full_load_start_ms.is_some(),
                table.full_load_end_ms.is_some(),
            )
        });
        matching.count()
    };
    let total = status.tables.len();
    match status.phase {
        // Without a load there is nothing to have been loaded.
        Phase::Changes if of(|_, ended| ended) == 0 => total.to_string(),
        Phase::Changes => format!("{total}, loaded"),
        Phase::FullLoad => format!(
            "{total}: {} loaded, {} loading, {} waiting",
            of(|_, ended| ended),
            of(|started, ended| started && !ended),
            of(|started, ended| !started && !ended)
        ),
    }
}

fn changes_text(changes: &ObjectCounts) -> String {
    let more = if changes.is_complete { "" } else { " or more" };
    let last = changes.last_key.as_deref().map(printable);
    format!(
        "{} read of {}{more} since the start{}",
        grouped(changes.ended),
        grouped(changes.known),
        last.map(|key| format!(", last {key}")).unwrap_or_default()
    )
}
