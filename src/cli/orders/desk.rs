//! The desk of a running task: whoever orders something has a turn with the state, between two data paths.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::json;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use super::{Clerk, done, look_up};
use crate::checkpoint::store::CheckpointStore;
use crate::checkpoint::store::sled::SledStore;
use crate::cli::files::set_aside::SetAsideFiles;
use crate::cli::task_events;
use crate::config::Config;
use crate::fault::{Fault, FaultKind};
use crate::serve::desk::{Desk, Order, Outcome, Requester, Subject};
use crate::supervise::events::TaskEvent;
use crate::supervise::noticeboard::Noticeboard;
use crate::supervise::pipeline::Pipeline;
use crate::supervise::turns::Turns;

/// Version of the JSON shapes; consumers ignore members they do not know.
const SCHEMA_VERSION: u32 = 1;

/// The task of this process. Clones share it.
#[derive(Debug, Clone)]
pub(in crate::cli) struct TaskDesk {
    pub(super) config: Arc<Config>,
    pub(super) store: Arc<SledStore>,
    turns: Turns,
    pub(super) noticeboard: Noticeboard,
    stop: CancellationToken,
}

#[async_trait]
impl Desk for TaskDesk {
    async fn carry_out(&self, order: Order, by: Requester) -> Result<Outcome, Fault> {
        let desk = self.clone();
        // On its own: a client that goes away must not leave a step half done. It reads files and the database.
        let runtime = Handle::current();
        let work = tokio::task::spawn_blocking(move || runtime.block_on(desk.obey(&order, &by.to_string())));
        work.await
            .unwrap_or_else(|error| Err(Fault::new(FaultKind::Internal, error.to_string())))
    }

    async fn look_up(&self, subject: Subject) -> Result<String, Fault> {
        let desk = self.clone();
        let work = tokio::task::spawn_blocking(move || look_up::look_up(&desk, subject));
        work.await
            .unwrap_or_else(|error| Err(Fault::new(FaultKind::Internal, error.to_string())))
    }
}

impl TaskDesk {
    /// The desk of a task that has this state and stops with this token.
    pub(in crate::cli) fn of(
        config: &Arc<Config>,
        store: Arc<SledStore>,
        pipeline: &Pipeline,
        stop: CancellationToken,
    ) -> Self {
        Self {
            config: Arc::clone(config),
            store,
            turns: pipeline.turns(),
            noticeboard: pipeline.noticeboard(),
            stop,
        }
    }

    async fn obey(&self, order: &Order, by: &str) -> Result<Outcome, Fault> {
        match order {
            Order::Pause | Order::Resume | Order::Stop => {
                if let Some(title) = order.title() {
                    let by = by.to_owned();
                    task_events::announce(&self.config, &TaskEvent::Ordered { title, by })?;
                }
                self.steer(order)
            }
            Order::Reload(_) | Order::ResumeTable(_) | Order::DecideFile(_) | Order::Replay(_) => {
                self.change(order, by).await
            }
        }
    }

    /// What needs no turn.
    fn steer(&self, order: &Order) -> Result<Outcome, Fault> {
        let task = &self.config.task;
        let (message, has_changed) = match order {
            Order::Pause => {
                let is_new = self.turns.pause();
                (
                    format!(
                        "task {task} pauses: nothing more is read or sent until it is resumed, or started again"
                    ),
                    is_new,
                )
            }
            Order::Resume => (format!("task {task} goes on"), self.turns.resume()),
            Order::Stop => {
                let is_new = !self.stop.is_cancelled();
                self.stop.cancel();
                (
                    format!("task {task} stops once the requests in flight have ended"),
                    is_new,
                )
            }
            Order::Reload(_) | Order::ResumeTable(_) | Order::DecideFile(_) | Order::Replay(_) => {
                return Err(Fault::new(FaultKind::Internal, "an order that takes a turn"));
            }
        };
        let report = json!({ "schema_version": SCHEMA_VERSION, "task": task, "changed": has_changed });
        done(message + "\n", &report)
    }

    /// What changes the state: with nothing in flight, and shown at once.
    async fn change(&self, order: &Order, by: &str) -> Result<Outcome, Fault> {
        let turn = tokio::select! {
            turn = self.turns.take() => turn,
            () = self.stop.cancelled() => {
                let message = format!("task {} is stopping; nothing was changed", self.config.task);
                return Err(Fault::new(FaultKind::StateLocked, message));
            }
        };
        let clerk = Clerk {
            config: &self.config,
            store: &self.store,
            is_running: true,
        };
        let outcome = clerk.carry_out(order, by).await;
        // Also if it failed halfway: the next data path goes on from what the state says.
        self.show()?;
        drop(turn);
        outcome
    }

    fn show(&self) -> Result<(), Fault> {
        self.noticeboard
            .show_checkpoint(&self.store.load().map_err(Fault::from)?);
        let files = SetAsideFiles::of(&self.store).map_err(Fault::from)?;
        self.noticeboard
            .show_set_aside(files.open_count(), files.newest());
        Ok(())
    }
}
