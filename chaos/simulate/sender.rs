//! Drives the delivery of one shard as `publish::actor` does, one call at a time.

use std::time::Duration;

use bucket_brigade::batch::packer::{BatchLimits, Packer};
use bucket_brigade::limits::RECORD_BYTES_DEFAULT;
use bucket_brigade::model::batch::LinkKind;
use bucket_brigade::model::{BatchRecord, ObjectId, Settled};
use bucket_brigade::publish::delivery::{DeliveryStep, ShardDelivery};
use bucket_brigade::publish::look_plan::Start;
use bucket_brigade::publish::messages::Batch;
use bucket_brigade::route::shard_map::{Shard, ShardIndex};
use bucket_brigade::settings::Aggregation;
use bucket_brigade::sink::PutEntry;
use rand::Rng;

use super::look::Look;
use super::outside::Outside;
use super::parcel::{Parcel, Row};
use super::requests::{InFlight, aggregated, answer, send};
use super::world::ContentIndex;

#[derive(Debug)]
enum Doing {
    /// Whatever the delivery says next.
    Next,
    Flying(InFlight),
    Waiting {
        until: u64,
    },
    Looking(Box<Look>),
}

/// Packer and publisher of one shard.
#[derive(Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "what the history asks about, one by one"
)]
pub(crate) struct Sender {
    shard: Shard,
    pub(crate) packer: Packer,
    delivery: ShardDelivery,
    batch: Option<Batch>,
    contents: Vec<Option<ContentIndex>>,
    done: Vec<ObjectId>,
    doing: Doing,
    since_ms: u64,
    /// When the batch was begun.
    begun_ms: u64,
    /// Whether a record was stored in another shard.
    pub(crate) saw_elsewhere: bool,
    /// Whether the process ends: what was not sent yet is dropped.
    pub(crate) is_ending: bool,
    /// Whether it has to be durable that there may be copies, before this goes on.
    notes_copies: bool,
    /// Whether some of the batch was sent.
    has_sent: bool,
    /// Whether a batch was left that was sent in part.
    pub(crate) has_left_doubt: bool,
    /// Whether an aggregate was: from then on the sink puts records of this shard one by one.
    is_closed: bool,
}

impl Sender {
    pub(crate) fn new(
        outside: &Outside<'_>,
        index: usize,
        shard: Shard,
        start: Start,
        since_ms: u64,
    ) -> Self {
        let (now, range) = (Duration::from_millis(outside.now), shard.range);
        Self {
            shard,
            packer: Packer::new(
                ShardIndex(index),
                BatchLimits::new(outside.plan.delivery.aggregation, RECORD_BYTES_DEFAULT),
            ),
            delivery: ShardDelivery::new(outside.plan.delivery, start, range, now),
            batch: None,
            contents: Vec::new(),
            done: Vec::new(),
            doing: Doing::Next,
            since_ms,
            begun_ms: 0,
            saw_elsewhere: false,
            is_ending: false,
            notes_copies: false,
            has_sent: false,
            has_left_doubt: false,
            is_closed: false,
        }
    }

    /// These objects have ended; the sender learns it before its next batch.
    pub(crate) fn finish(&mut self, objects: &[ObjectId]) {
        self.done.extend_from_slice(objects);
    }

    /// Whether it has to be made durable now that there may be copies; after that the delivery goes on.
    pub(crate) fn take_note(&mut self) -> bool {
        let notes_copies = std::mem::take(&mut self.notes_copies);
        if notes_copies {
            self.delivery.noted();
        }
        notes_copies
    }

    /// When there is something to do; never if nothing waits.
    pub(crate) fn ready_at(&self) -> Option<u64> {
        match &self.doing {
            Doing::Next if self.batch.is_some() => Some(0),
            Doing::Next if self.is_ending => None,
            Doing::Next => self.packer.waiting_since_ms().map(|_| 0),
            Doing::Flying(request) => Some(request.answer_at),
            Doing::Waiting { until } => Some(*until),
            Doing::Looking(look) => Some(look.next_at),
        }
    }

    /// Does the next thing; gives a settlement if that was it.
    pub(crate) fn step(&mut self, outside: &mut Outside<'_>) -> Result<Option<Settled>, String> {
        let Some(batch) = &self.batch else {
            self.take(outside);
            return Ok(None);
        };
        if self.is_left(outside) {
            let doubt = if self.has_sent { "in" } else { "without" };
            outside.say(|| format!("{}: leaves its batch {doubt} doubt", self.shard.id));
            self.has_left_doubt |= self.has_sent;
            self.batch = None;
            self.doing = Doing::Next;
            return Ok(None);
        }
        let now = Duration::from_millis(outside.now);
        match std::mem::replace(&mut self.doing, Doing::Next) {
            Doing::Next => return self.follow(outside),
            Doing::Flying(request) => {
                let answer = answer(outside, &self.shard, request);
                let entries = || answer.iter().flatten();
                self.saw_elsewhere |= entries().any(|entry| entry.is_elsewhere(&self.shard.id));
                self.is_closed |= entries().any(PutEntry::is_map_changed);
                let id = &self.shard.id;
                outside.say(|| format!("{id}: answer: {}", in_words(&answer)));
                self.delivery.answered(now, answer, batch);
            }
            Doing::Waiting { .. } => self.delivery.waited(),
            Doing::Looking(mut look) => match look.step(outside, &self.shard.id) {
                Some(looked) => {
                    outside.tally.looks += 1;
                    let places = looked.news().filter_map(|sighting| {
                        let (shard_id, number) = sighting.place();
                        outside.stream.place_of(shard_id, number)
                    });
                    let contents = places.map(|place| outside.stream.log[place].content);
                    let (names, id) = (outside.names(contents), &self.shard.id);
                    outside.say(|| format!("{id}: read back: [{names}] is news"));
                    self.delivery.looked(now, looked, batch);
                }
                None => self.doing = Doing::Looking(look),
            },
        }
        Ok(None)
    }

