//! How long changes wait. Pure: no I/O, no clock.
//!
//! Change files are read one after another, so the one that is being read is the oldest that is not delivered whole: the
//! lag is the time since it came. While the load goes on no change is read, and only standing still can be judged.

use super::verdict::{Level, Limits, Measured, Verdict, seconds, time};
use crate::checkpoint::status::{TableStatus, TaskStatus};
use crate::checkpoint::store::Phase;
use crate::cli::task_view::TaskView;
use crate::cli::text::counted;
use crate::config::Config;

/// The answer.
pub(super) fn judge(view: &TaskView, config: &Config, limits: Limits) -> Verdict {
    judge_status(view, config.migration_type.has_changes(), limits)
}

fn judge_status(view: &TaskView, has_changes: bool, limits: Limits) -> Verdict {
    let Some(status) = &view.status else {
        return Verdict::new(Level::Unknown, "there is no status");
    };
    let is_loading = status.phase == Phase::FullLoad;
    let lag = lag_ms(view, status).map(seconds).filter(|_| has_changes);
    let idle = seconds(idle_ms(view, status));
    let mut findings = Vec::new();
    if let Some(lag) = lag {
        let text = format!("changes wait for {}", time(lag));
        findings.push((limits.level(lag), text));
    }
    let text = format!("nothing was settled for {}, and there is work", time(idle));
    findings.push((limits.level(idle), text));
    for outage in &status.outages {
        let away = seconds(view.since_ms(outage.since_ms));
        let text = format!("{} away for {}: {}", outage.side, time(away), outage.last_error);
        findings.push((limits.level(away), text));
    }
    let fine = match lag {
        _ if is_loading => {
            let left: u64 = status.tables.iter().map(|table| table.load_bytes_left).sum();
            format!("full load, {} left", counted(left, "byte"))
        }
        None | Some(0) => "nothing waits".to_owned(),
        Some(lag) => format!("changes wait for {}", time(lag)),
    };
    let values = vec![
        Measured::judged("lag", lag, "s", limits),
        Measured::judged("idle", idle, "s", limits),
    ];
    Verdict::of(findings, fine, values)
}

/// For how long changes wait; not known during the load, which they wait for unseen.
fn lag_ms(view: &TaskView, status: &TaskStatus) -> Option<u64> {
    if status.phase == Phase::FullLoad {
        return None;
    }
    let open = status.oldest_open_change_ms.map(|came_ms| view.since_ms(came_ms));
    Some(open.unwrap_or(0))
}

/// For how long nothing was settled although there is work.
fn idle_ms(view: &TaskView, status: &TaskStatus) -> u64 {
    let loads = || {
        status
            .tables
            .iter()
            .filter(|table| !table.statistics.is_suspended())
    };
    let is_loading = status.phase == Phase::FullLoad && loads().any(|table| table.load_bytes_left > 0);
    let in_flight = |table: &TableStatus| table.in_flight_records > 0;
    let has_work =
        is_loading || status.oldest_open_change_ms.is_some() || status.tables.iter().any(in_flight);
    if !has_work {
        return 0;
    }
    let settled = status
        .tables
        .iter()
        .filter_map(|table| table.statistics.last_update_ms);
    // What an earlier process settled says nothing about how long this one needs.
    let last_ms = settled
        .chain(status.started_ms)
        .chain(status.oldest_open_change_ms)
        .max();
    last_ms.map_or(0, |last_ms| view.since_ms(last_ms))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::outage::{Outage, Side};

    fn said(status: TaskStatus) -> String {
        let view = TaskView::running(status, 1_000_000);
        judge_status(&view, true, Limits::new(60, 300)).to_string()
    }

    fn changes() -> TaskStatus {
        TaskStatus {
            phase: Phase::Changes,
            started_ms: Some(0),
            tables: vec![TableStatus::default()],
            ..TaskStatus::default()
        }
    }

    #[test]
    fn the_lag_is_that_of_the_oldest_file_that_is_being_read() {
        assert_eq!(
            said(changes()),
            "OK - nothing waits | lag=0s;60;300 idle=0s;60;300"
        );
        for (came_ms, expected) in [
            (997_000, "OK - changes wait for 3 s | lag=3s;60;300"),
            (939_000, "WARNING - changes wait for 1 min 01 s"),
            (600_000, "CRITICAL - changes wait for 6 min 40 s"),
        ] {
            let mut status = changes();
            status.oldest_open_change_ms = Some(came_ms);
            status.tables[0].statistics.last_update_ms = Some(999_000);
            let said = said(status);
            assert!(said.starts_with(expected) && said.contains(" idle=1s"), "{said}");
        }
    }

    #[test]
    fn a_load_is_judged_by_whether_it_gets_on() {
        let mut status = changes();
        (status.phase, status.tables[0].load_bytes_left) = (Phase::FullLoad, 7);
        status.tables[0].statistics.last_update_ms = Some(995_000);
        let text = said(status.clone());
        assert_eq!(text, "OK - full load, 7 bytes left | lag=U;60;300 idle=5s;60;300");
        status.tables[0].statistics.last_update_ms = Some(1_000);
        assert!(said(status).starts_with("CRITICAL - nothing was settled for 16 min 39 s"));
    }

    #[test]
    fn a_side_that_is_away_counts_from_its_beginning() {
        let mut status = changes();
        status.outages.push(Outage {
            side: Side::Source,
            since_ms: 900_000,
            last_error: "refused".to_owned(),
            errors: 1,
        });
        assert!(said(status).starts_with("WARNING - source away for 1 min 40 s: refused"));
    }
}
