//! Orders: what changes a task. A task that does not run has them carried out by the command itself; one that runs is asked,
//! and carries them out between two data paths. The steps are the same.

pub(super) mod desk;
mod compare;
mod look_up;
mod remote;

use serde::de::DeserializeOwned;
use tokio_util::sync::CancellationToken;

use self::remote::Remote;
use super::checkpoint::open_existing;
use super::dead_letters::replay::CorrectedFile;
use super::status::file as status_file;
use super::{Output, OutputFormat, dead_letters, files, reload, tables, task_events};
use crate::checkpoint::store::sled::SledStore;
use crate::clock::{Clock, SystemClock};
use crate::config::Config;
use crate::fault::{Fault, FaultKind};
use crate::serve::desk::{Order, Outcome, ReplayOrder, Subject, VerifyOrder};
use crate::supervise::events::TaskEvent;
use crate::verify::report::Report;

/// Whoever has the state of a task, and nothing in flight.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clerk<'a> {
    /// The task.
    pub(super) config: &'a Config,
    /// Its state.
    pub(super) store: &'a SledStore,
    /// How the task is stopped, if it runs; then somebody else reads the answer.
    pub(super) running: Option<&'a CancellationToken>,
}

impl<'a> Clerk<'a> {
    /// Has the state of a task that does not run.
    fn here(config: &'a Config, store: &'a SledStore) -> Self {
        Self {
            config,
            store,
            running: None,
        }
    }

    /// Shows what has changed, and keeps a copy of it.
    fn leave(&self, has_changed: bool) -> Result<(), Fault> {
        if !has_changed {
            return Ok(());
        }
        status_file::refresh(&self.config.state.path, self.store)?;
        self.store.stop(SystemClock.now_ms()).map_err(Fault::from)
    }

    /// Notes in the events that something is about to be done, and for whom.
    fn note(&self, title: String, by: &str) -> Result<(), Fault> {
        let by = by.to_owned();
        task_events::announce(self.config, &TaskEvent::Ordered { title, by })
    }

    /// Whether the task runs.
    pub(super) fn is_running(&self) -> bool {
        self.running.is_some()
    }

    /// Whether the task was asked to stop meanwhile.
    pub(super) fn is_stopping(&self) -> bool {
        self.running.is_some_and(CancellationToken::is_cancelled)
    }

    /// Who does what was ordered.
    pub(super) fn doer(&self) -> &'static str {
        if self.is_running() {
            "the task"
        } else {
            "the next `brigade run`"
        }
    }

    /// Carries out an order, and notes before that it was given.
    ///
    /// # Errors
    /// Why it cannot be.
    async fn carry_out(&self, order: &Order, by: &str) -> Result<Outcome, Fault> {
        if let Some(title) = order.title() {
            self.note(title, by)?;
        }
        match order {
            Order::Reload(order) => reload::carry_out(self, order),
            Order::ResumeTable(order) => tables::resume::carry_out(self, order),
            Order::DecideFile(order) => files::decide::carry_out(self, order).await,
            Order::Replay(order) => dead_letters::replay::carry_out(self, order).await,
            Order::Pause | Order::Resume | Order::Stop | Order::Verify(_) => Err(not_running(self.config)),
        }
    }
}

/// A fault of an order that only a running task can have.
pub(super) fn not_running(config: &Config) -> Fault {
    let message = format!("task {} does not run", config.task);
    Fault::new(FaultKind::Usage, message)
}

/// Has an order carried out, by whoever has the state.
///
/// # Errors
/// Why it cannot be.
pub(super) fn give(config: &Config, order: &Order) -> Result<Outcome, Fault> {
    let store = match open_existing(config) {
        Ok(store) => store,
        Err(fault) if fault.kind == FaultKind::StateLocked => {
            return Remote::of(config, fault)?.give(order, &user());
        }
        Err(fault) => return Err(fault),
    };
    let clerk = Clerk::here(config, &store);
    let outcome = super::runtime()?.block_on(clerk.carry_out(order, &user()))?;
    clerk.leave(order.title().is_some())?;
    Ok(outcome)
}

/// The running task that has a state, to be asked for what only it can do; `locked` says that somebody has the state.
///
/// # Errors
/// If it takes no orders, or does not do this.
pub(super) fn compare_remotely(config: &Config, locked: Fault, order: VerifyOrder) -> Result<Report, Fault> {
    let remote = Remote::of(config, locked)?;
    compare::compare_remotely(&remote, order, &user())
}

/// Sends corrected rows; only where no task runs, because they are in a file of whoever asks.
///
/// # Errors
/// Why it cannot be.
pub(super) fn send_corrected(
    config: &Config,
    file: &CorrectedFile,
    order: &ReplayOrder,
) -> Result<Outcome, Fault> {
    let store = open_existing(config)?;
    let clerk = Clerk::here(config, &store);
    if !order.dry_run {
        clerk.note(file.title(), &user())?;
    }
    let outcome = super::runtime()?.block_on(dead_letters::replay::replay(&clerk, order, Some(file)))?;
    clerk.leave(!order.dry_run)?;
    Ok(outcome)
}

/// Who runs this command, as far as the system knows.
fn user() -> String {
    format!("user {} on this machine", rustix::process::getuid().as_raw())
}

/// Looks something up, in the state or with the task that has it.
///
/// # Errors
/// If it cannot be read.
pub(super) fn look_up<T: DeserializeOwned>(
    config: &Config,
    subject: Subject,
    read: impl FnOnce(&SledStore) -> Result<T, Fault>,
) -> Result<T, Fault> {
    match open_existing(config) {
        Ok(store) => read(&store),
        Err(fault) if fault.kind == FaultKind::StateLocked => {
            Remote::to_read(config, fault)?.look_up(subject)
        }
        Err(fault) => Err(fault),
    }
}

/// Prints what came of an order.
///
/// # Errors
/// What went wrong all the same.
pub(super) fn print(outcome: &Outcome, output: Output) -> Result<u8, Fault> {
    super::print(&match output.format {
        OutputFormat::Json => super::to_json(&outcome.report)?,
        OutputFormat::Text => outcome.message.clone(),
    })?;
    match &outcome.problem {
        None => Ok(0),
        Some(problem) => Err(Fault::new(FaultKind::Data, problem.clone())),
    }
}

/// What was done, for people and for programs.
///
/// # Errors
/// If it cannot be written as JSON, which is a defect.
pub(super) fn done(message: String, report: &impl serde::Serialize) -> Result<Outcome, Fault> {
    let failed =
        |error: serde_json::Error| Fault::new(FaultKind::Internal, format!("cannot write JSON: {error}"));
    Ok(Outcome {
        message,
        report: serde_json::to_value(report).map_err(failed)?,
        problem: None,
    })
}
