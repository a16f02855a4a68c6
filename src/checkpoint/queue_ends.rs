//! Where the lanes of each queue end, for tasks with a chain: as far as chunks were parsed, and as far as objects are
//! done. Pure: no I/O, no clock.
//!
//! An object that was begun has its own ends in its progress, valid at its watermark. All others go on where the
//! chunks before them ended, which is known here because a chunk is registered before the next object is opened.

use std::collections::{BTreeMap, BTreeSet};

use super::store::{Checkpoint, ObjectEntry, ObjectState};
use crate::chain::ends::{LaneEnds, break_after};
use crate::model::{ObjectId, QueueName};

/// The ends of all queues.
#[derive(Debug)]
pub(super) struct QueueEnds {
    is_chained: bool,
    parsed: BTreeMap<QueueName, LaneEnds>,
    done: BTreeMap<QueueName, LaneEnds>,
    changed: BTreeSet<QueueName>,
}

impl QueueEnds {
    /// The ends that a checkpoint knows.
    pub(super) fn new(checkpoint: &Checkpoint) -> Self {
        let done: BTreeMap<_, _> = checkpoint.lanes.iter().cloned().collect();
        Self {
            is_chained: checkpoint.task.chain.is_some(),
            parsed: done.clone(),
            done,
            changed: BTreeSet::new(),
        }
    }

    /// Where an object begins or goes on; `None` without a chain.
    pub(super) fn open(&mut self, entry: &ObjectEntry) -> Option<LaneEnds> {
        if !self.is_chained {
            return None;
        }
        let parsed = self.parsed.entry(entry.id.queue.clone()).or_default();
        let own = match &entry.state {
            ObjectState::Open(progress) => progress.lanes.clone(),
            ObjectState::Registered
            | ObjectState::Done(_)
            | ObjectState::Quarantined { .. }
            | ObjectState::Decided { .. } => None,
        };
        if let Some(own) = &own {
            parsed.absorb(own);
        }
        Some(own.unwrap_or_else(|| parsed.clone()))
    }

    /// A chunk of the queue was parsed, with records of these lanes.
    pub(super) fn parsed(&mut self, queue: &QueueName, ends: &LaneEnds) {
        if let Some(parsed) = self.parsed.get_mut(queue) {
            parsed.absorb(ends);
        }
    }

    /// The rest of an object was set aside: which of its records were sent, a later run does not know.
    pub(super) fn set_aside(&mut self, id: &ObjectId) {
        if let Some(parsed) = self.parsed.get_mut(&id.queue) {
            parsed.break_at(break_after(id));
        }
    }

    /// An object is finished where the lanes end so; `is_whole` says whether all of it was sent.
    pub(super) fn finished(&mut self, id: &ObjectId, ends: &LaneEnds, is_whole: bool) {
        let done = self.done.entry(id.queue.clone()).or_default();
        let before = done.clone();
        done.absorb(ends);
        if !is_whole {
            done.break_at(break_after(id));
        }
        if *done != before {
            self.changed.insert(id.queue.clone());
        }
    }

