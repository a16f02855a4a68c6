//! Whether a task lives, is ready, and is well. Pure: no I/O, no clock.
//!
//! Three questions, because three people ask. Who restarts processes asks whether this one lives: AWS is never a reason
//! to say no. Who sends work asks whether it is ready: not while it stops. A person asks whether it is well.

use std::time::Duration;

use serde::Serialize;

use crate::checkpoint::status::TaskStatus;
use crate::counted::counted;
use crate::settings::HealthConfig;

/// A thread that is silent for longer than this does not live.
pub const SILENT_MAX: Duration = Duration::from_secs(15);

/// Somebody may have forgotten it, and nothing else says that rows wait.
const PAUSED: &str = "it is paused; `brigade resume` lets it go on";

/// What is known at one moment.
#[derive(Debug, Clone, Copy)]
pub struct Vitals<'s> {
    /// The status.
    pub status: &'s TaskStatus,
    /// How long the thread of the actors says nothing.
    pub silent_for: Duration,
    /// Whether the task was asked to stop.
    pub is_stopping: bool,
    /// How long nothing was settled although there is work.
    pub standstill: Duration,
    /// What is expected of it.
    pub limits: HealthConfig,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What.
    pub name: &'static str,
    /// Whether it is as it should be.
    pub ok: bool,
    /// How it is.
    pub detail: String,
}

impl Check {
    fn new(name: &'static str, problem: Option<String>) -> Self {
        Self {
            name,
            ok: problem.is_none(),
            detail: problem.unwrap_or_else(|| "ok".to_owned()),
        }
    }
}

/// Whether the process lives.
pub fn live(vitals: &Vitals<'_>) -> Vec<Check> {
    let silent = vitals.silent_for > SILENT_MAX;
    let problem = silent.then(|| format!("nothing was heard of it for {} s", vitals.silent_for.as_secs()));
    vec![Check::new("actors", problem)]
}

/// Whether the task takes up work.
pub fn ready(vitals: &Vitals<'_>) -> Vec<Check> {
    let status = vitals.status;
    let is_over = status.life.stop.is_some();
    let task = if vitals.is_stopping || is_over {
        Some("it is stopping".to_owned())
    } else if status.paused {
        Some(PAUSED.to_owned())
    } else if !status.has_data_path {
        Some("its data path is not there yet, or is being built again".to_owned())
    } else {
        None
    };
    let mut checks = vec![Check::new("task", task)];
    checks.extend(sides(status));
    checks
}

/// The two ends of the task, with what they last said if they do not answer.
fn sides(status: &TaskStatus) -> impl Iterator<Item = Check> + '_ {
    use crate::flow::outage::Side;
    [(Side::Source, "source"), (Side::Target, "target")]
        .into_iter()
        .map(|(side, name)| {
            let outage = status.outage(side);
            Check::new(name, outage.map(|outage| outage.last_error.clone()))
        })
}

