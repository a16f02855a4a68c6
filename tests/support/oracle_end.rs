//! What the oracle judges at the end: numbers and order of files, order of records, dead letters, completeness.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use bucket_brigade::checkpoint::store::ObjectState;
use bucket_brigade::model::QueueName;
use bucket_brigade::model::control::CONTROL_KEY;

use super::expectation::{Order, Repeats};
use super::fixtures::Defect;
use super::oracle::Oracle;
use super::replay::RowIndex;

impl Oracle<'_> {
    /// Numbers are given in key order, and what goes before the rest of a queue, or before the changes, does.
    pub(super) fn judge_queues(&mut self) {
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
            let may_be_late = self.expectation.is_resumed || self.reloaded.contains(&object.queue);
            if has_changes && !is_change && !may_be_late {
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
    fn firsts(&self) -> Vec<(usize, usize, RowIndex)> {
        let mut seen = BTreeSet::new();
        let deliveries = self.deliveries.iter().copied();
        deliveries.filter(|(_, _, place)| seen.insert(*place)).collect()
    }

    pub(super) fn judge_order(&mut self) {
        let numbers = self.objects.iter().map(|(id, index)| (*index, id.number));
        let numbers: HashMap<usize, u64> = numbers.collect();
        let rank = |place: RowIndex| (numbers.get(&place.0).copied(), place.1);
        let queue = |place: RowIndex| &self.book.objects[place.0].queue;
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
        let mut lasts: BTreeMap<RowIndex, usize> = BTreeMap::new();
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
    pub(super) fn judge_letters(&mut self) {
        let mut found = BTreeSet::new();
        for letter in self.world.journal.dead_letters() {
            let ordinal = usize::try_from(letter["ordinal"].as_u64().unwrap()).unwrap();
            let key = letter["key"].as_str().unwrap();
            let file = self.world.data.file(key);
            let (row, mark) = (&file.rows[ordinal], file.marks[ordinal]);
            let text = &file.texts[ordinal];
            let kept = match row.defect {
                Some(Defect::Refused) => "",
                _ => text.get(..64 * 1024).unwrap_or(text),
            };
            let is_right = row.defect.map(Defect::code) == letter["code"].as_str()
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
    pub(super) fn judge_completeness(&mut self) {
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
                Some(ObjectState::Quarantined { .. } | ObjectState::Decided { .. }) => is_set_aside,
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
