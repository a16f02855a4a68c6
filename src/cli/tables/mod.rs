//! `brigade tables`: the table statistics of DMS, by DMS's names.
//!
//! Counts are of settled rows. `Inserts` and the like equal their `Applied…` twins: a row that cannot be delivered has
//! no reliable operation and is counted in `x.dead_letters` instead.
//!
//! Members that DMS leaves out where it has nothing to say are null here. Always 0, because nothing of the kind is
//! done: `FullLoadCondtnlChkFailedRows` (rows are appended to a stream, there is no check that could fail),
//! `Validation…Records` and `Resync…` (`brigade verify` compares, and changes nothing). With a reload the counts of
//! the load and the source bytes of a table start over; those of its changes, `x.filtered_rows` and `x.truncated_rows` go on.

pub(super) mod resume;

use clap::{Args, Subcommand};
use serde::Serialize;

use self::resume::ResumeArgs;
use super::status::file as status_file;
use super::status::file::Activity;
use super::status::replication_task::ReplicationTask;
use super::status::task_statistics::{BEFORE_LOAD, COMPLETED, ERROR, LOADING, RELOADING, TaskStatistics};
use super::status::unread::suspension_lines;
use super::text::{counted, grouped, lines, moment, table};
use super::{ConfigPath, Output, OutputFormat};
use crate::checkpoint::status::{TableStatus, TaskStatus};
use crate::config::Config;
use crate::fault::Fault;
use crate::map::TableName;
use crate::model::trouble::Suspension;

/// Version of the JSON shape; consumers ignore members they do not know.
const SCHEMA_VERSION: u32 = 1;

/// Arguments of `tables`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct TablesArgs {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    config: ConfigPath,
    #[command(flatten)]
    output: Output,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Let the next run continue with a suspended table
    Resume(ResumeArgs),
}

/// What `tables --output json` prints.
#[derive(Debug, Serialize)]
struct TablesReport {
    schema_version: u32,
    #[serde(rename = "ReplicationTask")]
    replication_task: ReplicationTask,
    #[serde(rename = "ReplicationTaskStats")]
    task: TaskStatistics,
    #[serde(rename = "TableStatistics")]
    tables: Vec<DmsStatistics>,
    /// Tables of the definition that no rule of the table mappings selects: they are not read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    not_selected: Vec<String>,
}

/// `TableStatistics` of the DMS API, member by member.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
struct DmsStatistics {
    schema_name: String,
    table_name: String,
    inserts: u64,
    deletes: u64,
    updates: u64,
    ddls: u64,
    applied_inserts: u64,
    applied_deletes: u64,
    applied_updates: u64,
    applied_ddls: u64,
    full_load_rows: u64,
    full_load_condtnl_chk_failed_rows: u64,
    full_load_error_rows: u64,
    full_load_start_time: Option<String>,
    full_load_end_time: Option<String>,
    full_load_reloaded: bool,
    last_update_time: Option<String>,
    table_state: &'static str,
    validation_pending_records: u64,
    validation_failed_records: u64,
    validation_suspended_records: u64,
    validation_state: &'static str,
    validation_state_details: Option<&'static str>,
    resync_state: Option<&'static str>,
    resync_rows_attempted: u64,
    resync_rows_succeeded: u64,
    resync_rows_failed: u64,
    resync_progress: Option<u64>,
    #[serde(rename = "x")]
    x: OwnStatistics,
}

/// What DMS has no name for.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
struct OwnStatistics {
    in_flight_records: u64,
    dead_letters: u64,
    source_bytes: u64,
    files_done: u64,
    files_set_aside: u64,
    filtered_rows: u64,
    /// Rows of which a value was cut or rounded, because the configuration wants it.
    truncated_rows: u64,
    /// Rows that were skipped as headers of files, and read like rows of the table.
    skipped_header_rows: u64,
    bad_rows: u64,
    /// Where the table is suspended, if it is.
    suspension: Option<Suspension>,
    /// The first of its load files that are not read because of that.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unread_files: Vec<String>,
}

/// Runs the command.
///
/// # Errors
/// If the configuration or the status cannot be read.
pub(super) fn run(args: &TablesArgs) -> Result<u8, Fault> {
    if let Some(Verb::Resume(args)) = &args.verb {
        return resume::run(args);
    }
    let (config, _) = args.config.load()?;
    let status = status_file::read(&config.state.path)?;
    let activity = status_file::activity(&config.state.path, status.as_ref());
    let report = TablesReport::of(&config, status.as_ref(), activity);
    super::print(&match args.output.format {
        OutputFormat::Json => super::to_json(&report)?,
        OutputFormat::Text => report.text(),
    })?;
    Ok(0)
}

