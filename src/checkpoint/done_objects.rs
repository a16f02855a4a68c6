//! Which objects have ended in this generation, for whoever still looks for rows of them in the stream.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use crate::model::ObjectId;

/// The objects of a checkpoint that rows in doubt can belong to, and those of them that ended since: all is settled of
/// them, or up to where they are set aside or suspended. No row of those comes any more in this generation, so nothing in
/// the stream has to be kept for them.
#[derive(Debug, Clone, Default)]
pub struct DoneObjects(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    awaited: HashSet<ObjectId>,
    done: Vec<ObjectId>,
}

impl DoneObjects {
    /// None of these has ended yet.
    pub fn of(candidates: &[ObjectId]) -> Self {
        Self(Arc::new(Mutex::new(Inner {
            awaited: candidates.iter().cloned().collect(),
            done: Vec::new(),
        })))
    }

    /// Objects have ended, durably.
    pub fn add(&self, ids: &[ObjectId]) {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for id in ids {
            if let Some(id) = inner.awaited.take(id) {
                inner.done.push(id);
            }
        }
    }

    /// Those after the first ones, in the order in which they ended.
    pub fn after(&self, count: usize) -> Vec<ObjectId> {
        let inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        inner.done.get(count..).unwrap_or_default().to_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::QueueName;

    #[test]
    fn only_objects_that_somebody_waits_for_are_kept_and_each_once() {
        let object = |number| ObjectId {
            queue: QueueName::changes(),
            number,
        };
        let done = DoneObjects::of(&[object(1), object(2)]);
        done.add(&[object(2), object(7)]);
        assert_eq!(done.after(0), [object(2)]);
        done.clone().add(&[object(2), object(1)]);
        assert_eq!(done.after(1), [object(1)]);
        assert_eq!(done.after(2), []);
    }
}
