//! Rates and the time left, from snapshots of a status. Pure: no I/O, no clock.
//!
//! What is unknown is left out: there is no time left without a complete listing and a rate, and never a percentage.

use std::collections::VecDeque;
use std::time::Duration;

use crate::checkpoint::status::{ObjectCounts, TableStatus, TaskStatus};
use crate::checkpoint::store::Phase;
use crate::cli::text::{counted, grouped, millions, span};
use crate::saturate;

/// Rates are of this much of the past: long enough to be steady, short enough to follow.
const WINDOW: Duration = Duration::from_secs(5);
/// Lines that are shown at most.
const LINES_MAX: usize = 12;

/// Rows and bytes at some moments of the near past.
#[derive(Debug, Default)]
pub(super) struct RateWindow {
    samples: VecDeque<Sample>,
}

#[derive(Debug, Clone, Copy)]
struct Sample {
    at: Duration,
    rows: u64,
    bytes: u64,
}

/// Amounts per second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rates {
    pub(super) rows: u64,
    pub(super) bytes: u64,
}

impl RateWindow {
    /// Takes in totals at a moment (time since any fixed one); gives the rates, once there are two moments.
    pub(super) fn add(&mut self, at: Duration, rows: u64, bytes: u64) -> Option<Rates> {
        self.samples.push_back(Sample { at, rows, bytes });
        // The oldest sample stays until the next one is old enough to stand for the whole window.
        while self
            .samples
            .get(1)
            .is_some_and(|next| at.saturating_sub(next.at) >= WINDOW)
        {
            self.samples.pop_front();
        }
        let oldest = self.samples.front()?;
        let elapsed_ms = saturate::to_u64(at.saturating_sub(oldest.at).as_millis());
        let per_second = |new: u64, old: u64| {
            new.saturating_sub(old)
                .saturating_mul(1_000)
                .checked_div(elapsed_ms)
        };
        Some(Rates {
            rows: per_second(rows, oldest.rows)?,
            bytes: per_second(bytes, oldest.bytes)?,
        })
    }
}

/// The progress of a whole task.
#[derive(Debug, Default)]
pub(super) struct TaskProgress {
    loads: Vec<RateWindow>,
    changes: RateWindow,
}

impl TaskProgress {
    /// One line for each table that is being loaded, or one for the changes.
    pub(super) fn lines(&mut self, status: &TaskStatus, at: Duration) -> Vec<String> {
        let mut lines = Vec::new();
        self.loads.resize_with(status.tables.len(), RateWindow::default);
        for (table, window) in status.tables.iter().zip(&mut self.loads) {
            let statistics = &table.statistics;
            let rows = statistics.full_load_rows + statistics.full_load_error_rows;
            let rates = window.add(at, rows, statistics.bytes);
            if statistics.full_load_start_ms.is_some() && statistics.full_load_end_ms.is_none() {
                lines.push(load_line(table, rows, rates));
            }
        }
        let (rows, bytes) = changes_totals(status);
        let rates = self.changes.add(at, rows, bytes);
        if status.phase == Phase::Changes {
            lines.push(line("changes", rows, rates, &status.changes, None));
        }
        let hidden = lines.len().saturating_sub(LINES_MAX);
        if hidden > 0 {
            lines.truncate(LINES_MAX);
            lines.push(format!("and {} more", counted(saturate::to_u64(hidden), "table")));
        }
        lines
    }
}

/// Rows of changes, and bytes of everything: nothing is loaded while changes are read.
fn changes_totals(status: &TaskStatus) -> (u64, u64) {
    let tables = status.tables.iter().map(|table| &table.statistics);
    tables.fold((status.unassigned_error_rows, 0), |(rows, bytes), table| {
        let applied = table.applied_inserts + table.applied_updates + table.applied_deletes;
        (rows + applied + table.change_error_rows, bytes + table.bytes)
    })
}