/// What `tables --output json` prints, of a task that runs and has this status.
pub(super) fn report(config: &Config, status: &TaskStatus) -> impl Serialize {
    TablesReport::of(config, Some(status), Activity::Running)
}

impl TablesReport {
    /// The tables of the configuration; those that the status does not know yet have not begun.
    fn of(config: &Config, status: Option<&TaskStatus>, activity: Activity) -> Self {
        let known = status.map(|status| status.tables.as_slice()).unwrap_or_default();
        let has_load = config.migration_type.has_full_load();
        let tables = config.tables.iter().map(|table| {
            let is_same = |known: &&TableStatus| {
                let statistics = &known.statistics;
                statistics.schema_name == table.owner && statistics.table_name == table.name
            };
            let fresh = TableStatus::default();
            let is_reloaded = status.is_some_and(|status| status.life.is_reloaded(&table.stored_name()));
            let known = known.iter().find(is_same).unwrap_or(&fresh);
            let statistics = DmsStatistics::of(known, has_load, is_reloaded);
            DmsStatistics {
                schema_name: table.owner.clone(),
                table_name: table.name.clone(),
                ..statistics
            }
        });
        let tables: Vec<_> = tables.collect();
        let words: Vec<_> = tables
            .iter()
            .map(|table: &DmsStatistics| table.table_state)
            .collect();
        Self {
            schema_version: SCHEMA_VERSION,
            replication_task: ReplicationTask::of(config, status, activity, words.contains(&ERROR)),
            task: TaskStatistics::of(status, activity, has_load, &words),
            tables,
            not_selected: config
                .mappings
                .unselected
                .iter()
                .map(TableName::full_name)
                .collect(),
        }
    }

    fn text(&self) -> String {
        let headers = [
            "SchemaName",
            "TableName",
            "TableState",
            "FullLoadRows",
            "FullLoadErrorRows",
            "Inserts",
            "Updates",
            "Deletes",
            "Ddls",
            "FullLoadStartTime",
            "LastUpdateTime",
        ];
        let numbers = [
            "FullLoadRows",
            "FullLoadErrorRows",
            "Inserts",
            "Updates",
            "Deletes",
            "Ddls",
        ];
        let time = |time: &Option<String>| time.clone().unwrap_or_else(|| "-".to_owned());
        let rows = self.tables.iter().map(|row| {
            vec![
                row.schema_name.clone(),
                row.table_name.clone(),
                row.table_state.to_owned(),
                grouped(row.full_load_rows),
                grouped(row.full_load_error_rows),
                grouped(row.inserts),
                grouped(row.updates),
                grouped(row.deletes),
                grouped(row.ddls),
                time(&row.full_load_start_time),
                time(&row.last_update_time),
            ]
        });
        let mut text = table(&headers, &numbers, rows);
        text += &lines(self.tables.iter().flat_map(DmsStatistics::remarks));
        if !self.not_selected.is_empty() {
            text += &lines([format!(
                "not read, because no rule of the table mappings selects them: {}",
                self.not_selected.join(", ")
            )]);
        }
        text
    }
}

impl DmsStatistics {
    /// What the columns have no room for.
    fn remarks(&self) -> Vec<String> {
        let name = format!("{}.{}", self.schema_name, self.table_name);
        let mut texts = suspension_lines(&name, self.x.suspension.as_ref(), &self.x.unread_files);
        if self.x.filtered_rows > 0 {
            let rows = counted(self.x.filtered_rows, "row");
            texts.push(format!(
                "{name}: {rows} left out by a filter of the table mappings"
            ));
        }
        if self.x.truncated_rows > 0 {
            let rows = counted(self.x.truncated_rows, "row");
            texts.push(format!(
                "{name}: {rows} sent with a value that was cut or rounded to fit"
            ));
        }
        if self.x.skipped_header_rows > 0 {
            let rows = counted(self.x.skipped_header_rows, "row");
            texts.push(format!(
                "{name}: {rows} skipped as headers of files that read like rows of the table \
                 (source.csv.ignore_header_rows)"
            ));
        }
        texts
    }