    /// The queues in which objects were finished since the last call.
    pub(super) fn take_changed(&mut self) -> Vec<(QueueName, LaneEnds)> {
        let changed = std::mem::take(&mut self.changed).into_iter();
        changed
            .filter_map(|queue| {
                let ends = self.done.get(&queue)?.clone();
                Some((queue, ends))
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chain::position::ChainPosition;
    use crate::checkpoint::ledger::{Ledger, ObjectEnd};
    use crate::checkpoint::store::{ObjectProgress, TaskState};
    use crate::checkpoint::tally::ChunkTally;
    use crate::model::settle::{ChunkRef, Lane, Settled, SettledRun};
    use crate::model::{Mark, ObjectVersion, Span};
    use crate::route::lane::LaneIndex;
    use crate::route::shard_map::{ShardIndex, ShardMap};

    fn ends(object: u64, record: u64) -> LaneEnds {
        let mut ends = LaneEnds::default();
        ends.reach(LaneIndex::of_number(0), ChainPosition { object, record });
        ends
    }

    fn entry(number: u64, state: ObjectState) -> ObjectEntry {
        ObjectEntry {
            id: ObjectId {
                queue: QueueName::changes(),
                number,
            },
            version: ObjectVersion {
                key: number.to_string(),
                etag: String::new(),
                size_bytes: 0,
                modified_ms: 0,
            },
            state,
        }
    }

    fn open(number: u64, lanes: Option<LaneEnds>) -> ObjectEntry {
        let progress = ObjectProgress {
            lanes,
            ..ObjectProgress::default()
        };
        entry(number, ObjectState::Open(progress))
    }

    fn queue_ends(chain: Option<u64>, done: LaneEnds) -> QueueEnds {
        QueueEnds::new(&Checkpoint {
            lanes: vec![(QueueName::changes(), done)],
            task: TaskState {
                chain,
                ..TaskState::default()
            },
            ..Checkpoint::default()
        })
    }

    #[test]
    fn an_object_goes_on_after_what_was_parsed_before_it() {
        let mut queue = queue_ends(Some(1), ends(1, 9));
        assert_eq!(queue.open(&entry(1, ObjectState::Registered)), Some(ends(1, 9)));
        queue.parsed(&QueueName::changes(), &ends(2, 4));
        assert_eq!(queue.open(&entry(2, ObjectState::Registered)), Some(ends(2, 4)));
        assert_eq!(queue.take_changed(), [], "nothing is done");
    }

    #[test]
    fn an_object_that_was_begun_goes_on_at_its_own_ends_whatever_is_done_after_it() {
        let mut queue = queue_ends(Some(1), ends(3, 5));
        assert_eq!(queue.open(&open(1, Some(ends(2, 4)))), Some(ends(2, 4)));
        queue.parsed(&QueueName::changes(), &ends(2, 9));
        assert_eq!(queue.open(&entry(3, ObjectState::Registered)), Some(ends(3, 5)));
    }

    #[test]
    fn in_a_new_chain_an_object_that_was_begun_goes_on_after_those_before_it() {
        let mut queue = queue_ends(Some(2), LaneEnds::default());
        assert_eq!(queue.open(&open(1, None)), Some(LaneEnds::default()));
        queue.parsed(&QueueName::changes(), &ends(2, 9));
        assert_eq!(queue.open(&open(2, None)), Some(ends(2, 9)));
    }

    #[test]
    fn an_object_that_was_set_aside_ends_every_lane() {
        let mut queue = queue_ends(Some(1), LaneEnds::default());
        let first = entry(0, ObjectState::Registered);
        queue.open(&first);
        queue.parsed(&QueueName::changes(), &ends(1, 4));
        queue.set_aside(&first.id);
        let next = queue.open(&entry(1, ObjectState::Registered)).unwrap();
        let mut broken = LaneEnds::default();
        broken.break_at(ChainPosition { object: 2, record: 0 });
        assert_eq!(next, broken);
        queue.finished(&first.id, &ends(1, 2), false);
        assert_eq!(queue.take_changed(), [(QueueName::changes(), broken)]);
        assert_eq!(queue.take_changed(), []);
    }

    #[test]
    fn without_a_chain_there_are_no_ends() {
        assert_eq!(
            queue_ends(None, ends(1, 1)).open(&open(1, Some(ends(1, 1)))),
            None
        );
    }

    /// A restart must not let an object continue one that was read after it.
    #[test]
    fn where_a_chain_goes_on_is_durable_before_anything_after_it() {
        let (lane, shard) = (LaneIndex::of_number(0), Lane::Shard(ShardIndex(0)));
        let mut checkpoint = Checkpoint::default();
        checkpoint.task.chain = Some(1);
        let ledger = |checkpoint: &Checkpoint| Ledger::new(checkpoint, &[], ShardMap::uniform(1).unwrap());
        let mut first = ledger(&checkpoint);
        let chunk = |number| ChunkRef {
            object: entry(number, ObjectState::Registered).id,
            chunk_number: 0,
        };
        for number in [0, 1] {
            let start = first
                .open(&entry(number, ObjectState::Registered), None, 0)
                .unwrap();
            let before = if number == 0 {
                LaneEnds::default()
            } else {
                ends(1, 1)
            };
            assert_eq!(start.lanes, Some(before), "after what was parsed");
            let tally = ChunkTally {
                ends: ends(number + 1, 1),
                ..ChunkTally::default()
            };
            let span = Span {
                start: Mark::START,
                end: Mark {
                    ordinal: 1,
                    ..Mark::START
                },
            };
            first
                .chunk_parsed(&chunk(number), span, vec![(shard, 1)], tally)
                .unwrap();
            first.ended(&chunk(number).object, ObjectEnd::Complete).unwrap();
        }
        let run = SettledRun {
            chunk: chunk(1),
            records_count: 1,
            through: 1,
        };
        let settled = Settled {
            lane: shard,
            runs: vec![run],
            stored: Vec::new(),
        };
        first.settled(settled).unwrap();
        let (delta, finished) = first.take_delta(0);
        assert_eq!(finished, [chunk(1).object]);
        checkpoint.lanes = delta.lanes;
        let done = checkpoint.lanes.first().map(|(_, ends)| ends.end(lane));
        assert_eq!(done, Some(ends(2, 1).end(lane)), "after what is done");
        let mut states = delta.objects.into_iter();
        let (_, state) = states
            .find(|(id, _)| id.number == 0)
            .expect("it is in the same step");
        let again = ledger(&checkpoint).open(&entry(0, state), None, 0).unwrap();
        assert_eq!(again.lanes, Some(LaneEnds::default()));
    }
}
