//! The desk of a running task: whoever orders something has a turn with the state, between two data paths.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::json;
use tokio::runtime::Handle;
use tokio::sync::{Mutex, Semaphore};
use tokio_util::sync::CancellationToken;

use super::compare::Comparer;
use super::{Clerk, done, look_up};
use crate::checkpoint::store::CheckpointStore;
use crate::checkpoint::store::sled::SledStore;
use crate::cli::backends::Opened;
use crate::cli::files::set_aside::SetAsideFiles;
use crate::cli::task_events;
use crate::config::{Config, Effective};
use crate::fault::{Fault, FaultKind};
use crate::serve::comparing::Comparing;
use crate::serve::desk::{Desk, Order, Outcome, Requester, Subject};
use crate::supervise::events::TaskEvent;
use crate::supervise::noticeboard::Noticeboard;
use crate::supervise::pipeline::Pipeline;
use crate::supervise::turns::{Turn, Turns};

/// Version of the JSON shapes; consumers ignore members they do not know.
const SCHEMA_VERSION: u32 = 1;
/// Orders that wait for a turn at most: each may be a table that is loaded again.
const ORDERS_MAX: usize = 16;

/// The task of this process. Clones share it.
#[derive(Debug, Clone)]
pub(in crate::cli) struct TaskDesk {
    pub(super) config: Arc<Config>,
    /// Its values with their origins.
    pub(super) effective: Arc<Effective>,
    pub(super) store: Arc<SledStore>,
    turns: Turns,
    pub(super) noticeboard: Noticeboard,
    pub(super) stop: CancellationToken,
    pub(super) comparer: Comparer,
    /// Orders that may wait for a turn.
    places: Arc<Semaphore>,
    /// Whoever looks something up.
    looking: Arc<Mutex<()>>,
}

#[async_trait]
impl Desk for TaskDesk {
    async fn carry_out(&self, order: Order, by: Requester) -> Result<Outcome, Fault> {
        let by = by.to_string();
        match order {
            // Without a turn and without a thread to wait for, so that they are obeyed whatever else goes on.
            Order::Pause | Order::Resume | Order::Stop => self.steer(&order, by),
            Order::Verify(order) => self.compare(order, by).await,
            Order::Reload(_) | Order::ResumeTable(_) | Order::DecideFile(_) | Order::Replay(_) => {
                let turn = self.turn().await?;
                // From here on it is done, also if nobody waits for it any more. It reads files and the database.
                let (desk, runtime) = (self.clone(), Handle::current());
                let work = tokio::task::spawn_blocking(move || {
                    let outcome = runtime.block_on(desk.change(&order, &by));
                    drop(turn);
                    outcome
                });
                work.await
                    .unwrap_or_else(|error| Err(Fault::new(FaultKind::Internal, error.to_string())))
            }
        }
    }

    async fn look_up(&self, subject: Subject) -> Result<String, Fault> {
        // Each may read much, so one waits for the other.
        let _place = self.looking.lock().await;
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
        effective: Effective,
        opened: &Opened,
        pipeline: &Pipeline,
        comparing: Comparing,
        stop: CancellationToken,
    ) -> Self {
        Self {
            config: Arc::clone(config),
            effective: Arc::new(effective),
            store: opened.store(),
            comparer: Comparer::of(config, opened, comparing),
            turns: pipeline.turns(),
            noticeboard: pipeline.noticeboard(),
            stop,
            places: Arc::new(Semaphore::new(ORDERS_MAX)),
            looking: Arc::default(),
        }
    }

    /// The state, with nothing in flight. An order whose client goes away before that is not carried out.
    pub(super) async fn turn(&self) -> Result<Turn, Fault> {
        let task = &self.config.task;
        let refused = |message: String| Fault::new(FaultKind::StateLocked, message);
        let Ok(_place) = self.places.try_acquire() else {
            return Err(refused(format!(
                "{ORDERS_MAX} orders wait for task {task} already; order it again later"
            )));
        };
        let turn = tokio::select! {
            turn = self.turns.take() => turn,
            () = self.stop.cancelled() => None,
        };
        turn.ok_or_else(|| refused(format!("task {task} is stopping; nothing was changed")))
    }

    /// What needs no turn.
    fn steer(&self, order: &Order, by: String) -> Result<Outcome, Fault> {
        if let Some(title) = order.title() {
            task_events::announce(&self.config, &TaskEvent::Ordered { title, by })?;
        }
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
            Order::Reload(_)
            | Order::ResumeTable(_)
            | Order::DecideFile(_)
            | Order::Replay(_)
            | Order::Verify(_) => {
                return Err(Fault::new(FaultKind::Internal, "an order that takes a turn"));
            }
        };
        let report = json!({ "schema_version": SCHEMA_VERSION, "task": task, "changed": has_changed });
        done(message + "\n", &report)
    }

    /// What changes the state, in a turn; shown at once.
    async fn change(&self, order: &Order, by: &str) -> Result<Outcome, Fault> {
        let clerk = Clerk {
            config: &self.config,
            store: &self.store,
            running: Some(&self.stop),
        };
        let outcome = clerk.carry_out(order, by).await;
        // Also if it failed halfway: the next data path goes on from what the state says.
        if let Err(error) = self.show() {
            tracing::warn!(%error, "what was ordered is not shown yet");
        }
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
