//! Files that were found as files of another kind before the configuration changed: change files that are load files now,
//! or the other way about.

use super::folders::reads_queue;
use crate::checkpoint::store::{Checkpoint, CheckpointStore, Decision, ObjectEntry, ObjectState, StoreError};
use crate::config::Config;
use crate::model::QueueName;

/// The other queues in which a file of a queue may have got a number.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Others(Vec<Other>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Other {
    queue: QueueName,
    /// Whether the task, as it is configured now, reads that queue.
    is_read: bool,
}

impl Others {
    /// Those of a queue. Of a load that was asked for again there is none: a table that was dropped and created takes all
    /// of its files, whatever they were before.
    pub fn of(config: &Config, checkpoint: &Checkpoint, queue: &QueueName) -> Self {
        if checkpoint.reloaded.contains(queue) {
            return Self::default();
        }
        let others = queue.others().into_iter().map(|queue| Other {
            is_read: reads_queue(config, &queue),
            queue,
        });
        Self(others.collect())
    }

    /// Which of these keys are not read in the queue, because the rows of their files are sent from another one, or will
    /// be. A file that was begun in a queue that nobody reads any more is read from its beginning.
    ///
    /// # Errors
    /// If the state cannot be read.
    pub fn have(&self, store: &dyn CheckpointStore, keys: &[&str]) -> Result<Vec<bool>, StoreError> {
        let mut have = vec![false; keys.len()];
        for other in &self.0 {
            for (has, found) in have.iter_mut().zip(store.lookup(&other.queue, keys)?) {
                *has |= found.is_some_and(|entry| other.is_read || is_over(&entry));
            }
        }
        Ok(have)
    }
}

/// Whether all of the object was sent, or a person decided to leave out the rest.
fn is_over(entry: &ObjectEntry) -> bool {
    let aside = entry.state.set_aside();
    matches!(entry.state, ObjectState::Done(_))
        || aside.is_some_and(|aside| aside.decision == Some(Decision::Skip))
}
