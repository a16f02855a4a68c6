//! The oracle: judges everything a task did in all its lives, from the journal alone.
//!
//! Every message is a row of the data set or a control record, whole and with its own partition key; every row is
//! delivered or dead-lettered; nothing is sent that the checkpoint proved to be stored; order is kept; and no commit
//! spoke of a record that was not acknowledged or a durable dead letter by then (C1, D2). Spans tile (W3): every mark
//! is the border of a row. Read = delivered + dead-lettered, per table, after every commit (Q1).

use std::collections::{BTreeMap, BTreeSet, HashMap};

use bucket_brigade::checkpoint::store::memory::Step;
use bucket_brigade::checkpoint::store::{CheckpointDelta, ObjectState, TableStatistics};
use bucket_brigade::config::Guarantee;
use bucket_brigade::discover::control::CONTROL_KEY;
use bucket_brigade::model::{ObjectId, QueueName};

use super::expectation::{Expectation, Order, Repeats};
use super::fixtures::table_name;
use super::journal::Event;
use super::pipeline::World;
use super::replay::{Book, Place, count_settled, counts_of};

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

struct Oracle<'a> {
    world: &'a World,
    book: &'a Book,
    expectation: &'a Expectation,
    /// Objects by their number, in all queues.
    objects: BTreeMap<ObjectId, usize>,
    durable: BTreeMap<usize, ObjectState>,
    statistics: BTreeMap<String, TableStatistics>,
    unassigned: u64,
    /// What was covered when the current generation took over.
    proved: BTreeSet<Place>,
    in_this_life: BTreeSet<Place>,
    acknowledged: BTreeSet<Place>,
    /// Every delivery: stream, shard, record.
    deliveries: Vec<(usize, usize, Place)>,
    seen: BTreeSet<Place>,
    problems: Vec<String>,
}

