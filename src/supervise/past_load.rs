//! The moment after the full load, at which a task stops once if it is asked to.

use std::sync::Arc;

use tokio::sync::watch;

use super::beginning;
use super::generation::GenerationEnd;
use crate::checkpoint::status::TaskStatus;
use crate::checkpoint::store::{Checkpoint, CheckpointStore, Phase, TaskLife};
use crate::config::Config;
use crate::discover::queues::stop_due;
use crate::fault::Fault;
use crate::settings::StopAfter;

/// What a generation knows of that moment.
#[derive(Debug)]
pub(super) struct PastLoad {
    /// Where this generation is to stop.
    stop_after: StopAfter,
    life: TaskLife,
    status: watch::Receiver<Arc<TaskStatus>>,
    store: Arc<dyn CheckpointStore>,
}

impl PastLoad {
    /// What it is to a task with this checkpoint; shows in the status what of its life others ask for.
    pub(super) fn new(
        config: &Config,
        checkpoint: &Checkpoint,
        store: &Arc<dyn CheckpointStore>,
        status: &watch::Sender<Arc<TaskStatus>>,
    ) -> Self {
        status.send_modify(|status| {
            Arc::make_mut(status).life.show(checkpoint);
        });
        Self {
            stop_after: stop_due(config, checkpoint),
            life: checkpoint.life.clone(),
            status: status.subscribe(),
            store: Arc::clone(store),
        }
    }

    /// Notes if the moment has passed, whether it was waited for or not, when everything is settled and committed.
    pub(super) async fn ended(&self, end: GenerationEnd) -> Result<GenerationEnd, Fault> {
        let is_waited_for = self.stop_after != StopAfter::Never;
        let has_passed = if is_waited_for {
            end == GenerationEnd::Finished
        } else {
            self.status.borrow().phase == Phase::Changes
        };
        if has_passed && !self.life.is_past_load {
            let life = TaskLife {
                is_past_load: true,
                ..self.life.clone()
            };
            beginning::commit(&self.store, life).await?;
        }
        Ok(if has_passed && is_waited_for {
            GenerationEnd::PastLoad(self.stop_after)
        } else {
            end
        })
    }
}