fn load_line(table: &TableStatus, rows: u64, rates: Option<Rates>) -> String {
    let statistics = &table.statistics;
    let name = format!("{}.{}", statistics.schema_name, statistics.table_name);
    let left = rates
        .filter(|_| table.load.is_complete)
        .and_then(|rates| table.load_bytes_left.checked_div(rates.bytes));
    line(&name, rows, rates, &table.load, left.map(Duration::from_secs))
}

fn line(name: &str, rows: u64, rates: Option<Rates>, files: &ObjectCounts, left: Option<Duration>) -> String {
    let mut parts = vec![format!("{name}  {}", counted(rows, "row"))];
    if let Some(rates) = rates {
        parts.push(format!("{} MB/s", millions(rates.bytes)));
        parts.push(format!("{} rows/s", grouped(rates.rows)));
    }
    if files.opened > 0 {
        let total = match (files.known, files.is_complete) {
            (0, _) => String::new(),
            (known, true) => format!("/{}", grouped(known)),
            (known, false) => format!("/{} or more", grouped(known)),
        };
        parts.push(format!("file {}{total}", grouped(files.opened)));
    }
    if let Some(left) = left {
        parts.push(format!("eta {}", span(left)));
    }
    parts.join("  ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::store::TableStatistics;

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn loading(rows: u64, bytes: u64, is_complete: bool) -> TaskStatus {
        TaskStatus {
            tables: vec![TableStatus {
                read_records: 0,
                statistics: TableStatistics {
                    schema_name: "shop".into(),
                    table_name: "orders".into(),
                    full_load_rows: rows,
                    bytes,
                    full_load_start_ms: Some(0),
                    ..TableStatistics::default()
                },
                load: ObjectCounts {
                    known: 9,
                    opened: 3,
                    is_complete,
                    ..ObjectCounts::default()
                },
                load_bytes_left: 90_000_000,
                in_flight_records: 0,
            }],
            ..TaskStatus::default()
        }
    }

    #[test]
    fn rates_are_of_the_window_and_not_of_all_time() {
        let mut window = RateWindow::default();
        assert_eq!(window.add(at(0), 1_000_000, 5), None);
        assert_eq!(
            window.add(at(2), 1_000_200, 5),
            Some(Rates { rows: 100, bytes: 0 })
        );
        for second in 3..20 {
            window.add(at(second), 1_000_200, 5);
        }
        assert_eq!(
            window.add(at(20), 1_000_200, 5),
            Some(Rates { rows: 0, bytes: 0 })
        );
        assert!(window.samples.len() <= 7, "{:?}", window.samples);
    }

    #[test]
    fn counts_that_go_back_with_a_restart_are_no_rate() {
        let mut window = RateWindow::default();
        window.add(at(0), 100, 100);
        assert_eq!(window.add(at(1), 50, 50), Some(Rates { rows: 0, bytes: 0 }));
    }

    #[test]
    fn a_line_says_rows_rates_files_and_time_left() {
        let mut progress = TaskProgress::default();
        progress.lines(&loading(0, 0, true), at(0));
        let lines = progress.lines(&loading(4_000, 9_000_000, true), at(2));
        assert_eq!(
            lines,
            ["shop.orders  4,000 rows  4.5 MB/s  2,000 rows/s  file 3/9  eta 20 s"]
        );
    }

    #[test]
    fn nothing_is_invented_while_the_listing_goes_on_or_nothing_moves() {
        let mut progress = TaskProgress::default();
        progress.lines(&loading(0, 0, false), at(0));
        let lines = progress.lines(&loading(4_000, 9_000_000, false), at(2));
        assert_eq!(
            lines,
            ["shop.orders  4,000 rows  4.5 MB/s  2,000 rows/s  file 3/9 or more"]
        );
        let mut progress = TaskProgress::default();
        progress.lines(&loading(0, 0, true), at(0));
        let lines = progress.lines(&loading(0, 0, true), at(2));
        assert_eq!(lines, ["shop.orders  0 rows  0.0 MB/s  0 rows/s  file 3/9"]);
    }
}
