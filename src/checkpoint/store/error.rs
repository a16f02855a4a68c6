//! What can go wrong with a store, and how that ends a task.

use crate::fault::{Fault, FaultKind};
use crate::model::{ObjectId, QueueName};

/// What can go wrong with a store.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// Another process has the state open.
    #[error("{location} is in use by another process; stop it, or give this task a state of its own")]
    Locked {
        /// The state folder.
        location: String,
    },
    /// The state cannot be created.
    #[error("cannot create state in {location}: {detail}")]
    Create {
        /// The state folder.
        location: String,
        /// Why.
        detail: String,
    },
    /// The state does not decode, was rolled back, belongs to another task or to a newer program.
    #[error("state in {location} cannot be trusted: {detail}")]
    Damaged {
        /// The state folder.
        location: String,
        /// What was found and what to do.
        detail: String,
    },
    /// Reading or writing failed.
    #[error("state in {location}: {detail}")]
    Io {
        /// The state folder.
        location: String,
        /// What the system said.
        detail: String,
    },
    /// The object has no number: a bug.
    #[error("object {id} was never registered")]
    Unregistered {
        /// The object.
        id: ObjectId,
    },
    /// The key has a number already: a bug.
    #[error("{key} has a number in queue {queue} already")]
    AlreadyRegistered {
        /// The queue.
        queue: QueueName,
        /// The key.
        key: String,
    },
    /// The change would move a checkpoint backwards: a bug.
    #[error("object {id} would go back: {detail}")]
    Regression {
        /// The object.
        id: ObjectId,
        /// From where to where.
        detail: String,
    },
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        let kind = match &error {
            StoreError::Locked { .. } => FaultKind::StateLocked,
            StoreError::Create { .. } => FaultKind::StateCreate,
            StoreError::Damaged { .. } => FaultKind::StateDamaged,
            StoreError::Io { .. } => FaultKind::StateIo,
            StoreError::Unregistered { .. }
            | StoreError::AlreadyRegistered { .. }
            | StoreError::Regression { .. } => FaultKind::Internal,
        };
        Self::new(kind, error.to_string())
    }
}
