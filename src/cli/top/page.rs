//! What `brigade top` shows, out of a status. Pure: no I/O, no clock.

use std::time::Duration;

use crate::checkpoint::status::{TableStatus, TaskStatus};
use crate::checkpoint::store::Phase;
use crate::cli::shards::ShardReport;
use crate::cli::status::file::Activity;
use crate::cli::task_view::TaskView;
use crate::cli::text::{counted, grouped, lines, millions, moment, span, table};
use crate::printable::printable;
use crate::saturate;

/// A status that is older is not that of a healthy process.
const STALE_AGE: Duration = Duration::from_secs(10);
/// Letters of a bar.
const BAR_LENGTH: u64 = 20;

/// The heads of the columns of tables.
pub(super) const TABLE_HEADS: [&str; 6] = [
    "table",
    "state",
    "delivered",
    "in flight",
    "dead letters",
    "files left",
];
/// The heads of the columns of shards.
pub(super) const SHARD_HEADS: [&str; 5] = ["shard", "use", "records", "refused", "doing"];

/// Everything that is shown.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Page {
    /// The task, and what it does, as a sentence.
    pub(super) state: String,
    /// Whether something is wrong with that.
    pub(super) is_alarming: bool,
    /// How the rows add up, and how many come through.
    pub(super) facts: Vec<String>,
    /// A row for each table.
    pub(super) tables: Vec<[String; 6]>,
    /// A row for each shard.
    pub(super) shards: Vec<[String; 5]>,
    /// Files set aside and errors, the newest last.
    pub(super) troubles: Vec<String>,
}

impl Page {
    /// What the files of a task say.
    pub(super) fn of(task: &str, view: &TaskView) -> Self {
        let Some(status) = &view.status else {
            return Self {
                state: format!("{task}: not started yet; `brigade run` starts it"),
                ..Self::default()
            };
        };
        let age = Duration::from_millis(view.since_ms(status.updated_ms));
        let (doing, is_alarming) = state(view.activity, status, age);
        let shards = status.shards.iter();
        let shards = shards.map(|shard| shard_row(&ShardReport::of(shard, view.activity)));
        Self {
            state: format!("{task}: {doing}"),
            is_alarming: is_alarming || !status.outages.is_empty(),
            facts: vec![identity(status), flow(status)],
            tables: status.tables.iter().map(table_row).collect(),
            shards: shards.collect(),
            troubles: troubles(status),
        }
    }

    /// As text, where nothing can be redrawn.
    pub(super) fn text(&self) -> String {
        let head = lines([self.state.clone()].into_iter().chain(self.facts.iter().cloned()));
        let tables = table(
            &TABLE_HEADS,
            &["delivered", "in flight", "dead letters", "files left"],
            self.tables.iter().map(|row| row.to_vec()),
        );
        let shards = table(
            &SHARD_HEADS,
            &["records", "refused"],
            self.shards.iter().map(|row| row.to_vec()),
        );
        let troubles = lines(self.troubles.iter().cloned());
        let parts = [head, tables, shards, troubles];
        let parts: Vec<_> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        parts.join("\n")
    }
}

/// What the task does, and whether that is alarming.
fn state(activity: Activity, status: &TaskStatus, age: Duration) -> (String, bool) {
    match activity {
        Activity::Running if age > STALE_AGE => {
            let text = format!(
                "a process has the state open, but its status is {} old",
                span(age)
            );
            (text, true)
        }
        Activity::Running if status.paused => ("paused; `brigade resume` lets it go on".to_owned(), true),
        Activity::Running if !status.has_data_path => ("running, and not yet reading".to_owned(), false),
        Activity::Running => {
            let doing = match status.phase {
                Phase::FullLoad => "loading tables",
                Phase::Changes => "reading changes",
            };
            (format!("running, {doing}"), false)
        }
        Activity::Stopped => (format!("stopped at {}", moment(status.updated_ms)), false),
        Activity::Interrupted => {
            let text = format!(
                "not running; it ended without a clean stop after {}",
                moment(status.updated_ms)
            );
            (text, true)
        }
        Activity::NeverStarted => ("not started yet".to_owned(), false),
        Activity::Unknown => (
            "running or not is unknown: the state cannot be read".to_owned(),
            true,
        ),
    }
}

/// Rows read, and what became of them.
fn identity(status: &TaskStatus) -> String {
    let sum = |of: fn(&TableStatus) -> u64| status.tables.iter().map(of).sum::<u64>();
    let difference: u64 = status
        .tables
        .iter()
        .map(|table| table.identity_difference().unsigned_abs())
        .sum();
    let sign = if difference == 0 { "=" } else { "DOES NOT EQUAL" };
    format!(
        "{} read {sign} {} delivered + {} dead letters + {} left out + {} in flight",
        grouped(sum(|table| table.read_records)),
        grouped(sum(|table| table.statistics.delivered_rows())),
        grouped(sum(|table| table.statistics.dead_lettered_rows())),
        grouped(sum(|table| table.statistics.filtered_rows)),
        grouped(sum(|table| table.in_flight_records)),
    )
}

