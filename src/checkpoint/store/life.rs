//! What is stored of a task's life: decisions that a later start has to keep. Pure: no I/O, no clock.

use serde::{Deserialize, Serialize};

use crate::model::start::ChangesStart;

/// The life of a task.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskLife {
    /// Where its changes begin; `None` as long as that is not decided.
    pub changes_start: Option<ChangesStart>,
    /// Whether the moment after the full load has passed at which a task stops once if it is asked to.
    pub is_past_load: bool,
}