impl<'a> Oracle<'a> {
    fn new(world: &'a World, book: &'a Book, expectation: &'a Expectation) -> Self {
        let history = world.store.history().unwrap();
        let registered = history.into_iter().filter_map(|step| match step {
            Step::Registered(entries) => Some(entries),
            Step::Committed(_) => None,
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
            problems: Vec::new(),
        }
    }

    fn check(&mut self, is_right: bool, problem: impl FnOnce() -> String) {
        if !is_right {
            self.problems.push(problem());
        }
    }

    /// Whether the stream is read back: then a record needs no answer, and a dead letter may come twice over a kill.
    fn looks(&self) -> bool {
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

    fn deliver(&mut self, place: Place) {
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

    /// Numbers are given in key order, and what goes before the rest of a queue, or before the changes, does.
    fn judge_queues(&mut self) {
        let mut greatest: BTreeMap<&QueueName, &str> = BTreeMap::new();
        let mut problems = Vec::new();
        for (id, index) in &self.objects {
            let key = self.book.objects[*index].key.as_str();
            if self.expectation.late.iter().any(|late| late == key) {
                continue;
            }
            let is_behind = greatest.get(&id.queue).is_none_or(|greatest| *greatest < key);
            if !is_behind {
                problems.push(format!("{key} has number {} of its queue", id.number));
            }
            greatest.insert(&id.queue, key);
        }
        let (mut has_rows, mut has_changes) = (BTreeSet::new(), false);
        for place in self.firsts().into_iter().map(|(_, _, place)| place) {
            let object = &self.book.objects[place.0];
            let is_change = object.queue.is_of_changes();
            has_changes |= is_change;
            if has_changes && !is_change && !self.expectation.is_resumed {
                problems.push(format!("{} comes behind changes", self.book.name(place)));
            }
            if object.key != CONTROL_KEY {
                has_rows.insert(object.queue.clone());
            } else if has_rows.contains(&object.queue) {
                problems.push(format!("{} comes behind rows", self.book.name(place)));
            }
        }
        self.problems.append(&mut problems);
    }

    /// The first delivery of every record, in order.
    fn firsts(&self) -> Vec<(usize, usize, Place)> {
        let mut seen = BTreeSet::new();
        let deliveries = self.deliveries.iter().copied();
        deliveries.filter(|(_, _, place)| seen.insert(*place)).collect()
    }

    fn judge_order(&mut self) {
        let numbers = self.objects.iter().map(|(id, index)| (*index, id.number));
        let numbers: HashMap<usize, u64> = numbers.collect();
        let rank = |place: Place| (numbers.get(&place.0).copied(), place.1);
        let queue = |place: Place| &self.book.objects[place.0].queue;
        let mut problems = Vec::new();
        if self.expectation.order == Order::PerShard {
            let mut last = HashMap::new();
            for (stream, shard, place) in self.firsts() {
                let before = last.insert((stream, shard, queue(place)), rank(place));
                if before.is_some_and(|before| before > rank(place)) {
                    problems.push(format!(
                        "{} came to shard {shard} too late",
                        self.book.name(place)
                    ));
                }
            }
        }
        if self.expectation.order == Order::NotYet {
            return;
        }
        let mut lasts: BTreeMap<Place, usize> = BTreeMap::new();
        for (moment, (_, _, place)) in self.deliveries.iter().enumerate() {
            lasts.insert(*place, moment);
        }
        let mut lasts: Vec<_> = lasts.into_iter().map(|(place, moment)| (moment, place)).collect();
        lasts.sort_unstable();
        let mut last_of_key = HashMap::new();
        for (_, place) in lasts {
            let key = (queue(place), self.book.expected(place).partition_key.as_str());
            let before = last_of_key.insert(key, rank(place));
            if before.is_some_and(|before| before > rank(place)) {
                problems.push(format!(
                    "{} came behind a later state of {key:?}",
                    self.book.name(place)
                ));
            }
        }
        self.problems.append(&mut problems);
    }

    /// Every dead letter is of a bad row, with its exact place and text.
    fn judge_letters(&mut self) {
        let mut found = BTreeSet::new();
        for letter in self.world.journal.dead_letters() {
            let ordinal = usize::try_from(letter["ordinal"].as_u64().unwrap()).unwrap();
            let key = letter["key"].as_str().unwrap();
            let file = self.world.data.file(key);
            let (row, mark) = (&file.rows[ordinal], file.marks[ordinal]);
            let text = &file.texts[ordinal];
            let kept = text.get(..64 * 1024).unwrap_or(text);
            let is_right = row.defect.map(super::fixtures::Defect::code) == letter["code"].as_str()
                && letter["line"].as_u64() == Some(mark.line + 1)
                && letter["byte"].as_u64() == Some(mark.position)
                && letter["row"].as_str() == Some(kept);
            self.check(is_right, || {
                let letter = letter.to_string();
                format!("dead letter of {key}#{ordinal}: {letter:.300} for {mark:?}")
            });
            let is_first = found.insert((key.to_owned(), ordinal));
            let may_repeat = self.expectation.repeats != Repeats::Never || self.looks();
            self.check(is_first || may_repeat, || {
                format!("{key}#{ordinal} is dead-lettered twice")
            });
        }
    }

    /// Everything is settled, and nothing is set aside but what has to be.
    fn judge_completeness(&mut self) {
        let book = self.book;
        let letters = self.world.journal.dead_letters();
        for (index, object) in book.objects.iter().enumerate() {
            let is_set_aside = self.expectation.set_aside.contains(&object.key);
            let rows_read_max = self.expectation.rows_read_max(&object.key);
            let is_left = rows_read_max != usize::MAX;
            let is_right = match self.durable.get(&index) {
                Some(ObjectState::Open(progress)) if is_left => {
                    progress.watermark.ordinal == u64::try_from(rows_read_max).unwrap()
                }
                Some(ObjectState::Registered) | None if is_left => rows_read_max == 0,
                Some(ObjectState::Done(_)) => !is_set_aside && !is_left,
                Some(ObjectState::Quarantined { .. }) => is_set_aside,
                Some(ObjectState::Registered | ObjectState::Open(_)) | None => false,
            };
            let state = self.durable.get(&index).cloned();
            self.check(is_right, || {
                format!("{} {} ended as {state:?}", object.queue, object.key)
            });
            let records = object.records.iter().enumerate().take(rows_read_max);
            for (ordinal, expected) in records.filter(|_| !is_set_aside) {
                let is_settled = if expected.defect.is_none() {
                    self.acknowledged.contains(&(index, ordinal))
                } else {
                    let is_it = |letter: &serde_json::Value| {
                        letter["key"] == object.key.as_str() && letter["ordinal"] == ordinal
                    };
                    letters.iter().any(is_it)
                };
                self.check(is_settled, || {
                    format!(
                        "{} is neither delivered nor dead-lettered: {:.100}",
                        book.name((index, ordinal)),
                        expected.text
                    )
                });
            }
        }
    }
}
