//! What was not delivered. Pure: no I/O, no clock.

use super::verdict::{Level, Limits, Measured, Verdict, count};
use crate::cli::task_view::TaskView;
use crate::cli::text::counted;

/// The answer.
pub(super) fn judge(view: &TaskView, limits: Limits) -> Verdict {
    let Some(status) = &view.status else {
        return Verdict::new(Level::Unknown, "there is no status");
    };
    let dead = status.dead_lettered_rows();
    let text = format!("{}, see `brigade dlq ls`", counted(dead, "dead letter"));
    let mut findings = vec![(limits.level(dead), text)];
    if status.set_aside > 0 {
        let files = counted(status.set_aside, "file");
        let text = format!("{files} set aside, see `brigade files list`");
        findings.push((Level::Critical, text));
    }
    let tables = || status.tables.iter();
    let suspended: Vec<_> = tables()
        .filter(|table| table.statistics.is_suspended())
        .map(|table| table.statistics.full_name())
        .collect();
    if !suspended.is_empty() {
        let text = format!("suspended: {}, see `brigade tables`", suspended.join(", "));
        findings.push((Level::Critical, text));
    }
    if let Some(table) = tables().find(|table| table.identity_difference() != 0) {
        let name = table.statistics.full_name();
        let text = format!("rows of {name} do not add up: this is a defect of brigade, please report it");
        findings.push((Level::Critical, text));
    }
    let restarts = u64::from(status.restarts);
    let values = vec![
        Measured::judged("dead_letters", dead, "", limits),
        Measured::plain("set_aside", status.set_aside),
        Measured::plain("suspended", count(suspended.len())),
        Measured::plain("restarts", restarts),
    ];
    let fine = format!("{}, nothing set aside", counted(dead, "dead letter"));
    Verdict::of(findings, fine, values)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::status::{TableStatus, TaskStatus};

    fn said(status: TaskStatus) -> String {
        judge(&TaskView::running(status, 0), Limits::new(0, 100)).to_string()
    }

    #[test]
    fn dead_letters_have_limits_and_what_waits_for_a_person_is_critical() {
        let status = |rows, set_aside| TaskStatus {
            unassigned_error_rows: rows,
            set_aside,
            ..TaskStatus::default()
        };
        let fine = said(status(0, 0));
        assert_eq!(
            fine,
            "OK - 0 dead letters, nothing set aside | dead_letters=0;0;100 set_aside=0 suspended=0 restarts=0"
        );
        assert!(said(status(1, 0)).starts_with("WARNING - 1 dead letter, see"));
        assert!(said(status(101, 0)).starts_with("CRITICAL - 101 dead letters"));
        assert!(said(status(1, 2)).starts_with("CRITICAL - 2 files set aside"));
    }

    #[test]
    fn rows_that_do_not_add_up_are_critical() {
        let table = TableStatus {
            read_records: 1,
            ..TableStatus::default()
        };
        let status = TaskStatus {
            tables: vec![table],
            ..TaskStatus::default()
        };
        assert!(said(status).contains("do not add up"));
    }
}
