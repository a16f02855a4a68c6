//! The oracle: judges everything a task did in all its lives, from the journal alone.
//!
//! Every message is a row of the data set or a control record, whole and with its own partition key; every row is
//! delivered or dead-lettered; nothing is sent that the checkpoint proved to be stored; order is kept; and no commit
//! spoke of a record that was not acknowledged or a durable dead letter by then (C1, D2). Spans tile (W3): every mark
//! is the border of a row. Read = delivered + dead-lettered, per table, after every commit (Q1).

use std::collections::{BTreeMap, BTreeSet};

use bucket_brigade::checkpoint::store::memory::DurableStep;
use bucket_brigade::checkpoint::store::{CheckpointDelta, ObjectState, TableStatistics};
use bucket_brigade::model::{ObjectId, QueueName};
use bucket_brigade::settings::Guarantee;

use super::expectation::{Expectation, Repeats};
use super::fixtures::table_name;
use super::journal::Event;
use super::pipeline::World;
use super::replay::{Book, RowIndex, count_settled, counts_of};

/// Judges a world.
pub(crate) fn judge(world: &World, expectation: &Expectation) {
    let book = Book::new(world);
    let mut oracle = Oracle::new(world, &book, expectation);
    for event in world.journal.events() {
        oracle.replay(event);
    }
    oracle.judge_queues();
    oracle.judge_order();
    oracle.judge_letters();
    if expectation.is_complete {
        oracle.judge_completeness();
    }
    for (index, stream) in world.streams.iter().enumerate() {
        let overlaps = stream.overlaps_count();
        oracle.check(overlaps == 0, || {
            format!("{overlaps} overlapping requests in stream {index} (O1)")
        });
    }
    let problems = &oracle.problems;
    let some: Vec<_> = problems.iter().take(20).collect();
    assert!(problems.is_empty(), "{} problems: {some:#?}", problems.len());
}

pub(super) struct Oracle<'a> {
    pub(super) world: &'a World,
    pub(super) book: &'a Book,
    pub(super) expectation: &'a Expectation,
    /// Objects by their number, in all queues.
    pub(super) objects: BTreeMap<ObjectId, usize>,
    pub(super) durable: BTreeMap<usize, ObjectState>,
    pub(super) statistics: BTreeMap<String, TableStatistics>,
    pub(super) unassigned: u64,
    /// What was covered when the current generation took over.
    pub(super) proved: BTreeSet<RowIndex>,
    pub(super) in_this_life: BTreeSet<RowIndex>,
    pub(super) acknowledged: BTreeSet<RowIndex>,
    /// Every delivery: stream, shard, record.
    pub(super) deliveries: Vec<(usize, usize, RowIndex)>,
    pub(super) seen: BTreeSet<RowIndex>,
    /// Load queues that were begun anew; they may come behind changes.
    pub(super) reloaded: BTreeSet<QueueName>,
    pub(super) problems: Vec<String>,
}

impl<'a> Oracle<'a> {
    fn new(world: &'a World, book: &'a Book, expectation: &'a Expectation) -> Self {
        let history = world.store.history().unwrap();
        let registered = history.into_iter().filter_map(|step| match step {
            DurableStep::Registered(entries) => Some(entries),
            DurableStep::Committed(_) => None,
        });
        let read = registered
            .flatten()
            .filter(|entry| entry.id.queue != QueueName::in_front());
        let objects = read.map(|entry| {
            let key = &entry.version.key;
            let index = book.object(&entry.id.queue, key);
            (entry.id, index.unwrap_or_else(|| panic!("{key} is no file")))
        });
        Self {
            world,
            book,
            expectation,
            objects: objects.collect(),
            durable: BTreeMap::new(),
            statistics: BTreeMap::new(),
            unassigned: 0,
            proved: BTreeSet::new(),
            in_this_life: BTreeSet::new(),
            acknowledged: BTreeSet::new(),
            deliveries: Vec::new(),
            seen: BTreeSet::new(),
            reloaded: BTreeSet::new(),
            problems: Vec::new(),
        }
    }

    pub(super) fn check(&mut self, is_right: bool, problem: impl FnOnce() -> String) {
        if !is_right {
            self.problems.push(problem());
        }
    }

    /// Whether the stream is read back: then a record needs no answer, and a dead letter may come twice over a kill.
    pub(super) fn looks(&self) -> bool {
        self.world.config.delivery.guarantee == Guarantee::Dedupe
    }

    fn replay(&mut self, event: Event) {
        match event {
            Event::Loaded => {
                let covered = self.durable.iter().flat_map(|(object, state)| {
                    let ordinals = self.book.covered(*object, state);
                    ordinals.into_iter().map(|ordinal| (*object, ordinal))
                });
                self.proved = covered.collect();
                self.in_this_life.clear();
            }
            Event::Reloaded { queues, tables } => self.forget(&queues, tables),
            Event::Registered(objects) => {
                let finished = objects.into_iter().filter(|(_, state)| state.is_finished());
                for (id, state) in finished {
                    if let Some(index) = self.objects.get(&id) {
                        self.durable.insert(*index, state);
                    }
                }
            }
            Event::Put {
                stream,
                shard,
                stored,
                acknowledged,
            } => {
                for record in stored {
                    match self.book.recognize(&record) {
                        Ok(place) => {
                            self.deliver(place);
                            self.deliveries.push((stream, shard, place));
                            if self.looks() || acknowledged.contains(&record.sequence_number) {
                                self.acknowledged.insert(place);
                            }
                        }
                        Err(problem) => self.problems.push(problem),
                    }
                }
            }
            Event::Commit {
                delta,
                letters,
                is_applied,
            } => {
                self.judge_commit(&delta, &letters);
                if is_applied {
                    self.apply(delta);
                }
            }
        }
    }