    fn of(table: &TableStatus, has_load: bool, is_reloaded: bool) -> Self {
        let statistics = &table.statistics;
        Self {
            schema_name: statistics.schema_name.clone(),
            table_name: statistics.table_name.clone(),
            inserts: statistics.applied_inserts,
            deletes: statistics.applied_deletes,
            updates: statistics.applied_updates,
            ddls: statistics.applied_ddls,
            applied_inserts: statistics.applied_inserts,
            applied_deletes: statistics.applied_deletes,
            applied_updates: statistics.applied_updates,
            applied_ddls: statistics.applied_ddls,
            full_load_rows: statistics.full_load_rows,
            full_load_condtnl_chk_failed_rows: 0,
            full_load_error_rows: statistics.full_load_error_rows,
            full_load_start_time: statistics.full_load_start_ms.map(moment),
            full_load_end_time: statistics.full_load_end_ms.map(moment),
            full_load_reloaded: is_reloaded,
            last_update_time: statistics.last_update_ms.map(moment),
            table_state: state(table, has_load, is_reloaded),
            validation_state: "Not enabled",
            x: OwnStatistics {
                in_flight_records: table.in_flight_records,
                dead_letters: statistics.full_load_error_rows + statistics.change_error_rows,
                source_bytes: statistics.bytes,
                files_done: statistics.objects_done,
                files_set_aside: statistics.objects_quarantined,
                filtered_rows: statistics.filtered_rows,
                truncated_rows: statistics.truncated_rows,
                skipped_header_rows: statistics.skipped_header_rows,
                bad_rows: statistics.trouble.bad_rows,
                suspension: statistics.trouble.suspension.clone(),
                unread_files: table.load.unread.clone(),
            },
            ..Self::default()
        }
    }
}

/// `TableState`, in DMS's words.
fn state(table: &TableStatus, has_load: bool, is_reloaded: bool) -> &'static str {
    let statistics = &table.statistics;
    if statistics.has_error() {
        ERROR
    } else if statistics.full_load_end_ms.is_some() || !has_load {
        COMPLETED
    } else if is_reloaded {
        RELOADING
    } else if statistics.full_load_start_ms.is_some() {
        LOADING
    } else {
        BEFORE_LOAD
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::store::TableStatistics;

    fn table(start_ms: Option<i64>, end_ms: Option<i64>, objects_quarantined: u64) -> TableStatus {
        TableStatus {
            statistics: TableStatistics {
                full_load_start_ms: start_ms,
                full_load_end_ms: end_ms,
                objects_quarantined,
                ..TableStatistics::default()
            },
            ..TableStatus::default()
        }
    }

    #[test]
    fn table_states_are_the_words_of_dms() {
        let cases = [
            (table(None, None, 0), true, false, "Before load"),
            (table(None, None, 0), false, false, "Table completed"),
            (table(Some(1), None, 0), true, false, "Full load"),
            (table(Some(1), None, 0), true, true, "Table is being reloaded"),
            (table(Some(1), Some(2), 0), true, true, "Table completed"),
            (table(Some(1), Some(2), 0), true, false, "Table completed"),
            (table(Some(1), Some(2), 1), true, false, "Table error"),
        ];
        for (table, has_load, is_reloaded, expected) in cases {
            assert_eq!(state(&table, has_load, is_reloaded), expected);
        }
    }

    #[test]
    fn members_have_the_names_of_dms() {
        let value =
            serde_json::to_value(DmsStatistics::of(&table(Some(0), Some(1), 0), true, false)).unwrap();
        let names: Vec<_> = value.as_object().unwrap().keys().cloned().collect();
        let expected = [
            "AppliedDdls",
            "AppliedDeletes",
            "AppliedInserts",
            "AppliedUpdates",
            "Ddls",
            "Deletes",
            "FullLoadCondtnlChkFailedRows",
            "FullLoadEndTime",
            "FullLoadErrorRows",
            "FullLoadReloaded",
            "FullLoadRows",
            "FullLoadStartTime",
            "Inserts",
            "LastUpdateTime",
            "ResyncProgress",
            "ResyncRowsAttempted",
            "ResyncRowsFailed",
            "ResyncRowsSucceeded",
            "ResyncState",
            "SchemaName",
            "TableName",
            "TableState",
            "Updates",
            "ValidationFailedRecords",
            "ValidationPendingRecords",
            "ValidationState",
            "ValidationStateDetails",
            "ValidationSuspendedRecords",
            "x",
        ];
        let mut names = names;
        names.sort();
        assert_eq!(names, expected);
    }
}
