//! Drives the delivery of one shard as `publish::actor` does, one call at a time.

use std::time::Duration;

use bucket_brigade::batch::packer::{BatchLimits, Packer};
use bucket_brigade::config::Aggregation;
use bucket_brigade::limits::RECORD_BYTES_DEFAULT;
use bucket_brigade::model::{Batch, Settled};
use bucket_brigade::publish::delivery::{ShardDelivery, Start, Step};
use bucket_brigade::route::shard_map::{Shard, ShardIndex};
use bucket_brigade::sink::PutEntry;
use rand::Rng;

use super::look::Look;
use super::outside::Outside;
use super::requests::{InFlight, answer, send};
use super::world::ContentIndex;

#[derive(Debug)]
enum Doing {
    /// Whatever the delivery says next.
    Next,
    Flying(InFlight),
    Waiting {
        until: u64,
    },
    Looking(Look),
}

/// Packer and publisher of one shard.
#[derive(Debug)]
pub(crate) struct Sender {
    shard: Shard,
    pub(crate) packer: Packer,
    delivery: ShardDelivery,
    batch: Option<Batch>,
    contents: Vec<ContentIndex>,
    doing: Doing,
    since_ms: u64,
    /// Whether a record was stored in another shard.
    pub(crate) saw_elsewhere: bool,
}

impl Sender {
    pub(crate) fn new(
        outside: &Outside<'_>,
        index: usize,
        shard: Shard,
        start: Start,
        since_ms: u64,
    ) -> Self {
        let now = Duration::from_millis(outside.now);
        Self {
            shard,
            packer: Packer::new(
                ShardIndex(index),
                BatchLimits::new(Aggregation::None, RECORD_BYTES_DEFAULT),
            ),
            delivery: ShardDelivery::new(outside.plan.delivery, start, now),
            batch: None,
            contents: Vec::new(),
            doing: Doing::Next,
            since_ms,
            saw_elsewhere: false,
        }
    }

    /// When there is something to do; never if nothing waits.
    pub(crate) fn ready_at(&self) -> Option<u64> {
        match &self.doing {
            Doing::Next if self.batch.is_some() => Some(0),
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
        let now = Duration::from_millis(outside.now);
        match std::mem::replace(&mut self.doing, Doing::Next) {
            Doing::Next => return self.follow(outside),
            Doing::Flying(request) => {
                let answer = answer(outside, request);
                let is_elsewhere = |entry: &PutEntry| matches!(entry, PutEntry::Stored { shard_id, .. } if **shard_id != *self.shard.id);
                self.saw_elsewhere |= answer.iter().flatten().any(is_elsewhere);
                if outside.trace.0.is_some() {
                    let (id, told) = (&self.shard.id, in_words(&answer));
                    outside.say(|| format!("{id}: answer: {told}"));
                }
                self.delivery.answered(now, answer, batch);
            }
            Doing::Waiting { .. } => self.delivery.waited(),
            Doing::Looking(mut look) => match look.step(outside, &self.shard.id) {
                Some(looked) => {
                    outside.tally.looks += 1;
                    if outside.trace.0.is_some() {
                        let places = looked.news().filter_map(|sighting| {
                            let (shard_id, number) = sighting.acknowledged.place();
                            outside.stream.place_of(shard_id, number)
                        });
                        let contents = places.map(|place| outside.stream.log[place].content);
                        let (names, id) = (outside.names(contents), &self.shard.id);
                        outside.say(|| format!("{id}: read back: [{names}] is news"));
                    }
                    self.delivery.looked(now, looked, batch);
                }
                None => self.doing = Doing::Looking(look),
            },
        }
        Ok(None)
    }

    /// Packs a batch out of what waits now.
    fn take(&mut self, outside: &mut Outside<'_>) {
        let Some(batch) = self.packer.take(outside.now) else {
            return;
        };
        let mut ordinals = batch.records.iter().map(|record| record.ordinal);
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
                let ordinal = ordinals.next().expect("as many records as the runs say");
                self.contents
                    .push(rows[usize::try_from(ordinal).expect("a small number")]);
            }
        }
        if outside.trace.0.is_some() {
            let (names, id) = (outside.names(self.contents.iter().copied()), &self.shard.id);
            outside.say(|| format!("{id}: takes on a batch [{names}]"));
        }
        self.delivery.begin(&batch);
        self.batch = Some(batch);
        self.doing = Doing::Next;
    }

    fn follow(&mut self, outside: &mut Outside<'_>) -> Result<Option<Settled>, String> {
        let id = &self.shard.id;
        match self.delivery.step().clone() {
            Step::Put => {
                let to_send = self.delivery.to_send().iter().map(|index| self.contents[*index]);
                let to_send: Vec<_> = to_send.collect();
                if outside.trace.0.is_some() {
                    let names = outside.names(to_send.iter().copied());
                    outside.say(|| format!("{id}: puts [{names}]"));
                }
                self.doing = Doing::Flying(send(outside, &to_send));
            }
            Step::Look { not_before, .. } => {
                let look = Look::new(self.delivery.plan(), self.since_ms, not_before, outside.now);
                outside.say(|| format!("{id}: is in doubt, looks at {not_before:?}"));
                self.doing = Doing::Looking(look);
            }
            Step::Wait { .. } => {
                let until = outside.now + outside.rng.random_range(1..10_000);
                self.doing = Doing::Waiting { until };
            }
            Step::Settle => {
                let mut batch = self.batch.take().ok_or("settled without a batch")?;
                let settled = self
                    .delivery
                    .settle(&mut batch)
                    .map_err(|fault| fault.to_string())?;
                if outside.trace.0.is_some() {
                    let names = outside.names(self.contents.iter().copied());
                    outside.say(|| format!("{id}: settles [{names}]"));
                }
                return Ok(Some(settled));
            }
            Step::GiveUp(fault) => return Err(format!("{id} gave up: {fault}")),
        }
        Ok(None)
    }
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