/// What comes through, over ten seconds.
fn flow(status: &TaskStatus) -> String {
    let lately = || status.shards.iter().map(|shard| shard.activity.lately);
    let records: u64 = lately().map(|rates| rates.records_rate).sum();
    let bytes: u64 = lately().map(|rates| rates.bytes_rate).sum();
    let files = &status.changes;
    let changes = match (files.waiting(), files.last_key.as_deref()) {
        (0, None) => String::new(),
        (waiting, last) => {
            let last = last.map(|key| format!(", last {}", printable(key)));
            let waiting = counted(waiting, "change file");
            format!("; {waiting} waiting{}", last.unwrap_or_default())
        }
    };
    format!(
        "{} records/s, {} MB/s{changes}",
        grouped(records),
        millions(bytes)
    )
}

fn table_row(table: &TableStatus) -> [String; 6] {
    let statistics = &table.statistics;
    let state = if statistics.is_suspended() {
        "suspended"
    } else if statistics.full_load_end_ms.is_some() {
        "loaded"
    } else if statistics.full_load_start_ms.is_some() {
        "loading"
    } else {
        "waiting"
    };
    let more = if table.load.is_complete { "" } else { "+" };
    let left = table.load.known.saturating_sub(table.load.ended);
    [
        printable(&statistics.full_name()).into_owned(),
        state.to_owned(),
        grouped(statistics.delivered_rows()),
        grouped(table.in_flight_records),
        grouped(statistics.dead_lettered_rows()),
        format!("{}{more}", grouped(left)),
    ]
}

fn shard_row(shard: &ShardReport) -> [String; 5] {
    [
        shard.name(),
        bar(shard.used_percent()),
        grouped(shard.records()),
        format!("{} %", shard.refused_percent()),
        shard.doing.to_owned(),
    ]
}

/// `|##########          |  50 %`.
fn bar(percent: u64) -> String {
    let full = (percent.min(100) * BAR_LENGTH).div_ceil(100);
    let (full, rest) = (saturate::to_usize(full), saturate::to_usize(BAR_LENGTH - full));
    format!("|{}{}| {percent:>3} %", "#".repeat(full), " ".repeat(rest))
}

fn troubles(status: &TaskStatus) -> Vec<String> {
    let mut troubles = Vec::new();
    if let Some(failure) = &status.life.last_failure {
        troubles.push(format!("last failure: {}", printable(failure)));
    }
    for outage in &status.outages {
        let since = moment(outage.since_ms);
        troubles.push(format!(
            "{} away since {since}: {}",
            outage.side,
            printable(&outage.last_error)
        ));
    }
    for shard in &status.shards {
        if let Some(stall) = shard.activity.stall {
            let lasted = span(Duration::from_millis(stall.lasted_ms));
            let name = printable(&shard.shard_id);
            troubles.push(format!(
                "{name} has stored nothing for {lasted}: {}",
                stall.waits_for
            ));
        }
    }
    if status.set_aside > 0 {
        let files = counted(status.set_aside, "file");
        troubles.push(format!(
            "{files} set aside, the newest last; `brigade files list` names all:"
        ));
    }
    for object in &status.quarantined {
        troubles.push(format!(
            "  {}: {}",
            printable(&object.key),
            printable(&object.reason)
        ));
    }
    troubles
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::status::ShardStatus;

    #[test]
    fn a_bar_is_as_long_as_the_use_and_never_longer() {
        assert_eq!(bar(0), "|                    |   0 %");
        assert_eq!(bar(50), "|##########          |  50 %");
        assert_eq!(bar(1), "|#                   |   1 %");
        assert_eq!(bar(250), "|####################| 250 %");
    }

    #[test]
    fn rows_that_do_not_add_up_are_said() {
        let mut status = TaskStatus {
            tables: vec![TableStatus::default()],
            ..TaskStatus::default()
        };
        assert!(identity(&status).contains("0 read = 0 delivered"));
        status.tables[0].read_records = 1;
        assert!(identity(&status).contains("1 read DOES NOT EQUAL"));
    }

    #[test]
    fn a_task_is_one_page_of_text() {
        let mut status = TaskStatus {
            has_data_path: true,
            phase: Phase::Changes,
            tables: vec![TableStatus::default()],
            shards: vec![ShardStatus {
                shard_id: "shard-000".to_owned(),
                ..ShardStatus::default()
            }],
            ..TaskStatus::default()
        };
        status.life.last_failure = Some("Last Error \u{1b}[2J".to_owned());
        let view = |activity, now_ms| TaskView {
            activity,
            status: Some(status.clone()),
            now_ms,
        };
        let page = Page::of("orders", &view(Activity::Running, 1_000));
        let text = page.text();
        assert!(
            text.starts_with("orders: running, reading changes\n0 read = "),
            "{text}"
        );
        assert!(
            text.contains(" shard-000  |                    |   0 %"),
            "{text}"
        );
        assert!(!text.contains('\u{1b}'), "{text}");
        assert!(!page.is_alarming);
        assert!(Page::of("orders", &view(Activity::Running, 60_000)).is_alarming);
        assert!(Page::of("orders", &view(Activity::Interrupted, 0)).is_alarming);
    }
}