    /// Whether the end of the process leaves the batch as it is, by the rules of `publish::sender`. How long it may take
    /// to its end is a matter of chance.
    fn is_left(&self, outside: &mut Outside<'_>) -> bool {
        if !self.is_ending || matches!(self.doing, Doing::Flying(_)) {
            return false;
        }
        match self.delivery.step() {
            DeliveryStep::Settle | DeliveryStep::GiveUp(_) => false,
            DeliveryStep::Look { .. } => true,
            DeliveryStep::Put
            | DeliveryStep::NoteCopies
            | DeliveryStep::StandIn(_)
            | DeliveryStep::Wait { .. } => !self.has_sent || outside.roll(300),
        }
    }

    /// Packs a batch out of what waits now.
    fn take(&mut self, outside: &mut Outside<'_>) {
        let Some(batch) = self.packer.take(outside.now) else {
            return;
        };
        let mut records = batch.records.iter();
        self.contents.clear();
        for run in &batch.runs {
            let object = &run.chunk.object;
            let queue = outside
                .contents
                .queue_index(&object.queue)
                .expect("a known queue");
            let number = usize::try_from(object.number).expect("a small number");
            let rows = &outside.source.queues[queue][number];
            for _ in 0..run.records_count {
                let record = records.next().expect("as many records as the runs say");
                let row = || rows[usize::try_from(record.ordinal).expect("a small number")];
                self.contents.push((!is_sync(record)).then(row));
            }
        }
        let (names, id) = (outside.names(self.contents.iter().copied()), &self.shard.id);
        outside.say(|| format!("{id}: takes on a batch [{names}]"));
        for object in std::mem::take(&mut self.done) {
            self.delivery.finish(&object);
        }
        self.delivery.begin(&batch);
        self.begun_ms = outside.now;
        self.batch = Some(batch);
        self.has_sent = false;
        self.doing = Doing::Next;
    }

    /// Sends the next request: its records one by one, or in an aggregate.
    fn put(&self, outside: &mut Outside<'_>) -> Result<InFlight, String> {
        let records = self.batch.as_ref().map(|batch| &batch.records[..]);
        let records = records.unwrap_or_default();
        let rows = self.delivery.to_send().iter().map(|index| Row {
            record: records[*index].clone(),
            content: self.contents[*index],
        });
        let rows: Vec<_> = rows.collect();
        let names = outside.names(rows.iter().map(|row| row.content));
        outside.say(|| format!("{}: puts [{names}]", self.shard.id));
        let is_one_by_one =
            outside.plan.delivery.aggregation == Aggregation::None || rows.len() <= 1 || self.is_closed;
        if is_one_by_one {
            return Ok(send(
                outside,
                rows.into_iter().map(Parcel::Single).collect(),
                None,
            ));
        }
        let parcel = aggregated(outside, &self.shard, &rows)?;
        Ok(send(outside, vec![parcel], Some(rows.len())))
    }

    fn follow(&mut self, outside: &mut Outside<'_>) -> Result<Option<Settled>, String> {
        let id = &self.shard.id;
        match self.delivery.step().clone() {
            DeliveryStep::Put => {
                let request = self.put(outside)?;
                self.has_sent = true;
                self.doing = Doing::Flying(request);
            }
            DeliveryStep::Look { not_before, .. } => {
                let batch = self.batch.as_ref().ok_or("looks without a batch")?;
                let plan = self.delivery.plan(batch);
                let since_ms = if plan.wanted.is_some() {
                    self.begun_ms
                } else {
                    self.since_ms
                };
                let look = Box::new(Look::new(plan, since_ms, not_before, outside.now));
                outside.say(|| format!("{id}: is in doubt, looks at {not_before:?}"));
                self.doing = Doing::Looking(look);
            }
            DeliveryStep::NoteCopies => self.notes_copies = true,
            DeliveryStep::StandIn(index) => {
                return Err(format!(
                    "record {index} is refused, and no stream here refuses one"
                ));
            }
            DeliveryStep::Wait { .. } => {
                let until = outside.now + outside.rng.random_range(1..10_000);
                self.doing = Doing::Waiting { until };
            }
            DeliveryStep::Settle => {
                let mut batch = self.batch.take().ok_or("settled without a batch")?;
                let settled = self
                    .delivery
                    .settle(&mut batch)
                    .map_err(|fault| fault.to_string())?;
                let names = outside.names(self.contents.iter().copied());
                outside.say(|| format!("{id}: settles [{names}]"));
                return Ok(Some(settled));
            }
            DeliveryStep::GiveUp(fault) => return Err(format!("{id} gave up: {fault}")),
        }
        Ok(None)
    }
}

fn is_sync(record: &BatchRecord) -> bool {
    record.link().is_some_and(|link| link.kind == LinkKind::Sync)
}

fn in_words(answer: &Result<Vec<PutEntry>, bucket_brigade::sink::SinkError>) -> String {
    match answer {
        Ok(entries) => {
            let words = entries.iter().map(|entry| match entry {
                PutEntry::Stored { sequence_number, .. } => sequence_number[50..].to_owned(),
                PutEntry::Failed { code, .. } => code.clone(),
            });
            words.collect::<Vec<_>>().join(", ")
        }
        Err(error) => error.to_string(),
    }
}