    /// Tables are loaded again: nothing that was done for their load before counts any more.
    fn forget(&mut self, queues: &[(QueueName, u64)], tables: Vec<TableStatistics>) {
        for (queue, first) in queues {
            let book = self.book;
            let is_kept = |object: &usize| book.objects[*object].queue != *queue;
            self.objects
                .retain(|id, _| id.queue != *queue || id.number >= *first);
            self.durable.retain(|object, _| is_kept(object));
            for places in [
                &mut self.proved,
                &mut self.in_this_life,
                &mut self.acknowledged,
                &mut self.seen,
            ] {
                places.retain(|place| is_kept(&place.0));
            }
            self.deliveries.retain(|(_, _, place)| is_kept(&place.0));
            self.reloaded.insert(queue.clone());
        }
        for table in tables {
            self.statistics.insert(table.table_name.clone(), table);
        }
    }

    fn deliver(&mut self, place: RowIndex) {
        let is_first = self.seen.insert(place);
        let is_first_in_life = self.in_this_life.insert(place);
        let (repeats, name) = (self.expectation.repeats, self.book.name(place));
        let object = &self.book.objects[place.0];
        let is_wanted = place.1 < self.expectation.rows_read_max(&object.key);
        self.check(is_wanted, || {
            format!("{name} was sent although its table is suspended")
        });
        self.check(!self.proved.contains(&place), || {
            format!("{name} was sent again although a commit covered it (D3)")
        });
        self.check(is_first || repeats != Repeats::Never, || {
            format!("{name} was stored twice")
        });
        self.check(is_first_in_life || repeats == Repeats::Anytime, || {
            format!("{name} was stored twice in one life")
        });
    }

    /// C1, D2, W1 and W3 of one commit.
    fn judge_commit(&mut self, delta: &CheckpointDelta, letters: &BTreeSet<(String, u64)>) {
        for (id, state) in &delta.objects {
            let Some(index) = self.objects.get(id).copied() else {
                self.problems.push(format!("{id} was never registered"));
                continue;
            };
            let (book, object) = (self.book, &self.book.objects[index]);
            for ordinal in book.covered(index, state) {
                let expected = &object.records[ordinal];
                let is_settled = if expected.defect.is_some() {
                    letters.contains(&(object.key.clone(), u64::try_from(ordinal).unwrap()))
                } else {
                    self.acknowledged.contains(&(index, ordinal))
                };
                self.check(is_settled, || {
                    format!(
                        "a commit covers {} before it is settled (C1, D2)",
                        book.name((index, ordinal))
                    )
                });
            }
            let (mark, totals) = match state {
                ObjectState::Registered => continue,
                ObjectState::Open(progress) => (progress.watermark, progress.totals),
                ObjectState::Quarantined {
                    watermark, totals, ..
                }
                | ObjectState::Decided {
                    watermark, totals, ..
                } => (*watermark, *totals),
                ObjectState::Done(totals) => (object.marks[object.records.len()], *totals),
            };
            let ordinal = usize::try_from(mark.ordinal).unwrap();
            self.check(object.marks.get(ordinal) == Some(&mark), || {
                format!("{mark:?} of {id} is no border of rows (W3)")
            });
            let dead = object.records.iter().take(ordinal);
            let dead = u64::try_from(dead.filter(|record| record.defect.is_some()).count()).unwrap();
            let found = (totals.records, totals.delivered, totals.dead_lettered);
            let right = (mark.ordinal, mark.ordinal - dead, dead);
            self.check(found == right, || {
                format!("totals of {id} are {found:?}, not {right:?} (Q1)")
            });
            let bytes = if object.bytes_count == 0 { 0 } else { mark.position };
            self.check(totals.bytes == bytes, || {
                format!("{id} has {} bytes, not {bytes} (W3)", totals.bytes)
            });
        }
    }

    fn apply(&mut self, delta: CheckpointDelta) {
        for (id, state) in delta.objects {
            if let Some(index) = self.objects.get(&id) {
                self.durable.insert(*index, state);
            }
        }
        for table in delta.tables {
            self.statistics.insert(table.table_name.clone(), table);
        }
        self.unassigned = delta
            .task
            .map_or(self.unassigned, |task| task.unassigned_error_rows);
        let (tables, unassigned) = count_settled(self.book, &self.durable);
        for index in 0..self.world.data.tables.len() {
            let right = tables.get(&index).copied().unwrap_or_default();
            let found = self.statistics.get(&table_name(index));
            let found = found.map(counts_of).unwrap_or_default();
            self.check(found == right, || {
                format!("statistics of table {index} are {found:?}, not {right:?} (Q1)")
            });
        }
        let found = self.unassigned;
        self.check(found == unassigned, || {
            format!("{found} rows of no table, not {unassigned} (Q1)")
        });
    }
}
