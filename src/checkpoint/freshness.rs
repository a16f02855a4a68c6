//! How old objects are while they wait to be settled, and when they are. Pure: no I/O, no clock.

use std::collections::BTreeMap;

use crate::model::{ObjectId, ObjectVersion};
use crate::observe::facts::QueueKind;

/// Objects that are opened and not durably settled, with the time they were written, in milliseconds since the epoch.
#[derive(Debug, Default)]
pub(super) struct Freshness(BTreeMap<ObjectId, (QueueKind, i64)>);

impl Freshness {
    /// An object was opened.
    pub(super) fn opened(&mut self, id: &ObjectId, version: &ObjectVersion, kind: QueueKind) {
        self.0.insert(id.clone(), (kind, version.modified_ms));
    }

    /// An object will not be settled to its end.
    pub(super) fn left(&mut self, id: &ObjectId) {
        self.0.remove(id);
    }

    /// An object is durably settled; gives its age at that moment, in milliseconds.
    pub(super) fn settled(&mut self, id: &ObjectId, now_ms: i64) -> Option<(QueueKind, u64)> {
        let (kind, modified_ms) = self.0.remove(id)?;
        // A clock elsewhere may be ahead of the one here.
        let age_ms = u64::try_from(now_ms.saturating_sub(modified_ms)).unwrap_or(0);
        Some((kind, age_ms))
    }

    /// When the oldest of a kind was written.
    pub(super) fn oldest_ms(&self, kind: QueueKind) -> Option<i64> {
        let times = self.0.values().filter(|(known, _)| *known == kind);
        times.map(|(_, modified_ms)| *modified_ms).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::QueueName;

    #[test]
    fn an_object_is_as_old_as_its_last_row_and_counts_once() {
        let mut freshness = Freshness::default();
        let id = |number| ObjectId {
            queue: QueueName::changes(),
            number,
        };
        let version = |modified_ms| ObjectVersion {
            key: "k".to_owned(),
            etag: "e".to_owned(),
            size_bytes: 1,
            modified_ms,
        };
        for (number, modified_ms) in [(1, 500), (2, 300), (3, 9_000)] {
            freshness.opened(&id(number), &version(modified_ms), QueueKind::Changes);
        }
        assert_eq!(freshness.oldest_ms(QueueKind::Changes), Some(300));
        assert_eq!(freshness.oldest_ms(QueueKind::Load), None);
        assert_eq!(
            freshness.settled(&id(1), 2_500),
            Some((QueueKind::Changes, 2_000))
        );
        assert_eq!(freshness.settled(&id(1), 2_500), None);
        freshness.left(&id(2));
        assert_eq!(freshness.oldest_ms(QueueKind::Changes), Some(9_000));
        let ahead = freshness.settled(&id(3), 2_500);
        assert_eq!(ahead, Some((QueueKind::Changes, 0)), "a clock that is ahead");
    }
}