/// Whether the task is well, by what is expected of it.
pub fn well(vitals: &Vitals<'_>) -> Vec<Check> {
    let (status, limits) = (vitals.status, vitals.limits);
    let mut checks = live(vitals);
    checks.extend(sides(status));
    let told = status.paused.then(|| PAUSED.to_owned());
    checks.push(Check::new("paused", told));
    let standstill = (vitals.standstill >= limits.no_progress).then(|| {
        let seconds = counted(vitals.standstill.as_secs(), "second");
        format!("nothing was settled for {seconds}, and there is work")
    });
    checks.push(Check::new("progress", standstill));
    let dead = status.dead_lettered_rows();
    let too_many = limits.dead_letters_max.is_some_and(|max| dead > max);
    let told = too_many.then(|| format!("{} dead-lettered", counted(dead, "row")));
    checks.push(Check::new("dead_letters", told));
    let suspended = status.tables.iter();
    let suspended = suspended.filter(|table| table.statistics.is_suspended());
    let names: Vec<_> = suspended.map(|table| table.statistics.full_name()).collect();
    let told = (!names.is_empty()).then(|| format!("suspended: {}", names.join(", ")));
    checks.push(Check::new("tables", told));
    let told = (status.set_aside > 0).then(|| {
        format!(
            "{} set aside, see `brigade files list`",
            counted(status.set_aside, "file")
        )
    });
    checks.push(Check::new("files", told));
    let broken = status
        .tables
        .iter()
        .find(|table| table.identity_difference() != 0);
    let told = broken.map(|table| {
        let (name, difference) = (table.statistics.full_name(), table.identity_difference());
        format!("rows of {name} do not add up: {difference}; this is a defect of brigade, please report it")
    });
    checks.push(Check::new("identity", told));
    checks
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::life_status::{StopReason, StopStatus};
    use crate::checkpoint::status::TableStatus;
    use crate::flow::outage::{Outage, Side};

    fn running() -> TaskStatus {
        TaskStatus {
            has_data_path: true,
            tables: vec![TableStatus::default()],
            ..TaskStatus::default()
        }
    }

    fn vitals(status: &TaskStatus) -> Vitals<'_> {
        Vitals {
            status,
            silent_for: Duration::ZERO,
            is_stopping: false,
            standstill: Duration::ZERO,
            limits: HealthConfig {
                no_progress: Duration::from_mins(1),
                dead_letters_max: Some(3),
            },
        }
    }

    fn failing(checks: &[Check]) -> Vec<&'static str> {
        let failing = checks.iter().filter(|check| !check.ok);
        failing.map(|check| check.name).collect()
    }

    #[test]
    fn an_outage_makes_a_task_neither_dead_nor_lets_it_be_restarted() {
        let mut status = running();
        status.outages.push(Outage {
            side: Side::Target,
            since_ms: 0,
            last_error: "connection refused".to_owned(),
            errors: 1,
        });
        let vitals = vitals(&status);
        assert_eq!(failing(&live(&vitals)), [""; 0]);
        assert_eq!(failing(&ready(&vitals)), ["target"]);
        let checks = well(&vitals);
        let target = checks.iter().find(|check| check.name == "target").unwrap();
        assert_eq!(target.detail, "connection refused");
    }

    #[test]
    fn a_thread_that_hangs_is_dead_and_a_task_that_stops_is_not_ready() {
        let status = running();
        let hangs = Vitals {
            silent_for: Duration::from_secs(20),
            ..vitals(&status)
        };
        assert_eq!(failing(&live(&hangs)), ["actors"]);
        let stops = Vitals {
            is_stopping: true,
            ..vitals(&status)
        };
        assert_eq!(failing(&ready(&stops)), ["task"]);
        assert_eq!(failing(&live(&stops)), [""; 0]);
        assert_eq!(failing(&ready(&vitals(&TaskStatus::default()))), ["task"]);
        let mut over = running();
        over.life.stop = Some(StopStatus {
            at_ms: 0,
            reason: StopReason::Normal,
        });
        assert_eq!(failing(&ready(&vitals(&over))), ["task"]);
    }

    #[test]
    fn what_is_expected_of_a_task_decides_whether_it_is_well() {
        let mut status = running();
        assert_eq!(failing(&well(&vitals(&status))), [""; 0]);
        status.unassigned_error_rows = 1;
        if let Some(table) = status.tables.first_mut() {
            (table.statistics.change_error_rows, table.read_records) = (2, 2);
        }
        assert_eq!(failing(&well(&vitals(&status))), [""; 0], "three are fine");
        status.unassigned_error_rows = 2;
        status.set_aside = 1;
        let stands_still = Vitals {
            standstill: Duration::from_secs(61),
            ..vitals(&status)
        };
        assert_eq!(
            failing(&well(&stands_still)),
            ["progress", "dead_letters", "files"]
        );
        if let Some(table) = status.tables.first_mut() {
            table.read_records = 3;
        }
        assert_eq!(
            failing(&well(&vitals(&status))),
            ["dead_letters", "files", "identity"]
        );
    }
}
