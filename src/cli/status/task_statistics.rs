//! `ReplicationTaskStats` of the DMS API, from the status of a task. Pure: no I/O, no clock.

use serde::Serialize;

use super::file::Activity;
use crate::checkpoint::status::TaskStatus;
use crate::cli::text::moment;

/// Nothing of the table was read yet.
pub(in crate::cli) const BEFORE_LOAD: &str = "Before load";
/// It is loaded again.
pub(in crate::cli) const RELOADING: &str = "Table is being reloaded";
/// Its full load goes on.
pub(in crate::cli) const LOADING: &str = "Full load";
/// Its full load is complete, or there is none.
pub(in crate::cli) const COMPLETED: &str = "Table completed";
/// One of its files was set aside, or it is suspended.
pub(in crate::cli) const ERROR: &str = "Table error";

/// `ReplicationTaskStats`, member by member. A time that is not known is null.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::cli) struct TaskStatistics {
    /// By bytes; 100 if there is no full load, as with DMS.
    full_load_progress_percent: u64,
    /// From the first start of the task to its last status.
    elapsed_time_millis: Option<u64>,
    tables_loaded: usize,
    tables_loading: usize,
    tables_queued: usize,
    tables_errored: usize,
    /// The first start of the task with this state.
    fresh_start_date: Option<String>,
    /// The start of the process that wrote the last status.
    start_date: Option<String>,
    /// When the last process stopped; null while one runs.
    stop_date: Option<String>,
    full_load_start_date: Option<String>,
    /// Null until every table is loaded.
    full_load_finish_date: Option<String>,
}

impl TaskStatistics {
    /// The statistics of a task whose tables are in these states.
    pub(in crate::cli) fn of(
        status: Option<&TaskStatus>,
        activity: Activity,
        has_load: bool,
        table_words: &[&'static str],
    ) -> Self {
        let count = |word: &str| table_words.iter().filter(|state| **state == word).count();
        let counts = Self {
            tables_loaded: count(COMPLETED),
            tables_loading: count(LOADING) + count(RELOADING),
            tables_queued: count(BEFORE_LOAD),
            tables_errored: count(ERROR),
            full_load_progress_percent: if has_load { 0 } else { 100 },
            ..Self::default()
        };
        let Some(status) = status else {
            return counts;
        };
        let tables = || status.tables.iter().map(|table| &table.statistics);
        let start = tables().filter_map(|table| table.full_load_start_ms).min();
        let ends: Option<Vec<i64>> = tables().map(|table| table.full_load_end_ms).collect();
        let is_loaded = has_load && counts.tables_loading == 0 && counts.tables_queued == 0;
        let end = ends.and_then(|ends| ends.into_iter().max()).filter(|_| is_loaded);
        let stopped = match activity {
            Activity::Stopped | Activity::Interrupted => {
                Some(status.life.stop.map_or(status.updated_ms, |stop| stop.at_ms))
            }
            Activity::NeverStarted | Activity::Running | Activity::Unknown => None,
        };
        let elapsed = status
            .fresh_start_ms
            .map(|start| status.updated_ms.saturating_sub(start));
        Self {
            full_load_progress_percent: if has_load { percent(status) } else { 100 },
            elapsed_time_millis: elapsed.and_then(|elapsed| u64::try_from(elapsed).ok()),
            fresh_start_date: status.fresh_start_ms.map(moment),
            start_date: status.started_ms.map(moment),
            stop_date: stopped.map(moment),
            full_load_start_date: start.map(moment),
            full_load_finish_date: end.map(moment),
            ..counts
        }
    }
}

/// How much of the load files is settled. Not 100 before every table is loaded.
fn percent(status: &TaskStatus) -> u64 {
    let tables = || status.tables.iter().map(|table| &table.statistics);
    if !status.tables.is_empty() && tables().all(|table| table.full_load_end_ms.is_some()) {
        return 100;
    }
    let settled: u64 = tables().map(|table| table.bytes).sum();
    let left: u64 = status.tables.iter().map(|table| table.load_bytes_left).sum();
    let share = u128::from(settled) * 100 / u128::from(settled.saturating_add(left)).max(1);
    u64::try_from(share).unwrap_or(0).min(99)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::status::TableStatus;
    use crate::checkpoint::store::TableStatistics;

    fn status(tables: &[(Option<i64>, u64, u64)]) -> TaskStatus {
        let table = |(end_ms, bytes, left): &(Option<i64>, u64, u64)| TableStatus {
            statistics: TableStatistics {
                full_load_start_ms: Some(1_000),
                full_load_end_ms: *end_ms,
                bytes: *bytes,
                ..TableStatistics::default()
            },
            load_bytes_left: *left,
            ..TableStatus::default()
        };
        TaskStatus {
            updated_ms: 9_000,
            fresh_start_ms: Some(500),
            started_ms: Some(700),
            tables: tables.iter().map(table).collect(),
            ..TaskStatus::default()
        }
    }

    #[test]
    fn members_have_the_names_of_dms() {
        let value = serde_json::to_value(TaskStatistics::default()).unwrap();
        let mut names: Vec<_> = value.as_object().unwrap().keys().map(String::as_str).collect();
        names.sort_unstable();
        let expected = [
            "ElapsedTimeMillis",
            "FreshStartDate",
            "FullLoadFinishDate",
            "FullLoadProgressPercent",
            "FullLoadStartDate",
            "StartDate",
            "StopDate",
            "TablesErrored",
            "TablesLoaded",
            "TablesLoading",
            "TablesQueued",
        ];
        assert_eq!(names, expected);
    }

    #[test]
    fn a_load_is_at_100_per_cent_only_when_every_table_is_loaded() {
        assert_eq!(percent(&status(&[(Some(2), 50, 0), (None, 0, 50)])), 50);
        assert_eq!(percent(&status(&[(Some(2), 50, 0), (None, 50, 0)])), 99);
        assert_eq!(percent(&status(&[(Some(2), 50, 0), (Some(3), 50, 0)])), 100);
        assert_eq!(percent(&TaskStatus::default()), 0);
        let none = TaskStatistics::of(None, Activity::NeverStarted, false, &[COMPLETED]);
        assert_eq!(none.full_load_progress_percent, 100, "there is no full load");
    }

    #[test]
    fn the_load_is_finished_when_its_last_table_is_and_a_running_task_has_not_stopped() {
        let half = status(&[(Some(2_000), 1, 0), (None, 0, 1)]);
        let half = TaskStatistics::of(Some(&half), Activity::Running, true, &[COMPLETED, LOADING]);
        assert_eq!((half.full_load_finish_date, half.stop_date), (None, None));
        let done = status(&[(Some(2_000), 1, 0), (Some(3_000), 1, 0)]);
        let done = TaskStatistics::of(Some(&done), Activity::Stopped, true, &[COMPLETED; 2]);
        assert_eq!(done.full_load_finish_date, Some(moment(3_000)));
        assert_eq!(
            (done.elapsed_time_millis, done.stop_date),
            (Some(8_500), Some(moment(9_000)))
        );
        assert_eq!(
            (done.fresh_start_date, done.start_date),
            (Some(moment(500)), Some(moment(700)))
        );
    }
}
