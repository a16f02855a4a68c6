//! Which files of a state are set aside, and what was decided of them.

use std::collections::VecDeque;

use crate::checkpoint::status::{QuarantinedObject, remember};
use crate::checkpoint::store::sled::SledStore;
use crate::checkpoint::store::{CheckpointStore, Decision, ObjectEntry, StoreError};

/// The files that are set aside, by queue and key. One that is read again under a new number is not among them.
#[derive(Debug, Default)]
pub(in crate::cli) struct SetAsideFiles(Vec<ObjectEntry>);

impl SetAsideFiles {
    /// Those of a state.
    ///
    /// # Errors
    /// If it cannot be read.
    pub(in crate::cli) fn of(store: &SledStore) -> Result<Self, StoreError> {
        store.set_aside().map(Self)
    }

    /// All of them.
    pub(super) fn all(&self) -> &[ObjectEntry] {
        &self.0
    }

    /// Those with a key.
    pub(super) fn with_key(&self, key: &str) -> Vec<&ObjectEntry> {
        self.0.iter().filter(|entry| entry.version.key == key).collect()
    }

    /// Those that are not sent and that nobody decided to leave out. A file that is to be read again and was not found
    /// is one of them.
    pub(in crate::cli) fn open(&self) -> impl Iterator<Item = &ObjectEntry> {
        self.0.iter().filter(|entry| {
            let aside = entry.state.set_aside();
            aside.is_some_and(|aside| aside.decision != Some(Decision::Skip))
        })
    }

    /// How many those are.
    pub(in crate::cli) fn open_count(&self) -> u64 {
        crate::saturate::to_u64(self.open().count())
    }

    /// How many of them nobody decided about: the next run neither reads nor forgets them.
    pub(in crate::cli) fn undecided_count(&self) -> u64 {
        let aside = self.0.iter().filter_map(|entry| entry.state.set_aside());
        crate::saturate::to_u64(aside.filter(|aside| aside.decision.is_none()).count())
    }

    /// The newest of those that are not sent, as a status shows them.
    pub(in crate::cli) fn newest(&self) -> VecDeque<QuarantinedObject> {
        let mut open: Vec<_> = self.open().collect();
        open.sort_by_key(|entry| entry.id.number);
        let mut newest = VecDeque::new();
        for entry in open {
            if let Some(aside) = entry.state.set_aside() {
                let object = QuarantinedObject {
                    id: entry.id.clone(),
                    key: entry.version.key.clone(),
                    reason: aside.reason.to_owned(),
                };
                remember(&mut newest, object);
            }
        }
        newest
    }
}
